//! Where a device sits on the PCI bus.

use core::fmt;
use mmiotrace_core::PciDevice;

/// The place of a PCI function.
///
/// `PCIDEV` lines have no domain, so one given only narrows down where both have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct DeviceAddress {
    /// The domain, where known.
    pub domain: Option<u16>,
    /// The bus.
    pub bus: u8,
    /// The device number, 0 to 31.
    pub slot: u8,
    /// The function, 0 to 7.
    pub function: u8,
}

impl DeviceAddress {
    /// The address of a `PCIDEV` line.
    #[must_use]
    pub const fn of(device: &PciDevice) -> Self {
        Self {
            domain: None,
            bus: device.bus,
            slot: device.slot(),
            function: device.function(),
        }
    }

    /// `[DDDD:]BB:DD.F`, hexadecimal, as `lspci` prints it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |text: &str, digits: usize| {
            let plain = !text.is_empty()
                && text.len() <= digits
                && text.bytes().all(|b| b.is_ascii_hexdigit());
            plain.then(|| u16::from_str_radix(text, 16).ok()).flatten()
        };
        let (rest, function) = text.rsplit_once('.')?;
        let (rest, slot) = rest.rsplit_once(':')?;
        let (domain, bus) = match rest.rsplit_once(':') {
            Some((domain, bus)) => (Some(hex(domain, 4)?), bus),
            None => (None, rest),
        };
        Some(Self {
            domain,
            bus: u8::try_from(hex(bus, 2)?).ok()?,
            slot: u8::try_from(hex(slot, 2)?).ok().filter(|slot| *slot < 32)?,
            function: u8::try_from(hex(function, 1)?)
                .ok()
                .filter(|function| *function < 8)?,
        })
    }

    /// Whether both may be the same function: all but an unknown domain agrees.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let domain = match (self.domain, other.domain) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        domain && (self.bus, self.slot, self.function) == (other.bus, other.slot, other.function)
    }
}

impl fmt::Display for DeviceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(domain) = self.domain {
            write!(f, "{domain:04x}:")?;
        }
        write!(f, "{:02x}:{:02x}.{:x}", self.bus, self.slot, self.function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_domain() {
        let short = DeviceAddress::parse("00:1f.2").unwrap();
        assert_eq!(
            short,
            DeviceAddress {
                domain: None,
                bus: 0,
                slot: 0x1f,
                function: 2
            }
        );
        let long = DeviceAddress::parse("0001:03:00.0").unwrap();
        assert_eq!(long.to_string(), "0001:03:00.0");
        assert!(short.matches(&DeviceAddress::parse("0000:00:1f.2").unwrap()));
        assert!(!short.matches(&long));
        for wrong in [
            "", "00:1f", "00:20.0", "00:00.8", "00:+1.0", "x:00.0", "00:00.00",
        ] {
            assert_eq!(DeviceAddress::parse(wrong), None, "{wrong}");
        }
    }
}
