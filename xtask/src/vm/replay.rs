//! `cargo xtask vm replay`: drivers' start-ups recorded in one machine, planned here with the real
//! command, and done again in a second machine without drivers. What the devices of both machines
//! saw is the judge.

use super::compare::{self, Range};
use super::device_log::{DeviceAccess, DeviceLog};
use super::devices::Device;
use super::error::{AtPath, Error, Result};
use super::initrd::Initrd;
use super::kernel::{self, Kernel};
use super::options::Options;
use super::qemu::{Machine, Outcome};
use super::replay_judge::{self, Expected};
use super::trace::Trace;
use super::{cache, command, module, programs, test};
use core::time::Duration;
use mmiotrace_replay::Plan;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The devices whose start-ups are replayed; sections of the recording and phases of its log come in
/// this order.
const DEVICES: [&str; 4] = ["e1000", "edu", "nvme", "xhci"];

/// Bits that are not compared after a run, with the device and the offset: they change by themselves.
///
/// STATUS bit 1 (LU) of the e1000 tells whether the link is up: it goes off when autonegotiation is
/// begun, and comes back half a second later; the states are read somewhere in between.
const VOLATILE: &[(&str, u64, u64)] = &[("e1000", 0x8, 0x2)];

/// One run of a machine without drivers.
#[derive(Clone, Copy, Debug)]
struct Run {
    name: &'static str,
    /// The device that it is about.
    device: &'static str,
    plan: &'static str,
    fate: Fate,
}

/// What must become of a run.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// The device saw the plan.
    Done,
    /// The second card saw the plan's steps, from the module that they were exported to.
    Exported,
    /// No device saw a write, and the reason has these words.
    Refused(&'static str),
}

const fn run_of(name: &'static str, device: &'static str, plan: &'static str, fate: Fate) -> Run {
    Run {
        name,
        device,
        plan,
        fate,
    }
}

const OTHER_STATE: Fate = Fate::Refused("not in the state in which it was recorded");

/// Runs of the second machine, in the order of its phases.
const RUNS: [Run; 13] = [
    run_of(
        "other-device",
        "e1000",
        "nvme",
        Fate::Refused("the plan is for"),
    ),
    run_of("bridge", "e1000", "bridge", Fate::Refused("it is a bridge")),
    run_of(
        "display",
        "e1000",
        "display",
        Fate::Refused("it is a display in use"),
    ),
    run_of("e1000", "e1000", "e1000", Fate::Done),
    run_of("edu", "edu", "edu", Fate::Done),
    run_of("nvme", "nvme", "nvme", Fate::Done),
    run_of("xhci", "xhci", "xhci", Fate::Done),
    run_of("e1000-again", "e1000", "e1000", OTHER_STATE),
    run_of("nvme-again", "nvme", "nvme", OTHER_STATE),
    run_of("xhci-again", "xhci", "xhci", OTHER_STATE),
    run_of("kernel-module", "e1000", "e1000", Fate::Exported),
    run_of(
        "bound",
        "e1000",
        "e1000",
        Fate::Refused("driver e1000 is bound"),
    ),
    run_of("removed", "nvme", "nvme", Fate::Refused("no such device")),
];

/// The same of the machine with an IOMMU.
const VFIO_RUNS: [Run; 9] = [
    run_of(
        "other-device",
        "e1000",
        "edu",
        Fate::Refused("the plan is for"),
    ),
    run_of("e1000", "e1000", "e1000", Fate::Done),
    run_of("e1000-again", "e1000", "e1000", OTHER_STATE),
    run_of("edu", "edu", "edu", Fate::Done),
    run_of("nvme-as-recorded", "nvme", "nvme", OTHER_STATE),
    run_of("nvme", "nvme", "nvme-reset", Fate::Done),
    run_of("nvme-again", "nvme", "nvme-reset", Fate::Done),
    run_of("xhci", "xhci", "xhci", Fate::Done),
    run_of("xhci-again", "xhci", "xhci", OTHER_STATE),
];

/// A plan that is edited as a person would: what is replaced by what.
const EDITED: [(&str, &str, &str, &str); 3] = [
    (
        "bridge",
        "e1000",
        "vendor = 0x8086\ndevice = 0x100e",
        "vendor = 0x8086\ndevice = 0x1237",
    ),
    (
        "display",
        "e1000",
        "vendor = 0x8086\ndevice = 0x100e",
        "vendor = 0x1234\ndevice = 0x1111",
    ),
    // CSTS: the firmware had the controller running; a reset controller is not ready.
    (
        "nvme-reset",
        "nvme",
        "read = \"bar0+0x1c\", must = true, expect = 0x1",
        "read = \"bar0+0x1c\", must = true, expect = 0x0",
    ),
];

/// Records, plans, replays and judges on each kernel.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut failed = Vec::new();
    for series in &options.kernels {
        let kernel = match Kernel::get(*series, options.refresh) {
            Err(Error::Unavailable(reason)) => {
                eprintln!("SKIPPED: replay on Linux {}: {reason}", series.as_str());
                continue;
            }
            kernel => kernel?,
        };
        kernel::require_mmiotrace(&kernel)?;
        match play(&kernel) {
            Err(Error::Unavailable(reason)) => {
                eprintln!("SKIPPED: replay on {}: {reason}", kernel.release);
            }
            Err(error) => failed.push(format!("replay on {}: {error}", kernel.release)),
            Ok(()) => println!("ok: replay on {}", kernel.release),
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n").into())
    }
}

fn play(kernel: &Kernel) -> Result<()> {
    let program = programs::replaying_command()?;
    let recorded = Recorded::make(kernel, &program)?;
    let mut failures = Vec::new();
    let pci = Boot {
        name: "replay-pci",
        script: include_str!("guest/replay-run.sh"),
        modules: vec!["e1000"],
        // The display that the machine comes up with.
        qemu: &["-device", "VGA,romfile="],
        // A second card like the first, down to its EEPROM, which holds its address.
        behind: &[
            "-netdev",
            "user,id=second",
            "-device",
            "e1000,netdev=second,romfile=,mac=52:54:00:12:34:56,addr=0x10",
        ],
        append: "",
        our_modules: vec![recorded.export(kernel, &program)?],
        runs: &RUNS,
    };
    let vfio = Boot {
        name: "replay-vfio",
        script: include_str!("guest/replay-vfio.sh"),
        modules: vec!["vfio_iommu_type1", "vfio_pci"],
        qemu: &["-machine", "q35", "-device", "intel-iommu"],
        behind: &[],
        append: "intel_iommu=on",
        our_modules: Vec::new(),
        runs: &VFIO_RUNS,
    };
    for boot in [pci, vfio] {
        let outcome = boot.boot(kernel, &program, &recorded)?;
        let judge = Judge {
            recorded: &recorded,
            out: outcome.out.clone(),
            log: DeviceLog::read(&outcome.device_log)?,
            runs: boot.runs,
        };
        judge.all(boot.name, &mut failures);
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join(", ").into())
    }
}

/// Everything of a boot that the devices are the same for.
fn devices(folder: &Path) -> Result<(Vec<String>, String)> {
    let (mut arguments, mut functions) = (Vec::new(), String::new());
    for name in DEVICES {
        let device = Device::from_name(name)?;
        arguments.extend(device.arguments(folder)?);
        functions.push_str(device.guest);
    }
    Ok((arguments, functions))
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .map(|argument| (*argument).to_owned())
        .collect()
}

/// The first machine: what the drivers did, and the plans made of it.
struct Recorded {
    out: PathBuf,
    log: DeviceLog,
    plans: PathBuf,
}

impl Recorded {
    fn make(kernel: &Kernel, program: &Path) -> Result<Self> {
        let folder = cache::fresh(&format!("runs/replay-record-{}", kernel.series.as_str()))?;
        let (arguments, functions) = devices(&folder)?;
        let mut modules = Vec::new();
        for name in DEVICES {
            modules.extend_from_slice(Device::from_name(name)?.modules);
        }
        let initrd = Initrd {
            kernel,
            modules,
            our_modules: vec![module::build_test(kernel)?],
            programs: vec![program.to_path_buf()],
            scenario: include_str!("guest/replay-record.sh").to_owned(),
            files: vec![
                ("devices.sh".to_owned(), functions.into_bytes()),
                (
                    "registers.sh".to_owned(),
                    include_bytes!("guest/registers.sh").to_vec(),
                ),
            ],
        };
        // What a driver holds can be read by others then: the registers that it leaves.
        let outcome = boot(kernel, &folder, &initrd, arguments, "iomem=relaxed")?;
        println!(
            "replay-record on {}: {:.0} s",
            kernel.release, outcome.seconds
        );
        let recorded = Self {
            log: DeviceLog::read(&outcome.device_log)?,
            out: outcome.out,
            plans: folder.join("plans"),
        };
        recorded.plan(program)?;
        Ok(recorded)
    }

    fn windows(&self, device: &str) -> Result<Vec<Range>> {
        windows(&self.out, device)
    }

    /// What a device saw while its driver started.
    fn seen(&self, device: &str) -> Result<Vec<&DeviceAccess>> {
        let place = DEVICES.iter().position(|name| *name == device);
        let phases = phases(place.ok_or("no such device")?);
        let windows = self.windows(device)?;
        let inside =
            |access: &&DeviceAccess| windows.iter().any(|window| window.contains(&access.phys));
        Ok(self
            .log
            .between(phases.0, phases.1)
            .filter(inside)
            .collect())
    }

    /// Makes the plans, with the command that people use.
    fn plan(&self, program: &Path) -> Result<()> {
        std::fs::create_dir_all(&self.plans).at(&self.plans)?;
        for name in DEVICES {
            let (begin, end) = (format!("^begin {name}$"), format!("^end {name}$"));
            let mut plan = Command::new(program);
            plan.args(["replay", "plan", "--from-mark", &begin, "--to-mark", &end]);
            plan.args(["--device", &self.slot(name)?, "--pacing", "delays", "-o"]);
            plan.arg(self.plan_path(name)).arg(self.out.join("trace"));
            println!("{}", command::output_with_complaints(&mut plan)?.trim_end());
        }
        // A wait of which the trace shows one read only is none to the planner. The driver's source
        // tells that it is one; the plan is edited.
        let path = self.plan_path("edu");
        let waits = self.text("edu")?.replace(
            "read = \"bar0+0x20\", expect = 0x0",
            "poll = \"bar0+0x20\", mask = 0x1, value = 0x0",
        );
        std::fs::write(&path, waits).at(&path)?;
        for (name, from, old, new) in EDITED {
            let text = self.text(from)?;
            let edited = text.replace(old, new);
            if edited == text {
                return Err(format!("the plan {from} has no {old}").into());
            }
            let path = self.plan_path(name);
            std::fs::write(&path, edited).at(&path)?;
        }
        Ok(())
    }

    /// The plan of e1000 as a module of the kernel.
    fn export(&self, kernel: &Kernel, program: &Path) -> Result<PathBuf> {
        let mut export = Command::new(program);
        export.args(["replay", "export", "--lang", "c"]);
        let code = command::output(export.arg(self.plan_path("e1000")))?;
        module::build_replay(
            kernel,
            "replay_e1000",
            include_str!("guest/replay_module.c"),
            &code,
        )
    }

    /// Where a device was: `00:03.0`.
    fn slot(&self, device: &str) -> Result<String> {
        let pci = Device::from_name(device)?.pci;
        let path = self.out.join("pci");
        let text = std::fs::read_to_string(&path).at(&path)?;
        let line = text.lines().find(|line| line.contains(pci));
        let slot = line.and_then(|line| line.split(' ').next()?.strip_prefix("0000:"));
        Ok(slot.ok_or("the device is not there")?.to_owned())
    }

    fn plan_path(&self, name: &str) -> PathBuf {
        self.plans.join(format!("{name}.toml"))
    }

    fn text(&self, name: &str) -> Result<String> {
        let path = self.plan_path(name);
        std::fs::read_to_string(&path).at(&path)
    }

    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.plans).at(&self.plans)? {
            let path = entry.at(&self.plans)?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.push((format!("plans/{name}"), std::fs::read(&path).at(&path)?));
        }
        Ok(files)
    }
}

/// A machine in which plans are run.
struct Boot {
    name: &'static str,
    script: &'static str,
    modules: Vec<&'static str>,
    qemu: &'static [&'static str],
    /// The same, behind the devices under test.
    behind: &'static [&'static str],
    append: &'static str,
    our_modules: Vec<PathBuf>,
    runs: &'static [Run],
}

impl Boot {
    fn boot(&self, kernel: &Kernel, program: &Path, recorded: &Recorded) -> Result<Outcome> {
        let folder = cache::fresh(&format!("runs/{}-{}", self.name, kernel.series.as_str()))?;
        let (of_devices, functions) = devices(&folder)?;
        let mut files = recorded.files()?;
        files.push(("devices.sh".to_owned(), functions.into_bytes()));
        files.push((
            "registers.sh".to_owned(),
            include_bytes!("guest/registers.sh").to_vec(),
        ));
        let initrd = Initrd {
            kernel,
            modules: self.modules.clone(),
            our_modules: self.our_modules.clone(),
            programs: vec![program.to_path_buf()],
            scenario: self.script.to_owned(),
            files,
        };
        let mut arguments = owned(self.qemu);
        arguments.extend(of_devices);
        arguments.extend(owned(self.behind));
        let outcome = boot(kernel, &folder, &initrd, arguments, self.append)?;
        println!(
            "{} on {}: {:.0} s",
            self.name, kernel.release, outcome.seconds
        );
        Ok(outcome)
    }
}

fn boot(
    kernel: &Kernel,
    folder: &Path,
    initrd: &Initrd<'_>,
    devices: Vec<String>,
    append: &str,
) -> Result<Outcome> {
    let machine = Machine {
        kernel,
        initrd: folder.join("initrd"),
        // The kernel's own tracer is exact on one.
        cpus: 1,
        devices,
        append: append.to_owned(),
        limit: Duration::from_secs(400),
        folder: folder.to_path_buf(),
    };
    initrd.write(&machine.initrd)?;
    machine.run()
}

/// The memory ranges of a device, from the list that the guest made.
fn windows(out: &Path, device: &str) -> Result<Vec<Range>> {
    let path = out.join("pci");
    let pci = std::fs::read_to_string(&path).at(&path)?;
    let ranges = test::ranges_of(&pci, Device::from_name(device)?.pci);
    if ranges.is_empty() {
        return Err(format!("no memory of {device} in {}", path.display()).into());
    }
    Ok(ranges)
}

/// The phases around the section or run of that number.
fn phases(place: usize) -> (Option<u8>, Option<u8>) {
    let number = u8::try_from(place).unwrap_or(u8::MAX).saturating_mul(2);
    (Some(number + 1), Some(number + 2))
}

struct Judge<'a> {
    recorded: &'a Recorded,
    out: PathBuf,
    log: DeviceLog,
    runs: &'static [Run],
}

impl Judge<'_> {
    fn all(&self, boot: &str, failures: &mut Vec<String>) {
        for (place, run) in self.runs.iter().enumerate() {
            let judged = match run.fate {
                Fate::Refused(why) => self.refused(place, run.name, why),
                Fate::Done => self.done(place, run),
                Fate::Exported => self.exported(place, run),
            };
            let name = run.name;
            match judged {
                Ok(text) => println!("  ok: {boot}: {name}: {text}"),
                Err(error) => {
                    println!("  FAILED: {boot}: {name}: {error}");
                    failures.push(format!("{boot}: {name}"));
                }
            }
        }
        for device in ["e1000", "edu"] {
            if !self.out.join(format!("{device}.state")).exists() {
                continue;
            }
            match self.state(device) {
                Ok(text) => println!("  ok: {boot}: state of {device}: {text}"),
                Err(error) => {
                    println!("  FAILED: {boot}: state of {device}: {error}");
                    failures.push(format!("{boot}: state of {device}"));
                }
            }
        }
    }

    fn text(&self, name: &str) -> Result<String> {
        let path = self.out.join(name);
        std::fs::read_to_string(&path).at(&path)
    }

    /// What all devices saw during a run.
    fn seen(&self, place: usize) -> Result<Vec<&DeviceAccess>> {
        let (from, to) = phases(place);
        let mut windows = Vec::new();
        for device in DEVICES {
            windows.extend(self::windows(&self.out, device)?);
        }
        let inside =
            |access: &&DeviceAccess| windows.iter().any(|window| window.contains(&access.phys));
        Ok(self.log.between(from, to).filter(inside).collect())
    }

    /// Refused: the reason is told, and no device saw a write.
    fn refused(&self, place: usize, name: &str, why: &str) -> Result<String> {
        let (status, told) = (
            self.text(&format!("{name}.status"))?,
            self.text(&format!("{name}.log"))?,
        );
        let seen = self.seen(place)?;
        let writes = seen.iter().filter(|access| access.write).count();
        if writes > 0 {
            return Err(format!("{writes} writes before the preconditions held").into());
        }
        if status.trim() != "2" || !told.contains(why) {
            return Err(format!("status {}: {}", status.trim(), told.trim()).into());
        }
        Ok(format!(
            "no write, {} reads: {}",
            seen.len(),
            told.lines().next().unwrap_or_default()
        ))
    }

    /// Done: the device saw the plan, access by access; what it saw written is what the driver wrote;
    /// and the run's own trace is what it saw.
    fn done(&self, place: usize, run: &Run) -> Result<String> {
        let name = run.name;
        let status = self.text(&format!("{name}.status"))?;
        if status.trim() != "0" {
            let told = self.text(&format!("{name}.log"))?;
            let json = self.text(&format!("{name}.json"))?;
            return Err(format!("status {}: {told}{json}", status.trim()).into());
        }
        let now = windows(&self.out, run.device)?;
        let seen = self.seen(place)?;
        let told = self.as_planned(run, &self.plan(run)?, &seen, &now)?;
        let trace = Trace::read(&self.out.join(format!("{name}.trace")))?;
        let report = compare::compare(&self.log, seen.iter().copied(), &trace.accesses, &now);
        if !report.is_exact() || report.device == 0 {
            return Err(format!("the recorded run is not what the device saw: {report}").into());
        }
        Ok(told)
    }

    /// The same of the exported code, which does not read the preconditions.
    fn exported(&self, place: usize, run: &Run) -> Result<String> {
        let (status, told) = (
            self.text(&format!("{}.status", run.name))?,
            self.text(&format!("{}.log", run.name))?,
        );
        if status.trim() != "0" {
            return Err(format!("status {}: {told}", status.trim()).into());
        }
        let mut plan = self.plan(run)?;
        plan.preconditions.clear();
        let all = windows(&self.out, run.device)?;
        let second = all.get(1..).unwrap_or(&[]);
        self.as_planned(run, &plan, &self.seen(place)?, second)
    }

    fn plan(&self, run: &Run) -> Result<Plan> {
        Plan::from_toml(&self.recorded.text(run.plan)?)
            .map_err(|error| Error::Failed(error.to_string()))
    }

    fn as_planned(
        &self,
        run: &Run,
        plan: &Plan,
        seen: &[&DeviceAccess],
        now: &[Range],
    ) -> Result<String> {
        let then = self.recorded.windows(run.device)?;
        let expected = Expected::of(plan, &then, now)?;
        let told = replay_judge::follow(&expected, seen)?;
        let driver = self.recorded.seen(run.device)?;
        let writes = replay_judge::same_writes(&driver, &then, seen, now, &expected)?;
        let stop = expected.stop.map(|why| format!("; stops: {why}"));
        Ok(format!(
            "{told}; {writes} writes as the driver's{}",
            stop.unwrap_or_default()
        ))
    }

    /// The device is as the driver left it, and was not before, in every register that
    /// `guest/registers.sh` lists.
    fn state(&self, device: &str) -> Result<String> {
        let name = format!("{device}.state");
        let path = self.recorded.out.join(&name);
        let driver = registers(&std::fs::read_to_string(&path).at(&path)?)?;
        let replayed = registers(&self.text(&name)?)?;
        let before = registers(&self.text(&format!("{device}.before"))?)?;
        let volatile = |offset: u64| {
            VOLATILE
                .iter()
                .find(|(of, at, _)| (*of, *at) == (device, offset))
                .map_or(0, |(_, _, bits)| *bits)
        };
        let mut wrong = Vec::new();
        for (left, now) in driver.iter().zip(&replayed) {
            if left.0 != now.0 || (left.1 ^ now.1) & !volatile(left.0) != 0 {
                wrong.push(format!(
                    "{:#x}: {:#x}, after the driver {:#x}",
                    left.0, now.1, left.1
                ));
            }
        }
        let changed = before
            .iter()
            .zip(&replayed)
            .filter(|(before, now)| before != now)
            .count();
        if driver.len() != replayed.len() || driver.is_empty() || changed == 0 {
            return Err(format!(
                "{} and {} registers, {changed} changed by the run",
                driver.len(),
                replayed.len()
            )
            .into());
        }
        if !wrong.is_empty() {
            return Err(wrong.join("; ").into());
        }
        Ok(format!(
            "{} registers as after the driver, {changed} of them changed by the run",
            driver.len()
        ))
    }
}

/// Lines of an offset and a value.
fn registers(text: &str) -> Result<Vec<(u64, u64)>> {
    let parse = |line: &str| {
        let (offset, value) = line.split_once(' ')?;
        let value = u64::from_str_radix(value.trim_start_matches("0x"), 16).ok()?;
        Some((offset.parse().ok()?, value))
    };
    text.lines()
        .map(|line| parse(line).ok_or_else(|| format!("no register: {line}").into()))
        .collect()
}
