//! `cargo xtask vm record`: a fresh trace, by the tracer of the kernel itself.

use crate::device_log::DeviceLog;
use crate::initrd::Initrd;
use crate::kernel::{self, Kernel};
use crate::machine::Machine;
use crate::module;
use crate::options::Options;
use core::time::Duration;
use host::cache;
use host::error::{AtPath, Result};

/// Boots, traces the device's driver from load to unload, writes the trace.
pub(crate) fn run(options: &Options) -> Result<()> {
    let kernel = Kernel::get(options.kernel(), options.refresh)?;
    kernel::require_mmiotrace(&kernel)?;
    let device = options.device()?;
    let folder = cache::fresh(&format!(
        "runs/record-{}-{}",
        device.name,
        kernel.series.as_str()
    ))?;
    let function = device.function();
    let initrd = Initrd {
        kernel: &kernel,
        modules: device.modules.to_vec(),
        our_modules: vec![module::build_test(&kernel)?],
        programs: Vec::new(),
        packaged: Vec::new(),
        scenario: format!(
            "{}\ndevice={function}\n{}",
            device.guest,
            include_str!("../guest/record.sh")
        ),
        files: Vec::new(),
    };
    let machine = Machine {
        kernel: &kernel,
        initrd: folder.join("initrd"),
        cpus: options.cpus,
        devices: device.arguments(&folder)?,
        append: String::new(),
        log: true,
        limit: Duration::from_secs(180),
        folder: folder.clone(),
    };
    initrd.write(&machine.initrd)?;
    let outcome = machine.run()?;
    let from = outcome.out.join("trace");
    let to = options
        .output
        .clone()
        .unwrap_or_else(|| format!("{}-{}.mmiotrace", device.name, kernel.series.as_str()).into());
    std::fs::copy(&from, &to).at(&to)?;
    let log = DeviceLog::read(&outcome.device_log)?;
    println!(
        "{}: {} bytes, kernel {}, {:.0} s; the devices' log has {} lines: {}",
        to.display(),
        from.metadata().at(&from)?.len(),
        kernel.release,
        outcome.seconds,
        log.entries.len(),
        outcome.device_log.display()
    );
    Ok(())
}
