//! `mmiotrace record`: a capture. Each backend has a file below.

mod diagnosis;
mod kmod;
mod library;
mod output;
mod process;
mod rates;
mod signals;
mod tracefs;
mod verdict;

use crate::failure::{Failure, Outcome, Stop, note, plain};
use mmiotrace_capture::check_marker;
use mmiotrace_core::RESERVED_MARKER_PREFIX;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

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

While COMMAND runs, SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to it and the capture goes on;
a second one within a second ends the capture at once and leaves COMMAND running, which the trace
says.

The verdict goes to standard error. Exit status: that of COMMAND if it is not 0 (128 and the
signal, if one ended it); else 0 for a complete trace, 1 for one that is not; 2 if it could not be
done.")]
pub(crate) struct Args {
    /// Capture backend
    #[arg(long, value_enum, default_value_t = Backend::Process)]
    backend: Backend,

    /// The trace's file; `-` is standard output [default: trace.mmiotrace]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write this marker at the beginning; can be repeated
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
    let common = |name: &&str| match args.backend {
        Backend::Kmod => IN_THE_KERNEL.contains(name),
        Backend::Process => *name == "--stop-after",
        Backend::Tracefs => true,
    };
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
    for text in &args.mark {
        // Before anything begins: what was started could not be recorded as it was asked for.
        check_marker(text.as_bytes())
            .map_err(|why| Failure::new("--mark", format_args!("a marker must not {why}")))?;
    }
    match args.backend {
        Backend::Kmod => kmod::run(args),
        Backend::Process => process::run(args),
        Backend::Tracefs => tracefs::run(args),
    }
}

impl Args {
    fn output(&self) -> &Path {
        self.output
            .as_deref()
            .unwrap_or_else(|| Path::new("trace.mmiotrace"))
    }
}

const PLACE: &str = "record";

/// The text of an annotation by which a trace says that something is not in it.
fn untraced(reason: &str, pid: Option<u32>, n: Option<u64>, text: &str) -> Vec<u8> {
    let mut line = RESERVED_MARKER_PREFIX.to_vec();
    line.extend_from_slice(format!("untraced reason={reason}").as_bytes());
    line.extend(
        pid.iter()
            .flat_map(|pid| format!(" pid={pid}").into_bytes()),
    );
    line.extend(n.iter().flat_map(|n| format!(" n={n}").into_bytes()));
    line.extend_from_slice(b" text=");
    let text = text.bytes().take(800);
    line.extend(text.map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
    line
}

/// Says on standard error that the command, or what it has started, still runs and is no longer traced;
/// returns the annotation that says so in the trace. `None` for no process.
fn continues(pids: &[u32]) -> Option<Vec<u8>> {
    let first = pids.first()?;
    let name = std::fs::read_to_string(format!("/proc/{first}/comm")).unwrap_or_default();
    let what = match pids.len() {
        1 => format!("process {first} ({}) still runs", name.trim_end()),
        n => format!(
            "{n} processes still run, among them {first} ({})",
            name.trim_end()
        ),
    };
    let what = format!("{what}; what it does from here on is not in the trace");
    let n = u64::try_from(pids.len()).ok();
    tell(&what);
    Some(untraced("program-continued", Some(*first), n, &what))
}

/// The status of the command that was traced, if it is not 0: 128 and the signal, if one ended it.
fn status_of(status: ExitStatus) -> Option<u8> {
    let code = status.code().or_else(|| Some(128 + status.signal()?))?;
    u8::try_from(code).ok().filter(|code| *code != 0)
}

fn tell(text: impl core::fmt::Display) {
    note(text);
}

fn unwritable(output: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(output.display().to_string(), plain(error));
    match error.kind() {
        io::ErrorKind::StorageFull => failure.advise("make room, or give -o a place with more"),
        io::ErrorKind::PermissionDenied => failure.advise("give -o a place that you may write to"),
        _ => failure,
    }
}
