//! `mmiotrace record`: a program's own MMIO, in user space.

use super::trace::{Rates, Trace};
use super::{Args, catch_signals, status_of, tell, unwritable};
use crate::failure::{Failure, Outcome, Stop, plain};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use mmiotrace_capture::demo;
use mmiotrace_capture::process::{
    Error, LIBRARY, Launch, OnFull, Options, Order, library_places, measure_cost,
};
use mmiotrace_core::{CaptureBackend, DrainState, Summary};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What only this backend takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Backend process")]
pub(crate) struct ProcessArgs {
    /// Capture a bundled device and its driver: needs nothing
    #[arg(long)]
    demo: bool,

    /// Trace also what is mapped from paths like this (`*`, `?`, `[a-z]`); may be given more than
    /// once. UIO, VFIO, PCI resource files and /dev/mem are traced in any case
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

const PLACE: &str = "record";

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let own = &args.process;
    let output = args
        .output
        .as_deref()
        .unwrap_or_else(|| Path::new("trace.mmiotrace"));
    if own.demo {
        return demonstrate(own, output);
    }
    let Some((program, arguments)) = args.command.split_first() else {
        let failure = Failure::new(PLACE, "nothing to record");
        let advice = "give a command after --, or --demo, or another --backend";
        return Err(failure.advise(advice).into());
    };
    let mut launch = Launch::new(options(own), program, library()?).with_arguments(arguments);
    for pattern in &own.patterns {
        launch = launch.with_match(pattern);
    }
    let interrupts = catch_signals()?;
    launch.start().map_err(failure)?;
    for text in &args.mark {
        launch.marker(text.as_bytes()).map_err(failure)?;
    }
    // Not before: a capture that cannot begin must not cost an earlier trace.
    let mut trace = Trace::create(output)?;
    let began = Instant::now();
    let (summary, written) = record(&mut launch, &mut trace, &interrupts)?;
    tell(summary_line(output, &summary, began.elapsed()));
    if let Err(error) = written {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Err(Stop::ClosedPipe);
        }
        unwritable(output, &error).print();
        // The command goes on untraced, and whoever has called it waits for it as before.
        while launch.wait_a_little() && interrupts.load(Ordering::Relaxed) == 0 {}
        return Err(Stop::Told);
    }
    let outcome = trace.verdict(output)?;
    tell_cost();
    let status = launch.status().and_then(status_of);
    Ok(status.map_or(outcome, Outcome::Status))
}

/// Writes what comes until the command has ended, or a person ends the capture.
fn record(
    launch: &mut Launch,
    trace: &mut Trace,
    interrupts: &AtomicUsize,
) -> Result<(Summary, std::io::Result<()>), Stop> {
    let mut rates = Rates::new();
    let mut stopped = false;
    loop {
        let drained = launch.drain(&mut trace.tee).map_err(failure)?;
        // What happened is on disk as soon as nothing more is at hand.
        let writer = &mut trace.tee.writer;
        let full = writer.error().is_some();
        if drained.records > 0 && drained.state != DrainState::Pending && !full {
            let _ = writer.flush();
        }
        rates.add(drained.records);
        if drained.state == DrainState::Ended {
            break;
        }
        if !stopped && (full || interrupts.load(Ordering::Relaxed) > 0) {
            let _ = launch.stop().map_err(failure)?;
            stopped = true;
        }
        // Whoever looks again at once takes the rings' cache lines from the program at every access.
        if drained.state == DrainState::Idle {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let summary = launch.stop().map_err(failure)?;
    Ok((summary, trace.tee.writer.flush()))
}

fn demonstrate(own: &ProcessArgs, output: &Path) -> Result<Outcome, Stop> {
    let mut trace = Trace::create(output)?;
    let began = Instant::now();
    let outcome = demo::run(options(own), &mut trace.tee).map_err(failure)?;
    let written = trace.tee.writer.flush();
    written.map_err(|error| unwritable(output, &error))?;
    tell(summary_line(output, &outcome.summary, began.elapsed()));
    tell(format_args!(
        "the device has logged {} accesses itself; {} of them are missing in the trace, {} in the trace were not made",
        outcome.accesses, outcome.missing, outcome.invented
    ));
    let verdict = trace.verdict(output)?;
    tell_cost();
    Ok(if outcome.is_exact() {
        verdict
    } else {
        Outcome::Found
    })
}

/// So that nobody takes traced timing for real. Where it cannot be measured nothing is said.
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
    let options = Options::new()
        .with_header()
        .with_on_full(match own.on_full {
            Full::Drop => OnFull::Drop,
            Full::Block => OnFull::Block,
        })
        .with_order(match own.order {
            OrderArg::Total => Order::Total,
            OrderArg::Interval => Order::Interval,
        });
    if own.no_pc {
        options.without_pc()
    } else {
        options
    }
}

/// The library to preload: beside the command, where cargo puts it, or under `../lib/mmiotrace`.
fn library() -> Result<PathBuf, Stop> {
    let failed = |error: std::io::Error| Failure::new(PLACE, plain(&error));
    let command = std::env::current_exe().map_err(failed)?;
    let folder = command.parent().unwrap_or_else(|| Path::new("/"));
    let found = library_places(&command)
        .into_iter()
        .find(|place| place.is_file());
    found.ok_or_else(|| {
        let failure = Failure::new(
            PLACE,
            format_args!("{LIBRARY} is neither beside the command nor in ../lib/mmiotrace"),
        );
        let advice = format!(
            "in the source: cargo build --release -p mmiotrace-preload && cp target/release/{LIBRARY} {}",
            folder.display()
        );
        failure.advise(advice).into()
    })
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
