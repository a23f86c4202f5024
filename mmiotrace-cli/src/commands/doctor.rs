//! `mmiotrace doctor`: what each backend needs on this machine, and what mends it.

use crate::failure::{Outcome, Stop};
use crate::output::Output;
use mmiotrace_capture::doctor::{Backend, Diagnosis, Question, Status, examine};
use mmiotrace_capture::machine::{PciAddress, Root};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Say what each backend needs on this machine, and the command that provides what is missing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace doctor
  sudo mmiotrace doctor --backend tracefs --driver e1000
  mmiotrace doctor --json | jq .backends

Changes nothing. Exit status: 0 every backend (or the one asked for) can be used; 1 something is
missing.")]
pub(crate) struct Args {
    /// Look at this backend only
    #[arg(long, value_name = "NAME")]
    backend: Option<BackendName>,

    /// Look at the state of this driver too
    #[arg(long, value_name = "NAME")]
    driver: Option<String>,

    /// Look at the state of this PCI device too
    #[arg(long, value_name = "[DDDD:]BB:DD.F")]
    device: Option<PciAddress>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Look at a recorded machine: a folder with its proc, sys and boot
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = "/",
        hide_default_value = true
    )]
    root: PathBuf,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum BackendName {
    Process,
    Kmod,
    Tracefs,
}

impl From<BackendName> for Backend {
    fn from(name: BackendName) -> Self {
        match name {
            BackendName::Process => Self::Process,
            BackendName::Kmod => Self::Kmod,
            BackendName::Tracefs => Self::Tracefs,
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    backends: BTreeMap<&'static str, Usable>,
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
}

#[derive(Serialize)]
struct Usable {
    usable: bool,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let mut question = Question::default();
    question.driver.clone_from(&args.driver);
    question.device = args.device;
    question.executable = std::env::current_exe().ok();
    let mut diagnosis = examine(&Root::new(&args.root), &question);
    let only = args.backend.map(Backend::from);
    diagnosis
        .checks
        .retain(|check| only.is_none_or(|only| check.backend == only));
    let backends: Vec<Backend> = only.map_or_else(|| Backend::ALL.to_vec(), |only| vec![only]);
    let mut output = Output::new()?;
    if args.json {
        let usable = |backend: &Backend| {
            (
                backend.name(),
                Usable {
                    usable: diagnosis.is_usable(*backend),
                },
            )
        };
        let backends = backends.iter().map(usable).collect();
        output.json(&Report {
            backends,
            diagnosis: &diagnosis,
        })?;
    } else {
        for backend in &backends {
            write(&mut output, *backend, &diagnosis)?;
        }
    }
    output.flush()?;
    let all = backends.iter().all(|backend| diagnosis.is_usable(*backend));
    Ok(if all { Outcome::Clean } else { Outcome::Found })
}

fn write(output: &mut Output, backend: Backend, diagnosis: &Diagnosis) -> Result<(), Stop> {
    let usable = if diagnosis.is_usable(backend) {
        "can be used"
    } else {
        "CANNOT be used yet"
    };
    output.line(format_args!("{backend}: {usable}"))?;
    for check in diagnosis.of(backend) {
        let sign = match check.status {
            Status::Missing => '!',
            Status::Warning => '~',
            _ => ' ',
        };
        output.line(format_args!(
            "{sign} {:<8} {:<13} {}",
            check.status.name(),
            check.name,
            check.found
        ))?;
        if let Some(mend) = &check.mend {
            output.line(format_args!("  {:22} -> {mend}", ""))?;
        }
    }
    output.line("")
}
