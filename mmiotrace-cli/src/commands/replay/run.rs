//! `mmiotrace replay run`: a plan on a target.

use super::file::{self, tell};
use super::print;
use super::target::{AnyTarget, FaultName, TargetName};
use crate::failure::{Failure, Outcome as Ended, Stop, plain};
use crate::output::{Output, spare};
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use mmiotrace_replay::{
    Breadcrumbs, Decision, Ending, Observer, OnMismatch, Outcome, Pacing, Plan, Recorder, Report,
    RunOptions, Runner, SideFiles, StepView,
};
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Run a plan: without --yes it prints what it would do, and touches nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace replay run e1000.plan.toml
  mmiotrace replay run e1000.plan.toml --target model:e1000.mmiotrace.xz
  sudo mmiotrace replay run e1000.plan.toml --target pci:00:03.0 --breadcrumbs crumbs --yes
  sudo mmiotrace replay run e1000.plan.toml --target pci:00:03.0 --step --yes

Targets: dry (nothing), model:TRACE (a device inferred from a trace), pci:ADDRESS (a PCI device
without driver, through sysfs), vfio:ADDRESS (one bound to vfio-pci). Ctrl-C breaks a run off and
does what the plan's on_abort says. Exit status: 0 all as recorded; 1 a mismatch or a wait that took
too long; 2 refused, or the target failed; 130 broken off.")]
pub(super) struct Args {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: PathBuf,

    /// What to run it on
    #[arg(long, value_name = "TARGET", default_value = "dry")]
    target: TargetName,

    /// Touch the device
    #[arg(long)]
    yes: bool,

    /// Write a trace of what was done
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// The pace of all sections: recorded, scaled FACTOR, delays, none [default: each section's]
    #[arg(long, value_name = "PACING")]
    pacing: Option<Pacing>,

    /// Ask before every step
    #[arg(long)]
    step: bool,

    /// Print every step and what came of it
    #[arg(short, long)]
    verbose: bool,

    /// Go on after a mismatch or a wait that took too long
    #[arg(long)]
    keep_going: bool,

    /// Begin with this step, counted from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: usize,

    /// Do at most N steps
    #[arg(long, value_name = "N")]
    steps: Option<usize>,

    /// Go on where the device gets what the trace does not have
    #[arg(long)]
    through_stops: bool,

    /// Run although the device is not in the state in which it was recorded
    #[arg(long)]
    ignore_preconditions: bool,

    /// Note every step on the disk before it is done
    #[arg(long, value_name = "FILE")]
    breadcrumbs: Option<PathBuf>,

    /// Begin behind the last step that the breadcrumbs of an earlier run tell
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    resume: Option<PathBuf>,

    /// The longest that a wait may take, in milliseconds
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,

    /// Give up where one access takes longer, in milliseconds
    #[arg(long, value_name = "MS")]
    access_timeout: Option<u64>,

    /// Let a model fail after N accesses: frozen@N (no access ends), dead@N (writes do nothing, reads
    /// give 0), removed@N (reads give all ones); to try time-outs and breadcrumbs
    #[arg(long, value_name = "FAULT")]
    fault: Option<FaultName>,

    /// Print the report as one JSON object
    #[arg(long, conflicts_with_all = ["verbose", "step"])]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Ended, Stop> {
    let (plan, files) = file::read(&args.plan)?;
    let mut read = file::all(&args.plan, &files);
    read.extend(args.target.file().map(Path::to_path_buf));
    if let Some(path) = &args.breadcrumbs {
        spare(path, &read)?;
    }
    read.extend(args.resume.clone());
    if let Some(path) = &args.record {
        spare(path, &read)?;
    }
    let planned_only = args.target.is_real() && !args.yes;
    let shown = planned_only || args.target == TargetName::Dry;
    let name = if planned_only {
        TargetName::Dry
    } else {
        args.target.clone()
    };
    let target = name.make(
        &plan,
        &files,
        args.access_timeout.map(Duration::from_millis),
        args.fault,
    )?;
    let mut options = options(args)?;
    // A run that only shows what it would do does not take the time.
    options.pacing = if shown {
        Some(Pacing::None)
    } else {
        args.pacing
    };
    let mut output = Output::new()?;
    let mut watch = Watch {
        output: &mut output,
        verbose: args.verbose || args.step || (shown && !args.json),
        ask: args.step,
        told: String::new(),
        stop: None,
    };
    let report = run_recorded(args, &plan, &files, target, &options, &mut watch)?;
    if let Some(stop) = watch.stop.take() {
        return Err(stop);
    }
    if args.json {
        output.json(&print::ReportJson::new(&report, &plan))?;
    } else {
        print::report(&report, &plan, &mut output)?;
        if planned_only {
            output.line("nothing was done: --yes does it")?;
        }
    }
    output.flush()?;
    ended(args, &report)
}

fn options(args: &Args) -> Result<RunOptions, Failure> {
    let mut options = RunOptions::default();
    options.on_mismatch = if args.keep_going {
        OnMismatch::Continue
    } else {
        OnMismatch::Stop
    };
    options.max_steps = args.steps;
    options.through_stops = args.through_stops;
    options.ignore_preconditions = args.ignore_preconditions;
    options.max_timeout = args.timeout.map(Duration::from_millis);
    options.first_step = args.from;
    if let Some(path) = &args.resume {
        let failed = |error: io::Error| Failure::new(path.display().to_string(), plain(&error));
        let last = Breadcrumbs::last(path).map_err(failed)?;
        options.first_step = last.step.map_or(0, |step| step + 1);
        // The device is in the middle: it cannot be as it was found.
        options.ignore_preconditions |= options.first_step > 0;
        tell(format_args!("begins behind {}", last.text));
    }
    if let Some(path) = &args.breadcrumbs {
        let failed = |error: io::Error| Failure::new(path.display().to_string(), plain(&error));
        options.breadcrumbs = Some(Breadcrumbs::create(path).map_err(failed)?);
    }
    let abort = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&abort))
            .map_err(|error| Failure::new("signals", plain(&error)))?;
    }
    options.abort = Some(abort);
    Ok(options)
}

fn run_recorded(
    args: &Args,
    plan: &Plan,
    files: &SideFiles,
    target: AnyTarget,
    options: &RunOptions,
    watch: &mut Watch<'_>,
) -> Result<Report, Stop> {
    let Some(path) = &args.record else {
        return Ok(Runner::new(plan, files, target).run(options, watch));
    };
    let failed = |error: io::Error| Failure::new(path.display().to_string(), plain(&error));
    let out = BufWriter::new(File::create(path).map_err(failed)?);
    let mut runner = Runner::new(plan, files, Recorder::new(target, out));
    let report = runner.run(options, watch);
    let (_, mut out) = runner.into_target().into_parts().map_err(failed)?;
    out.flush().map_err(failed)?;
    Ok(report)
}

fn ended(args: &Args, report: &Report) -> Result<Ended, Stop> {
    let failure =
        |what: &dyn core::fmt::Display| Failure::new(args.plan.display().to_string(), what);
    match &report.ending {
        Ending::Aborted => Ok(Ended::Status(130)),
        Ending::Refused(_) | Ending::Failed(_) => Err(failure(&report.ending).into()),
        _ if report.is_clean() => Ok(Ended::Clean),
        _ => Ok(Ended::Found),
    }
}

/// Prints steps, and asks.
struct Watch<'a> {
    output: &'a mut Output,
    verbose: bool,
    ask: bool,
    told: String,
    stop: Option<Stop>,
}

impl Watch<'_> {
    fn line(&mut self, text: &str) {
        if self.stop.is_none() {
            let written = self.output.line(text);
            self.stop = written.err();
        }
    }
}

impl Observer for Watch<'_> {
    fn before(&mut self, view: StepView<'_>) -> Decision {
        if self.stop.is_some() {
            return Decision::Abort;
        }
        if self.verbose {
            self.told = print::step(view.step, view.index, view.plan);
        }
        if !self.ask {
            return Decision::Do;
        }
        eprint!(
            "{}\n[Enter: do it, s: skip it, c: do all, q: break off] ",
            self.told
        );
        let mut answer = String::new();
        match io::stdin().lock().read_line(&mut answer) {
            Ok(0) | Err(_) => return Decision::Abort,
            Ok(_) => {}
        }
        match answer.trim() {
            "s" => Decision::Skip,
            "q" => Decision::Abort,
            "c" => {
                self.ask = false;
                Decision::Do
            }
            _ => Decision::Do,
        }
    }

    fn after(&mut self, _: StepView<'_>, outcome: &Outcome) {
        if self.verbose {
            let line = format!("{}{}", self.told, print::outcome(outcome));
            self.line(&line);
        }
    }
}
