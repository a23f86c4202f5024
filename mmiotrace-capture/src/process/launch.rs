//! The backend for programs as they are: recorder here, capture in a child process.

use super::handler_state::pid;
use super::memory::ChannelMemory;
use super::notes::{Notes, Taker};
use super::program::Program;
use super::registry::Listed;
use super::tracer::check_marker;
use super::{Error, Options, clock, recorder, thread};
use crate::engine::{Channel, EntryBuf};
use crate::machine::{PciIds, PciInventory, Root};
use crate::reorder::Reorder;
use mmiotrace_core::{CaptureBackend, DrainState, Drained, EventSink, Summary};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

/// The environment variable that leads the preloaded library to the channel.
pub const CHANNEL_VARIABLE: &str = "MMIOTRACE_CHANNEL";
/// The environment variable with the patterns of further paths to trace, one a line.
pub const MATCH_VARIABLE: &str = "MMIOTRACE_MATCH";

/// Runs a command with the capturing library preloaded, and records what it and its descendants do.
///
/// The capture ends when the command has ended, or at [`stop`](CaptureBackend::stop); what still
/// runs then goes on untraced, and [`still_running`](Self::still_running) lists it.
#[derive(Debug)]
pub struct Launch {
    options: Options,
    program: OsString,
    arguments: Vec<OsString>,
    patterns: Vec<String>,
    library: PathBuf,
    running: Option<Running>,
    stopped: bool,
    header: Option<String>,
    notes: Notes,
}

#[derive(Debug)]
struct Running {
    memory: ChannelMemory,
    reorder: Reorder,
    buf: Box<EntryBuf>,
    command: Command,
    /// Once it is started.
    child: Option<Child>,
    status: Option<ExitStatus>,
    #[expect(dead_code, reason = "listed as long as this lives")]
    listed: Option<Listed>,
}

impl Launch {
    /// A backend that will run `program` with `library` (`libmmiotrace_preload.so`) preloaded.
    pub fn new(options: Options, program: impl AsRef<OsStr>, library: impl AsRef<Path>) -> Self {
        Self {
            options,
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            patterns: Vec::new(),
            library: library.as_ref().to_owned(),
            running: None,
            stopped: false,
            header: None,
            notes: Notes::default(),
        }
    }

    /// The command's arguments.
    #[must_use]
    pub fn with_arguments<S: AsRef<OsStr>>(
        mut self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        let owned = arguments
            .into_iter()
            .map(|argument| argument.as_ref().to_owned());
        self.arguments.extend(owned);
        self
    }

    /// Traces also what is mapped from paths that match this pattern (`*`, `?` and `[a-z]`, over
    /// the whole path). One that begins with a name is below the working folder.
    #[must_use]
    pub fn with_match(mut self, pattern: impl Into<String>) -> Self {
        self.patterns.push(absolute(&pattern.into()));
        self
    }

    /// Does everything that [`start`](CaptureBackend::start) does, except for running the command: markers
    /// can be written and the header drained then, so that what is wrong with the trace's destination
    /// is known before.
    ///
    /// # Errors
    /// As [`start`](CaptureBackend::start).
    pub fn prepare(&mut self) -> Result<(), Error> {
        if self.running.is_some() {
            return Err(Error::Busy);
        }
        let memory = ChannelMemory::create(self.options.geometry(), self.options.channel())?;
        let own_pid = u64::from(pid().unsigned_abs());
        let channel = memory.channel()?;
        channel.set_recorder(own_pid, recorder::start_of(own_pid));
        channel.beat(clock::now());
        let command = self.command(&memory)?;
        if self.options.header {
            let root = Root::system();
            self.header = Some(PciInventory::read(&root).header_lines(&PciIds::read(&root)));
        }
        let listed = Listed::new(pid().unsigned_abs(), &channel_path(&memory));
        self.stopped = false;
        self.running = Some(Running {
            memory,
            reorder: Reorder::default(),
            buf: Box::default(),
            command,
            child: None,
            status: None,
            listed,
        });
        Ok(())
    }

    /// How the command ended; `None` while it runs.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        self.running.as_ref().and_then(|running| running.status)
    }

    /// Waits some milliseconds, or until the command has ended; says whether it still runs.
    pub fn wait_a_little(&mut self) -> bool {
        let running = self.running.as_mut();
        let runs = running.is_some_and(|running| !running.has_ended());
        if runs {
            std::thread::sleep(core::time::Duration::from_millis(10));
        }
        runs
    }

    /// What is known of the programs so far, traced or not.
    #[must_use]
    pub const fn notes(&self) -> &Notes {
        &self.notes
    }

    /// The file of the command, once it was found.
    #[must_use]
    pub fn program_path(&self) -> Option<&Path> {
        let running = self.running.as_ref()?;
        Some(Path::new(running.command.get_program()))
    }

    /// The command's process id, once it was started.
    #[must_use]
    pub fn command_pid(&self) -> Option<u32> {
        let child = self
            .running
            .as_ref()
            .and_then(|running| running.child.as_ref());
        child.map(Child::id)
    }

    /// The processes that took part in the capture and still run, now that it is over: the command, if it
    /// has not ended, and those of its descendants that have the channel mapped. Those that are about
    /// to end are waited for, some milliseconds.
    #[must_use]
    pub fn still_running(&mut self) -> Vec<u32> {
        let Some(running) = &mut self.running else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for _ in 0..5 {
            let command = running.child.as_ref().map(Child::id);
            let command = command.filter(|_| !running.has_ended());
            found = participants(running.memory.file());
            found.retain(|pid| Some(*pid) != command);
            found.splice(..0, command);
            if found.is_empty() {
                break;
            }
            std::thread::sleep(core::time::Duration::from_millis(10));
        }
        found
    }

    fn command(&self, memory: &ChannelMemory) -> Result<Command, Error> {
        let program = Program::find(&self.program)?;
        program.check()?;
        let mut preload = preloadable(&self.library)?;
        if let Some(more) = std::env::var_os("LD_PRELOAD").filter(|more| !more.is_empty()) {
            preload.push(":");
            preload.push(more);
        }
        let channel = channel_path(memory);
        let mut command = Command::new(program.path());
        command
            .args(&self.arguments)
            .env("LD_PRELOAD", preload)
            .env(CHANNEL_VARIABLE, channel)
            .env(MATCH_VARIABLE, self.patterns.join("\n"));
        Ok(command)
    }
}

impl Running {
    /// Whether the command has ended; notes how.
    fn has_ended(&mut self) -> bool {
        if let (None, Some(child)) = (self.status, &mut self.child) {
            // An error here means that somebody else has waited for the child: it has ended.
            self.status = child.try_wait().ok().flatten();
        }
        self.status.is_some()
    }
}

impl CaptureBackend for Launch {
    type Error = Error;

    fn name(&self) -> &str {
        "process"
    }

    fn start(&mut self) -> Result<(), Error> {
        if self.running.is_none() {
            self.prepare()?;
        }
        let running = self.running.as_mut().ok_or(Error::NotRunning)?;
        if running.child.is_some() {
            return Err(Error::Busy);
        }
        let child = running.command.spawn().map_err(|source| Error::System {
            what: "run the command",
            source,
        })?;
        running.child = Some(child);
        Ok(())
    }

    fn drain(&mut self, sink: &mut dyn EventSink) -> Result<Drained, Error> {
        if let Some(header) = self.header.take() {
            sink.line(b"VERSION 20070824");
            header.lines().for_each(|line| sink.line(line.as_bytes()));
        }
        let Some(running) = &mut self.running else {
            return Ok(Drained {
                records: 0,
                state: DrainState::Ended,
            });
        };
        // Before the rings are looked at: what it wrote before it ended is then seen.
        let ended = running.has_ended() || self.stopped;
        let channel = running.memory.channel()?;
        let notes = &mut self.notes;
        let sink = &mut Taker { notes, sink };
        channel.beat(clock::now());
        let before = running.reorder.totals().records;
        let mut empty = running.reorder.drain(&channel, &mut running.buf, sink);
        let nothing = running.reorder.totals().records == before;
        if nothing && (ended || running.reorder.is_waiting() || !empty) {
            // Somebody may have been killed in the middle of a record.
            running
                .reorder
                .release_dead(&channel, thread::owner_is_alive);
            empty = running.reorder.drain(&channel, &mut running.buf, sink);
        }
        let records = running.reorder.totals().records - before;
        let state = match (ended && records == 0, empty) {
            (true, _) => DrainState::Ended,
            (false, true) => DrainState::Idle,
            (false, false) => DrainState::Pending,
        };
        if state == DrainState::Ended {
            channel.close();
        }
        Ok(Drained { records, state })
    }

    fn marker(&mut self, text: &[u8]) -> Result<(), Error> {
        check_marker(text)?;
        let running = self.running.as_ref().ok_or(Error::NotRunning)?;
        let channel = running.memory.channel()?;
        write_marker(&channel, text)
    }

    fn stop(&mut self) -> Result<Summary, Error> {
        let running = self.running.as_ref().ok_or(Error::NotRunning)?;
        let channel = running.memory.channel()?;
        channel.close();
        self.stopped = true;
        let (given, held) = (running.reorder.totals(), running.reorder.pending_totals());
        let mut summary = Summary::default();
        summary.events = given.events + held.events;
        summary.lost = given.lost.max(channel.lost());
        summary.blind_intervals = given.blind_intervals + held.blind_intervals;
        summary.markers = (given.markers + held.markers).saturating_sub(self.notes.markers);
        Ok(summary)
    }
}

/// The path of a library as `LD_PRELOAD` takes it.
fn preloadable(library: &Path) -> Result<OsString, Error> {
    let find = |source| Error::System {
        what: "find the library to preload",
        source,
    };
    // One in memory has a path below /proc, and no name behind it.
    let path = match library.starts_with("/proc") {
        true => library.to_owned(),
        false => library.canonicalize().map_err(find)?,
    };
    path.metadata().map_err(find)?;
    let splits = |byte: &u8| *byte == b':' || byte.is_ascii_whitespace();
    if path.as_os_str().as_encoded_bytes().iter().any(splits) {
        return Err(Error::LibraryPath(path));
    }
    Ok(path.into_os_string())
}

/// The processes that have a channel mapped, except for this one.
fn participants(channel: &File) -> Vec<u32> {
    let inode = channel.metadata().map_or(0, |metadata| metadata.ino());
    let has_mapped = |pid: &u32| {
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"));
        maps.is_ok_and(|maps| {
            maps.lines().any(|line| {
                line.contains("/memfd:mmiotrace")
                    && line.split_ascii_whitespace().nth(4) == Some(inode.to_string().as_str())
            })
        })
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != std::process::id())
        .filter(has_mapped)
        .collect()
}

/// A pattern for the whole path, as the kernel names it.
fn absolute(pattern: &str) -> String {
    let is_whole = pattern.starts_with(['/', '*', '?']) || pattern.starts_with("anon_inode:");
    let folder = std::env::current_dir().ok();
    let folder = folder.as_ref().and_then(|folder| folder.to_str());
    let Some(folder) = folder.filter(|_| !is_whole) else {
        return pattern.to_owned();
    };
    let mut parts: Vec<String> = folder.split('/').map(literal).collect();
    for part in pattern.split('/') {
        match part {
            "." | "" => {}
            ".." => parts.truncate(parts.len().saturating_sub(1).max(1)),
            part => parts.push(part.to_owned()),
        }
    }
    parts.join("/")
}

/// A pattern for this text alone.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |mut pattern, character| {
        match character {
            '*' | '?' | '[' => pattern.extend(['[', character, ']']),
            _ => pattern.push(character),
        }
        pattern
    })
}

/// By which other processes open the channel.
fn channel_path(memory: &ChannelMemory) -> String {
    format!("/proc/{}/fd/{}", pid(), memory.file().as_raw_fd())
}

/// Writes a marker, for a process that traces nothing itself.
pub(super) fn write_marker(channel: &Channel<'_>, text: &[u8]) -> Result<(), Error> {
    let owner = u64::from(pid().unsigned_abs()) << 32 | u64::from(thread::id().unsigned_abs());
    for _ in 0..1000 {
        if channel.mark(owner, clock::now(), thread::id(), text) {
            return Ok(());
        }
        std::thread::sleep(core::time::Duration::from_millis(1));
    }
    Err(Error::Marker("come while the rings are full (try again)"))
}

impl Drop for Launch {
    fn drop(&mut self) {
        let channel = self
            .running
            .as_ref()
            .map(|running| running.memory.channel());
        if let Some(Ok(channel)) = channel {
            channel.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::matches;

    #[test]
    fn relative_patterns_are_below_the_working_folder() {
        let folder = std::env::current_dir().unwrap();
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        for pattern in ["registers*", "./registers*", "a/../registers?"] {
            assert!(
                matches(&absolute(pattern), &file("registers1")),
                "{pattern}"
            );
            assert!(!matches(&absolute(pattern), "/tmp/registers1"));
        }
        assert!(matches(
            &absolute("../x"),
            folder.with_file_name("x").to_str().unwrap()
        ));
        for whole in ["/dev/x", "*/x", "?dev", "anon_inode:[x]"] {
            assert_eq!(absolute(whole), whole);
        }
        assert!(matches(&literal("/a[1]/*?"), "/a[1]/*?"));
        assert!(!matches(&literal("/a[1]"), "/a1"));
    }
}
