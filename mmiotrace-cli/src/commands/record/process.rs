//! `mmiotrace record`: a program's own MMIO, in user space.

use super::diagnosis::diagnose;
use super::library::Library;
use super::output::{End, Output, finish};
use super::rates::Rates;
use super::signals::Signals;
use super::{Args, PLACE, status_of, tell, untraced, unwritable};
use crate::failure::{Failure, Outcome, Stop, note_continued};
use core::time::Duration;
use mmiotrace_capture::process::{Error, Launch, Options, measure_cost};
use mmiotrace_capture::{DeviceOrder, EndRequest, OnFull, RingOptions, demo};
use mmiotrace_core::{CaptureBackend, DrainState, EventSink, Marker, Summary, Timestamp};
use mmiotrace_format::Writer;
use std::path::Path;
use std::time::Instant;

/// What only this backend takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Backend process")]
pub(crate) struct ProcessArgs {
    /// Capture a bundled device and its driver: needs nothing
    #[arg(long)]
    demo: bool,

    /// Trace also what is mapped from paths like this (`*`, `?`, `[a-z]`; a relative one is below the
    /// working folder); can be repeated. UIO, VFIO, PCI resource files and /dev/mem are always traced
    #[arg(long = "match", value_name = "GLOB")]
    patterns: Vec<String>,

    /// What happens when records come faster than they are written
    #[arg(long, value_enum, default_value_t = Full::Block)]
    on_full: Full,

    /// How accesses of several threads are put in order (kmod: of several CPUs)
    #[arg(long, value_enum, default_value_t = OrderArg::Total)]
    pub(super) order: OrderArg,

    /// Leave the addresses of instructions out of the trace (also with kmod)
    #[arg(long)]
    pub(super) no_pc: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Full {
    /// Drop accesses, and count them
    Drop,
    /// Let the program wait
    Block,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum OrderArg {
    /// One access after the other, as the device sees them
    Total,
    /// Threads do not wait for one another
    Interval,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let own = &args.process;
    if own.demo {
        return demonstrate(own, args.output());
    }
    let Some((program, arguments)) = args.command.split_first() else {
        let failure = Failure::new(PLACE, "nothing to record");
        let advice = "give a command after --, or --demo, or another --backend";
        return Err(failure.advise(advice).into());
    };
    let library = Library::place()?;
    let mut launch = Launch::new(options(own), program, library.path()).with_arguments(arguments);
    for pattern in &own.patterns {
        launch = launch.with_match(pattern);
    }
    let signals = Signals::catch(true)?;
    launch.prepare().map_err(failure)?;
    let mut writer = begin(args.output(), launch.name())?;
    for text in &args.mark {
        launch.marker(text.as_bytes()).map_err(failure)?;
    }
    // What cannot be written is known before the program runs.
    let _ = launch.drain(&mut writer).map_err(failure)?;
    let flushed = writer.flush();
    flushed.map_err(|error| unwritable(args.output(), &error))?;
    if signals.request(None) != EndRequest::None {
        finish(writer, &End::default())?;
        return Err(Failure::new(PLACE, "ended before the command was started").into());
    }
    let started = launch.start();
    if let Err(error) = started {
        // The trace is one of nothing, and ends as it shall.
        let _ = writer.end();
        return Err(failure(error).into());
    }
    let began = Instant::now();
    let limit = args.tracefs.stop_after.map(|limit| began + limit);
    let summary = record(&mut launch, &mut writer, &signals, limit)?;
    tell(summary_line(args.output(), &summary, began.elapsed()));
    if summary.events == 0 && writer.error().is_none() {
        let diagnosis = diagnose(&launch, library.path());
        let mut lines = diagnosis.text.lines();
        tell(lines.next().unwrap_or_default());
        lines.for_each(note_continued);
        if !diagnosis.loaded {
            let time = Timestamp::ZERO;
            let text = &untraced("not-loaded", None, None, &diagnosis.text);
            writer.marker(&Marker { time, text });
        }
    }
    let continued = launch.still_running();
    let end = End {
        continued: &continued,
        entries: None,
    };
    let outcome = finish(writer, &end);
    if matches!(outcome, Err(Stop::Told)) {
        // The command goes on untraced, and its caller waits for it as before.
        while launch.wait_a_little() {
            if signals.request(launch.command_pid()) == EndRequest::EndNow {
                break;
            }
        }
    }
    let outcome = outcome?;
    tell_cost();
    let status = launch.status().and_then(status_of);
    Ok(status.map_or(outcome, Outcome::Status))
}

/// Opens a trace, and empties it.
fn begin(output: &Path, backend: &str) -> Result<Writer<Output>, Stop> {
    let mut file = Output::open(output)?;
    file.begin(0).map_err(|error| unwritable(output, &error))?;
    Ok(Writer::capture(file, backend))
}

/// Writes what comes until the command has ended, or something ends the capture before.
fn record(
    launch: &mut Launch,
    writer: &mut Writer<Output>,
    signals: &Signals,
    limit: Option<Instant>,
) -> Result<Summary, Stop> {
    let mut rates = Rates::new();
    let mut stopped = false;
    loop {
        let drained = launch.drain(writer).map_err(failure)?;
        // What happened is on disk as soon as nothing more is at hand.
        let full = writer.error().is_some();
        if drained.records > 0 && drained.state != DrainState::Pending && !full {
            let _ = writer.flush();
        }
        rates.add(drained.records);
        if drained.state == DrainState::Ended {
            break;
        }
        let running = launch.command_pid().filter(|_| launch.status().is_none());
        let ends = full
            || signals.request(running) == EndRequest::EndNow
            || limit.is_some_and(|limit| Instant::now() >= limit);
        if ends && !stopped {
            let _ = launch.stop().map_err(failure)?;
            stopped = true;
        }
        // Looking again at once would take the rings' cache lines from the program at every access.
        if drained.state == DrainState::Idle {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    launch.stop().map_err(|error| failure(error).into())
}

fn demonstrate(own: &ProcessArgs, output: &Path) -> Result<Outcome, Stop> {
    let mut writer = begin(output, "process")?;
    let began = Instant::now();
    let outcome = demo::run(options(own), &mut writer).map_err(failure)?;
    tell(summary_line(output, &outcome.summary, began.elapsed()));
    tell(format_args!(
        "the device has logged {} accesses; in the trace: {} missing, {} spurious",
        outcome.accesses, outcome.missing, outcome.invented
    ));
    let verdict = finish(writer, &End::default())?;
    tell_cost();
    if output != Path::new("-") {
        let file = output.display();
        tell(format_args!(
            "next: mmiotrace name {file}; mmiotrace stat {file}; mmiotrace report {file} -o demo.html"
        ));
    }
    Ok(if outcome.is_exact() {
        verdict
    } else {
        Outcome::Found
    })
}

/// So that nobody takes traced timing for real. If it cannot be measured nothing is said.
fn tell_cost() {
    if let Ok(cost) = measure_cost() {
        tell(format_args!(
            "an access to memory takes {:.0} ns here when it is traced, {:.1} ns when it is not: times in the trace \
             are not those of the program alone",
            cost.traced, cost.untraced
        ));
    }
}

fn options(own: &ProcessArgs) -> Options {
    Options::new().with_header().with_ring(own.ring())
}

impl ProcessArgs {
    /// For every backend that has rings of ours.
    pub(super) fn ring(&self) -> RingOptions {
        let options = RingOptions::new()
            .with_on_full(match self.on_full {
                Full::Drop => OnFull::Drop,
                Full::Block => OnFull::Block,
            })
            .with_order(match self.order {
                OrderArg::Total => DeviceOrder::Total,
                OrderArg::Interval => DeviceOrder::Interval,
            });
        if self.no_pc {
            options.without_pc()
        } else {
            options
        }
    }
}

pub(super) fn summary_line(output: &Path, summary: &Summary, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let rate = if seconds > 0.0 {
        summary.events as f64 / seconds
    } else {
        0.0
    };
    format!(
        "{}: {} events in {seconds:.1} s ({rate:.0} a second), {} lost, {} blind intervals",
        output.display(),
        summary.events,
        summary.lost,
        summary.blind_intervals
    )
}

fn failure(error: Error) -> Failure {
    Failure::new(PLACE, error)
}
