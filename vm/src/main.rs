//! Machines in which modules, tracers and replays are tried; `cargo xtask vm` and
//! `cargo xtask module` run this.
//!
//! The machines are QEMU's, with software emulation, so they run wherever this program runs. The
//! kernels are Debian's, fetched by apt and unpacked into a cache; nothing of them is installed.
//! What a trace says is judged by QEMU's log of what the devices saw.

#![forbid(unsafe_code)]

mod archive;
mod boots;
mod busybox;
mod compare;
mod device_log;
mod devices;
mod evidence;
mod headers;
mod initrd;
mod judges;
mod kernel;
mod machine;
mod module;
mod options;
mod packaged;
mod programs;
mod qemu;
mod record;
mod replay;
mod run;
mod scenarios;
mod shell;
mod trace;
mod tracefs;
mod user_space;

use host::error::{Error, Result};
use options::Options;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask vm COMMAND [--kernel 6.1|6.12] [--device NAME]…

  fetch     put the newest kernels and QEMU into place (--refresh: look for newer ones)
  test      run the scenarios and compare with the devices' log (--all, --scenario NAME)
  tracefs   judge `mmiotrace record --backend tracefs`, each way in and out
  replay    record start-ups of drivers, replay them without the drivers, and judge
  shell     boot with a shell on this terminal; the devices' drivers are not loaded yet
  boots N   boot N times with nothing of ours, and count the boots that die (--qemu VERSION)
  record    trace a device's driver with the kernel's own tracer (-o FILE)

  Devices: e1000, edu, nvme, ahci, xhci, intel-hda, virtio-blk. --cpus N sets the number of CPUs (4).
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, rest)) if first == "module" => module_command(rest),
        _ => run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vm: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `cargo xtask vm …`
fn run(arguments: &[String]) -> Result<()> {
    let rest = arguments.get(1..).unwrap_or(&[]);
    match arguments.first().map(String::as_str) {
        Some("fetch") => kernel::fetch_all(Options::parse(rest)?.refresh),
        Some("test") => {
            let options = Options::parse(rest)?;
            let result = run::run(&options);
            // Boots of their own for each kernel: not in the short run.
            if options.all && options.scenarios.is_empty() {
                tracefs::run(&options)?;
                replay::run(&options)?;
            }
            result
        }
        Some("boots") => boots::run(&Options::parse(rest)?),
        Some("record") => record::run(&Options::parse(rest)?),
        Some("tracefs") => tracefs::run(&Options::parse(rest)?),
        Some("replay") => replay::run(&Options::parse(rest)?),
        Some("shell") => shell::run(&Options::parse(rest)?),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => Err(Error::Failed(format!(
            "unknown command vm {other}\n\n{HELP}"
        ))),
    }
}

const MODULE_HELP: &str = "\
cargo xtask module [--kernel 6.1|6.12|all]

  Builds the kernel module for Debian's newest kernel of that series, with headers and a compiler
  that are unpacked into a cache. For the kernel that runs: make -C mmiotrace-kmod/module
";

/// `cargo xtask module …`
fn module_command(arguments: &[String]) -> Result<()> {
    if arguments
        .iter()
        .any(|argument| matches!(argument.as_str(), "help" | "--help" | "-h"))
    {
        print!("{MODULE_HELP}");
        return Ok(());
    }
    module::run(&Options::parse(arguments)?)
}
