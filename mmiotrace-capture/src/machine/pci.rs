//! The PCI functions of a machine, and the header lines that a trace has of them.

use super::{PciIds, Root};
use mmiotrace_core::{Bar, PciDevice};

pub use mmiotrace_core::PciAddress;

/// One range of a PCI function, as a line of sysfs' `resource` has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// First address.
    pub start: u64,
    /// Last address.
    pub end: u64,
    /// The kernel's flags (`include/linux/ioport.h`); the low four bits are those of the BAR.
    pub flags: u64,
}

impl Resource {
    /// The range as a `PCIDEV` line prints it (`mmio_print_pcidev` in
    /// `kernel/trace/trace_mmiotrace.c`): a range of one byte counts as none there.
    #[must_use]
    pub const fn to_bar(self) -> Bar {
        Bar {
            start_and_flags: self.start | (self.flags & 0xf),
            len: if self.start < self.end {
                self.end - self.start + 1
            } else {
                0
            },
        }
    }

    /// Whether it is a range of memory (`IORESOURCE_MEM`).
    #[must_use]
    pub const fn is_memory(&self) -> bool {
        self.flags & 0x200 != 0
    }

    /// Whether it is a range of ports (`IORESOURCE_IO`).
    #[must_use]
    pub const fn is_ports(&self) -> bool {
        self.flags & 0x100 != 0
    }
}

/// One PCI function with what sysfs tells about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PciFunction {
    /// Where it is.
    pub address: PciAddress,
    /// What a `PCIDEV` line has of it.
    pub device: PciDevice,
    /// Base class, class and interface, as `0x020000`.
    pub class: u32,
    /// Revision.
    pub revision: u8,
    /// Vendor and device of the board; zeros where there is none.
    pub subsystem: (u16, u16),
    /// BAR 0 to 5 and, as number 6, the expansion ROM.
    pub resources: [Resource; 7],
    /// The driver that is bound; `None` where none is.
    pub driver: Option<String>,
    /// The configuration space, as far as this user may read it (64 bytes, or all of it).
    pub config: Vec<u8>,
}

impl PciFunction {
    /// The line that the kernel's tracer prints of the function: `PCIDEV 0018 8086100e …`, without
    /// line ending. With no driver it ends in a space, as the kernel's does.
    #[must_use]
    pub fn pcidev_line(&self) -> String {
        let device = &self.device;
        let mut line = format!(
            "PCIDEV {:02x}{:02x} {:04x}{:04x} {:x}",
            device.bus, device.devfn, device.vendor, device.device, device.irq
        );
        for bar in &device.bars {
            line.push_str(&format!(" {:x}", bar.start_and_flags));
        }
        for bar in &device.bars {
            line.push_str(&format!(" {:x}", bar.len));
        }
        line.push(' ');
        line.push_str(self.driver.as_deref().unwrap_or_default());
        line
    }

    /// The function in one line, as `lspci -D -nn` prints it. It begins with the address, domain
    /// included, which the `PCIDEV` line lacks.
    #[must_use]
    pub fn lspci_line(&self, ids: &PciIds) -> String {
        let class = u16::try_from(self.class >> 8).unwrap_or_default();
        let class_name = ids.class(class).unwrap_or("Class");
        let (vendor, device) = (self.device.vendor, self.device.device);
        let name = ids
            .device(vendor, device)
            .unwrap_or_else(|| "Device".to_owned());
        let mut line = format!(
            "{} {class_name} [{class:04x}]: {name} [{vendor:04x}:{device:04x}]",
            self.address
        );
        if self.revision != 0 {
            line.push_str(&format!(" (rev {:02x})", self.revision));
        }
        line
    }

    fn read(root: &Root, name: &str) -> Option<Self> {
        let address: PciAddress = name.parse().ok()?;
        let folder = format!("/sys/bus/pci/devices/{name}");
        let number = |file: &str| hex(&root.read(format!("{folder}/{file}")).ok()?);
        let id = |file: &str| number(file).and_then(|value| u16::try_from(value).ok());
        let mut resources = [Resource::default(); 7];
        let text = root.read(format!("{folder}/resource")).unwrap_or_default();
        for (resource, line) in resources.iter_mut().zip(text.lines()) {
            let mut words = line.split(' ').map(hex);
            let mut next = || words.next().flatten().unwrap_or_default();
            *resource = Resource {
                start: next(),
                end: next(),
                flags: next(),
            };
        }
        let irq = root.read(format!("{folder}/irq")).ok();
        let device = PciDevice {
            bus: address.bus,
            devfn: address.slot << 3 | address.function,
            vendor: id("vendor")?,
            device: id("device")?,
            irq: irq.and_then(|irq| irq.parse().ok()).unwrap_or_default(),
            bars: resources.map(Resource::to_bar),
        };
        Some(Self {
            address,
            device,
            class: number("class")?.try_into().unwrap_or_default(),
            revision: number("revision")
                .unwrap_or_default()
                .try_into()
                .unwrap_or_default(),
            subsystem: (
                id("subsystem_vendor").unwrap_or_default(),
                id("subsystem_device").unwrap_or_default(),
            ),
            resources,
            driver: root.link_name(format!("{folder}/driver")),
            config: std::fs::read(root.path(format!("{folder}/config"))).unwrap_or_default(),
        })
    }
}

/// A number with `0x`.
fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

/// All PCI functions of a machine, by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PciInventory {
    functions: Vec<PciFunction>,
}

impl PciInventory {
    /// Reads `/sys/bus/pci/devices`; empty where a machine has no PCI.
    #[must_use]
    pub fn read(root: &Root) -> Self {
        let names = root.list("/sys/bus/pci/devices");
        let mut functions: Vec<PciFunction> = names
            .iter()
            .filter_map(|name| PciFunction::read(root, name))
            .collect();
        functions.sort_by_key(|function| function.address);
        Self { functions }
    }

    /// The functions, by address.
    #[must_use]
    pub fn functions(&self) -> &[PciFunction] {
        &self.functions
    }

    /// The function at an address.
    #[must_use]
    pub fn get(&self, address: PciAddress) -> Option<&PciFunction> {
        self.functions
            .iter()
            .find(|function| function.address == address)
    }

    /// The header lines of a trace: `PCIDEV …` for each function, as the kernel's tracer prints
    /// them, then `LSPCI …` for each. Each with its line ending.
    #[must_use]
    pub fn header_lines(&self, ids: &PciIds) -> String {
        let mut lines = String::new();
        for function in &self.functions {
            lines.push_str(&function.pcidev_line());
            lines.push('\n');
        }
        lines.push_str(&self.lspci_lines(ids));
        lines
    }

    /// The `LSPCI …` lines alone: for a trace whose `PCIDEV` lines come from the kernel.
    #[must_use]
    pub fn lspci_lines(&self, ids: &PciIds) -> String {
        let mut lines = String::new();
        for function in &self.functions {
            lines.push_str(&format!("LSPCI {}\n", function.lspci_line(ids)));
        }
        lines
    }
}
