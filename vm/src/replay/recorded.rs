//! The first machine: what the drivers did, and the plans made of it.

use super::boot::boot;
use super::devices::{DEVICES, devices, phases, windows};
use crate::compare::Range;
use crate::device_log::{DeviceAccess, DeviceLog};
use crate::devices::Device;
use crate::initrd::Initrd;
use crate::kernel::Kernel;
use crate::module;
use host::error::{AtPath, Result};
use host::{cache, command};
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// The first machine: what the drivers did, and the plans made of it.
pub(super) struct Recorded {
    pub(super) out: PathBuf,
    log: DeviceLog,
    plans: PathBuf,
}

impl Recorded {
    pub(super) fn make(kernel: &Kernel, program: &Path) -> Result<Self> {
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
            packaged: Vec::new(),
            scenario: include_str!("../../guest/replay-record.sh").to_owned(),
            files: vec![
                ("devices.sh".to_owned(), functions.into_bytes()),
                (
                    "registers.sh".to_owned(),
                    include_bytes!("../../guest/registers.sh").to_vec(),
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

    pub(super) fn windows(&self, device: &str) -> Result<Vec<Range>> {
        windows(&self.out, device)
    }

    /// What a device saw while its driver started.
    pub(super) fn seen(&self, device: &str) -> Result<Vec<&DeviceAccess>> {
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
    pub(super) fn plan(&self, program: &Path) -> Result<()> {
        std::fs::create_dir_all(&self.plans).at(&self.plans)?;
        for name in DEVICES {
            let (begin, end) = (format!("^begin {name}$"), format!("^end {name}$"));
            let mut plan = Command::new(program);
            plan.args(["replay", "plan", "--from-mark", &begin, "--to-mark", &end]);
            plan.args(["--device", &self.slot(name)?, "--pacing", "delays", "-o"]);
            plan.arg(self.plan_path(name)).arg(self.out.join("trace"));
            println!("{}", command::both_outputs(&mut plan)?.trim_end());
        }
        // The planner cannot recognise a wait of which the trace shows one read only. The driver's source
        // shows that it is one, so the plan is edited.
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
    pub(super) fn export(&self, kernel: &Kernel, program: &Path) -> Result<PathBuf> {
        let mut export = Command::new(program);
        export.args(["replay", "export", "--lang", "c"]);
        let code = command::output(export.arg(self.plan_path("e1000")))?;
        module::build_replay(
            kernel,
            "replay_e1000",
            include_str!("../../guest/replay_module.c"),
            &code,
        )
    }

    /// Where a device was: `00:03.0`.
    pub(super) fn slot(&self, device: &str) -> Result<String> {
        let pci = Device::from_name(device)?.pci;
        let path = self.out.join("pci");
        let text = std::fs::read_to_string(&path).at(&path)?;
        let line = text.lines().find(|line| line.contains(pci));
        let slot = line.and_then(|line| line.split(' ').next()?.strip_prefix("0000:"));
        Ok(slot.ok_or("the device is not there")?.to_owned())
    }

    pub(super) fn plan_path(&self, name: &str) -> PathBuf {
        self.plans.join(format!("{name}.toml"))
    }

    pub(super) fn text(&self, name: &str) -> Result<String> {
        let path = self.plan_path(name);
        std::fs::read_to_string(&path).at(&path)
    }

    pub(super) fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
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
