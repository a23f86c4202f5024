//! `cargo xtask vm shell`: a machine for a person.

use crate::initrd::Initrd;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::module;
use crate::options::Options;
use core::time::Duration;
use host::cache;
use host::error::Result;
use std::path::PathBuf;

/// Boots with a shell on this terminal.
pub(crate) fn run(options: &Options) -> Result<()> {
    let kernel = Kernel::get(options.kernel(), options.refresh)?;
    let devices = if options.devices.is_empty() {
        vec![options.device()?]
    } else {
        options.devices.clone()
    };
    let folder = cache::fresh(&format!("runs/shell-{}", kernel.series.as_str()))?;
    let mut functions = String::from(". /lib.sh\n");
    let mut modules = Vec::new();
    let mut arguments = Vec::new();
    let mut help =
        String::from("Switch off: poweroff -f, or Ctrl-A X. In this shell:\n  load MODULE\n");
    for device in &devices {
        functions.push_str(device.guest);
        modules.extend_from_slice(device.modules);
        arguments.extend(device.arguments(&folder)?);
        let function = device.function();
        help.push_str(&format!(
            "  {function}_attach; {function}_work; {function}_detach\n"
        ));
    }
    let initrd = Initrd {
        kernel: &kernel,
        modules,
        our_modules: our_modules(&kernel)?,
        programs: Vec::new(),
        packaged: Vec::new(),
        scenario: String::from(include_str!("../guest/shell.sh")),
        files: vec![
            (String::from("rc.sh"), functions.into_bytes()),
            (String::from("help"), help.into_bytes()),
        ],
    };
    let machine = Machine {
        kernel: &kernel,
        initrd: folder.join("initrd"),
        cpus: options.cpus,
        devices: arguments,
        append: String::new(),
        log: true,
        limit: Duration::MAX,
        folder: folder.clone(),
    };
    initrd.write(&machine.initrd)?;
    machine.interact()
}

/// The modules of this project that a machine gets: our own, and the one that drives devices for
/// which the kernel has no driver.
pub(crate) fn our_modules(kernel: &Kernel) -> Result<Vec<PathBuf>> {
    Ok(vec![module::build(kernel)?, module::build_test(kernel)?])
}
