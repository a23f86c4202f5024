//! Facts that a trace says about itself and about the machine.

use crate::PhysAddr;

/// One memory or I/O range of a PCI device, as the kernel prints its `resource[0..6]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Bar {
    /// The start, with the low four flag bits of the BAR left in (bit 0: I/O space; bits 2:1:
    /// 64 bit; bit 3: prefetchable). A legacy I/O range may lack bit 0.
    pub start_and_flags: u64,
    /// The length in bytes; 0 where the range is not used.
    pub len: u64,
}

impl Bar {
    /// Whether this is a range of memory: used, and bit 0 not set.
    #[must_use]
    pub const fn is_memory(&self) -> bool {
        self.len != 0 && self.start_and_flags & 1 == 0
    }

    /// The first address, flag bits taken off; for memory ranges.
    #[must_use]
    pub const fn start(&self) -> PhysAddr {
        PhysAddr(self.start_and_flags & !0xf)
    }

    /// The offset of `phys` in this range, or `None` where it is not memory or lies outside.
    #[must_use]
    pub const fn offset_of(&self, phys: PhysAddr) -> Option<u64> {
        if !self.is_memory() || phys.0 < self.start().0 {
            return None;
        }
        let offset = phys.0 - self.start().0;
        if offset < self.len {
            Some(offset)
        } else {
            None
        }
    }
}

/// A PCI device, as a `PCIDEV` line has it. The line has no PCI domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PciDevice {
    /// Bus number.
    pub bus: u8,
    /// Device (bits 7:3) and function (bits 2:0).
    pub devfn: u8,
    /// Vendor id.
    pub vendor: u16,
    /// Device id.
    pub device: u16,
    /// Interrupt number.
    pub irq: u32,
    /// BAR 0 to 5 and, as number 6, the expansion ROM.
    pub bars: [Bar; 7],
}

impl PciDevice {
    /// The device number on its bus, 0 to 31.
    #[must_use]
    pub const fn slot(&self) -> u8 {
        self.devfn >> 3
    }

    /// The function of the device, 0 to 7.
    #[must_use]
    pub const fn function(&self) -> u8 {
        self.devfn & 7
    }

    /// The memory range that holds `phys`, as its number and the offset in it.
    #[must_use]
    pub fn locate(&self, phys: PhysAddr) -> Option<(usize, u64)> {
        self.bars
            .iter()
            .enumerate()
            .find_map(|(bar, range)| Some((bar, range.offset_of(phys)?)))
    }
}

/// A header fact, with the exact bytes of its line (without line ending).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Header<'a> {
    /// `VERSION …`.
    Version {
        /// The version, as `20070824`.
        version: &'a [u8],
        /// The whole line.
        line: &'a [u8],
    },
    /// `PCIDEV …`.
    PciDev {
        /// The numbers of the line.
        device: PciDevice,
        /// The driver's name; empty where none was bound when the line was printed.
        driver: &'a [u8],
        /// The whole line.
        line: &'a [u8],
    },
    /// `LSPCI …`: a line of `lspci`. The kernel never prints one; recording tools do.
    Lspci {
        /// The text after the keyword.
        text: &'a [u8],
        /// The whole line.
        line: &'a [u8],
    },
}

impl<'a> Header<'a> {
    /// The line's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Version { line, .. } | Self::PciDev { line, .. } | Self::Lspci { line, .. } => {
                line
            }
        }
    }
}
