//! Addresses of PCI devices.

use core::fmt;
use core::str::FromStr;

/// The address of a PCI device: domain, bus, device, function. `0000:00:03.0`, or without the
/// domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PciSlot {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

/// The text is no address of a PCI device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no PCI address (DDDD:BB:DD.F)")]
pub struct InvalidPciSlot(pub String);

impl FromStr for PciSlot {
    type Err = InvalidPciSlot;

    fn from_str(text: &str) -> Result<Self, InvalidPciSlot> {
        let parse = || {
            let (rest, function) = text.rsplit_once('.')?;
            let (rest, device) = rest.rsplit_once(':')?;
            let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
            let slot = Self {
                domain: u32::from_str_radix(domain, 16).ok()?,
                bus: u8::from_str_radix(bus, 16).ok()?,
                device: u8::from_str_radix(device, 16).ok()?,
                function: u8::from_str_radix(function, 16).ok()?,
            };
            (slot.device < 32 && slot.function < 8).then_some(slot)
        };
        parse().ok_or_else(|| InvalidPciSlot(text.to_owned()))
    }
}

impl fmt::Display for PciSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04x}:{:02x}:{:02x}.{:x}",
            self.domain, self.bus, self.device, self.function
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_domain() {
        for text in ["0000:00:03.0", "10000:ff:1f.7"] {
            assert_eq!(text.parse::<PciSlot>().unwrap().to_string(), text);
        }
        assert_eq!(
            "00:03.0".parse::<PciSlot>().unwrap().to_string(),
            "0000:00:03.0"
        );
        for text in ["", "00:03", "00:20.0", "00:03.8", "zz:03.0"] {
            assert!(text.parse::<PciSlot>().is_err(), "{text}");
        }
    }
}
