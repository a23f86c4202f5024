//! The devices of a trace.

use super::{BarSpec, DeviceAddress, Lspci, LspciLine};
use mmiotrace_core::{Header, PciDevice};
use std::collections::HashMap;

/// The place of a device in [`Devices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// A device, as far as known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Where it sits.
    pub address: DeviceAddress,
    /// Vendor and device id.
    pub ids: Option<(u16, u16)>,
    /// Class and subclass.
    pub class: Option<u16>,
    /// The driver's name; empty where not known.
    pub driver: String,
    /// The name that `lspci` printed; empty where it did not.
    pub name: String,
    /// The memory ranges: start and length in bytes; BAR 0 to 5 and the expansion ROM.
    pub bars: [Option<(u64, u64)>; 7],
    /// Whether the ranges come from a `PCIDEV` line: `lspci` lines, whose numbers are guesses, do
    /// not change them.
    certain: bool,
    /// The ranges that the user gave: nothing changes those.
    given: [bool; 7],
}

impl Device {
    const fn new(address: DeviceAddress) -> Self {
        Self {
            address,
            ids: None,
            class: None,
            driver: String::new(),
            name: String::new(),
            bars: [None; 7],
            certain: false,
            given: [false; 7],
        }
    }
}

/// The devices that a trace's header or the user tells of.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    devices: Vec<Device>,
    /// The devices of each bus, slot and function; more than one only where domains differ.
    by_place: HashMap<(u8, u8, u8), Vec<DeviceId>>,
    lspci: Lspci,
    /// The device that `lspci` lines speak of.
    current: Option<DeviceId>,
}

/// How many devices are kept; a machine has fewer.
const MAX_DEVICES: usize = 1 << 16;

impl Devices {
    /// No devices.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All devices.
    #[must_use]
    pub fn all(&self) -> &[Device] {
        &self.devices
    }

    /// One device.
    #[must_use]
    pub fn get(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(id.0 as usize)
    }

    /// The device at that address; the first where domains are not known.
    #[must_use]
    pub fn at(&self, address: &DeviceAddress) -> Option<DeviceId> {
        let same = self
            .by_place
            .get(&(address.bus, address.slot, address.function))?;
        same.iter().copied().find(|id| {
            self.get(*id)
                .is_some_and(|device| device.address.matches(address))
        })
    }

    /// Takes what a header line says. Gives the device that is new or has changed.
    pub fn header(&mut self, header: &Header<'_>) -> Option<DeviceId> {
        match header {
            Header::PciDev { device, driver, .. } => {
                self.pci_device(device, &String::from_utf8_lossy(driver))
            }
            Header::Lspci { text, .. } => self.lspci_line(&String::from_utf8_lossy(text)),
            _ => None,
        }
    }

    /// Takes a `PCIDEV` line. Gives the device if that is new or has changed.
    pub fn pci_device(&mut self, pci: &PciDevice, driver: &str) -> Option<DeviceId> {
        let id = self.entry(DeviceAddress::of(pci))?;
        let device = self.devices.get_mut(id.0 as usize)?;
        let before = device.clone();
        device.ids = Some((pci.vendor, pci.device));
        // Another reader of the same pipe prints the lines again, then with the driver.
        if !driver.is_empty() {
            driver.clone_into(&mut device.driver);
        }
        let ranges = device.bars.iter_mut().zip(device.given).zip(&pci.bars);
        for ((to, _), bar) in ranges.filter(|((_, given), _)| !given) {
            *to = bar.is_memory().then_some((bar.start().0, bar.len));
        }
        device.certain = true;
        (*device != before).then_some(id)
    }

    /// Takes a line that `lspci` printed. Gives the device if that is new or has changed.
    pub fn lspci_line(&mut self, line: &str) -> Option<DeviceId> {
        match self.lspci.line(line) {
            LspciLine::Device {
                address,
                class,
                ids,
                name,
            } => {
                let id = self.entry(address)?;
                self.current = Some(id);
                let device = self.devices.get_mut(id.0 as usize)?;
                let before = device.clone();
                device.address.domain = device.address.domain.or(address.domain);
                device.class = class.or(device.class);
                device.ids = device.ids.or(ids);
                if !name.is_empty() {
                    name.clone_into(&mut device.name);
                }
                (*device != before).then_some(id)
            }
            LspciLine::Range {
                bar,
                start,
                len,
                memory,
            } => {
                let id = self.current?;
                let device = self.devices.get_mut(id.0 as usize)?;
                let certain = device.certain || device.given.get(usize::from(bar)) == Some(&true);
                let to = device
                    .bars
                    .get_mut(usize::from(bar))
                    .filter(|_| memory && !certain)?;
                start.checked_add(len)?;
                *to = Some((start, len));
                Some(id)
            }
            LspciLine::Driver(driver) => {
                let id = self.current?;
                let device = self.devices.get_mut(id.0 as usize)?;
                driver.clone_into(&mut device.driver);
                Some(id)
            }
            LspciLine::Other => None,
        }
    }

    /// Takes a range that the user gives. Gives the device.
    pub fn bar(&mut self, spec: &BarSpec) -> Option<DeviceId> {
        let id = self.entry(spec.device)?;
        let device = self.devices.get_mut(id.0 as usize)?;
        device.ids = spec.ids.or(device.ids);
        *device.bars.get_mut(usize::from(spec.bar))? = Some((spec.start, spec.len));
        *device.given.get_mut(usize::from(spec.bar))? = true;
        Some(id)
    }

    /// Takes a sysfs `resource` file (`/sys/bus/pci/devices/…/resource`): one line a range, with
    /// start, end (included) and flags. Gives the device if any range is memory.
    pub fn sysfs_resource(
        &mut self,
        address: DeviceAddress,
        ids: Option<(u16, u16)>,
        text: &str,
    ) -> Option<DeviceId> {
        const IORESOURCE_MEM: u64 = 0x200;
        let id = self.entry(address)?;
        let device = self.devices.get_mut(id.0 as usize)?;
        device.ids = ids.or(device.ids);
        let mut any = false;
        for (to, line) in device.bars.iter_mut().zip(text.lines()) {
            let mut numbers = line.split_whitespace().map(crate::number::parse);
            let (Some(Some(start)), Some(Some(end)), Some(Some(flags))) =
                (numbers.next(), numbers.next(), numbers.next())
            else {
                continue;
            };
            let len = end.checked_sub(start).and_then(|len| len.checked_add(1));
            *to = len
                .filter(|_| flags & IORESOURCE_MEM != 0 && start != 0)
                .map(|len| (start, len));
            any |= to.is_some();
        }
        device.certain |= any;
        any.then_some(id)
    }

    fn entry(&mut self, address: DeviceAddress) -> Option<DeviceId> {
        if let Some(known) = self.at(&address) {
            return Some(known);
        }
        if self.devices.len() >= MAX_DEVICES {
            return None;
        }
        self.devices.push(Device::new(address));
        let id = DeviceId(u32::try_from(self.devices.len() - 1).ok()?);
        self.by_place
            .entry((address.bus, address.slot, address.function))
            .or_default()
            .push(id);
        Some(id)
    }
}
