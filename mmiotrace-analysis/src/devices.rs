//! The PCI devices that a trace names, and which of them decodes an address.

use core::fmt;
use mmiotrace_core::{Header, PciDevice, PhysAddr};

/// The PCI devices of a trace, as its `PCIDEV` lines tell them. A device that is told again (a
/// trace that was read in two parts has the header twice) replaces what was told before.
///
/// At most 65,536: that many places the line can name.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    list: Vec<Device>,
}

/// One PCI device of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The numbers of the line.
    pub pci: PciDevice,
    /// The driver, as it was bound when the line was printed; often empty.
    pub driver: String,
}

/// A place in a memory range of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Bus number.
    pub bus: u8,
    /// Device (bits 7:3) and function (bits 2:0).
    pub devfn: u8,
    /// BAR 0 to 5; 6 is the expansion ROM.
    pub bar: u8,
    /// The offset in the range, in bytes.
    pub offset: u64,
}

impl Device {
    /// `BB:DD.F`, as `lspci` prints it.
    #[must_use]
    pub fn slot_name(&self) -> String {
        SlotName(self.pci.bus, self.pci.devfn).to_string()
    }
}

/// Prints bus and devfn as `lspci` does.
pub(crate) struct SlotName(pub(crate) u8, pub(crate) u8);

impl fmt::Display for SlotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.0, self.1 >> 3, self.1 & 7)
    }
}

impl Devices {
    /// No device known.
    #[must_use]
    pub const fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// Takes what a header line says; lines other than `PCIDEV` say nothing. Whether it did.
    pub fn apply(&mut self, header: &Header<'_>) -> bool {
        let Header::PciDev { device, driver, .. } = header else {
            return false;
        };
        let told = Device {
            pci: *device,
            driver: String::from_utf8_lossy(driver).into_owned(),
        };
        let same =
            |known: &&mut Device| (known.pci.bus, known.pci.devfn) == (device.bus, device.devfn);
        match self.list.iter_mut().find(same) {
            Some(known) => *known = told,
            None => self.list.push(told),
        }
        true
    }

    /// All devices, in the order of their first lines.
    #[must_use]
    pub fn as_slice(&self) -> &[Device] {
        &self.list
    }

    /// The device at this place.
    #[must_use]
    pub fn get(&self, bus: u8, devfn: u8) -> Option<&Device> {
        self.list
            .iter()
            .find(|device| (device.pci.bus, device.pci.devfn) == (bus, devfn))
    }

    /// The memory range that holds `phys`.
    #[must_use]
    pub fn locate(&self, phys: PhysAddr) -> Option<Place> {
        self.list.iter().find_map(|device| {
            let (bar, offset) = device.pci.locate(phys)?;
            let bar = u8::try_from(bar).ok()?;
            Some(Place {
                bus: device.pci.bus,
                devfn: device.pci.devfn,
                bar,
                offset,
            })
        })
    }
}
