//! Who captured a trace, and what that one cannot see.

use core::fmt;

/// Who captured a trace, as far as the trace shows it: by an announcement, the marker
/// `mmiotrace1 capture backend=NAME` in its header, or by what its events are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Capture {
    /// The kernel's own tracer. It prints 0 for every thread and knows no annotations.
    Kernel,
    /// Our recorder in the traced process: user-space addresses.
    Process,
    /// Our kernel module: kernel addresses.
    Kmod,
    /// Another tool, whose log was read as a trace.
    Imported,
    /// Several sources, merged; each has its own.
    Merged,
    /// Whoever it was announced nothing and captured nothing, or announced what is not known here.
    Unknown,
}

impl Capture {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "the kernel's own tracer",
            Self::Process => "the process backend",
            Self::Kmod => "the kmod backend",
            Self::Imported => "another tool, whose log was imported",
            Self::Merged => "several captures, which were merged",
            Self::Unknown => "a tool that is not known",
        }
    }

    /// What such a capture cannot see, however well it went. Of merged sources, what none can see;
    /// each has more.
    #[must_use]
    pub const fn not_seen(self) -> &'static [&'static str] {
        match self {
            Self::Kernel => KERNEL,
            Self::Process => PROCESS,
            Self::Kmod => KMOD,
            Self::Imported => IMPORTED,
            Self::Merged | Self::Unknown => ALL,
        }
    }

    /// Whom the text of a reserved marker announces.
    pub(super) fn announced(text: &[u8]) -> Option<Self> {
        let words = text.strip_prefix(b"mmiotrace1 capture backend=")?;
        match words.split(u8::is_ascii_whitespace).next()? {
            b"process" => Some(Self::Process),
            b"kmod" => Some(Self::Kmod),
            b"tracefs" => Some(Self::Kernel),
            _ => Some(Self::Unknown),
        }
    }
}

impl fmt::Display for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! not_seen {
    ($($own:literal),* $(,)?) => {
        &[
            "DMA: what the device reads and writes in host memory",
            "PCI configuration space",
            "port I/O",
            "interrupts",
            $($own),*
        ]
    };
}

const ALL: &[&str] = not_seen![];

/// From `arch/x86/mm/{kmmio,mmio-mod,pf_in}.c`, and from runs of them.
const KERNEL: &[&str] = not_seen![
    "device memory mapped by user space (BARs through sysfs, /dev/mem or VFIO)",
    "mappings made before tracing began, early and fixed mappings (APIC), and memremap of RAM",
    "accesses of other CPUs while one CPU steps over an access; the tracer therefore takes them off-line",
    "the second access of an instruction that reads and writes, and one that touches two traced pages",
    "a wrong value of mov-immediate instructions with a SIB byte (C6, C7): the record looks like any other",
    "losses after the last one that the tracer announced: it tells a loss when the ring is read the next time",
];

const PROCESS: &[&str] = not_seen![
    "what the driver in the kernel and other processes do to the device",
    "accesses that system calls make to the mapping on the process's behalf",
];

const KMOD: &[&str] = not_seen![
    "device memory mapped by user space (BARs through sysfs, /dev/mem or VFIO)",
    "mappings made before the module was attached, early and fixed mappings (APIC), and memremap of RAM",
];

const IMPORTED: &[&str] =
    not_seen!["what the other tool did not log: it has no count of its losses",];
