//! `cargo xtask vm boots`: how often a boot of a stock kernel with nothing of ours dies.

use crate::initrd;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::options::Options;
use crate::qemu;
use core::time::Duration;
use host::cache;
use host::error::Result;
use std::time::Instant;

/// Boots a kernel that often with a first program that switches off, and counts.
pub(crate) fn run(options: &Options) -> Result<()> {
    let kernel = Kernel::get(options.kernel(), options.refresh)?;
    let qemu = qemu::choose(options.qemu.as_deref())?;
    let folder = cache::fresh(&format!("runs/boots-{}", kernel.series.as_str()))?;
    let machine = Machine {
        kernel: &kernel,
        initrd: folder.join("initrd"),
        cpus: options.cpus,
        devices: Vec::new(),
        append: String::new(),
        log: false,
        limit: Duration::from_secs(120),
        folder: folder.clone(),
    };
    initrd::write_minimal(&machine.initrd)?;
    let began = Instant::now();
    let mut dead = 0;
    for number in 1..=options.count {
        if let Some(reason) = machine.try_boot()? {
            dead += 1;
            println!("boot {number} of {}: {reason}", options.count);
        }
    }
    println!(
        "boots of {} on {}, {} CPUs: {dead} dead of {}, {:.1} s each",
        kernel.release,
        qemu.version,
        options.cpus,
        options.count,
        began.elapsed().as_secs_f64() / f64::from(options.count.max(1))
    );
    Ok(())
}
