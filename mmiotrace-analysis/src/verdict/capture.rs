//! Who captured a trace, and what that one cannot see.

use core::fmt;

/// Who captured a trace, as far as the trace shows it.
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
        }
    }

    /// What such a capture cannot see, however well it went.
    #[must_use]
    pub const fn not_seen(self) -> &'static [&'static str] {
        match self {
            Self::Kernel => KERNEL,
            Self::Process => PROCESS,
            Self::Kmod => KMOD,
            Self::Imported => IMPORTED,
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

/// Gathers what tells the captures apart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    ours: bool,
    user_mapping: bool,
    imported: bool,
}

/// The lowest kernel address, with 5-level page tables.
const KERNEL_HALF: u64 = 0xff00_0000_0000_0000;

impl Evidence {
    /// An annotation, or a thread id: the kernel's tracer has neither.
    pub(super) const fn annotation(&mut self) {
        self.ours = true;
    }

    /// The text of a marker of somebody else's. An import begins with one that says so.
    pub(super) fn marker(&mut self, text: &[u8]) {
        self.imported |= text.starts_with(b"import: ");
    }

    pub(super) const fn pid(&mut self, pid: i32) {
        self.ours |= pid != 0;
    }

    pub(super) const fn mapping(&mut self, virt: u64) {
        self.user_mapping |= virt != 0 && virt < KERNEL_HALF;
    }

    pub(super) const fn capture(self) -> Capture {
        if self.imported {
            return Capture::Imported;
        }
        match (self.ours, self.user_mapping) {
            (false, _) => Capture::Kernel,
            (true, true) => Capture::Process,
            (true, false) => Capture::Kmod,
        }
    }
}
