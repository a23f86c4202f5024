//! `/dev/mmiotrace`: commands, and the rings as memory.
#![expect(
    unsafe_code,
    reason = "ioctl and mmap: the kernel writes to memory of ours"
)]

use super::{Error, abi};
use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;
use rustix::io::Errno;
use rustix::ioctl::{NoArg, Updater, ioctl, opcode};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};

const PATH: &str = "/dev/mmiotrace";

/// The open device.
#[derive(Debug)]
pub(super) struct Device {
    file: File,
}

/// One command with parameters that go in and come out.
macro_rules! command {
    ($name:ident, $number:expr, $type:ty) => {
        fn $name(&self, parameters: &mut $type) -> Result<(), Errno> {
            const CODE: rustix::ioctl::Opcode = opcode::read_write::<$type>(abi::GROUP, $number);
            // SAFETY: the command's code holds the size of `$type`, which is what the module
            // reads and writes; all its values are plain numbers, so whatever comes back is valid.
            unsafe { ioctl(&self.file, Updater::<CODE, $type>::new(parameters)) }
        }
    };
}

impl Device {
    command!(version, abi::VERSION, abi::Version);
    command!(start_command, abi::START, abi::Start);
    command!(resume_command, abi::RESUME, abi::Start);
    command!(filter_command, abi::FILTER, abi::Filter);
    command!(arm_command, abi::ARM, abi::Range);
    command!(state_command, abi::STATE, abi::State);

    /// Opens the device and compares versions.
    pub(super) fn open() -> Result<Self, Error> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(PATH)
            .map_err(|error| {
                if error.kind() == io::ErrorKind::NotFound {
                    Error::NotLoaded
                } else {
                    Error::Open { source: error }
                }
            })?;
        let device = Self { file };
        let mut version = abi::Version::default();
        device
            .version(&mut version)
            .map_err(|errno| command("version", errno))?;
        let channel = u32::try_from(crate::engine::ABI_VERSION).unwrap_or(u32::MAX);
        for (module, program) in [(version.abi, abi::ABI), (version.channel, channel)] {
            if module != program {
                return Err(Error::Version { module, program });
            }
        }
        Ok(device)
    }

    /// Begins a capture; gives the size of the channel.
    pub(super) fn start(
        &self,
        flags: u32,
        slots: u32,
        death_timeout_ms: u32,
    ) -> Result<u64, Error> {
        let mut start = abi::Start {
            flags,
            slots,
            death_timeout_ms,
            ..abi::Start::default()
        };
        self.start_command(&mut start)
            .map_err(|errno| match errno {
                Errno::BUSY if self.state().is_ok_and(|state| state.running) => Error::Busy,
                Errno::BUSY => Error::Refused,
                Errno::NOMEM => Error::NoMemory {
                    bytes: u64::from(slots) * 64,
                },
                errno => command("start", errno),
            })?;
        Ok(start.channel_bytes)
    }

    /// Continues a capture without a recorder; gives the size of the channel.
    pub(super) fn resume(&self) -> Result<u64, Error> {
        let mut start = abi::Start::default();
        self.resume_command(&mut start)
            .map_err(|errno| match errno {
                Errno::BUSY => Error::Busy,
                Errno::NODATA => Error::NotRunning,
                errno => command("resume", errno),
            })?;
        Ok(start.channel_bytes)
    }

    pub(super) fn add_filter(&self, phys_start: u64, phys_end: u64) -> Result<(), Error> {
        let mut filter = abi::Filter {
            phys_start,
            phys_end,
        };
        self.filter_command(&mut filter)
            .map_err(|errno| match errno {
                Errno::NOSPC => Error::TooManyRanges,
                errno => command("filter", errno),
            })
    }

    /// Arms a mapping that exists; `false` where it is not there (any more).
    pub(super) fn arm(&self, virt: u64, len: u64, phys: u64) -> Result<bool, Error> {
        let mut range = abi::Range { virt, len, phys };
        match self.arm_command(&mut range) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(command("arm", errno)),
        }
    }

    pub(super) fn stop(&self) -> Result<(), Error> {
        const CODE: rustix::ioctl::Opcode = opcode::none(abi::GROUP, abi::STOP);
        // SAFETY: a command without parameters.
        let outcome = unsafe { ioctl(&self.file, NoArg::<CODE>::new()) };
        outcome.map_err(|errno| {
            if errno == Errno::NODATA {
                Error::NotRunning
            } else {
                command("stop", errno)
            }
        })
    }

    pub(super) fn state(&self) -> Result<ModuleState, Error> {
        let mut state = abi::State::default();
        self.state_command(&mut state)
            .map_err(|errno| command("state", errno))?;
        Ok(ModuleState {
            running: state.running != 0,
            mappings: state.regions,
            refused: state.refused,
            recorder: state.recorder != 0,
            events: state.sequence,
            lost: state.lost,
        })
    }

    pub(super) fn write_marker(&self, text: &[u8]) -> Result<(), Error> {
        let mut file = &self.file;
        file.write_all(text)
            .map_err(|error| match error.raw_os_error() {
                Some(code) if code == Errno::NODATA.raw_os_error() => Error::NotRunning,
                _ => Error::Command {
                    what: "marker",
                    source: error,
                },
            })
    }

    /// Maps the channel.
    pub(super) fn map(&self, bytes: u64) -> Result<Memory, Error> {
        let len = usize::try_from(bytes).map_err(|_| Error::NoMemory { bytes })?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, wherever the kernel finds room.
        let at = unsafe {
            mmap(
                core::ptr::null_mut(),
                len,
                protection,
                MapFlags::SHARED,
                &self.file,
                0,
            )
        };
        let at = at.map_err(|errno| command("mmap", errno))?;
        let at = NonNull::new(at.cast()).ok_or(Error::NoMemory { bytes })?;
        Ok(Memory { at, len })
    }
}

fn command(what: &'static str, errno: Errno) -> Error {
    Error::Command {
        what,
        source: errno.into(),
    }
}

/// Memory shared with the module.
#[derive(Debug)]
pub(super) struct Memory {
    // INVARIANT: the start of a mapping of `len` bytes, readable and writable, of this value only.
    at: NonNull<u64>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread; what is in it are atomics.
unsafe impl Send for Memory {}

impl Memory {
    /// The memory as words.
    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: by the invariant; the start of a page is aligned, every content is a valid word,
        // and the module, too, touches it by atomics only.
        unsafe { core::slice::from_raw_parts(self.at.as_ptr().cast(), self.len / 8) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: by the invariant; no slice outlives `self`. An error would say that there is no
        // such mapping.
        let _ = unsafe { munmap(self.at.as_ptr().cast(), self.len) };
    }
}

/// What the module says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModuleState {
    /// Whether a capture runs.
    pub running: bool,
    /// How many mappings are traced now.
    pub mappings: u32,
    /// How many mappings were to be traced and could not be.
    pub refused: u32,
    /// Whether a recorder has the device open.
    pub recorder: bool,
    /// How many numbers have been given to events.
    pub events: u64,
    /// How many events found no room.
    pub lost: u64,
}

/// Asks the module how it is.
///
/// # Errors
/// Where it is not loaded, may not be asked, or is of another version.
pub fn module_state() -> Result<ModuleState, Error> {
    Device::open()?.state()
}

/// Writes a marker into the capture that runs.
///
/// # Errors
/// Where none runs, or the text is one that no marker may have.
pub fn write_marker(text: &[u8]) -> Result<(), Error> {
    super::backend::check_marker(text)?;
    Device::open()?.write_marker(text)
}
