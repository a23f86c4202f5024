//! `mmiotrace record --backend kmod`: our module in the kernel.

use super::output::{End, Output, finish};
use super::process::summary_line;
use super::signals::Signals;
use super::{Args, PLACE, status_of, tell, unwritable};
use crate::failure::{Failure, Outcome, Stop, plain};
use crate::units;
use core::fmt;
use core::ops::Range;
use core::time::Duration;
use mmiotrace_capture::EndRequest;
use mmiotrace_capture::kmod::{
    Kmod, Module, Options, Premapped, RING_BYTES, device_ranges, driver_ranges, premapped,
    write_marker,
};
use mmiotrace_capture::machine::{PciAddress, Root};
use mmiotrace_capture::tracefs::{Displaced, Driver, Subject};
use mmiotrace_core::{CaptureBackend, DrainState, PhysAddr};
use mmiotrace_format::Writer;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread::JoinHandle;
use std::time::Instant;

/// What only this backend takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Backend kmod")]
pub(crate) struct KmodArgs {
    /// Trace every mapping that any driver makes from now on
    #[arg(long)]
    all: bool,

    /// Continue a capture whose recorder was killed: with the same -o FILE nothing is missing and
    /// nothing is there twice
    #[arg(long, conflicts_with_all = ["all", "device", "driver"])]
    resume: bool,

    /// The module, where it is neither loaded nor installed; it is unloaded at the end
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,

    /// If this recorder is killed, end the capture after this time, as 500ms, 30s, 5m [default: it
    /// goes on into the rings]
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    disarm_after: Option<Duration>,
}

impl KmodArgs {
    /// The first of these options that was given: with another backend it would do nothing.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            ("--all", self.all),
            ("--resume", self.resume),
            ("--module", self.module.is_some()),
            ("--disarm-after", self.disarm_after.is_some()),
        ];
        given
            .iter()
            .find(|(_, given)| *given)
            .map(|(name, _)| *name)
    }
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let root = Root::system();
    let mut plan = Plan::of(args, &root)?;
    // Before anything is changed: another recorder may write to it.
    let mut output = Some(Output::open(args.output())?);
    let signals = Signals::catch(!args.command.is_empty())?;
    let module = Module::load(&root, args.kmod.module.as_deref()).map_err(failure)?;
    let outcome = plan.displace(&root).and_then(|displaced| {
        let outcome = match output.take() {
            Some(output) => capture(args, &root, plan, output, &signals),
            None => Err(Stop::Told),
        };
        // What was taken away for a capture that could not begin; else it is there again.
        if let Some(Err(error)) = displaced.map(|displaced| displaced.put_back(&root)) {
            tell(error);
        }
        outcome
    });
    // The capture is over and its files are closed; where it failed, this is still to be done.
    if let Err(error) = module.unload() {
        tell(&error);
        return outcome.and(Err(Stop::Told));
    }
    outcome
}

/// What is traced, and what is loaded or bound meanwhile.
struct Plan {
    ranges: Vec<Range<PhysAddr>>,
    all: bool,
    driver: Option<Driver>,
}

impl Plan {
    fn of(args: &Args, root: &Root) -> Result<Self, Stop> {
        let own = &args.tracefs;
        let mut plan = Self {
            ranges: Vec::new(),
            all: args.kmod.all,
            driver: None,
        };
        if let Some(device) = own.device {
            plan.ranges = ranges_of(root, device)?;
            // What drives a device need not be bound to it.
            let works = root.exists(format!("/sys/bus/pci/devices/{device}/driver"))
                || own.driver.is_none() && is_mapped(root, &plan.ranges)?;
            let name = own
                .driver
                .as_ref()
                .map(|name| name.to_string_lossy().into_owned());
            plan.attach(args, root, Subject::Device(device, name), works);
        } else if let Some(driver) = &own.driver {
            plan.ranges = driver_ranges(root, Path::new(driver));
            if plan.ranges.is_empty() {
                tell(format_args!(
                    "no PCI device is known to be {}'s: every mapping that is made from now on is traced",
                    driver.to_string_lossy()
                ));
                plan.all = true;
            }
            let subject = Subject::module(driver);
            let loaded = match &subject {
                Subject::Module(name) => is_loaded(root, name),
                Subject::ModuleFile(path) => is_loaded(root, &path.to_string_lossy()),
                _ => false,
            };
            plan.attach(args, root, subject, loaded);
        } else if !plan.all && !args.kmod.resume {
            let failure = Failure::new(PLACE, "nothing to trace");
            return Err(failure.advise("give --device, --driver or --all").into());
        }
        Ok(plan)
    }

    /// What works already is traced as it is, unless it is to be begun anew.
    fn attach(&mut self, args: &Args, root: &Root, subject: Subject, works: bool) {
        let own = &args.tracefs;
        if !works || own.reload {
            let driver = Driver::new(root.clone(), subject);
            self.driver = Some(driver.reload(own.reload).keep(own.keep));
        }
    }

    /// Unloads or unbinds what is to be begun anew.
    fn displace(&mut self, root: &Root) -> Result<Option<Displaced>, Stop> {
        let Some(driver) = &mut self.driver else {
            return Ok(None);
        };
        let displaced = driver.prepare().map_err(failure)?;
        if let Some(displaced) = &displaced {
            displaced.remove(root).map_err(failure)?;
        }
        Ok(displaced)
    }
}

fn ranges_of(root: &Root, device: PciAddress) -> Result<Vec<Range<PhysAddr>>, Failure> {
    let ranges = device_ranges(root, device).ok_or_else(|| {
        Failure::new(PLACE, format_args!("there is no PCI device {device}"))
            .advise("list them: lspci -D")
    })?;
    if ranges.is_empty() {
        let what = format_args!("{device} has no memory that could be traced").to_string();
        return Err(Failure::new(PLACE, what));
    }
    Ok(ranges)
}

/// The mappings that exist of these ranges.
fn mapped(root: &Root, ranges: &[Range<PhysAddr>]) -> Result<Vec<Premapped>, Failure> {
    premapped(root, ranges).map_err(|error| Failure::new("/proc/vmallocinfo", plain(&error)))
}

fn is_mapped(root: &Root, ranges: &[Range<PhysAddr>]) -> Result<bool, Failure> {
    mapped(root, ranges).map(|mapped| !mapped.is_empty())
}

fn is_loaded(root: &Root, name: &str) -> bool {
    use mmiotrace_capture::machine::{ModuleState, module_state};
    module_state(root, name) != ModuleState::Absent
}

fn options(args: &Args, root: &Root, plan: &Plan) -> Result<Options, Stop> {
    let bytes = args.tracefs.buffer.map_or(RING_BYTES, |kib| kib << 10);
    let mut options = Options::new()
        .with_ring(args.process.ring().with_bytes(bytes))
        .keeping_until_written();
    if args.kmod.resume {
        options = options.resuming();
    }
    if let Some(timeout) = args.kmod.disarm_after {
        options = options.with_death_timeout(timeout);
    }
    if plan.all {
        options = options.with_all();
    }
    for range in &plan.ranges {
        options = options.with_range(range.clone());
    }
    if !plan.ranges.is_empty() && plan.driver.is_none() {
        for mapping in mapped(root, &plan.ranges)? {
            options = options.with_premapped(mapping);
        }
    }
    Ok(options)
}

fn capture(
    args: &Args,
    root: &Root,
    plan: Plan,
    output: Output,
    signals: &Signals,
) -> Result<Outcome, Stop> {
    let mut backend = Kmod::new(options(args, root, &plan)?);
    backend.start().map_err(failure)?;
    // Not before: a capture that cannot begin must not cost an earlier trace.
    let writer = resume(output, backend.name(), backend.resumed_at())
        .map_err(|error| unwritable(args.output(), &error))?;
    backend.notes().iter().for_each(tell);
    let mut session = Session {
        backend,
        writer,
        signals,
        began: Instant::now(),
        limit: args.tracefs.stop_after,
        failures: Vec::new(),
        command: None,
        running: None,
    };
    tell(format_args!(
        "recording to {}; Ctrl-C ends it",
        args.output().display()
    ));
    for text in &args.mark {
        session.backend.marker(text.as_bytes()).map_err(failure)?;
    }
    // What cannot be written is known before anything is done.
    session.write()?;
    if session.writer.error().is_none() {
        session.live(plan.driver, args)?;
    }
    session.end(args.output())
}

/// A writer at the beginning of a trace; or, where a capture goes on, at the end of what its recorder had
/// brought to safety, if it is the same file.
fn resume(mut output: Output, backend: &str, resumed_at: u64) -> io::Result<Writer<Output>> {
    if resumed_at == 0 || output.len()? < resumed_at {
        if resumed_at > 0 {
            tell(format_args!(
                "this is not the file of the recorder before: what happened before is in the first {resumed_at} bytes of that"
            ));
        }
        output.begin(0)?;
        return Ok(Writer::capture(output, backend));
    }
    output.begin(resumed_at)?;
    let totals = output.totals(resumed_at)?;
    Ok(Writer::resume(output, totals))
}

/// What goes on while it is recorded.
enum Stage {
    /// A driver is loaded, bound, unloaded or unbound.
    Driver(JoinHandle<Result<(), String>>),
    Command(Child),
    /// Until it is ended.
    Open,
    Done,
}

struct Session<'a> {
    backend: Kmod,
    writer: Writer<Output>,
    signals: &'a Signals,
    began: Instant,
    limit: Option<Duration>,
    failures: Vec<String>,
    command: Option<ExitStatus>,
    /// The command's process id, while it runs.
    running: Option<u32>,
}

impl Session<'_> {
    /// Everything from the driver's beginning to its end; records meanwhile.
    fn live(&mut self, driver: Option<Driver>, args: &Args) -> Result<(), Stop> {
        if let Some(driver) = driver.clone() {
            let phase = driver.attach_phase();
            let attach = std::thread::spawn(move || in_phase(&phase, || driver.attach()));
            self.stage(Stage::Driver(attach))?;
        }
        if self.failures.is_empty() && !self.is_to_end() {
            let stage = self.command(args);
            self.stage(stage)?;
        }
        let phase = driver.as_ref().and_then(Driver::detach_phase);
        if let (Some(driver), Some(phase)) = (driver, phase) {
            let detach = std::thread::spawn(move || in_phase(&phase, || driver.detach()));
            self.stage(Stage::Driver(detach))?;
        }
        Ok(())
    }

    fn command(&mut self, args: &Args) -> Stage {
        let Some((program, arguments)) = args.command.split_first() else {
            return Stage::Open;
        };
        match Command::new(program).args(arguments).spawn() {
            Ok(child) => {
                self.running = Some(child.id());
                Stage::Command(child)
            }
            Err(error) => {
                let error = plain(&error);
                self.failures
                    .push(format!("{}: {error}", program.to_string_lossy()));
                Stage::Done
            }
        }
    }

    /// Records until a stage is over.
    fn stage(&mut self, mut stage: Stage) -> Result<(), Stop> {
        loop {
            let records = self.write()?;
            let end = self.is_to_end();
            stage = match stage {
                Stage::Driver(work) if work.is_finished() => {
                    let done = work.join();
                    let error = done.unwrap_or_else(|_| Err("the driver's thread died".to_owned()));
                    self.failures.extend(error.err());
                    Stage::Done
                }
                Stage::Command(mut child) => match child.try_wait() {
                    // It goes on, and the trace says so.
                    Ok(None) if end => Stage::Done,
                    Ok(None) => Stage::Command(child),
                    Ok(status) => {
                        self.command = status;
                        self.running = None;
                        Stage::Done
                    }
                    Err(error) => {
                        self.failures.push(plain(&error));
                        self.running = None;
                        Stage::Done
                    }
                },
                Stage::Open if end => Stage::Done,
                stage => stage,
            };
            if matches!(stage, Stage::Done) {
                return Ok(());
            }
            if records == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }

    fn is_to_end(&self) -> bool {
        self.signals.request(self.running) != EndRequest::None
            || self.writer.error().is_some()
            || self
                .limit
                .is_some_and(|limit| self.began.elapsed() >= limit)
    }

    /// Writes what there is, and has the module forget what is on disk. Returns the number of
    /// records.
    fn write(&mut self) -> Result<u64, Stop> {
        let drained = self.backend.drain(&mut self.writer).map_err(failure)?;
        if drained.records > 0 && self.writer.error().is_none() && self.writer.flush().is_ok() {
            self.backend.written(self.writer.get_ref().bytes());
        }
        Ok(match drained.state {
            DrainState::Pending => drained.records.max(1),
            _ => drained.records,
        })
    }

    fn end(mut self, output: &Path) -> Result<Outcome, Stop> {
        let state = self.backend.state().map_err(failure)?;
        let stopped = self.backend.stop();
        loop {
            let drained = self.backend.drain(&mut self.writer).map_err(failure)?;
            if drained.state == DrainState::Ended {
                break;
            }
        }
        let summary = stopped.map_err(failure)?;
        tell(summary_line(output, &summary, self.began.elapsed()));
        if state.refused > 0 {
            tell(format_args!(
                "{} mappings could not be traced; the trace says which, dmesg why",
                state.refused
            ));
        }
        self.failures.iter().for_each(tell);
        if self.writer.flush().is_ok() {
            self.backend.written(self.writer.get_ref().bytes());
        }
        drop(self.backend);
        let end = End {
            continued: self.running.as_slice(),
            entries: None,
        };
        let mut outcome = finish(self.writer, &end)?;
        if summary.lost > 0 || summary.blind_intervals > 0 {
            outcome = Outcome::Found;
        }
        if !self.failures.is_empty() {
            return Err(Stop::Told);
        }
        Ok(self
            .command
            .and_then(status_of)
            .map_or(outcome, Outcome::Status))
    }
}

/// Does it between two markers.
fn in_phase<E: fmt::Display>(
    phase: &str,
    what: impl FnOnce() -> Result<(), E>,
) -> Result<(), String> {
    let mark = |text: String| write_marker(text.as_bytes()).map_err(|error| error.to_string());
    mark(format!("phase begin: {phase}"))?;
    what().map_err(|error| error.to_string())?;
    mark(format!("phase end: {phase}"))
}

fn failure(error: impl fmt::Display) -> Failure {
    Failure::new(PLACE, error)
}
