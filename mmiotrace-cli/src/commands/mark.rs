//! `mmiotrace mark`: a marker into the capture that runs.

use crate::failure::{Failure, Outcome, Stop};
use core::str::FromStr;
use mmiotrace_capture::kmod;
use mmiotrace_capture::machine::Root;
use mmiotrace_capture::process::running_captures;
use mmiotrace_capture::tracefs;
use std::path::PathBuf;

/// Write a marker into the capture that runs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace mark 'the menu is open'
  mmiotrace mark --to 4711 'first start'
  sudo mmiotrace mark 'X is up'
  sudo mmiotrace mark --to tracefs 'suspend begins'
  sudo mmiotrace mark --to kmod 'suspend begins'

A marker has one line, at most 1000 bytes, and does not begin with the word mmiotrace1, which
traces use for themselves.")]
pub(crate) struct Args {
    /// The marker's text
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    text: String,

    /// The capture, if several run: `tracefs`, `kmod`, or the process id of a `mmiotrace record`
    #[arg(long, value_name = "tracefs|kmod|PID")]
    to: Option<Target>,

    /// The folder below which proc and sys are
    #[arg(long, value_name = "FOLDER", default_value = "/", hide = true)]
    root: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The kernel's own tracer.
    Tracefs,
    /// Our module in the kernel.
    Kmod,
    /// The capture in user space that this process records.
    Process(u32),
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.parse()) {
            ("tracefs", _) => Ok(Self::Tracefs),
            ("kmod", _) => Ok(Self::Kmod),
            (_, Ok(pid)) => Ok(Self::Process(pid)),
            _ => Err("neither tracefs nor kmod nor a process id"),
        }
    }
}

const PLACE: &str = "mark";

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let text = args.text.as_bytes();
    let running = running_captures();
    let process = |pid: u32| running.iter().find(|capture| capture.pid == pid);
    match (args.to, running.as_slice()) {
        (Some(Target::Process(pid)), _) => {
            let none = || Failure::new(PLACE, format_args!("process {pid} records nothing"));
            let capture = process(pid).ok_or_else(none)?;
            capture.mark(text).map_err(failure)?;
        }
        (None, [only]) => only.mark(text).map_err(failure)?,
        (None, [_, _, ..]) => {
            let pids: Vec<String> = running.iter().map(|one| one.pid.to_string()).collect();
            let failure = Failure::new(PLACE, "several captures run");
            let advice = format!("say which with --to: {}", pids.join(", "));
            return Err(failure.advise(advice).into());
        }
        (Some(Target::Kmod), _) => kmod::write_marker(text).map_err(failure)?,
        (None, []) if kmod::module_state().is_ok_and(|state| state.running) => {
            kmod::write_marker(text).map_err(failure)?;
        }
        (Some(Target::Tracefs), _) | (None, []) => {
            let root = Root::new(&args.root);
            tracefs::mark(&root, text).map_err(failure)?;
        }
    }
    Ok(Outcome::Clean)
}

fn failure(error: impl core::fmt::Display) -> Failure {
    Failure::new(PLACE, error)
}
