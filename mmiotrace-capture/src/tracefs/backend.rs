//! The backend.

use super::buffer::advised_kib;
use super::control::TraceDir;
use super::setup::{self, Before, Ready};
use super::sink_side::SinkSide;
use super::state::StateFile;
use super::stream::Stream;
use super::undo::undo;
use super::{Displaced, Error, Figures, Options, RingStats, leftover, marker};
use crate::machine::{CpuSet, PciIds, PciInventory};
use core::time::Duration;
use mmiotrace_core::{CaptureBackend, DrainState, Drained, EventSink, Summary};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::time::Instant;

/// Reads of one call of `drain`: a page of text each (`tracing_read_pipe`), so some 250 KiB.
const READS_PER_DRAIN: usize = 64;

/// How long entries that do not come are waited for after the stop.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    Stopping(Instant),
    Ended,
}

/// The kernel's own tracer as a source of events. See the [module](super) for what it changes and
/// puts back.
#[derive(Debug)]
pub struct Tracefs {
    options: Options,
    phase: Phase,
    running: Option<Running>,
    stream: Stream,
    figures: Figures,
    notes: Vec<String>,
    sink: SinkSide,
}

/// What exists while a capture runs.
#[derive(Debug)]
struct Running {
    dir: TraceDir,
    file: StateFile,
    pipe: File,
    /// A pipe of a made-up tree: it has ended when its writer has.
    is_fifo: bool,
    online: CpuSet,
}

impl Running {
    fn stats(&self) -> RingStats {
        RingStats::read(&self.dir, self.online.as_slice())
    }
}

impl Tracefs {
    /// A backend that has changed nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            phase: Phase::New,
            running: None,
            stream: Stream::default(),
            figures: Figures::default(),
            notes: Vec::new(),
            sink: SinkSide::default(),
        }
    }

    /// What a person should know of this capture so far, a sentence each: what a killed capture
    /// had left, which CPUs could not be taken off-line, what the kernel's command line hides.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The figures so far.
    #[must_use]
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Looks at the kernel's counters; gives how many events are lost by now.
    pub fn look_for_losses(&mut self) -> u64 {
        if let Some(running) = &self.running {
            self.figures.ring = running.stats();
        }
        self.count(0);
        self.figures.lost
    }

    /// As [`CaptureBackend::drain`], but gives the trace's bytes as they are, whole lines at a
    /// time: to be written to a file.
    ///
    /// # Errors
    /// As [`CaptureBackend::drain`].
    pub fn drain_bytes(&mut self, give: &mut dyn FnMut(&[u8])) -> Result<Drained, Error> {
        if self.phase == Phase::New {
            return Err(Error::OutOfOrder("drain"));
        }
        let Some(running) = &mut self.running else {
            return Ok(drained(0, DrainState::Ended));
        };
        let mut buffer = [0; 16 << 10];
        let mut records = 0;
        for _ in 0..READS_PER_DRAIN {
            let state = match running.pipe.read(&mut buffer) {
                Ok(0) => End::EndOfFile,
                Ok(len) => {
                    let bytes = buffer.get(..len).unwrap_or_default();
                    records += self.stream.take(bytes, give);
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => End::NothingNow,
                Err(error) => return Err(Error::file(running.dir.path("trace_pipe"), error)),
            };
            if !self.has_ended(state) {
                return Ok(drained(records, DrainState::Idle));
            }
            records += self.finish(give)?;
            return Ok(drained(records, DrainState::Ended));
        }
        Ok(drained(records, DrainState::Pending))
    }

    /// Whether nothing more will come. The kernel's pipe has no end when opened without blocking:
    /// once tracing is off and the ring is empty, it has.
    fn has_ended(&mut self, state: End) -> bool {
        let (Phase::Stopping(since), Some(running)) = (self.phase, &self.running) else {
            return false;
        };
        if running.is_fifo {
            return matches!(state, End::EndOfFile) || since.elapsed() > 10 * PATIENCE;
        }
        let left = running.stats().entries;
        if left > 0 && since.elapsed() > PATIENCE {
            self.notes.push(format!(
                "{left} entries of the ring could not be read: another reader holds trace_pipe?"
            ));
            return true;
        }
        left == 0
    }

    /// Gives the last of the trace, puts everything back.
    fn finish(&mut self, give: &mut dyn FnMut(&[u8])) -> Result<u64, Error> {
        let Some(running) = &self.running else {
            return Ok(0);
        };
        let ring = running.stats();
        self.figures.ring = ring;
        // What was never read is as lost as what was overwritten.
        let lost = ring.lost() + ring.entries;
        let missing = lost.saturating_sub(self.stream.tally().announced);
        let records = self.stream.end(missing, give);
        if lost.max(self.stream.tally().announced) > 0 {
            let lost = lost.max(self.stream.tally().announced);
            let advised = advised_kib(self.figures.buffer_kib, lost);
            self.figures.advised_kib = Some(advised);
            running.file.leave_advice(advised);
        }
        self.count(ring.entries);
        if self.figures.records != ring.read_events {
            self.notes.push(format!(
                "the kernel gave {} entries, and {} records were read: markers with newlines or \
                 NULs do that, or another reader took some",
                ring.read_events, self.figures.records
            ));
        }
        self.restore()?;
        Ok(records)
    }

    /// `unread`: entries of the ring that nobody will read.
    fn count(&mut self, unread: u64) {
        let (figures, tally) = (&mut self.figures, self.stream.tally());
        figures.records = tally.entries;
        figures.announced_lost = tally.announced;
        figures.bytes = self.stream.bytes;
        figures.lost = (figures.ring.lost() + unread).max(tally.announced);
    }

    /// Puts everything back. What the ring still holds is gone then.
    fn restore(&mut self) -> Result<(), Error> {
        self.phase = Phase::Ended;
        let Some(Running { file, pipe, .. }) = self.running.take() else {
            return Ok(());
        };
        // The tracer cannot be switched off while the pipe is open.
        drop(pipe);
        let failures = undo(&self.options.root, file.steps());
        if failures.is_empty() {
            return file.remove();
        }
        // The state file stays: the next start tries again.
        Err(Error::NotRestored(failures))
    }

    fn try_start(&mut self) -> Result<(), Error> {
        let root = self.options.root.clone();
        let (mut file, left) = StateFile::lock(&root)?;
        if let Some(left) = left {
            leftover::put_back(&root, &left, &mut self.notes)?;
        }
        file.set_output(self.options.output.clone());
        // Before the CPUs go: the names are a large file.
        let header = PciInventory::read(&root).lspci_lines(&PciIds::read(&root));
        self.stream = Stream::new(header);
        let result = self.activate(&mut file);
        match result {
            Ok((dir, ready, pipe)) => {
                self.figures.buffer_kib = ready.buffer_kib;
                self.figures.cpus = ready.online.len() as u64;
                let is_fifo = pipe
                    .metadata()
                    .is_ok_and(|metadata| metadata.file_type().is_fifo());
                self.running = Some(Running {
                    dir,
                    file,
                    pipe,
                    is_fifo,
                    online: ready.online,
                });
                self.phase = Phase::Running;
                Ok(())
            }
            Err(error) => {
                let failures = undo(&root, file.steps());
                if failures.is_empty() {
                    file.remove()?;
                } else {
                    self.notes.push(format!(
                        "not everything was put back: {}",
                        failures.join("; ")
                    ));
                }
                Err(error)
            }
        }
    }

    fn activate(&mut self, file: &mut StateFile) -> Result<(TraceDir, Ready, File), Error> {
        let dir = setup::open(&self.options, file)?;
        let before = Before::read(&dir, &self.options)?;
        // It comes first, so that it is put back last: when the tracer is off.
        let displaced = self.options.displaced.as_ref();
        file.add(displaced.map(Displaced::step))?;
        file.add(before.steps(&dir))?;
        if let Some(displaced) = displaced {
            displaced.remove(&self.options.root)?;
        }
        let advice = file.advice();
        let ready = setup::activate(&dir, &self.options, &before, advice, &mut self.notes)?;
        // Opened after the switch: the first read of a pipe opened while the tracer is current
        // gives VERSION and PCIDEV lines, and one opened before would block the switch.
        let path = dir.path("trace_pipe");
        let pipe = OpenOptions::new()
            .read(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
            .open(&path)
            .map_err(|error| Error::file(&path, error))?;
        Ok((dir, ready, pipe))
    }
}

enum End {
    /// No byte, and no writer.
    EndOfFile,
    /// No byte at the moment.
    NothingNow,
}

const fn drained(records: u64, state: DrainState) -> Drained {
    Drained { records, state }
}

impl CaptureBackend for Tracefs {
    type Error = Error;

    fn name(&self) -> &str {
        "tracefs"
    }

    /// Switches the tracer on.
    ///
    /// # Errors
    /// Where it cannot be had; everything is as it was then.
    fn start(&mut self) -> Result<(), Error> {
        if self.phase != Phase::New {
            return Err(Error::OutOfOrder("start"));
        }
        self.try_start()
    }

    fn drain(&mut self, sink: &mut dyn EventSink) -> Result<Drained, Error> {
        let mut side = core::mem::take(&mut self.sink);
        let result = self.drain_bytes(&mut |lines| side.take(lines, sink));
        if matches!(
            result,
            Ok(Drained {
                state: DrainState::Ended,
                ..
            })
        ) {
            side.finish(sink);
        }
        self.sink = side;
        result
    }

    fn marker(&mut self, text: &[u8]) -> Result<(), Error> {
        let running = self
            .running
            .as_ref()
            .filter(|_| self.phase == Phase::Running);
        let running = running.ok_or(Error::OutOfOrder("marker"))?;
        marker::write(&running.dir, text)?;
        self.figures.markers += 1;
        Ok(())
    }

    /// Switches tracing off. What the ring holds is drained afterwards; the last call of `drain`
    /// puts everything back.
    ///
    /// The summary counts what the kernel's counters say: all entries that were read and those
    /// that wait, but for our own markers.
    fn stop(&mut self) -> Result<Summary, Error> {
        let running = self
            .running
            .as_ref()
            .filter(|_| self.phase == Phase::Running);
        let running = running.ok_or(Error::OutOfOrder("stop"))?;
        running.dir.write("tracing_on", "0")?;
        self.phase = Phase::Stopping(Instant::now());
        let ring = running.stats();
        let mut summary = Summary::default();
        summary.events = (ring.entries + ring.read_events).saturating_sub(self.figures.markers);
        summary.lost = ring.lost();
        summary.markers = self.figures.markers;
        Ok(summary)
    }
}

impl Drop for Tracefs {
    fn drop(&mut self) {
        // Nobody is left to be told; the state file stays where this fails.
        let _ = self.restore();
    }
}
