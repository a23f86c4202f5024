//! Why a capture by the kernel's tracer could not be done.

use std::io;

/// What went wrong, and in brackets what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither tracefs nor debugfs is mounted, and it could not be mounted.
    #[error(
        "tracefs is not mounted and cannot be mounted: {0} (mount -t tracefs tracefs /sys/kernel/tracing)"
    )]
    NoTracefs(io::Error),
    /// The kernel is locked down so far that its tracers cannot be used.
    #[error(
        "the kernel's lockdown (confidentiality) forbids tracefs (boot with lockdown=none, and without Secure Boot where that sets it)"
    )]
    LockedDown,
    /// The kernel has no such tracer.
    #[error(
        "this kernel has no mmiotrace tracer; it has: {available} (boot a kernel built with CONFIG_MMIOTRACE=y)"
    )]
    NoTracer {
        /// The tracers it has.
        available: String,
    },
    /// Somebody else uses the kernel's tracer.
    #[error(
        "the kernel's tracer is in use: {what} (stop it, or add --take-over: it is put back afterwards)"
    )]
    Busy {
        /// The tracer or the events that are on.
        what: String,
    },
    /// Another capture of this kind runs.
    #[error("another capture by the kernel's tracer runs{} (stop that one first: there is only one tracer)", .pid.map(|pid| format!(", process {pid}")).unwrap_or_default())]
    AlreadyRunning {
        /// Its process, where known.
        pid: Option<u32>,
    },
    /// No capture by the kernel's tracer runs.
    #[error(
        "no capture by the kernel's tracer runs (start one: mmiotrace record --backend tracefs)"
    )]
    NotRunning,
    /// A file could not be read or written.
    #[error("{path}: {source}{}", hint(.source))]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A marker that the text format cannot hold.
    #[error("a marker may not {0}")]
    Marker(&'static str),
    /// A method was called outside the order that `CaptureBackend` gives.
    #[error("{0} was called out of order")]
    OutOfOrder(&'static str),
    /// The capture ended, and something could not be put back.
    #[error("not everything could be put back: {}", .0.join("; "))]
    NotRestored(Vec<String>),
    /// A driver could not be loaded, bound, unbound or unloaded.
    #[error("{0}")]
    Driver(String),
}

impl Error {
    pub(super) fn file(path: impl AsRef<std::path::Path>, source: io::Error) -> Self {
        let path = path.as_ref().display().to_string();
        Self::File { path, source }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => " (run it as root: sudo)",
        io::ErrorKind::ResourceBusy => " (another program holds trace_pipe or the tracer)",
        io::ErrorKind::OutOfMemory => " (choose a smaller --buffer)",
        _ => "",
    }
}
