//! Who captured a trace, and what that one cannot see.

use core::fmt;

/// Who captured a trace, as far as the trace shows it: by an announcement, the annotation
/// `capture backend=NAME` in its header, or by what its events are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capture {
    /// The kernel's own tracer. It prints 0 for every thread and knows no annotations.
    Kernel,
    /// Our recorder in the traced process: user-space addresses.
    Process,
    /// Our kernel module: kernel addresses.
    Kmod,
    /// A plan that was replayed, and recorded as it ran.
    Replay,
    /// Another tool, whose log was read as a trace.
    Imported,
    /// Several sources, merged; each has its own.
    Merged,
    /// A backend that is not known here, by the name that it announced.
    Named(BackendName),
    /// Nothing announced itself, and there is no event to tell by.
    Unknown,
}

/// The name that a backend announced: ASCII letters, digits, `-` and `_`, at most 31.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BackendName {
    // INVARIANT: the first `len` bytes are such characters, the others 0.
    bytes: [u8; 31],
    len: u8,
}

impl BackendName {
    /// A name; `None` if it is empty, too long or has another character.
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let mut bytes = [0; 31];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        let fits = !name.is_empty() && name.iter().all(is_word);
        fits.then_some(Self {
            bytes,
            len: name.len() as u8,
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let name = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(name).unwrap_or_default()
    }
}

impl fmt::Debug for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Capture {
    /// One word: `kernel`, `process`, `kmod`, `replay`, `imported`, `merged`, `unknown`, or the name
    /// that the backend announced.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Kernel => "kernel",
            Self::Process => "process",
            Self::Kmod => "kmod",
            Self::Replay => "replay",
            Self::Imported => "imported",
            Self::Merged => "merged",
            Self::Named(name) => name.as_str(),
            Self::Unknown => "unknown",
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
            Self::Replay => REPLAY,
            Self::Imported => IMPORTED,
            Self::Merged | Self::Named(_) | Self::Unknown => ALL,
        }
    }

    /// Who goes by that name.
    pub(super) fn announced(backend: &[u8]) -> Self {
        match backend {
            b"process" => Self::Process,
            b"kmod" => Self::Kmod,
            b"tracefs" => Self::Kernel,
            b"replay" => Self::Replay,
            b"unknown" => Self::Unknown,
            name => BackendName::new(name).map_or(Self::Unknown, Self::Named),
        }
    }
}

impl fmt::Display for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "the kernel's own tracer",
            Self::Process => "the process backend",
            Self::Kmod => "the kmod backend",
            Self::Replay => "replay, which ran a plan",
            Self::Imported => "another tool, whose log was imported",
            Self::Merged => "several captures, which were merged",
            Self::Named(name) => return write!(f, "the backend {}", name.as_str()),
            Self::Unknown => "a tool that is not known",
        })
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Capture {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
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

const REPLAY: &[&str] = not_seen!["what a driver does beside the accesses of the plan"];

const IMPORTED: &[&str] =
    not_seen!["what the other tool did not log: it has no count of its losses",];
