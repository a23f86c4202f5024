//! The names of PCI vendors and devices, from the database of the system.

use std::io::Read;

/// Names of PCI ids. Without the feature `pci-ids`, and where the system has no database, there
/// are none, and everything else works all the same.
#[derive(Debug, Default)]
pub struct PciNames {
    #[cfg(feature = "pci-ids")]
    database: Option<pciid_parser::Database>,
}

impl PciNames {
    /// No names.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The names that the system has (`/usr/share/misc/pci.ids` or where a distribution puts it);
    /// none where it has no database.
    #[must_use]
    pub fn system() -> Self {
        Self {
            #[cfg(feature = "pci-ids")]
            database: pciid_parser::Database::read().ok(),
        }
    }

    /// The names in a `pci.ids` file; none where it is no such file.
    #[must_use]
    pub fn from_reader(reader: impl Read) -> Self {
        #[cfg(feature = "pci-ids")]
        let names = Self {
            database: pciid_parser::Database::parse_db(reader).ok(),
        };
        #[cfg(not(feature = "pci-ids"))]
        let names = {
            let _ = reader;
            Self::default()
        };
        names
    }

    /// The vendor's name.
    #[must_use]
    pub fn vendor(&self, vendor: u16) -> Option<&str> {
        #[cfg(feature = "pci-ids")]
        return Some(self.database.as_ref()?.vendors.get(&vendor)?.name.as_str());
        #[cfg(not(feature = "pci-ids"))]
        {
            let _ = vendor;
            None
        }
    }

    /// The device's name.
    #[must_use]
    pub fn device(&self, vendor: u16, device: u16) -> Option<&str> {
        #[cfg(feature = "pci-ids")]
        {
            let vendor = self.database.as_ref()?.vendors.get(&vendor)?;
            Some(vendor.devices.get(&device)?.name.as_str())
        }
        #[cfg(not(feature = "pci-ids"))]
        {
            let _ = (vendor, device);
            None
        }
    }
}
