//! `mmiotrace replay plan`: a plan from a trace.

use super::file::{self, tell};
use crate::failure::{Failure, Outcome, Stop, plain};
use crate::filter_args::{FilterArgs, does_not_fit};
use crate::input::InputArgs;
use crate::naming::{Names, NamingArgs};
use crate::output::spare;
use core::ops::ControlFlow;
use mmiotrace_format::Record;
use mmiotrace_replay::{Pacing, Plan, PlanBuilder, PlanOptions, Planned};
use std::path::{Path, PathBuf};

/// Make a plan from a trace: a file to read, edit and run
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace replay plan e1000.mmiotrace.xz -o e1000.plan.toml
  mmiotrace replay plan --device 00:03.0 --from-mark 'load' --to-mark 'ifup' trace -o load.plan.toml
  mmiotrace replay plan --map device.toml trace.mmiotrace -o device.plan.toml

Large uploads and downloads go into files beside the plan. A summary goes to standard error.")]
pub(super) struct Args {
    #[command(flatten)]
    input: InputArgs,

    /// The plan's file; `-` is standard output, for plans without side files
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    /// How fast every section goes: recorded, scaled FACTOR, delays (only pauses that the driver
    /// made on purpose), none; each may be changed in the plan
    #[arg(long, value_name = "PACING", default_value = "recorded")]
    pacing: Pacing,

    /// Do not stop before the device gets addresses of the recorded machine's memory
    #[arg(long)]
    no_stops: bool,

    #[command(flatten)]
    naming: NamingArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

pub(super) fn run(args: &Args) -> Result<Outcome, Stop> {
    let filter = args.filter.filter()?;
    let mut names = Names::new(args.naming.namer()?);
    let input = args.input.open()?;
    let read = args.naming.and_files(args.input.file());
    spare(&args.output, &read)?;
    let (name, mut selector) = (input.name().to_owned(), filter.selector());
    let mut options = PlanOptions::default();
    options.trace = stem(&name);
    options.pacing = args.pacing;
    options.stops = !args.no_stops;
    let mut builder = PlanBuilder::new(options);
    let walked = input.entries().walk(|entry| {
        let wanted = selector.selects(entry)?;
        let named = names.see(entry);
        let access = entry.event().and_then(|event| event.as_access());
        if let (Some(name), Some(access)) = (named, access) {
            builder.name(access.phys, name);
        }
        // Devices and mappings tell where registers are, also where they are not wanted.
        let context = matches!(entry.record(), Ok(Record::Header(_)));
        if wanted || context {
            builder.push_entry(entry)?;
        } else {
            entry.record()?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    // No plan of more than what was asked for.
    selector
        .finish()
        .map_err(|error| does_not_fit(&name, &error))?;
    let planned = builder.finish();
    save(&planned, &args.output, &read)?;
    summarise(&planned.plan, &args.output);
    walked.finish()
}

/// The name of a trace without folder and suffixes.
fn stem(name: &str) -> String {
    let file = Path::new(name)
        .file_name()
        .map(|file| file.to_string_lossy().into_owned());
    let file = file.unwrap_or_else(|| name.to_owned());
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
            c
        } else {
            '-'
        }
    };
    let stem = file.split(".mmiotrace").next().unwrap_or(&file);
    stem.trim_start_matches('.').chars().map(plain).collect()
}

fn save(planned: &Planned, path: &Path, read: &[PathBuf]) -> Result<(), Stop> {
    let files = planned.files.iter().count();
    if path == Path::new("-") && files > 0 {
        return Err(Failure::new(
            "standard output",
            format!("the plan has {files} files beside it"),
        )
        .advise("give a file with -o")
        .into());
    }
    for (name, _) in planned.files.iter() {
        if path.file_name() == Some(name.as_ref()) {
            let what = "is the name of a file beside the plan";
            let failure = Failure::new(path.display().to_string(), what);
            return Err(failure.advise("give the plan another name").into());
        }
        spare(&file::folder(path).join(name), read)?;
    }
    planned
        .files
        .write(file::folder(path))
        .map_err(|error| Failure::new(path.display().to_string(), plain(&error)))?;
    file::write(path, read, &planned.plan.to_toml())
}

/// What the plan is like, in a few lines.
fn summarise(plan: &Plan, path: &Path) {
    if path == Path::new("-") {
        return;
    }
    let steps = plan.len();
    tell(format_args!(
        "{}: {steps} steps in {} sections",
        path.display(),
        plan.sections.len()
    ));
    for unknowable in &plan.unknowable {
        let lines: Vec<String> = unknowable
            .evidence
            .iter()
            .take(4)
            .map(|e| e.line.to_string())
            .collect();
        let place = if lines.is_empty() {
            String::new()
        } else {
            format!(" (line {}…)", lines.join(", "))
        };
        tell(format_args!(
            "  not in the trace: {}{place}",
            unknowable.text
        ));
    }
    for (_, step) in plan.steps() {
        if let mmiotrace_replay::Action::Stop(why) = &step.action {
            tell(format_args!("  stops at line {}: {why}", step.line));
        }
    }
}
