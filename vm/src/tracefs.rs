//! `cargo xtask vm tracefs`: `mmiotrace record --backend tracefs` in a machine, judged by the
//! devices' log, by the kernel's own counters, and by a copy of the stream.

mod judge;
mod machine;
mod text;

use crate::device_log::DeviceLog;
use crate::devices::Device;
use crate::initrd::Initrd;
use crate::kernel::{self, Kernel};
use crate::machine::Machine;
use crate::options::Options;
use crate::programs;
use core::time::Duration;
use host::cache;
use host::error::{Error, Result};
use judge::Judge;

const DEVICES: [&str; 3] = ["e1000", "nvme", "xhci"];

/// Boots each kernel once, and judges.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut failed = Vec::new();
    for series in &options.kernels {
        let kernel = match Kernel::get(*series, options.refresh) {
            Err(Error::Unavailable(reason)) => {
                eprintln!("SKIPPED: tracefs on Linux {}: {reason}", series.as_str());
                continue;
            }
            kernel => kernel?,
        };
        kernel::require_mmiotrace(&kernel)?;
        match play(&kernel) {
            Err(Error::Unavailable(reason)) => {
                eprintln!("SKIPPED: tracefs on {}: {reason}", kernel.release);
            }
            Err(error) => failed.push(format!("tracefs on {}: {error}", kernel.release)),
            Ok(()) => println!("ok: tracefs on {}", kernel.release),
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("\n").into())
    }
}

fn play(kernel: &Kernel) -> Result<()> {
    let folder = cache::fresh(&format!("runs/tracefs-{}", kernel.series.as_str()))?;
    let mut functions = String::new();
    let mut modules = Vec::new();
    let mut arguments = Vec::new();
    let mut devices = Vec::new();
    for name in DEVICES {
        let device = Device::from_name(name)?;
        functions.push_str(device.guest);
        modules.extend_from_slice(device.modules);
        arguments.extend(device.arguments(&folder)?);
        devices.push(device);
    }
    let [command, _] = programs::released()?;
    let initrd = Initrd {
        kernel,
        modules,
        our_modules: Vec::new(),
        programs: vec![command],
        packaged: Vec::new(),
        scenario: include_str!("../guest/tracefs.sh").to_owned(),
        files: vec![(String::from("devices.sh"), functions.into_bytes())],
    };
    let machine = Machine {
        kernel,
        initrd: folder.join("initrd"),
        cpus: 4,
        devices: arguments,
        // What hangs is to say so, and where, at once.
        append: "softlockup_panic=1 sysctl.kernel.softlockup_all_cpu_backtrace=1".to_owned(),
        log: true,
        limit: Duration::from_secs(900),
        folder: folder.clone(),
    };
    initrd.write(&machine.initrd)?;
    let outcome = machine.run()?;
    println!("tracefs on {}: {:.0} s", kernel.release, outcome.seconds);
    let judge = Judge {
        out: outcome.out.clone(),
        log: DeviceLog::read(&outcome.device_log)?,
        devices,
    };
    judge.all()
}
