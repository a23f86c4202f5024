//! A machine in which drivers are recorded, or plans run.

use super::devices::devices;
use super::runs::Run;
use crate::initrd::Initrd;
use crate::kernel::Kernel;
use crate::machine::{Machine, Outcome};
use core::time::Duration;
use host::cache;
use host::error::Result;
use std::path::{Path, PathBuf};

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .map(|argument| (*argument).to_owned())
        .collect()
}

/// A machine in which plans are run.
pub(super) struct Boot {
    pub(super) name: &'static str,
    pub(super) script: &'static str,
    pub(super) modules: Vec<&'static str>,
    pub(super) qemu: &'static [&'static str],
    /// The same, after the devices under test.
    pub(super) after: &'static [&'static str],
    pub(super) append: &'static str,
    pub(super) our_modules: Vec<PathBuf>,
    pub(super) runs: &'static [Run],
}

impl Boot {
    pub(super) fn boot(
        &self,
        kernel: &Kernel,
        program: &Path,
        mut files: Vec<(String, Vec<u8>)>,
    ) -> Result<Outcome> {
        let folder = cache::fresh(&format!("runs/{}-{}", self.name, kernel.series.as_str()))?;
        let (of_devices, functions) = devices(&folder)?;
        files.push(("devices.sh".to_owned(), functions.into_bytes()));
        files.push((
            "registers.sh".to_owned(),
            include_bytes!("../../guest/registers.sh").to_vec(),
        ));
        let initrd = Initrd {
            kernel,
            modules: self.modules.clone(),
            our_modules: self.our_modules.clone(),
            programs: vec![program.to_path_buf()],
            packaged: Vec::new(),
            scenario: self.script.to_owned(),
            files,
        };
        let mut arguments = owned(self.qemu);
        arguments.extend(of_devices);
        arguments.extend(owned(self.after));
        let outcome = boot(kernel, &folder, &initrd, arguments, self.append)?;
        println!(
            "{} on {}: {:.0} s",
            self.name, kernel.release, outcome.seconds
        );
        Ok(outcome)
    }
}

pub(super) fn boot(
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
        log: true,
        limit: Duration::from_secs(400),
        folder: folder.to_path_buf(),
    };
    initrd.write(&machine.initrd)?;
    machine.run()
}
