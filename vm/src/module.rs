//! `cargo xtask module`: the kernel module, for kernels that need not be installed here.

use crate::headers;
use crate::kernel::Kernel;
use crate::options::Options;
use host::error::{AtPath, Result};
use host::toolchain::Toolchain;
use host::{cache, command};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds for each kernel asked for.
pub(crate) fn run(options: &Options) -> Result<()> {
    for series in &options.kernels {
        let kernel = Kernel::get(*series, options.refresh)?;
        let module = build(&kernel)?;
        println!(
            "{}: {} bytes, for {}",
            module.display(),
            module.metadata().at(&module)?.len(),
            kernel.release
        );
    }
    Ok(())
}

/// The module for a kernel.
pub(crate) fn build(kernel: &Kernel) -> Result<PathBuf> {
    let source = cache::workspace().join("mmiotrace-kmod/module");
    let engine = engine(&source)?;
    let folder = cache::folder(&format!("modules/{}", kernel.release))?;
    copy_sources(&source, &folder)?;
    for name in ["engine.o_shipped", ".engine.o.cmd"] {
        let from = engine.join(name);
        std::fs::copy(&from, folder.join(name)).at(&from)?;
    }
    make_modules(kernel, &folder)?;
    Ok(folder.join("mmiotrace.ko"))
}

/// The module whose accesses the tests trace.
pub(crate) fn build_test(kernel: &Kernel) -> Result<PathBuf> {
    let source = cache::workspace().join("mmiotrace-kmod/module/test");
    let folder = cache::folder(&format!("modules/{}-test", kernel.release))?;
    copy_sources(&source, &folder)?;
    make_modules(kernel, &folder)?;
    Ok(folder.join("mmiotrace_test.ko"))
}

/// A module of one source, which may include the file `replay.h`.
pub(crate) fn build_replay(
    kernel: &Kernel,
    name: &str,
    source: &str,
    header: &str,
) -> Result<PathBuf> {
    let folder = cache::fresh(&format!("modules/{}-{name}", kernel.release))?;
    let files = [
        ("Kbuild".to_owned(), format!("obj-m := {name}.o\n")),
        (format!("{name}.c"), source.to_owned()),
        ("replay.h".to_owned(), header.to_owned()),
    ];
    for (file, text) in files {
        let path = folder.join(file);
        std::fs::write(&path, text).at(&path)?;
    }
    make_modules(kernel, &folder)?;
    Ok(folder.join(format!("{name}.ko")))
}

/// The engine as an object; the same for all kernels. Returns the folder that holds it.
fn engine(source: &Path) -> Result<PathBuf> {
    let folder = cache::folder("modules/engine")?;
    let toolchain = Toolchain::newest_with_sources()?;
    let cargo = toolchain.cargo();
    let mut make = Command::new("make");
    make.arg("-C").arg(source).arg("--no-print-directory");
    let object = folder.join("engine.o_shipped");
    make.arg(format!("ENGINE={}", object.display()))
        .arg(format!("TARGET_DIR={}", folder.join("target").display()));
    make.arg(format!("CARGO={}", cargo.get_program().to_string_lossy()))
        .arg(&object);
    for (name, value) in cargo.get_envs() {
        match value {
            Some(value) => make.env(name, value),
            None => make.env_remove(name),
        };
    }
    // Set by the cargo that runs this program, for another target.
    make.env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET");
    command::output(&mut make)?;
    Ok(folder)
}

/// Kbuild builds beside the sources; each kernel gets a copy, so that none finds another's objects.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from).at(from)? {
        let path = entry.at(from)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !(name == "Kbuild"
            || name.ends_with(".c") && !name.ends_with(".mod.c")
            || name.ends_with(".h"))
        {
            continue;
        }
        let target = to.join(&name);
        let text = std::fs::read(&path).at(&path)?;
        // Unchanged files keep their time, and make leaves their objects alone.
        if std::fs::read(&target).ok().as_ref() != Some(&text) {
            std::fs::write(&target, text).at(&target)?;
        }
    }
    Ok(())
}

fn make_modules(kernel: &Kernel, folder: &Path) -> Result<()> {
    let mut make = Command::new("make");
    make.arg("-C")
        .arg(headers::get(kernel)?)
        .arg(format!("M={}", folder.display()));
    // Without the program pahole the build would fail.
    make.args(["CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"]);
    let said = command::both_outputs(&mut make)?;
    let warnings: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("warning"))
        .collect();
    let expected = |line: &&&str| !EXPECTED.iter().any(|known| line.contains(known));
    match warnings.iter().find(expected) {
        Some(_) => Err(format!(
            "the module for {} builds with warnings:\n{}",
            kernel.release,
            warnings.join("\n")
        )
        .into()),
        None => Ok(()),
    }
}

/// What the tools of a kernel say of every module, and does not concern this one.
const EXPECTED: &[&str] = &[
    // Debian's headers say so with any compiler of another point version.
    "warning: the compiler differs from the one used to build the kernel",
];
