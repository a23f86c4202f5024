//! Where a PCI function is.

use crate::PciDevice;
use core::fmt;
use core::str::FromStr;

/// The address of a PCI function: domain, bus, device and function.
///
/// ```
/// use mmiotrace_core::PciAddress;
///
/// let address: PciAddress = "10000:e0:06.0".parse()?;
/// assert_eq!((address.domain, address.bus, address.slot), (0x10000, 0xe0, 6));
/// assert_eq!("00:03.0".parse::<PciAddress>()?.to_string(), "0000:00:03.0");
/// # Ok::<(), mmiotrace_core::InvalidPciAddress>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    /// The domain (segment); 0 on most machines. Those of Intel's VMD begin at 0x10000.
    pub domain: u32,
    /// Bus number.
    pub bus: u8,
    /// Device number, 0 to 31.
    pub slot: u8,
    /// Function, 0 to 7.
    pub function: u8,
}

/// An address whose domain may not be known: `PCIDEV` lines have none. One that is given only
/// narrows down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciSelector {
    /// The domain, if it is known.
    pub domain: Option<u32>,
    /// Bus number.
    pub bus: u8,
    /// Device number, 0 to 31.
    pub slot: u8,
    /// Function, 0 to 7.
    pub function: u8,
}

/// The text is not a PCI address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPciAddress;

impl fmt::Display for InvalidPciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no PCI address (write it as 0000:00:03.0 or 00:03.0)")
    }
}

impl core::error::Error for InvalidPciAddress {}

impl PciSelector {
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

    /// The address that a text is, as by [`FromStr`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        selector(text)
    }

    /// Device (bits 7:3) and function (bits 2:0).
    #[must_use]
    pub const fn devfn(&self) -> u8 {
        self.slot << 3 | self.function
    }

    /// Whether both may be the same function: they differ in nothing but a domain that is not
    /// known.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let domain = match (self.domain, other.domain) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        };
        domain && (self.bus, self.slot, self.function) == (other.bus, other.slot, other.function)
    }
}

impl From<PciAddress> for PciSelector {
    fn from(address: PciAddress) -> Self {
        Self {
            domain: Some(address.domain),
            bus: address.bus,
            slot: address.slot,
            function: address.function,
        }
    }
}

impl FromStr for PciSelector {
    type Err = InvalidPciAddress;

    /// `[DOMAIN:]BB:DD.F`, hexadecimal, as `lspci` prints it; a domain has at most eight digits.
    fn from_str(text: &str) -> Result<Self, InvalidPciAddress> {
        selector(text).ok_or(InvalidPciAddress)
    }
}

impl FromStr for PciAddress {
    type Err = InvalidPciAddress;

    /// `[DOMAIN:]BB:DD.F`, hexadecimal; without a domain it is 0.
    fn from_str(text: &str) -> Result<Self, InvalidPciAddress> {
        let selector: PciSelector = text.parse()?;
        Ok(Self {
            domain: selector.domain.unwrap_or(0),
            bus: selector.bus,
            slot: selector.slot,
            function: selector.function,
        })
    }
}

fn selector(text: &str) -> Option<PciSelector> {
    let hex = |word: &str, digits: usize| {
        let valid =
            (1..=digits).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        valid.then(|| u32::from_str_radix(word, 16).ok()).flatten()
    };
    let below = |word: &str, digits: usize, end: u32| {
        let number = hex(word, digits).filter(|number| *number < end)?;
        u8::try_from(number).ok()
    };
    let (rest, function) = text.rsplit_once('.')?;
    let (rest, slot) = rest.rsplit_once(':')?;
    let (domain, bus) = match rest.rsplit_once(':') {
        Some((domain, bus)) => (Some(hex(domain, 8)?), bus),
        None => (None, rest),
    };
    Some(PciSelector {
        domain,
        bus: below(bus, 2, 0x100)?,
        slot: below(slot, 2, 32)?,
        function: below(function, 1, 8)?,
    })
}

impl fmt::Display for PciAddress {
    /// `0000:00:03.0`, as sysfs names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PciSelector::from(*self).fmt(f)
    }
}

impl fmt::Display for PciSelector {
    /// `00:03.0`, with a domain before it if there is one.
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
    use std::string::ToString;

    #[test]
    fn addresses_are_printed_as_sysfs_names_them() {
        for (text, printed) in [
            ("0000:02:1f.7", "0000:02:1f.7"),
            ("00:03.0", "0000:00:03.0"),
            ("10000:e0:06.0", "10000:e0:06.0"),
            ("ffffffff:ff:1f.7", "ffffffff:ff:1f.7"),
            ("2:3.1", "0000:02:03.1"),
        ] {
            let address = text.parse::<PciAddress>();
            assert_eq!(
                address.map(|address| address.to_string()),
                Ok(printed.to_string())
            );
        }
        for wrong in [
            "",
            "00:03",
            "00:20.0",
            "00:03.8",
            "g0:03.0",
            "+0:03.0",
            "00:003.0",
            "00:+1.0",
            "00:00.00",
            ":00:03.0",
            "100000000:00:03.0",
            "0:0:0:03.0",
            "00:03.0:",
            "x:00.0",
        ] {
            assert_eq!(
                wrong.parse::<PciSelector>(),
                Err(InvalidPciAddress),
                "{wrong}"
            );
            assert_eq!(
                wrong.parse::<PciAddress>(),
                Err(InvalidPciAddress),
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_unknown_domain_matches_every_other() {
        let parsed = |text: &str| text.parse::<PciSelector>().unwrap();
        let (short, long) = (parsed("00:1f.2"), parsed("0001:00:1f.2"));
        assert_eq!(
            (short.to_string(), short.devfn()),
            ("00:1f.2".to_string(), 0xfa)
        );
        assert!(short.matches(&long) && long.matches(&short));
        assert!(!long.matches(&parsed("0000:00:1f.2")));
        assert!(!short.matches(&parsed("00:1f.3")));
    }
}
