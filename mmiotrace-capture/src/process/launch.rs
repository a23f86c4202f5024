//! The backend for programs as they are: recorder here, capture in a child process.

use super::handler_state::pid;
use super::memory::ChannelMemory;
use super::program::Program;
use super::registry::Listed;
use super::tracer::check_marker;
use super::{Error, Options, clock, recorder, thread};
use crate::machine::{PciIds, PciInventory, Root};
use crate::reorder::Reorder;
use mmiotrace_core::{CaptureBackend, DrainState, Drained, EventSink, Summary};
use mmiotrace_kmod::{Channel, EntryBuf};
use std::ffi::{OsStr, OsString};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

/// The environment variable that leads the preloaded library to the channel.
pub const CHANNEL_VARIABLE: &str = "MMIOTRACE_CHANNEL";
/// The environment variable with the patterns of further paths to trace, one a line.
pub const MATCH_VARIABLE: &str = "MMIOTRACE_MATCH";

/// Runs a command with the capturing library preloaded, and records what it and its descendants do.
///
/// The capture ends when the command has ended, or at [`stop`](CaptureBackend::stop); what still
/// runs then goes on untraced.
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
}

#[derive(Debug)]
struct Running {
    memory: ChannelMemory,
    reorder: Reorder,
    buf: Box<EntryBuf>,
    child: Child,
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
    /// the whole path).
    #[must_use]
    pub fn with_match(mut self, pattern: impl Into<String>) -> Self {
        self.patterns.push(pattern.into());
        self
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

    /// The command's process id, once it was started.
    #[must_use]
    pub fn command_pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.child.id())
    }

    fn command(&self, memory: &ChannelMemory) -> Result<Command, Error> {
        let program = Program::find(&self.program)?;
        program.check()?;
        let library = self.library.canonicalize();
        let mut preload = library
            .map_err(|source| Error::System {
                what: "find the library to preload",
                source,
            })?
            .into_os_string();
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
        if self.status.is_none() {
            // An error here means that somebody else has waited for the child: it has ended.
            self.status = self.child.try_wait().ok().flatten();
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
        if self.running.is_some() {
            return Err(Error::Busy);
        }
        let memory = ChannelMemory::create(self.options.geometry(), self.options.channel())?;
        let own_pid = u64::from(pid().unsigned_abs());
        let channel = memory.channel()?;
        channel.set_recorder(own_pid, recorder::start_of(own_pid));
        channel.beat(clock::now());
        let mut command = self.command(&memory)?;
        if self.options.header {
            let root = Root::system();
            self.header = Some(PciInventory::read(&root).header_lines(&PciIds::read(&root)));
        }
        let child = command.spawn().map_err(|source| Error::System {
            what: "run the command",
            source,
        })?;
        let listed = Listed::new(pid().unsigned_abs(), &channel_path(&memory));
        self.stopped = false;
        self.running = Some(Running {
            memory,
            reorder: Reorder::default(),
            buf: Box::default(),
            child,
            status: None,
            listed,
        });
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
        summary.markers = given.markers + held.markers;
        Ok(summary)
    }
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
