//! The logs that can be read, and telling them apart.

use crate::source;
use core::str::FromStr;

/// Where a log came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// QEMU's log of a passed-through device: `vfio_region_read`, `vfio_region_write`, configuration
    /// accesses and interrupts (`-trace vfio*`, best with `x-no-mmap=on`).
    QemuVfio,
    /// QEMU's log of an emulated device: `memory_region_ops_read`, `memory_region_ops_write`.
    QemuMemoryRegion,
    /// The text of ftrace or `perf script`: `rwmmio`, `kvm_mmio`, `i915_reg_rw`,
    /// `xe_reg_rw`, `amdgpu_device_rreg`, `amdgpu_device_wreg`, `regmap_reg_read`,
    /// `regmap_reg_write`, `regmap_bulk_read`; of `trace-cmd report` and `perf trace`; and
    /// `mmiotrace_rw`, as trace-cmd prints the records of the kernel's tracer.
    Ftrace,
    /// Lines by a pattern of the user.
    Pattern,
}

impl Format {
    /// The word for the format, as the command's `--from` takes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QemuVfio => "qemu-vfio",
            Self::QemuMemoryRegion => "qemu-memory-region",
            Self::Ftrace => "ftrace",
            Self::Pattern => "pattern",
        }
    }

    /// Tells the format from the beginning of a log: by the first line that names an event. `None`
    /// where no line does, and where it is a trace in the text format 20070824.
    #[must_use]
    pub fn detect(beginning: &[u8]) -> Option<Self> {
        beginning.split(|byte| *byte == b'\n').find_map(|line| {
            let line = String::from_utf8_lossy(line);
            // Events that a tool wrote into trace_marker belong to a 20070824 trace.
            if line.starts_with("MARK ") {
                return None;
            }
            source::find(&line, None).map(|(event, _)| event.format)
        })
    }
}

/// The word given is no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no format {0} (qemu-vfio, qemu-memory-region, ftrace, pattern)")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        [
            Self::QemuVfio,
            Self::QemuMemoryRegion,
            Self::Ftrace,
            Self::Pattern,
        ]
        .into_iter()
        .find(|format| format.as_str() == word)
        .ok_or_else(|| UnknownFormat(word.to_owned()))
    }
}
