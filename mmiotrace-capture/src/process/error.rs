//! What can go wrong.

use mmiotrace_core::{BlindReason, VirtAddr};

/// Why the process backend could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine is not one that this backend knows.
    #[error("capturing in a process needs Linux on x86-64")]
    Unsupported,
    /// The operating system refused.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What it said.
        source: std::io::Error,
    },
    /// Another capture runs in this process.
    #[error("a capture runs in this process already (stop it first)")]
    Busy,
    /// No capture runs.
    #[error("no capture runs")]
    NotRunning,
    /// Threads block the signal by which accesses are seen; they would be killed by one.
    #[error(
        "SIGSEGV is blocked in thread {thread}{} (unblock it: an access would kill the program)",
        if *.more { " and others" } else { "" }
    )]
    SignalBlocked {
        /// The first such thread.
        thread: i32,
        /// Whether there are more.
        more: bool,
    },
    /// The range is not whole pages.
    #[error("{start}, {len} bytes: not whole pages")]
    NotPages {
        /// The range's start.
        start: VirtAddr,
        /// Its length.
        len: u64,
    },
    /// Not all of the range is mapped, or not with the same permissions throughout.
    #[error("{start}, {len} bytes: not one mapping")]
    NotMapped {
        /// The range's start.
        start: VirtAddr,
        /// Its length.
        len: u64,
    },
    /// The memory is private to this process: no device, and no second mapping of it is possible.
    #[error("{start}: a private mapping (only shared ones can be traced: files, devices, memfds)")]
    Private {
        /// The range's start.
        start: VirtAddr,
    },
    /// The kernel does not map this memory a second time without its file.
    #[error("{start}: cannot be mapped a second time (give the file that it was mapped from)")]
    NoAlias {
        /// The range's start.
        start: VirtAddr,
    },
    /// The engine did not take the region.
    #[error("{start}: {source}")]
    Region {
        /// The range's start.
        start: VirtAddr,
        /// Why.
        source: crate::engine::AttachError,
    },
    /// The shared memory is no channel of this version.
    #[error("{0}")]
    Channel(#[from] crate::engine::ChannelError),
    /// No such program.
    #[error("{0}: no such program")]
    NoProgram(String),
    /// The dynamic linker takes this path for several.
    #[error(
        "{}: a library cannot be preloaded from a path with a blank or a colon (move it)",
        .0.display()
    )]
    LibraryPath(std::path::PathBuf),
    /// The program cannot be traced by preloading a library.
    #[error("{program}: cannot be traced in user space: {why}")]
    NotTraceable {
        /// The program.
        program: String,
        /// Why.
        why: &'static str,
    },
    /// The marker's text cannot be one.
    #[error("a marker must not {0}")]
    Marker(&'static str),
}

impl Error {
    /// The word by which a trace says why a mapping is not traced.
    pub(super) fn as_blind_reason(&self) -> BlindReason {
        const OTHER: BlindReason = match BlindReason::new("not-traced") {
            Some(reason) => reason,
            None => unreachable!(),
        };
        let word = match self {
            Self::NotPages { .. } => "not-pages",
            Self::NotMapped { .. } => "not-one-mapping",
            Self::Private { .. } => "private-mapping",
            Self::NoAlias { .. } => "no-second-mapping",
            Self::Region { .. } => "too-many-regions",
            _ => "not-traced",
        };
        BlindReason::new(word).unwrap_or(OTHER)
    }

    /// The operating system's last error.
    pub(super) fn last(what: &'static str) -> Self {
        Self::System {
            what,
            source: std::io::Error::last_os_error(),
        }
    }
}
