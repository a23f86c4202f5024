//! Mappings that drivers made before the capture began, from `/proc/vmallocinfo`.

use crate::machine::Root;
use core::ops::Range;
use mmiotrace_core::{PhysAddr, VirtAddr};
use std::io;

/// A mapping of device memory that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Premapped {
    /// Where it begins.
    pub virt: VirtAddr,
    /// Its length in bytes: whole pages, without the guard page after it.
    pub len: u64,
    /// Its first physical address.
    pub phys: PhysAddr,
    /// Who made it, as the kernel names it: `e1000_probe+0x2f1/0x1050 [e1000]`.
    pub caller: String,
}

/// The mappings of device memory that touch one of the ranges.
///
/// Kernels show hashed addresses there unless the sysctl `kernel.kptr_restrict` is 1 and the reader
/// is root (`%pK`, `lib/vsprintf.c`); it is set to 1 while the file is read, and put back.
///
/// # Errors
/// Where `/proc/vmallocinfo` cannot be read (only root may), or shows no addresses all the same.
pub fn premapped(root: &Root, ranges: &[Range<PhysAddr>]) -> io::Result<Vec<Premapped>> {
    let read = || std::fs::read_to_string(root.path("/proc/vmallocinfo"));
    let mut text = read()?;
    if is_hashed(&text) {
        let _restricted = Restricted::set(root)?;
        text = read()?;
    }
    if is_hashed(&text) {
        let what = "/proc/vmallocinfo shows no addresses (sysctl kernel.kptr_restrict=1)";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    }
    let touches = |mapping: &Premapped| {
        let end = mapping.phys.0.saturating_add(mapping.len);
        ranges
            .iter()
            .any(|range| mapping.phys.0 < range.end.0 && range.start.0 < end)
    };
    Ok(text.lines().filter_map(parse).filter(touches).collect())
}

/// The sysctl, set to 1 until this is dropped.
#[derive(Debug)]
struct Restricted {
    path: std::path::PathBuf,
    before: String,
}

impl Restricted {
    fn set(root: &Root) -> io::Result<Self> {
        let path = root.path("/proc/sys/kernel/kptr_restrict");
        let before = std::fs::read_to_string(&path)?;
        std::fs::write(&path, "1")?;
        Ok(Self { path, before })
    }
}

impl Drop for Restricted {
    fn drop(&mut self) {
        // It could be written before.
        let _ = std::fs::write(&self.path, self.before.trim());
    }
}

/// Whether addresses are not those of the kernel's half of the address space.
fn is_hashed(text: &str) -> bool {
    let first = text
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("0x")?.split_once('-')?.0, 16).ok());
    first.is_some_and(|first| first >> 56 != 0xff)
}

/// One line: `0xffffc90000000000-0xffffc90000005000   20480 hpet_enable+0x34/0x310 phys=0x00000000fed00000 ioremap`.
/// The size counts a guard page (`mm/vmalloc.c`, `s_show`).
fn parse(line: &str) -> Option<Premapped> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let hex = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    let (start, end) = (hex(start)?, hex(end)?);
    let _size = words.next()?;
    let rest: Vec<&str> = words.collect();
    if !rest.contains(&"ioremap") {
        return None;
    }
    let phys = rest
        .iter()
        .find_map(|word| hex(word.strip_prefix("phys=")?))?;
    let at = rest.iter().position(|word| word.starts_with("phys="))?;
    Some(Premapped {
        virt: VirtAddr(start),
        len: end
            .checked_sub(start)?
            .checked_sub(4096)
            .filter(|len| *len > 0)?,
        phys: PhysAddr(phys),
        caller: rest.get(..at)?.join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_linux_6_1() {
        let line = "0xffffc90000100000-0xffffc90000121000  135168 e1000_probe+0x2f1/0x1050 [e1000] phys=0x00000000feb40000 ioremap";
        let mapping = parse(line).unwrap();
        assert_eq!(
            (mapping.virt.0, mapping.len, mapping.phys.0),
            (0xffff_c900_0010_0000, 0x20000, 0xfeb4_0000)
        );
        assert_eq!(mapping.caller, "e1000_probe+0x2f1/0x1050 [e1000]");
        assert_eq!(
            parse("0xffffc90000000000-0xffffc90000002000    8192 x+0x1/0x2 pages=1 vmalloc N0=1"),
            None
        );
    }
}
