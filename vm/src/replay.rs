//! `cargo xtask vm replay`: drivers' start-ups recorded in one machine, planned here with the real
//! command, and done again in a second machine without drivers. What the devices of both machines
//! saw is the judge.

mod boot;
mod devices;
mod expected;
mod judge;
mod recorded;
mod runs;

use crate::device_log::DeviceLog;
use crate::kernel::{self, Kernel};
use crate::options::Options;
use crate::programs;
use boot::Boot;
use host::error::{Error, Result};
use judge::Judge;
use recorded::Recorded;
use runs::{RUNS, VFIO_RUNS};

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
    let [program, _] = programs::released()?;
    let recorded = Recorded::make(kernel, &program)?;
    let mut failures = Vec::new();
    let pci = Boot {
        name: "replay-pci",
        script: include_str!("../guest/replay-run.sh"),
        modules: vec!["e1000"],
        // The display that the machine comes up with.
        qemu: &["-device", "VGA,romfile="],
        // A second card like the first, down to its EEPROM, which holds its address.
        after: &[
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
        script: include_str!("../guest/replay-vfio.sh"),
        modules: vec!["vfio_iommu_type1", "vfio_pci"],
        qemu: &["-machine", "q35", "-device", "intel-iommu"],
        after: &[],
        append: "intel_iommu=on",
        our_modules: Vec::new(),
        runs: &VFIO_RUNS,
    };
    for boot in [pci, vfio] {
        let outcome = boot.boot(kernel, &program, recorded.files()?)?;
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
