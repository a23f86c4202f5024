//! The programs of the guest: Debian's static busybox, unpacked. The machine's own busybox is not
//! used: one that is linked dynamically cannot be the guest's first program.

use host::error::{AtPath, Result};
use host::{apt, cache, command};
use std::path::Path;
use std::process::Command;

const PACKAGE: &str = "^busybox-static$";

/// Some of what the guest's scripts call, of each kind: a busybox without them is another build.
const APPLETS: [&str; 9] = [
    "awk", "dd", "devmem", "dmesg", "insmod", "mount", "poweroff", "sh", "tar",
];

/// Its bytes.
pub(crate) fn get() -> Result<Vec<u8>> {
    let folder = cache::folder("packages")?.join("busybox-static");
    cache::once(&folder, |partial| {
        let package = apt::newest(PACKAGE)?;
        apt::unpack(&[package], partial, &["./usr/share/*"])
    })?;
    let places = ["usr/bin/busybox", "bin/busybox"].map(|place| folder.join(place));
    let path = places
        .iter()
        .find(|path| path.is_file())
        .ok_or_else(|| format!("no busybox in {}", folder.display()))?;
    let bytes = std::fs::read(path).at(path)?;
    check(path, &bytes)?;
    Ok(bytes)
}

fn check(path: &Path, bytes: &[u8]) -> Result<()> {
    if !is_static(bytes) {
        return Err(format!("{} is not a static program for x86-64", path.display()).into());
    }
    let list = command::output(Command::new(path).arg("--list"))?;
    let missing = APPLETS
        .iter()
        .find(|applet| !list.lines().any(|line| line == **applet));
    missing.map_or(Ok(()), |applet| {
        Err(format!("{} has no {applet}", path.display()).into())
    })
}

/// Whether these are the bytes of an ELF program for x86-64 that needs no loader (System V ABI: no
/// program header of the type PT_INTERP).
fn is_static(bytes: &[u8]) -> bool {
    let number = |at: usize, size: usize| {
        let bytes = bytes.get(at..at.checked_add(size)?)?.iter().rev();
        Some(bytes.fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    let interpreter = || {
        let (table, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
        let mut kinds = (0..count).map(|index| number(table.checked_add(index * size)?, 4));
        Some(kinds.any(|kind| kind == Some(3)))
    };
    bytes.starts_with(b"\x7fELF\x02\x01")
        && number(0x12, 2) == Some(62)
        && interpreter() == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test is linked dynamically, which the kernel needs a loader for.
    #[test]
    fn dynamic_program_is_not_static() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(!is_static(&own));
        assert!(!is_static(b"#!/bin/sh\n"));
    }
}
