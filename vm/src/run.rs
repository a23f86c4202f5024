//! `cargo xtask vm test`: scenarios, each in one boot, judged by the devices' log.

use crate::devices::Device;
use crate::evidence::Evidence;
use crate::initrd::Initrd;
use crate::kernel::{self, Kernel};
use crate::machine::{self, Machine, Outcome};
use crate::options::Options;
use crate::packaged::Unpacked;
use crate::scenarios::{SCENARIOS, Scenario};
use crate::{module, programs};
use core::time::Duration;
use host::cache;
use host::error::{AtPath, Error, Result};
use std::path::PathBuf;

/// Runs the scenarios that were asked for, on each kernel.
pub(crate) fn run(options: &Options) -> Result<()> {
    let programs = if options.all {
        programs::released()?
    } else {
        programs::checked()?
    };
    let mut failed = Vec::new();
    let mut passed = 0;
    for series in &options.kernels {
        let kernel = match Kernel::get(*series, options.refresh) {
            Err(Error::Unavailable(reason)) => {
                eprintln!("SKIPPED: machines with Linux {}: {reason}", series.as_str());
                continue;
            }
            kernel => kernel?,
        };
        kernel::require_mmiotrace(&kernel)?;
        let shared = Shared {
            kernel: &kernel,
            modules: vec![module::build(&kernel)?, module::build_test(&kernel)?],
            programs: &programs,
        };
        for scenario in chosen(options)? {
            let name = format!("{} on {}", scenario.name, kernel.release);
            match play(scenario, &shared) {
                Ok(()) => {
                    println!("ok: {name}");
                    passed += 1;
                }
                Err(Error::Unavailable(reason)) => eprintln!("SKIPPED: {name}: {reason}"),
                Err(error) => {
                    println!("FAILED: {name}: {error}");
                    failed.push(name);
                }
            }
        }
    }
    println!("machines: {passed} passed, {} failed", failed.len());
    println!("boots repeated: {}", machine::boots_repeated());
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("failed: {}", failed.join(", ")).into())
    }
}

fn chosen(options: &Options) -> Result<Vec<&'static Scenario>> {
    if options.scenarios.is_empty() {
        return Ok(SCENARIOS
            .iter()
            .filter(|scenario| options.all || scenario.quick)
            .collect());
    }
    let find = |name: &String| {
        SCENARIOS
            .iter()
            .find(|scenario| scenario.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
                Error::Failed(format!(
                    "no scenario {name}; there are: {}",
                    names.join(", ")
                ))
            })
    };
    options.scenarios.iter().map(find).collect()
}

/// What all scenarios on one kernel share.
struct Shared<'a> {
    kernel: &'a Kernel,
    modules: Vec<PathBuf>,
    programs: &'a [PathBuf],
}

fn play(scenario: &Scenario, shared: &Shared<'_>) -> Result<()> {
    let kernel = shared.kernel;
    let folder = cache::fresh(&format!(
        "runs/{}-{}",
        scenario.name,
        kernel.series.as_str()
    ))?;
    let devices = scenario
        .devices
        .iter()
        .map(|name| Device::from_name(name))
        .collect::<Result<Vec<_>>>()?;
    let mut script = String::new();
    let mut functions = String::new();
    let mut modules = Vec::new();
    let owned = |argument: &&str| (*argument).to_owned();
    let mut arguments: Vec<String> = scenario.qemu.iter().map(owned).collect();
    for device in &devices {
        functions.push_str(device.guest);
        modules.extend_from_slice(device.modules);
        arguments.extend(device.arguments(&folder)?);
    }
    script.push_str(&functions);
    script.push_str(scenario.guest);
    modules.extend_from_slice(scenario.modules);
    let packaged = scenario.packaged.iter().map(|name| Unpacked::get(name));
    let initrd = Initrd {
        kernel,
        modules,
        our_modules: shared.modules.clone(),
        programs: shared.programs.to_vec(),
        packaged: packaged.collect::<Result<Vec<_>>>()?,
        scenario: script,
        // For what runs in shells of its own.
        files: vec![(String::from("devices.sh"), functions.into_bytes())],
    };
    let machine = Machine {
        kernel,
        initrd: folder.join("initrd"),
        cpus: 4,
        devices: arguments,
        append: scenario.append.to_owned(),
        log: scenario.log,
        limit: Duration::from_secs(scenario.limit),
        folder: folder.clone(),
    };
    initrd.write(&machine.initrd)?;
    let outcome = match machine.run() {
        Err(error) if scenario.may_die => {
            println!("  the kernel did not survive its own tracer: {error}");
            return Ok(());
        }
        outcome => outcome?,
    };
    println!(
        "{} on {}: {:.0} s",
        scenario.name, kernel.release, outcome.seconds
    );
    match warnings(&outcome) {
        Err(error) if scenario.may_die => println!("  {error}"),
        warnings => warnings?,
    }
    (scenario.judge)(&Evidence::gather(&outcome, devices)?)
}

/// A kernel that survives may still have warned.
fn warnings(outcome: &Outcome) -> Result<()> {
    let path = outcome.out.join("dmesg");
    let text = std::fs::read_to_string(&path).at(&path)?;
    let bad = [
        "WARNING:",
        "BUG:",
        "Oops",
        "general protection",
        "stack-protector",
        "Call Trace",
    ];
    match text
        .lines()
        .find(|line| bad.iter().any(|word| line.contains(word)))
    {
        None => Ok(()),
        Some(line) => Err(format!("the kernel warns: {line} ({})", path.display()).into()),
    }
}
