//! Which captures run, so that others can write markers into them.

use super::launch::write_marker;
use super::memory::ChannelMemory;
use super::{Error, recorder, thread, tracer};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A capture of this user that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningCapture {
    /// The recorder's process id.
    pub pid: u32,
    channel: PathBuf,
}

/// Where captures of this user are listed.
fn folder() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) => PathBuf::from(folder).join("mmiotrace"),
        None => std::env::temp_dir().join(format!("mmiotrace-{user}")),
    }
}

/// Whether a folder is this user's, and not a link to another.
fn is_ours(folder: &Path) -> bool {
    let user = rustix::process::getuid().as_raw();
    folder
        .symlink_metadata()
        .is_ok_and(|found| found.is_dir() && found.uid() == user && found.mode() & 0o022 == 0)
}

/// A capture's place in the list, until this is dropped.
#[derive(Debug)]
pub(super) struct Listed {
    file: PathBuf,
}

impl Listed {
    /// Lists the capture of this process. Without a place to list it in only markers from outside
    /// are impossible.
    pub(super) fn new(pid: u32, channel: &str) -> Option<Self> {
        let folder = folder();
        // Where the folder above is everybody's, nobody else may list a capture in ours.
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder);
        made.ok()?;
        if !is_ours(&folder) {
            return None;
        }
        let file = folder.join(pid.to_string());
        std::fs::write(&file, channel).ok()?;
        Some(Self { file })
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        // A reader of the list sees that the process is gone.
        let _ = std::fs::remove_file(&self.file);
    }
}

/// The captures of this user that run, by process id.
#[must_use]
pub fn running_captures() -> Vec<RunningCapture> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder);
    let Some(entries) = entries.ok().filter(|_| is_ours(&folder)) else {
        return Vec::new();
    };
    let mut running: Vec<RunningCapture> = entries
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let alive = i32::try_from(pid).is_ok_and(thread::is_alive);
            let channel = std::fs::read_to_string(entry.path()).ok()?.into();
            alive.then_some(RunningCapture { pid, channel })
        })
        .collect();
    running.sort_by_key(|capture| capture.pid);
    running
}

impl RunningCapture {
    /// Writes a marker into it, at its place in the order of events.
    ///
    /// # Errors
    /// Where the text cannot be a marker, or the capture has ended meanwhile.
    pub fn mark(&self, text: &[u8]) -> Result<(), Error> {
        tracer::check_marker(text)?;
        let memory = ChannelMemory::open(&self.channel)?;
        let channel = memory.channel()?;
        if channel.is_closed() || !recorder::is_alive(&channel) {
            return Err(Error::NotRunning);
        }
        write_marker(&channel, text)
    }
}
