//! A BAR as a user writes it.

use super::DeviceAddress;
use core::fmt;

/// A memory range of a device, said by the user: `BB:DD.F:BAR=START+LEN[,VENDOR:DEVICE]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BarSpec {
    /// The device.
    pub device: DeviceAddress,
    /// Which of its BARs, 0 to 6 (6: the expansion ROM).
    pub bar: u8,
    /// The first physical address.
    pub start: u64,
    /// The length in bytes.
    pub len: u64,
    /// Vendor and device id, where given.
    pub ids: Option<(u16, u16)>,
}

/// A text that is no [`BarSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidBarSpec;

impl fmt::Display for InvalidBarSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected [DDDD:]BB:DD.F:BAR=START+LEN[,VENDOR:DEVICE], as 00:02.0:0=0xfebc0000+0x20000,8086:100e")
    }
}

impl core::error::Error for InvalidBarSpec {}

impl core::str::FromStr for BarSpec {
    type Err = InvalidBarSpec;

    fn from_str(text: &str) -> Result<Self, InvalidBarSpec> {
        parse(text).ok_or(InvalidBarSpec)
    }
}

fn parse(text: &str) -> Option<BarSpec> {
    let (place, range) = text.split_once('=')?;
    let (device, bar) = place.rsplit_once(':')?;
    let (range, ids) = match range.split_once(',') {
        Some((range, ids)) => (range, Some(pair(ids)?)),
        None => (range, None),
    };
    let (start, len) = range.split_once('+')?;
    let spec = BarSpec {
        device: DeviceAddress::parse(device)?,
        bar: bar.parse().ok().filter(|bar| *bar <= 6)?,
        start: crate::number::parse(start)?,
        len: crate::number::parse(len)?,
        ids,
    };
    spec.start.checked_add(spec.len)?;
    Some(spec)
}

/// `8086:100e`.
pub(super) fn pair(text: &str) -> Option<(u16, u16)> {
    let (vendor, device) = text.split_once(':')?;
    Some((hex4(vendor)?, hex4(device)?))
}

pub(super) fn hex4(text: &str) -> Option<u16> {
    let plain = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_writes() {
        let spec: BarSpec = "0000:00:02.0:0=0xfebc0000+0x20000,8086:100e"
            .parse()
            .unwrap();
        assert_eq!(
            (spec.bar, spec.start, spec.len, spec.ids),
            (0, 0xfebc_0000, 0x2_0000, Some((0x8086, 0x100e)))
        );
        assert_eq!("00:02.0:7=0+1".parse::<BarSpec>(), Err(InvalidBarSpec));
        assert_eq!("00:02.0=0+1".parse::<BarSpec>(), Err(InvalidBarSpec));
        assert_eq!(
            "00:02.0:0=0xffffffffffffffff+2".parse::<BarSpec>(),
            Err(InvalidBarSpec)
        );
    }
}
