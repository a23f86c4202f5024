//! What is compared of an access.

use crate::device_log::DeviceAccess;
use core::fmt;

/// What must be equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) phys: u64,
    pub(super) width: u8,
    pub(super) write: bool,
    pub(super) cpu: Option<u32>,
    pub(super) value: Option<u64>,
}

impl Key {
    pub(super) fn of_device(access: &DeviceAccess, with_cpu: bool) -> Self {
        let cpu = if with_cpu { access.cpu } else { None };
        Self {
            phys: access.phys,
            width: access.width,
            write: access.write,
            cpu,
            value: Some(access.value & mask(access.width)),
        }
    }
}

impl Key {
    /// Whether this, of a trace, can be that, of the log: equal, or equal except for a value that the
    /// trace does not know.
    pub(super) fn fits(&self, seen: &Self) -> bool {
        self == seen
            || (self.value.is_none()
                && *self
                    == Self {
                        value: None,
                        ..seen.clone()
                    })
    }
}

const fn mask(width: u8) -> u64 {
    match width {
        1..=7 => (1 << (8 * width)) - 1,
        _ => u64::MAX,
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {:#x}",
            if self.write { "W" } else { "R" },
            self.width,
            self.phys
        )?;
        match self.value {
            Some(value) => write!(f, " {value:#x}")?,
            None => f.write_str(" ?")?,
        }
        self.cpu.map_or(Ok(()), |cpu| write!(f, " cpu {cpu}"))
    }
}
