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
    /// Its length in bytes: whole pages, without the guard page behind it.
    pub len: u64,
    /// Its first physical address.
    pub phys: PhysAddr,
    /// Who made it, as the kernel names it: `e1000_probe+0x2f1/0x1050 [e1000]`.
    pub caller: String,
}

/// The mappings of device memory that touch one of the ranges.
///
/// # Errors
/// Where `/proc/vmallocinfo` cannot be read; only root may.
pub fn premapped(root: &Root, ranges: &[Range<PhysAddr>]) -> io::Result<Vec<Premapped>> {
    let text = std::fs::read_to_string(root.path("/proc/vmallocinfo"))?;
    let touches = |mapping: &Premapped| {
        let end = mapping.phys.0.saturating_add(mapping.len);
        ranges
            .iter()
            .any(|range| mapping.phys.0 < range.end.0 && range.start.0 < end)
    };
    Ok(text.lines().filter_map(parse).filter(touches).collect())
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
