//! Why a capture by the module could not be done.

use std::io;

/// What went wrong, and in brackets what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no `/dev/mmiotrace`.
    #[error(
        "the module is neither loaded nor installed (build it: make -C mmiotrace-kmod/module; then: --module mmiotrace-kmod/module/mmiotrace.ko)"
    )]
    NotLoaded,
    /// The module's file cannot be opened or loaded.
    #[error("{path}: {source}{}", hint(source))]
    ModuleFile {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The kernel refuses the module.
    #[error("{path} is not loaded: {why}")]
    ModuleRefused {
        /// The file.
        path: String,
        /// Why, and what to do.
        why: &'static str,
    },
    /// The module does not go.
    #[error(
        "the module does not go: {source} (end what has /dev/mmiotrace open, then: rmmod mmiotrace)"
    )]
    NotUnloaded {
        /// Why.
        source: io::Error,
    },
    /// The kernel's own tracer is active.
    #[error("the kernel's own tracer is active (echo nop > /sys/kernel/tracing/current_tracer)")]
    OtherTracer,
    /// `/dev/mmiotrace` cannot be opened.
    #[error("/dev/mmiotrace: {source}{}", hint(source))]
    Open {
        /// Why.
        source: io::Error,
    },
    /// Module and program are of different versions.
    #[error(
        "the module speaks version {module}, this program version {program} (rmmod mmiotrace, then load the one built with this program)"
    )]
    Version {
        /// The module's.
        module: u32,
        /// This program's.
        program: u32,
    },
    /// Another capture by the module runs.
    #[error("another capture by the module runs (stop it, or continue it with --resume)")]
    Busy,
    /// No capture by the module runs.
    #[error("no capture by the module runs (start one: mmiotrace record --backend kmod)")]
    NotRunning,
    /// The kernel does not let the module hook its fault handler.
    #[error("the module could not begin to capture (dmesg says why)")]
    Refused,
    /// There is not enough memory for the rings.
    #[error("the rings of {bytes} bytes for each CPU do not fit into memory (choose smaller ones)")]
    NoMemory {
        /// The size asked for.
        bytes: u64,
    },
    /// What the module shows is not what this program knows.
    #[error(
        "the module's rings are not as this program knows them: {0} (rmmod mmiotrace, then load the one built with this program)"
    )]
    Channel(String),
    /// A marker that begins with the word reserved for mmiotrace itself, or holds a line feed.
    #[error("a marker may not {0}")]
    Marker(&'static str),
    /// More ranges of addresses than the module takes.
    #[error("the module traces at most 1024 ranges of addresses (give fewer, larger ones)")]
    TooManyRanges,
    /// A command of the module failed.
    #[error("{what}: {source}")]
    Command {
        /// Which.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        " (only root may capture: sudo)"
    } else {
        ""
    }
}
