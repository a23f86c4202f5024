//! `mmiotrace record`: a capture. Each backend has a file below.

mod kmod;
mod process;
mod trace;
mod tracefs;
mod verdict;

use crate::failure::{Failure, Outcome, Stop, plain};
use core::sync::atomic::{AtomicUsize, Ordering};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

/// Record a trace, and say at the end whether it is complete
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace record --demo -o demo.mmiotrace
  mmiotrace record -o driver.mmiotrace -- ./user-space-driver --card 0
  mmiotrace record --match '/tmp/registers*' -o tool.mmiotrace -- ./tool
  sudo mmiotrace record --backend tracefs --driver e1000 -o e1000.mmiotrace -- ./use-the-card.sh
  sudo mmiotrace record --backend tracefs --device 00:03.0 --reload --stop-after 30s
  sudo mmiotrace record --backend tracefs --driver nouveau --buffer 256M --stop-on-loss
  sudo mmiotrace record --backend kmod --device 00:03.0 -o card.mmiotrace -- ./use-the-card.sh
  sudo mmiotrace record --backend kmod --driver e1000 --reload --stop-after 30s
  sudo mmiotrace record --backend kmod --resume -o card.mmiotrace

The verdict goes to standard error. Exit status: that of COMMAND where it is not 0 (128 and the
signal, where one ended it); else 0 for a complete trace, 1 for one that is not; 2 where it could
not be done.")]
pub(crate) struct Args {
    /// What captures
    #[arg(long, value_enum, default_value_t = Backend::Process)]
    backend: Backend,

    /// The trace's file; `-` is standard output [default: trace.mmiotrace]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write this marker at the beginning; may be given more than once
    #[arg(long, value_name = "TEXT")]
    mark: Vec<String>,

    #[command(flatten)]
    process: process::ProcessArgs,

    #[command(flatten)]
    tracefs: tracefs::TracefsArgs,

    #[command(flatten)]
    kmod: kmod::KmodArgs,

    /// The program to run; the capture ends with it
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Backend {
    /// A program's own accesses, in user space: needs no rights
    Process,
    /// The kernel's own tracer: as root, no module needed, one CPU
    Tracefs,
    /// Our module in the kernel: as root, every driver, all CPUs
    Kmod,
}

impl Backend {
    const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Tracefs => "tracefs",
            Self::Kmod => "kmod",
        }
    }
}

/// What both backends in the kernel take.
const IN_THE_KERNEL: [&str; 6] = [
    "--driver",
    "--device",
    "--reload",
    "--keep",
    "--buffer",
    "--stop-after",
];

/// An option of another backend would do nothing.
fn refuse_foreign_options(args: &Args) -> Result<(), Failure> {
    let common = |name: &&str| args.backend == Backend::Kmod && IN_THE_KERNEL.contains(name);
    let of_tracefs = args.tracefs.given().into_iter().find(|name| !common(name));
    let foreign = [
        (Backend::Tracefs, of_tracefs),
        (Backend::Kmod, args.kmod.given()),
    ];
    for (backend, option) in foreign {
        if let (true, Some(option)) = (backend != args.backend, option) {
            let backend = backend.name();
            let what = format!("{option} is for --backend {backend}");
            return Err(Failure::new("usage", what).advise(format!("add --backend {backend}")));
        }
    }
    Ok(())
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    refuse_foreign_options(args)?;
    match args.backend {
        Backend::Kmod => kmod::run(args),
        Backend::Process => process::run(args),
        Backend::Tracefs => tracefs::run(args),
    }
}

const PLACE: &str = "record";

/// Counts the signals by which a person ends a capture. SIGPIPE is no signal for a Rust program.
fn catch_signals() -> Result<Arc<AtomicUsize>, Failure> {
    let count = Arc::new(AtomicUsize::new(0));
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])
        .map_err(|error| Failure::new(PLACE, plain(&error)))?;
    let counter = Arc::clone(&count);
    std::thread::spawn(move || {
        for _ in signals.forever() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok(count)
}

/// The status of the command that was traced, where it is not 0: 128 and the signal, where one
/// ended it.
fn status_of(status: ExitStatus) -> Option<u8> {
    let code = status.code().or_else(|| Some(128 + status.signal()?))?;
    u8::try_from(code).ok().filter(|code| *code != 0)
}

fn tell(text: impl core::fmt::Display) {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "mmiotrace: {text}");
}

fn unwritable(output: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(output.display().to_string(), plain(error));
    match error.kind() {
        io::ErrorKind::StorageFull => failure.advise("make room, or give -o a place with more"),
        io::ErrorKind::PermissionDenied => failure.advise("give -o a place that you may write to"),
        _ => failure,
    }
}
