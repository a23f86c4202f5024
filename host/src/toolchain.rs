//! Compilers that the machine may not have: unpacked from Debian packages, never installed.
//!
//! Debian's `rustc-web` conflicts with other Rust packages, so installing it would take a
//! person's compiler away.

use crate::error::{Error, Result};
use crate::{apt, cache, command};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A compiler, its cargo and, where asked for, the sources of the standard library.
#[derive(Debug)]
pub struct Toolchain {
    root: PathBuf,
    /// The version of the package, as `1.96.0+dfsg1-1~deb12u2`.
    pub version: String,
}

/// Debian's security archive has 1.96; 1.85, of the release itself, refuses
/// `-Zretpoline-external-thunk`.
const OLDEST_FOR_MODULES: [u32; 2] = [1, 90];

/// The first two numbers of a version.
fn release(version: &str) -> [u32; 2] {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    [(); 2].map(|()| numbers.next().unwrap_or(0))
}

impl Toolchain {
    /// The newest Rust compiler that Debian has, with the sources of its standard library. Package
    /// does for the flags of the module.
    pub fn newest_with_sources() -> Result<Self> {
        Self::unpack(
            |version| release(version) >= OLDEST_FOR_MODULES,
            &[
                "rustc-web",
                "libstd-rust-web-dev",
                "cargo-web",
                "rust-web-src",
            ],
        )
    }

    /// Debian's compiler of exactly this version, as `1.85`.
    pub fn of_version(version: &str) -> Result<Self> {
        let prefix = format!("{version}.");
        Self::unpack(
            |candidate| candidate.starts_with(&prefix),
            &["rustc-web", "libstd-rust-web-dev"],
        )
    }

    fn unpack(wanted: impl Fn(&str) -> bool, packages: &[&str]) -> Result<Self> {
        let Some(first) = packages.first() else {
            return Err("no packages asked for".into());
        };
        let mut versions = apt::versions(first)?.into_iter();
        let version = versions.find(|version| wanted(version)).ok_or_else(|| {
            Error::Unavailable(format!("apt has no {first} of the wanted version"))
        })?;
        let root = cache::folder("toolchains")?.join(&version);
        cache::once(&root, |into| {
            let pinned = packages
                .iter()
                .map(|package| format!("{package}={version}"));
            let mut all: Vec<String> = pinned.collect();
            // The compiler proper is in a library package named after its version, as
            // libstd-rust-web-1.85, and needs the LLVM of its day.
            let release: Vec<&str> = version.split('.').take(2).collect();
            all.extend(apt::closure(&format!(
                "libstd-rust-web-{}",
                release.join(".")
            ))?);
            apt::unpack(&all, into, &["./usr/share/doc/*"])
        })?;
        Ok(Self { root, version })
    }

    /// The compiler.
    pub fn rustc(&self) -> PathBuf {
        self.root.join("usr/bin/rustc")
    }

    /// Where the compiler's own shared libraries are.
    pub fn libraries(&self) -> PathBuf {
        self.root.join("usr/lib/x86_64-linux-gnu")
    }

    /// A cargo command that uses this compiler: Debian's cargo where it runs here, else the
    /// machine's own.
    pub fn cargo(&self) -> Command {
        let own = self.root.join("usr/bin/cargo");
        let mut trial = Command::new(&own);
        trial
            .arg("--version")
            .env("LD_LIBRARY_PATH", self.libraries());
        let runs = own.is_file() && command::output(&mut trial).is_ok();
        let mut cargo = Command::new(if runs {
            own.as_path()
        } else {
            Path::new("cargo")
        });
        cargo
            .env("RUSTC", self.rustc())
            .env("LD_LIBRARY_PATH", self.libraries());
        // What names another compiler, or is set by the cargo that runs this program.
        for name in ["RUSTUP_TOOLCHAIN", "RUSTFLAGS", "RUSTC_WRAPPER", "RUSTDOC"] {
            cargo.env_remove(name);
        }
        cargo
    }
}
