//! `mmiotrace replay bisect`: which step hangs the device.

use super::file;
use super::print;
use super::target::{FaultName, TargetName};
use crate::failure::{Failure, Outcome, Stop, plain};
use crate::output::{Output, spare};
use core::time::Duration;
use mmiotrace_replay::{
    Bisect, BisectState, Breadcrumbs, Ending, OnMismatch, Pacing, Plan, RunOptions, RunVerdict,
    Runner, SideFiles, Silent,
};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Find the step that hangs a device, over restarts, in at most log2(n) + 1 runs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo mmiotrace replay bisect card.plan.toml --target pci:01:00.0 --state card.bisect --yes
  sudo mmiotrace replay bisect card.plan.toml --target pci:01:00.0 --state card.bisect --yes \\
      --reset ./power-cycle.sh --test ./is-it-alive.sh

Each call does one run: bring the device back to its first state (a restart, a power cycle) and call
again with the same --state. With --reset, which brings the device back, all runs are done in one
call. Harm is: the run never ended, because the machine had to be restarted; an access or a wait
never ended; or --test fails. COMMANDs find in MMIOTRACE_STEPS how many steps the run has.")]
pub(super) struct Args {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: PathBuf,

    /// What to run it on
    #[arg(long, value_name = "TARGET")]
    target: TargetName,

    /// Touch the device
    #[arg(long)]
    yes: bool,

    /// Where the search is noted between runs
    #[arg(long, value_name = "FILE")]
    state: PathBuf,

    /// A command that brings the device back to its first state before each run
    #[arg(long, value_name = "COMMAND")]
    reset: Option<String>,

    /// A command that succeeds where the device is alive after a run
    #[arg(long, value_name = "COMMAND")]
    test: Option<String>,

    /// The pace of all sections [default: each section's]
    #[arg(long, value_name = "PACING")]
    pacing: Option<Pacing>,

    /// The longest that a wait may take, in milliseconds
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,

    /// Give up where one access takes longer, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    access_timeout: u64,

    /// Let a model fail after N accesses: frozen@N, dead@N, removed@N; to try the search
    #[arg(long, value_name = "FAULT")]
    fault: Option<FaultName>,
}

pub(super) fn run(args: &Args) -> Result<Outcome, Stop> {
    if args.target.is_real() && !args.yes {
        let failure = Failure::new("bisect", "touches the device");
        return Err(failure
            .advise("say --yes; replay run shows what the plan does")
            .into());
    }
    let (plan, files) = file::read(&args.plan)?;
    let mut read = file::all(&args.plan, &files);
    read.extend(args.target.file().map(Path::to_path_buf));
    for path in [&args.state, &next(&args.state), &crumbs(&args.state)] {
        spare(path, &read)?;
    }
    let mut output = Output::new()?;
    let mut bisect = Bisect::new(&plan).with_state(load(&args.state)?);
    if bisect.state().pending.is_some() {
        output.line("the last run never ended: harm")?;
        bisect.tell(RunVerdict::Harmed);
        save(&args.state, bisect.state())?;
    }
    // A model is fresh for each run, and a reset makes a device so.
    let again = !args.target.is_real() || args.reset.is_some();
    while let Some(steps) = bisect.next_run() {
        // On the disk before the first access: this run may be the machine's last.
        save(&args.state, bisect.state())?;
        let verdict = one_run(args, &plan, &files, steps)?;
        bisect.tell(verdict);
        save(&args.state, bisect.state())?;
        let word = if verdict == RunVerdict::Harmed {
            "harm"
        } else {
            "no harm"
        };
        output.line(format_args!(
            "run {}: the first {steps} steps: {word}",
            bisect.state().runs
        ))?;
        output.flush()?;
        if !again {
            break;
        }
    }
    let outcome = conclude(&bisect, &plan, &mut output)?;
    output.flush()?;
    Ok(outcome)
}

/// Runs the beginning of the plan.
fn one_run(args: &Args, plan: &Plan, files: &SideFiles, steps: usize) -> Result<RunVerdict, Stop> {
    if let Some(command) = &args.reset
        && !succeeds(command, steps)?
    {
        return Err(Failure::new("--reset", "the command failed").into());
    }
    let target = args.target.make(
        plan,
        files,
        Some(Duration::from_millis(args.access_timeout)),
        args.fault,
    )?;
    let mut options = RunOptions::default();
    options.pacing = args.pacing;
    options.max_steps = Some(steps);
    options.on_mismatch = OnMismatch::Continue;
    options.through_stops = true;
    options.max_timeout = args.timeout.map(Duration::from_millis);
    let crumbs = crumbs(&args.state);
    let failed = |error: io::Error| Failure::new(crumbs.display().to_string(), plain(&error));
    options.breadcrumbs = Some(Breadcrumbs::create(&crumbs).map_err(failed)?);
    let report = Runner::new(plan, files, target).run(&options, &mut Silent);
    if let Ending::Refused(why) = &report.ending {
        return Err(
            Failure::new(args.plan.display().to_string(), format!("refused: {why}"))
                .advise("bring the device back to its first state")
                .into(),
        );
    }
    let failed = matches!(report.ending, Ending::Failed(_)) || report.timed_out > 0;
    let dead = match &args.test {
        Some(command) if !failed => !succeeds(command, steps)?,
        _ => failed,
    };
    Ok(if dead {
        RunVerdict::Harmed
    } else {
        RunVerdict::Survived
    })
}

/// Runs a command of the user's, which may want to know how many steps the run has.
fn succeeds(command: &str, steps: usize) -> Result<bool, Stop> {
    let status = Command::new("sh")
        .args(["-c", command])
        .env("MMIOTRACE_STEPS", steps.to_string())
        .status();
    Ok(status
        .map_err(|error| Failure::new(command, plain(&error)))?
        .success())
}

/// Says what is known, and what to do next.
fn conclude(bisect: &Bisect, plan: &Plan, output: &mut Output) -> Result<Outcome, Stop> {
    let state = bisect.state();
    if state.harmless {
        output.line("the whole plan does no harm")?;
        return Ok(Outcome::Clean);
    }
    if let Some(culprit) = bisect.culprit() {
        let step = plan
            .steps()
            .nth(culprit)
            .map(|(_, step)| print::step(step, culprit, plan));
        output.line(format_args!(
            "the step that does harm, after {} runs:",
            state.runs
        ))?;
        output.line(step.unwrap_or_default())?;
        return Ok(Outcome::Found);
    }
    output.line("bring the device back to its first state and call again")?;
    Ok(Outcome::Clean)
}

fn load(path: &Path) -> Result<BisectState, Failure> {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text)
            .map_err(|error| Failure::new(name, error).advise("remove it to begin anew")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BisectState::default()),
        Err(error) => Err(Failure::new(name, plain(&error))),
    }
}

/// Where the next state is written.
fn next(state: &Path) -> PathBuf {
    state.with_extension("new")
}

/// The breadcrumbs of the run.
fn crumbs(state: &Path) -> PathBuf {
    state.with_extension("crumbs")
}

/// Writes the state beside its file and then in its place, all on the disk.
fn save(path: &Path, state: BisectState) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        let new = next(path);
        let mut file = File::create(&new)?;
        file.write_all(serde_json::to_string(&state)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(file::folder(path))?.sync_all()
    };
    write().map_err(|error| Failure::new(path.display().to_string(), plain(&error)))
}
