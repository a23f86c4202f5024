//! `mmiotrace record --backend tracefs`: the kernel's own tracer.

use super::output::{End, Output, finish};
use super::signals::Signals;
use super::{Args, PLACE, status_of, tell, untraced, unwritable};
use crate::failure::{Failure, Outcome, Stop};
use crate::units;
use core::time::Duration;
use mmiotrace_capture::machine::{PciAddress, Root};
use mmiotrace_capture::tracefs::{
    Buffer, Displaced, Driver, Error, Figures, MarkerTest, Options, Plan, Report, StopReason,
    Subject, Tracefs, restore_leftover,
};
use mmiotrace_core::{CaptureBackend, EventSink, Marker, Timestamp};
use mmiotrace_format::{Line, Position, Writer};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What this backend takes. The backend kmod takes some of it too (`IN_THE_KERNEL`).
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Backends tracefs and kmod")]
pub(crate) struct TracefsArgs {
    /// Load this driver (a module's name, or its .ko file) while tracing, and unload it at the end.
    /// One that is loaded: kmod traces it as it is
    #[arg(long, value_name = "NAME|FILE")]
    pub(super) driver: Option<OsString>,

    /// Bind this PCI device to its driver (or to --driver) while tracing, and unbind it at the end.
    /// One that is bound: kmod traces it as it is
    #[arg(long, value_name = "[DDDD:]BB:DD.F")]
    pub(super) device: Option<PciAddress>,

    /// Unload the driver, or unbind the device, first, to trace it from its beginning (with tracefs
    /// it cannot be traced otherwise)
    #[arg(long)]
    pub(super) reload: bool,

    /// Leave the driver loaded, or the device bound, at the end
    #[arg(long)]
    pub(super) keep: bool,

    /// Size of the kernel's ring (kmod: of each CPU's), as 64M [default: by free memory; kmod: 16M]
    #[arg(long, value_name = "SIZE", value_parser = units::kib)]
    pub(super) buffer: Option<u64>,

    /// Trace clock: local, global, mono, boot, … [default: as it is]
    #[arg(long, value_name = "NAME", help_heading = "Backend tracefs")]
    clock: Option<String>,

    /// Switch off another tracer, or trace events, for the time of the capture
    #[arg(long, help_heading = "Backend tracefs")]
    take_over: bool,

    /// Stop when events are lost
    #[arg(long, help_heading = "Backend tracefs")]
    stop_on_loss: bool,

    /// Stop when a marker with this text in it comes
    #[arg(long, value_name = "TEXT", help_heading = "Backend tracefs")]
    stop_on_mark: Option<String>,

    /// Stop after this time, as 500ms, 30s, 5m; COMMAND goes on
    #[arg(long, value_name = "TIME", value_parser = units::duration, help_heading = "Options")]
    pub(super) stop_after: Option<Duration>,

    /// Stop when the trace has this size, as 64M, 2G
    #[arg(long, value_name = "SIZE", value_parser = units::bytes, help_heading = "Backend tracefs")]
    stop_at_size: Option<u64>,

    /// Capture nothing: only put back what a killed capture has left
    #[arg(long, help_heading = "Backend tracefs")]
    restore: bool,

    /// The folder below which proc, sys and run are
    #[arg(long, value_name = "FOLDER", default_value = "/", hide = true)]
    root: PathBuf,
}

impl TracefsArgs {
    /// Which of these options were given: with another backend they would do nothing.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let given = [
            ("--driver", self.driver.is_some()),
            ("--device", self.device.is_some()),
            ("--reload", self.reload),
            ("--keep", self.keep),
            ("--buffer", self.buffer.is_some()),
            ("--clock", self.clock.is_some()),
            ("--take-over", self.take_over),
            ("--stop-on-loss", self.stop_on_loss),
            ("--stop-on-mark", self.stop_on_mark.is_some()),
            ("--stop-after", self.stop_after.is_some()),
            ("--stop-at-size", self.stop_at_size.is_some()),
            ("--restore", self.restore),
        ];
        let given = given.iter().filter(|(_, given)| *given);
        given.map(|(name, _)| *name).collect()
    }
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let root = Root::new(&args.tracefs.root);
    if args.tracefs.restore {
        return restore(&root);
    }
    let mut driver = driver(args, &root);
    let displaced = driver
        .as_mut()
        .map(Driver::prepare)
        .transpose()
        .map_err(failure)?
        .flatten();
    let path = args.output();
    // Before anything is changed: another recorder may write to it.
    let mut output = Output::open(path)?;
    let mut backend = Tracefs::new(options(args, root, path, displaced));
    let signals = Signals::catch(!args.command.is_empty())?;
    if let Err(error) = backend.start() {
        backend.notes().iter().for_each(tell);
        return Err(failure(error).into());
    }
    // Not before: a capture that cannot begin must not cost an earlier trace.
    if let Err(error) = output.begin(0) {
        drop(backend);
        return Err(unwritable(path, &error).into());
    }
    let mut writer = Writer::capture(output, backend.name());
    let plan = plan(args, driver);
    if path != Path::new("-") {
        tell(format_args!(
            "recording to {}; Ctrl-C ends it",
            path.display()
        ));
    }
    let report =
        mmiotrace_capture::tracefs::run(plan, &mut backend, &mut Lines(&mut writer), &|command| {
            signals.request(command)
        });
    end(&report, &backend, path, writer)
}

/// The kernel's text, which comes in whole lines.
struct Lines<'a>(&'a mut Writer<Output>);

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.0.write_line(&Line::new(line, Position::START))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn restore(root: &Root) -> Result<Outcome, Stop> {
    let left = restore_leftover(root).map_err(failure)?;
    tell(left.as_deref().unwrap_or("nothing to put back"));
    Ok(Outcome::Clean)
}

fn driver(args: &Args, root: &Root) -> Option<Driver> {
    let own = &args.tracefs;
    let subject = match (own.device, &own.driver) {
        (Some(device), driver) => Subject::Device(
            device,
            driver
                .as_ref()
                .map(|name| name.to_string_lossy().into_owned()),
        ),
        (None, Some(driver)) => Subject::module(driver),
        (None, None) => return None,
    };
    Some(
        Driver::new(root.clone(), subject)
            .reload(own.reload)
            .keep(own.keep),
    )
}

fn options(args: &Args, root: Root, output: &Path, displaced: Option<Displaced>) -> Options {
    let own = &args.tracefs;
    let absolute = std::path::absolute(output).unwrap_or_else(|_| output.to_owned());
    let mut options = Options::new()
        .root(root)
        .take_over(own.take_over)
        .output(absolute.display().to_string());
    if let Some(kib) = own.buffer {
        options = options.buffer(Buffer::Kib(kib));
    }
    if let Some(clock) = &own.clock {
        options = options.clock(clock);
    }
    if let Some(displaced) = displaced {
        options = options.displace(displaced);
    }
    options
}

fn plan(args: &Args, driver: Option<Driver>) -> Plan {
    let own = &args.tracefs;
    let mut plan = Plan::default();
    plan.driver = driver;
    plan.command.clone_from(&args.command);
    plan.marks = args
        .mark
        .iter()
        .map(|text| text.clone().into_bytes())
        .collect();
    plan.time_limit = own.stop_after;
    plan.size_limit = own.stop_at_size;
    plan.stop_on_loss = own.stop_on_loss;
    plan.stop_on_marker = own.stop_on_mark.clone().map(|wanted| -> MarkerTest {
        Box::new(move |text| String::from_utf8_lossy(text).contains(&wanted))
    });
    plan
}

/// Says how it went, ends the trace, and returns the exit status.
fn end(
    report: &Report,
    backend: &Tracefs,
    output: &Path,
    mut writer: Writer<Output>,
) -> Result<Outcome, Stop> {
    backend.notes().iter().for_each(tell);
    for error in &report.failures {
        tell(error);
    }
    tell(summary(report, output));
    let figures = &report.figures;
    if let Some(advised) = figures.advised_kib {
        tell(format_args!(
            "{} events were lost: the ring of {} KiB was too small; give --buffer {}M (the next capture takes that by itself)",
            figures.lost,
            figures.buffer_kib,
            advised >> 10
        ));
    }
    annotate_missing(figures, &mut writer);
    let ending = End {
        continued: report.continued.as_slice(),
        entries: Some(figures.records + figures.lost),
    };
    let mut outcome = finish(writer, &ending)?;
    if figures.lost > 0 || figures.cpus > 1 || figures.ring.read_events > figures.records {
        outcome = Outcome::Found;
    }
    if !report.failures.is_empty() {
        return Err(Stop::Told);
    }
    Ok(report
        .command
        .and_then(status_of)
        .map_or(outcome, Outcome::Status))
}

/// Says in the trace that accesses may be missing which nothing counts.
fn annotate_missing(figures: &Figures, writer: &mut Writer<Output>) {
    let mut annotate = |reason, n, text: &str| {
        let time = Timestamp::ZERO;
        let text = &untraced(reason, None, Some(n), text);
        writer.marker(&Marker { time, text });
    };
    if figures.cpus > 1 {
        let text = "CPUs were on-line: accesses are missed while another CPU steps over one";
        annotate("cpus-online", figures.cpus, text);
    }
    let taken = figures.ring.read_events.saturating_sub(figures.records);
    if taken > 0 {
        let text = "entries were given by the kernel and did not come here: another reader?";
        annotate("other-reader", taken, text);
    }
}

fn summary(report: &Report, output: &Path) -> String {
    let why = match report.stop {
        StopReason::CommandEnded => "the command has ended",
        StopReason::Interrupted => "ended by a signal",
        StopReason::Time => "the time is up",
        StopReason::Size => "the trace has its size",
        StopReason::Loss => "events were lost",
        StopReason::Marker => "the marker came",
        StopReason::Failed => "it could not be done",
        StopReason::Output => "the trace could not be written",
        _ => "ended",
    };
    let Figures {
        records,
        bytes,
        buffer_kib,
        ring,
        lost,
        ..
    } = &report.figures;
    format!(
        "{}: {records} records, {bytes} bytes in {:.1} s ({why}); ring {buffer_kib} KiB; the kernel counts {} entries read, {lost} lost",
        output.display(),
        report.elapsed.as_secs_f64(),
        ring.read_events
    )
}

fn failure(error: Error) -> Failure {
    Failure::new(PLACE, error)
}
