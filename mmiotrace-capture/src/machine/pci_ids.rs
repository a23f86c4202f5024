//! Names of PCI vendors, devices and classes, from the system's `pci.ids`.

use super::Root;
use std::collections::HashMap;

/// Names by number. Empty where the machine has no `pci.ids`: numbers are printed then.
#[derive(Clone, Debug, Default)]
pub struct PciIds {
    vendors: HashMap<u16, String>,
    devices: HashMap<(u16, u16), String>,
    base_classes: HashMap<u16, String>,
    classes: HashMap<u16, String>,
}

impl PciIds {
    /// Reads the file from where distributions put it.
    #[must_use]
    pub fn read(root: &Root) -> Self {
        let places = [
            "/usr/share/misc/pci.ids",
            "/usr/share/hwdata/pci.ids",
            "/usr/share/pci.ids",
        ];
        let text = places.iter().find_map(|path| root.read(path).ok());
        text.map(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// Reads the text of a `pci.ids` file: `vvvv  name`, below it `\tdddd  name`; and
    /// `C cc  name`, below it `\tss  name`. Lines of other forms are skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut ids = Self::default();
        let mut above = Above::Nothing;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(line) = line.strip_prefix('\t') {
                if !line.starts_with('\t') {
                    ids.add_below(&above, line);
                }
            } else if let Some(line) = line.strip_prefix("C ") {
                above = entry(line).map_or(Above::Nothing, |(class, name)| {
                    ids.base_classes.insert(class, name.to_owned());
                    Above::Class(class)
                });
            } else {
                above = entry(line).map_or(Above::Nothing, |(vendor, name)| {
                    ids.vendors.insert(vendor, name.to_owned());
                    Above::Vendor(vendor)
                });
            }
        }
        ids
    }

    fn add_below(&mut self, above: &Above, line: &str) {
        let Some((number, name)) = entry(line) else {
            return;
        };
        match above {
            Above::Vendor(vendor) => {
                self.devices.insert((*vendor, number), name.to_owned());
            }
            Above::Class(class) => {
                self.classes
                    .insert((class & 0xff) << 8 | (number & 0xff), name.to_owned());
            }
            Above::Nothing => {}
        }
    }

    /// The vendor's name.
    #[must_use]
    pub fn vendor(&self, vendor: u16) -> Option<&str> {
        self.vendors.get(&vendor).map(String::as_str)
    }

    /// Vendor and device in words; only the vendor, and `Device`, where that is all that is known.
    #[must_use]
    pub fn device(&self, vendor: u16, device: u16) -> Option<String> {
        let vendor_name = self.vendor(vendor)?;
        let device_name = self
            .devices
            .get(&(vendor, device))
            .map_or("Device", String::as_str);
        Some(format!("{vendor_name} {device_name}"))
    }

    /// The name of a class (base class in the upper byte): that of the base class where the class
    /// itself has none.
    #[must_use]
    pub fn class(&self, class: u16) -> Option<&str> {
        let name = self.classes.get(&class);
        name.or_else(|| self.base_classes.get(&(class >> 8)))
            .map(String::as_str)
    }
}

enum Above {
    Nothing,
    Vendor(u16),
    Class(u16),
}

/// A number and a name, two spaces between.
fn entry(line: &str) -> Option<(u16, &str)> {
    let (number, name) = line.split_once("  ")?;
    Some((u16::from_str_radix(number, 16).ok()?, name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# comment\n8086  Intel Corporation\n\t100e  82540EM Gigabit\n\t\t8086 001e  a board\n\
        1af4  Red Hat, Inc.\nC 02  Network controller\n\t00  Ethernet controller\n";

    #[test]
    fn names() {
        let ids = PciIds::parse(TEXT);
        assert_eq!(
            ids.device(0x8086, 0x100e).unwrap(),
            "Intel Corporation 82540EM Gigabit"
        );
        assert_eq!(ids.device(0x1af4, 1).unwrap(), "Red Hat, Inc. Device");
        assert_eq!(ids.device(0x10de, 1), None);
        assert_eq!(ids.class(0x0200), Some("Ethernet controller"));
        assert_eq!(ids.class(0x0280), Some("Network controller"));
        assert_eq!(ids.class(0x0300), None);
    }
}
