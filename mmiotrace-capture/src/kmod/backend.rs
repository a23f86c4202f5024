//! The backend.

use super::device::{Device, Memory};
use super::module::refuse_other_tracer;
use super::{Error, Options, abi};
use crate::DeviceOrder;
use crate::engine::{Channel, EntryBuf};
use crate::machine::{PciIds, PciInventory, Root};
use crate::reorder::Reorder;
use mmiotrace_core::{CaptureBackend, DrainState, Drained, EventSink, Summary};

/// Our module in the kernel as a source of events.
///
/// Dropping it while it captures stops the capture. A process that dies without that leaves the
/// capture running, unless [`Options::with_death_timeout`] says otherwise; [`Options::resuming`]
/// continues it.
#[derive(Debug)]
pub struct Kmod {
    options: Options,
    running: Option<Running>,
    stopped: bool,
    reorder: Reorder,
    header: Option<String>,
    /// All of a stopped capture was given.
    ended: bool,
    /// The length of the trace that an earlier recorder has left.
    written: u64,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Running {
    device: Device,
    memory: Memory,
    buf: Box<EntryBuf>,
}

impl Kmod {
    /// A backend that does nothing before [`start`](CaptureBackend::start).
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            running: None,
            stopped: false,
            reorder: Reorder::default(),
            header: None,
            ended: false,
            written: 0,
            notes: Vec::new(),
        }
    }

    /// Where it [resumed](Options::resuming): how many bytes of the trace the recorder before had
    /// brought to safety. What its file has behind them comes again. 0 where it began.
    #[must_use]
    pub const fn resumed_at(&self) -> u64 {
        self.written
    }

    /// What a person should know, and is no error.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Says that all that was given so far is on disk, in a trace of `bytes` bytes: the module may
    /// forget it. Only for a capture that [keeps](Options::keeping_until_written); without it the
    /// rings fill up.
    pub fn written(&mut self, bytes: u64) {
        let channel = self.running.as_ref().map(|running| &running.memory);
        if let Some(Ok(channel)) = channel.map(|memory| Channel::open(memory.words())) {
            self.reorder.written(&channel, bytes);
        }
    }

    /// How many mappings the module traces now, and how many it could not trace.
    ///
    /// # Errors
    /// Where no capture runs.
    pub fn state(&self) -> Result<super::ModuleState, Error> {
        self.running
            .as_ref()
            .ok_or(Error::NotRunning)?
            .device
            .state()
    }

    fn begin(&self, device: &Device) -> Result<u64, Error> {
        let options = &self.options;
        if options.resume {
            return device.resume();
        }
        let mut flags = 0;
        if options.ring.order == DeviceOrder::Interval {
            flags |= abi::ORDER_INTERVAL;
        }
        if options.ring.no_pc {
            flags |= abi::NO_PC;
        }
        if options.death_timeout.is_some() {
            flags |= abi::DISARM_ON_DEATH;
        }
        let timeout = options.death_timeout.unwrap_or_default().as_millis();
        device.start(
            flags,
            options.slots(),
            u32::try_from(timeout).unwrap_or(u32::MAX),
        )
    }

    fn arm(&mut self, device: &Device) -> Result<(), Error> {
        for range in &self.options.ranges {
            device.add_filter(range.start.0, range.end.0)?;
        }
        for mapping in &self.options.premapped {
            if !device.arm(mapping.virt.0, mapping.len, mapping.phys.0)? {
                self.notes.push(format!(
                    "the mapping of {} at {} was gone before it could be traced",
                    mapping.phys, mapping.virt
                ));
            }
        }
        Ok(())
    }
}

/// What a trace begins with.
fn header(root: &Root) -> String {
    let machine = PciInventory::read(root).header_lines(&PciIds::read(root));
    format!("VERSION 20070824\n{machine}")
}

/// Whether a text may be a marker.
pub(super) fn check_marker(text: &[u8]) -> Result<(), Error> {
    crate::check_marker(text).map_err(Error::Marker)
}

impl CaptureBackend for Kmod {
    type Error = Error;

    fn name(&self) -> &str {
        "kmod"
    }

    fn start(&mut self) -> Result<(), Error> {
        // A capture that goes on keeps that tracer away.
        if !self.options.resume {
            refuse_other_tracer(&Root::system())?;
        }
        let device = Device::open()?;
        let bytes = self.begin(&device)?;
        let resume = self.options.resume;
        let undo = |error| {
            if !resume {
                // The error that led here is told.
                let _ = device.stop();
            }
            error
        };
        let memory = device.map(bytes).map_err(undo)?;
        let buf = Box::<EntryBuf>::default();
        let written = match Channel::open(memory.words()) {
            Ok(channel) => {
                channel.set_recorder(u64::from(std::process::id()), 0);
                if self.options.keep || self.options.resume {
                    self.reorder.keep(&channel);
                }
                channel.written().map_or(0, |written| written.bytes)
            }
            Err(error) => return Err(undo(Error::Channel(error.to_string()))),
        };
        self.arm(&device).map_err(undo)?;
        self.written = written;
        if self.options.header && written == 0 {
            self.header = Some(header(&Root::system()));
        }
        // One that was stopped, and whose recorder died before it had written everything.
        self.stopped = self.options.resume && !device.state()?.running;
        self.ended = false;
        self.running = Some(Running {
            device,
            memory,
            buf,
        });
        Ok(())
    }

    fn drain(&mut self, sink: &mut dyn EventSink) -> Result<Drained, Error> {
        let before = self.reorder.totals().records;
        if let Some(header) = self.header.take() {
            header.lines().for_each(|line| sink.line(line.as_bytes()));
        }
        let Some(running) = self.running.as_mut().filter(|_| !self.ended) else {
            return Ok(Drained {
                records: 0,
                state: DrainState::Ended,
            });
        };
        let channel = Channel::open(running.memory.words())
            .map_err(|error| Error::Channel(error.to_string()))?;
        // Before the rings are looked at: what is written later belongs to the next call.
        let last = self.stopped;
        let empty = self.reorder.drain(&channel, &mut running.buf, sink);
        let state = match (empty, last) {
            (true, true) => DrainState::Ended,
            (true, false) => DrainState::Idle,
            (false, _) => DrainState::Pending,
        };
        if state == DrainState::Ended {
            self.ended = true;
        }
        Ok(Drained {
            records: self.reorder.totals().records - before,
            state,
        })
    }

    fn marker(&mut self, text: &[u8]) -> Result<(), Error> {
        check_marker(text)?;
        self.running
            .as_ref()
            .ok_or(Error::NotRunning)?
            .device
            .write_marker(text)
    }

    fn stop(&mut self) -> Result<Summary, Error> {
        let running = self.running.as_ref().ok_or(Error::NotRunning)?;
        if !self.stopped {
            running.device.stop()?;
            self.stopped = true;
        }
        let state = running.device.state()?;
        let given = self.reorder.totals();
        let mut summary = Summary::default();
        summary.events = state.events.saturating_sub(state.lost);
        summary.lost = state.lost;
        summary.blind_intervals = given.blind_intervals;
        summary.markers = given.markers;
        Ok(summary)
    }
}

impl Drop for Kmod {
    fn drop(&mut self) {
        if let (Some(running), false) = (&self.running, self.stopped) {
            // Nobody is left to tell.
            let _ = running.device.stop();
        }
    }
}
