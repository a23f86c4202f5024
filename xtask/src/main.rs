//! The workshop of the project: `cargo xtask COMMAND`.
#![forbid(unsafe_code)]

mod ci;
mod deny;
mod fuzz;
mod linux_source;
mod msrv;
mod no_std;
mod python;
mod steps;
mod test;
mod watch;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  test [--all]       set up what the tests need, then run all tests; --all adds the full CPU
                     oracle, every machine scenario and the browser tests
  ci                 test, and everything else that must hold before a change lands
  no-std             build the no_std crates for a target without std
  msrv               check the published crates with the oldest supported compiler
  deny               check licences, sources and duplicate dependencies
  fuzz [SECONDS]     run every fuzz target that long (default 20)
  oracle             compare the decoder with this machine's CPU, every encoding
  vm …               test machines: cargo xtask vm help
  module …           the kernel module: cargo xtask module help
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or(&[]);
    let outcome = match arguments.first().map(String::as_str) {
        Some("test") => test::run(rest),
        Some("ci") => ci::run(),
        Some("no-std") => no_std::run(),
        Some("msrv") => msrv::run(),
        Some("deny") => deny::run(),
        Some("fuzz") => fuzz::run(rest),
        Some("oracle") => test::oracle(rest),
        Some("vm") => machines(rest),
        Some("module") => machines(&arguments),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Some(other) => Err(format!("unknown command {other}\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The program of the test machines. Not a library of this one: then every `cargo xtask` would wait
/// for the crates that judge traces.
fn machines(arguments: &[String]) -> Result<(), String> {
    let program = host::build::program("vm").map_err(|error| error.to_string())?;
    let status = std::process::Command::new(program).args(arguments).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("vm: {status}")),
        Err(error) => Err(format!("cannot start vm: {error}")),
    }
}
