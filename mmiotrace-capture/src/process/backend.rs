//! The backend: recorder and program in one process.

use super::capture::Capture;
use super::handler_state::pid;
use super::memory::ChannelMemory;
use super::tracer::{check_marker, install};
use super::{Error, Options, Tracer, thread};
use crate::engine::EntryBuf;
use crate::machine::{PciIds, PciInventory, Root};
use crate::reorder::Reorder;
use mmiotrace_core::{CaptureBackend, DrainState, Drained, EventSink, Summary};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// This process as a source of events.
///
/// [`start`](CaptureBackend::start) installs the signal handlers, [`tracer`](Self::tracer) then says
/// what is traced. One capture runs in a process at a time. After [`stop`](CaptureBackend::stop) all
/// memory is accessible as before; the handlers stay, and pass on everything.
#[derive(Debug)]
pub struct Process {
    options: Options,
    running: Option<Running>,
    stopped: bool,
    header: Option<String>,
}

#[derive(Debug)]
struct Running {
    tracer: Tracer,
    reader: Arc<Reader>,
    /// The process that started it: a forked child has a copy of this, which is not the capture.
    pid: i32,
}

/// The recorder's side of a channel.
#[derive(Debug)]
struct Reader {
    memory: Arc<ChannelMemory>,
    reorder: Mutex<(Reorder, Box<EntryBuf>)>,
}

impl Reader {
    fn lock(&self) -> MutexGuard<'_, (Reorder, Box<EntryBuf>)> {
        self.reorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room in the rings, unless another thread is doing so.
    fn pump(&self) {
        if let (Ok(mut reorder), Ok(channel)) = (self.reorder.try_lock(), self.memory.channel()) {
            let (reorder, buf) = &mut *reorder;
            reorder.fetch(&channel, buf);
        }
    }
}

impl Process {
    /// A backend that does nothing before [`start`](CaptureBackend::start).
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self {
            options,
            running: None,
            stopped: false,
            header: None,
        }
    }

    /// Says what is traced.
    ///
    /// # Errors
    /// Where no capture runs.
    pub fn tracer(&self) -> Result<Tracer, Error> {
        match &self.running {
            Some(running) if !self.stopped => Ok(running.tracer.clone()),
            _ => Err(Error::NotRunning),
        }
    }
}

impl CaptureBackend for Process {
    type Error = Error;

    fn name(&self) -> &str {
        "process"
    }

    fn start(&mut self) -> Result<(), Error> {
        if self.running.is_some() {
            return Err(Error::Busy);
        }
        if self.options.exact_threads {
            thread::ask_always();
        }
        let memory = ChannelMemory::create(self.options.geometry(), self.options.channel())?;
        let memory = Arc::new(memory);
        let reader = Arc::new(Reader {
            memory: Arc::clone(&memory),
            reorder: Mutex::default(),
        });
        let pump = Arc::clone(&reader);
        let capture = Capture::new(memory, Some(Box::new(move || pump.pump())), false)?;
        let tracer = install(capture)?;
        if self.options.header {
            let root = Root::system();
            self.header = Some(PciInventory::read(&root).header_lines(&PciIds::read(&root)));
        }
        self.stopped = false;
        self.running = Some(Running {
            tracer,
            reader,
            pid: pid(),
        });
        Ok(())
    }

    fn drain(&mut self, sink: &mut dyn EventSink) -> Result<Drained, Error> {
        if let Some(header) = self.header.take() {
            sink.line(b"VERSION 20070824");
            header.lines().for_each(|line| sink.line(line.as_bytes()));
        }
        let Some(running) = &self.running else {
            return Ok(Drained {
                records: 0,
                state: DrainState::Ended,
            });
        };
        let channel = running.reader.memory.channel()?;
        let mut reader = running.reader.lock();
        let (reorder, buf) = &mut *reader;
        let before = reorder.totals().records;
        let empty = reorder.drain(&channel, buf, sink);
        let records = reorder.totals().records - before;
        let state = match (empty, self.stopped) {
            (true, true) => DrainState::Ended,
            (true, false) => DrainState::Idle,
            (false, _) => DrainState::Pending,
        };
        Ok(Drained { records, state })
    }

    fn marker(&mut self, text: &[u8]) -> Result<(), Error> {
        check_marker(text)?;
        self.tracer()?.marker(text)
    }

    fn stop(&mut self) -> Result<Summary, Error> {
        let running = self.running.as_ref().ok_or(Error::NotRunning)?;
        let channel = running.reader.memory.channel()?;
        if !self.stopped {
            running.tracer.leave();
            channel.close();
            self.stopped = true;
        }
        let lost = channel.lost();
        let mut reader = running.reader.lock();
        let (reorder, buf) = &mut *reader;
        reorder.fetch(&channel, buf);
        let (given, held) = (reorder.totals(), reorder.pending_totals());
        let mut summary = Summary::default();
        summary.events = given.events + held.events;
        summary.lost = lost;
        summary.blind_intervals = given.blind_intervals + held.blind_intervals;
        summary.markers = given.markers + held.markers;
        Ok(summary)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(running) = &self.running
            && !self.stopped
            && running.pid == pid()
        {
            running.tracer.leave();
        }
    }
}
