//! The names of the columns.

use core::fmt;

/// A column of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// Bytes moved by an access: 1, 2, 4 or 8 in `R` and `W`.
    Width,
    /// `seconds.microseconds`.
    Time,
    /// The number of a mapping.
    MapId,
    /// A physical address.
    Phys,
    /// The value read or written.
    Value,
    /// The address of the instruction.
    Pc,
    /// The thread.
    Pid,
    /// The virtual address of a mapping.
    Virt,
    /// The length of a mapping.
    Len,
    /// The three instruction bytes of `UNKNOWN`.
    Code,
    /// What `VERSION` says.
    Version,
    /// Bus, device and function of `PCIDEV`: four hex digits.
    BusDevfn,
    /// Vendor and device id of `PCIDEV`: eight hex digits.
    PciId,
    /// The interrupt of `PCIDEV`.
    Irq,
    /// The start of BAR 0 to 5, or of the expansion ROM (6), in `PCIDEV`.
    BarStart(u8),
    /// The length of BAR 0 to 5, or of the expansion ROM (6), in `PCIDEV`.
    BarLen(u8),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Width => "width",
            Self::Time => "time",
            Self::MapId => "map id",
            Self::Phys => "physical address",
            Self::Value => "value",
            Self::Pc => "pc",
            Self::Pid => "pid",
            Self::Virt => "virtual address",
            Self::Len => "length",
            Self::Code => "instruction bytes",
            Self::Version => "version",
            Self::BusDevfn => "bus and devfn",
            Self::PciId => "vendor and device id",
            Self::Irq => "irq",
            Self::BarStart(bar) => return write!(f, "start of BAR {bar}"),
            Self::BarLen(bar) => return write!(f, "length of BAR {bar}"),
        };
        f.write_str(name)
    }
}
