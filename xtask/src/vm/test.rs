//! `cargo xtask vm test`: scenarios, each in one boot, judged by the devices' log.

use super::compare::{self, Range, Report};
use super::device_log::DeviceLog;
use super::devices::Device;
use super::error::{AtPath, Error, Result};
use super::initrd::Initrd;
use super::kernel::{self, Kernel};
use super::options::Options;
use super::packaged::Unpacked;
use super::qemu::{Machine, Outcome};
use super::scenarios::{SCENARIOS, Scenario};
use super::trace::Trace;
use super::{cache, module, programs};
use core::time::Duration;
use std::path::PathBuf;

/// Runs the scenarios that were asked for, on each kernel.
pub(crate) fn run(options: &Options) -> Result<()> {
    let programs = programs::with_library()?;
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
        let kit = Kit {
            kernel: &kernel,
            modules: vec![module::build(&kernel)?, module::build_test(&kernel)?],
            programs: &programs,
        };
        for scenario in chosen(options)? {
            let name = format!("{} on {}", scenario.name, kernel.release);
            match play(scenario, &kit) {
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
struct Kit<'a> {
    kernel: &'a Kernel,
    modules: Vec<PathBuf>,
    programs: &'a [PathBuf],
}

fn play(scenario: &Scenario, kit: &Kit<'_>) -> Result<()> {
    let kernel = kit.kernel;
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
        our_modules: kit.modules.clone(),
        programs: kit.programs.to_vec(),
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
    match complaints(&outcome) {
        Err(error) if scenario.may_die => println!("  {error}"),
        complaints => complaints?,
    }
    (scenario.judge)(&Evidence::gather(&outcome, devices)?)
}

/// A kernel that survives may still have warned.
fn complaints(outcome: &Outcome) -> Result<()> {
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
        Some(line) => Err(format!("the kernel complains: {line} ({})", path.display()).into()),
    }
}

/// What a run left for its judge.
pub(crate) struct Evidence {
    /// The trace, where the run leaves one.
    pub(crate) trace: Trace,
    pub(crate) log: DeviceLog,
    /// The memory ranges of each device under test.
    pub(crate) ranges: Vec<(&'static Device, Vec<Range>)>,
    /// What the guest handed out.
    pub(crate) folder: PathBuf,
}

impl Evidence {
    fn gather(outcome: &Outcome, devices: Vec<&'static Device>) -> Result<Self> {
        let path = outcome.out.join("pci");
        let pci = std::fs::read_to_string(&path).at(&path)?;
        let ranges = devices
            .into_iter()
            .map(|device| (device, ranges_of(&pci, device.pci)))
            .collect();
        let trace = outcome.out.join("trace");
        Ok(Self {
            trace: if trace.exists() {
                Trace::read(&trace)?
            } else {
                Trace::default()
            },
            log: DeviceLog::read(&outcome.device_log)?,
            ranges,
            folder: outcome.out.clone(),
        })
    }

    /// The devices' log between the phases 1 and 2 against a trace.
    pub(crate) fn compare(&self, trace: &Trace, windows: &[Range]) -> Report {
        compare::compare(
            &self.log,
            self.log.between(Some(1), Some(2)),
            &trace.accesses,
            windows,
        )
    }

    /// As [`compare`](Self::compare), between any two phases.
    pub(crate) fn compare_between(&self, phases: (u8, u8), trace: &Trace) -> Report {
        compare::compare(
            &self.log,
            self.log.between(Some(phases.0), Some(phases.1)),
            &trace.accesses,
            &self.all_windows(),
        )
    }

    /// As [`compare_between`](Self::compare_between), where the trace begins later than the phase.
    pub(crate) fn compare_end(&self, phases: (u8, u8), trace: &Trace) -> Report {
        let whole = self.compare_between(phases, trace);
        let windows = self.all_windows();
        let inside = |phys: u64| windows.iter().any(|window| window.contains(&phys));
        let device = self.log.between(Some(phases.0), Some(phases.1));
        let device = device.filter(|access| inside(access.phys));
        let device = device.skip(whole.device.saturating_sub(whole.trace));
        compare::compare(&self.log, device, &trace.accesses, &windows)
    }

    /// The memory ranges of all devices under test.
    pub(crate) fn all_windows(&self) -> Vec<Range> {
        self.ranges
            .iter()
            .flat_map(|(_, windows)| windows.iter().cloned())
            .collect()
    }
}

/// The memory ranges that the guest's list has for a device.
pub(crate) fn ranges_of(pci: &str, device: &str) -> Vec<Range> {
    let hex = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    pci.lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, vendor, number, start, end, _] = words[..] else {
                return None;
            };
            (format!("{vendor} {number}") == device).then_some(())?;
            Some(hex(start)?..hex(end)?.checked_add(1)?)
        })
        .collect()
}
