//! A whole capture: the driver, a command, markers between, and what ends it.

use super::lines::each_line;
use super::{Driver, Error, Figures, Tracefs};
use crate::EndRequest;
use core::time::Duration;
use mmiotrace_core::{CaptureBackend, DrainState};
use mmiotrace_format::{Parser, Record};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Child, Command, ExitStatus};
use std::time::Instant;

/// How often the kernel's counters are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Tells whether a marker's text is the one that ends a capture.
pub type MarkerTest = Box<dyn Fn(&[u8]) -> bool>;

/// What a capture is to do. Without driver, command and limit it records until it is interrupted.
#[derive(Default)]
#[non_exhaustive]
pub struct Plan {
    /// The driver to load or bind first.
    pub driver: Option<Driver>,
    /// A program with its arguments; the capture ends when it has ended. Empty: none.
    pub command: Vec<OsString>,
    /// Markers to write at the beginning.
    pub marks: Vec<Vec<u8>>,
    /// Ends the capture after this time.
    pub time_limit: Option<Duration>,
    /// Ends the capture when the trace has so many bytes.
    pub size_limit: Option<u64>,
    /// Ends the capture when events are lost.
    pub stop_on_loss: bool,
    /// Ends the capture when such a marker is in it.
    pub stop_on_marker: Option<MarkerTest>,
}

impl core::fmt::Debug for Plan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Plan")
            .field("driver", &self.driver)
            .field("command", &self.command)
            .field("marks", &self.marks)
            .field("time_limit", &self.time_limit)
            .field("size_limit", &self.size_limit)
            .field("stop_on_loss", &self.stop_on_loss)
            .field("stop_on_marker", &self.stop_on_marker.is_some())
            .finish()
    }
}

/// What ended a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The command has ended.
    CommandEnded,
    /// It was asked for ([`EndRequest`]).
    Interrupted,
    /// The time limit.
    Time,
    /// The size limit.
    Size,
    /// Events were lost.
    Loss,
    /// The marker came.
    Marker,
    /// The driver was not loaded or bound, or the command could not be started.
    Failed,
    /// The trace could not be written.
    Output,
}

/// How a capture went.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// What ended it.
    pub stop: StopReason,
    /// How the command ended, if it did.
    pub command: Option<ExitStatus>,
    /// The process id of the command, if it still runs: what it does is no longer in the trace.
    pub continued: Option<u32>,
    /// What failed: driver, command, or putting things back. The trace up to there is whole.
    pub failures: Vec<Error>,
    /// Why the trace could not be written.
    pub output_error: Option<io::Error>,
    /// The figures.
    pub figures: Figures,
    /// How long the tracer was on.
    pub elapsed: Duration,
}

/// Captures with a backend that has been started: attaches the driver, runs the command, detaches
/// the driver, switches the tracer off, writes all of it to `output`, puts everything back.
///
/// `requests` says whether somebody has asked for an end; it is given the process id of the command while
/// that runs. A command is never ended by the capture: after a limit, or a request while it runs, it
/// goes on ([`Report::continued`]).
///
/// Markers go into the trace at each phase: `phase begin: load e1000`, `phase end: load e1000`.
/// What fails is in the report.
pub fn run(
    mut plan: Plan,
    backend: &mut Tracefs,
    output: &mut dyn Write,
    requests: &dyn Fn(Option<u32>) -> EndRequest,
) -> Report {
    let mut session = Session {
        backend,
        output,
        requests,
        running: None,
        began: Instant::now(),
        looked: Instant::now(),
        stop: None,
        marker_seen: false,
        parser: Parser::new(),
        failures: Vec::new(),
        output_error: None,
        plan: Plan::default(),
    };
    let driver = plan.driver.take();
    session.plan = plan;
    let command = session.phases(driver.as_ref());
    session.end(command)
}

struct Session<'a> {
    plan: Plan,
    backend: &'a mut Tracefs,
    output: &'a mut dyn Write,
    requests: &'a dyn Fn(Option<u32>) -> EndRequest,
    /// The command's process id, while it runs.
    running: Option<u32>,
    began: Instant,
    looked: Instant,
    stop: Option<StopReason>,
    marker_seen: bool,
    parser: Parser,
    failures: Vec<Error>,
    output_error: Option<io::Error>,
}

impl Session<'_> {
    fn phases(&mut self, driver: Option<&Driver>) -> Option<ExitStatus> {
        self.mark("capture begins");
        let cpus = self.backend.figures().cpus;
        if cpus > 1 {
            // In the trace, so that whoever gets it knows.
            self.mark(&format!(
                "{cpus} CPUs are on-line: accesses may be missing without count"
            ));
        }
        for text in core::mem::take(&mut self.plan.marks) {
            if let Err(error) = self.backend.marker(&text) {
                self.failures.push(error);
            }
        }
        // Whether the trace can be written is known before anything happens that belongs in it.
        self.step();
        let mut attached = false;
        if let Some(driver) = driver.filter(|_| self.output_error.is_none()) {
            attached = self.driver_phase(&driver.attach_phase(), driver, Driver::attach);
            if !attached {
                self.stop.get_or_insert(StopReason::Failed);
            }
        }
        let command = self.work();
        let phase = driver.and_then(|driver| Some((driver, driver.detach_phase()?)));
        // Whatever ended the capture: as it was before is what was promised.
        if let (true, Some((driver, phase))) = (attached, phase) {
            self.driver_phase(&phase, driver, Driver::detach);
        }
        self.mark("capture ends");
        command
    }

    /// Runs the command, or waits for what ends the capture.
    fn work(&mut self) -> Option<ExitStatus> {
        if self.plan.command.is_empty() {
            while self.stop.is_none() {
                self.step();
            }
            return None;
        }
        if self.stop.is_some() {
            return None;
        }
        let words: Vec<String> = self
            .plan
            .command
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let phase = format!("run {}", words.join(" "));
        self.mark(&format!("phase begin: {phase}"));
        let (program, arguments) = self.plan.command.split_first()?;
        let child = Command::new(program).args(arguments).spawn();
        let status = match child {
            Ok(child) => self.watch(child),
            Err(error) => {
                self.failures.push(Error::file(program, error));
                self.stop.get_or_insert(StopReason::Failed);
                None
            }
        };
        self.mark(&format!("phase end: {phase}"));
        status
    }

    /// Records until the command has ended, or the capture is to end before.
    fn watch(&mut self, mut child: Child) -> Option<ExitStatus> {
        self.running = Some(child.id());
        loop {
            self.step();
            if let Ok(Some(status)) = child.try_wait() {
                self.running = None;
                self.stop.get_or_insert(StopReason::CommandEnded);
                return Some(status);
            }
            if self.stop.is_some() {
                return None;
            }
        }
    }

    fn request(&self) -> EndRequest {
        (self.requests)(self.running)
    }

    /// Attaches or detaches, in a thread of its own: a probe may take seconds, and the ring must be
    /// drained meanwhile.
    fn driver_phase(
        &mut self,
        phase: &str,
        driver: &Driver,
        action: fn(&Driver) -> Result<(), Error>,
    ) -> bool {
        self.mark(&format!("phase begin: {phase}"));
        let driver = driver.clone();
        let thread = std::thread::spawn(move || action(&driver));
        while !thread.is_finished() {
            self.step();
            if self.request() == EndRequest::EndNow {
                let text = format!("{phase}: still under way when the capture was ended");
                self.failures.push(Error::Driver(text));
                return false;
            }
        }
        let result = thread
            .join()
            .unwrap_or_else(|_| Err(Error::Driver(format!("{phase}: died"))));
        self.mark(&match &result {
            Ok(()) => format!("phase end: {phase}"),
            Err(_) => format!("phase failed: {phase}"),
        });
        let done = result.is_ok();
        self.failures.extend(result.err());
        done
    }

    /// A phase marker; markers of any length are cut to what the kernel takes.
    fn mark(&mut self, text: &str) {
        let text: String = text
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .take(240)
            .collect();
        // Only decoration: a trace without it is as true.
        let _ = self.backend.marker(text.as_bytes());
    }

    /// Drains once, looks for what ends the capture, rests if there was nothing to do.
    fn step(&mut self) {
        let state = self.drain();
        self.look();
        if state != DrainState::Pending {
            // Short, since the ring fills meanwhile; not shorter, since on the only CPU that is
            // on-line the driver waits for us.
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn drain(&mut self) -> DrainState {
        let (output, output_error) = (&mut self.output, &mut self.output_error);
        let (parser, seen) = (&mut self.parser, &mut self.marker_seen);
        let test = self.plan.stop_on_marker.as_ref();
        let result = self.backend.drain_bytes(&mut |bytes| {
            if output_error.is_none() {
                *output_error = output.write_all(bytes).err();
            }
            if let Some(test) = test {
                *seen |= has_marker(parser, bytes, test);
            }
        });
        if self.output_error.is_none() {
            self.output_error = self.output.flush().err();
        }
        match result {
            Ok(drained) => drained.state,
            Err(error) => {
                self.failures.push(error);
                self.stop.get_or_insert(StopReason::Failed);
                DrainState::Ended
            }
        }
    }

    fn look(&mut self) {
        if self.stop.is_some() {
            return;
        }
        let elapsed = self.began.elapsed();
        let limit = |limit: Option<Duration>| limit.is_some_and(|limit| elapsed >= limit);
        self.stop = if self.output_error.is_some() {
            Some(StopReason::Output)
        } else if self.request() != EndRequest::None {
            Some(StopReason::Interrupted)
        } else if self.marker_seen {
            Some(StopReason::Marker)
        } else if limit(self.plan.time_limit) {
            Some(StopReason::Time)
        } else if self
            .plan
            .size_limit
            .is_some_and(|limit| self.backend.figures().bytes >= limit)
        {
            Some(StopReason::Size)
        } else if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            let lost = self.backend.look_for_losses();
            (lost > 0 && self.plan.stop_on_loss).then_some(StopReason::Loss)
        } else {
            None
        };
    }

    fn end(mut self, command: Option<ExitStatus>) -> Report {
        let elapsed = self.began.elapsed();
        match self.backend.stop() {
            Ok(_) => {
                while self.drain() != DrainState::Ended {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            // Then there is no end to wait for. Dropping the backend puts everything back.
            Err(error) => {
                self.failures.push(error);
                self.drain();
            }
        }
        if self.output_error.is_none() {
            self.output_error = self.output.flush().err();
        }
        let stop = if self.output_error.is_some() {
            StopReason::Output
        } else {
            self.stop.unwrap_or(StopReason::Interrupted)
        };
        Report {
            stop,
            command,
            continued: self.running,
            failures: self.failures,
            output_error: self.output_error,
            figures: self.backend.figures().clone(),
            elapsed,
        }
    }
}

fn has_marker(parser: &mut Parser, lines: &[u8], test: &MarkerTest) -> bool {
    let mut seen = false;
    each_line(parser, lines, |line| {
        if let Ok(Record::Marker(marker)) = line.parse() {
            seen |= test(marker.text);
        }
    });
    seen
}
