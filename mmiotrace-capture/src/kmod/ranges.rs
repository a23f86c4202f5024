//! Which physical addresses a device or a driver has.

use crate::machine::{PciAddress, PciFunction, PciInventory, Root, canonical_module_name, release};
use core::ops::Range;
use mmiotrace_core::PhysAddr;
use std::path::Path;

/// The memory ranges of a PCI function; `None` where there is no such function.
#[must_use]
pub fn device_ranges(root: &Root, address: PciAddress) -> Option<Vec<Range<PhysAddr>>> {
    Some(memory(PciInventory::read(root).get(address)?))
}

/// The memory ranges of all PCI functions that a driver has, or would take: those that are bound to
/// it, and those that its module has an alias for. `driver` is the name of a driver or module, or a
/// module's file. Empty for a driver of another bus.
#[must_use]
pub fn driver_ranges(root: &Root, driver: &Path) -> Vec<Range<PhysAddr>> {
    let name = canonical_module_name(&driver.to_string_lossy());
    let aliases = aliases(root, driver, &name);
    let takes = |function: &&PciFunction| {
        let bound = function.driver.as_deref().map(canonical_module_name);
        let alias = root.read(format!(
            "/sys/bus/pci/devices/{}/modalias",
            function.address
        ));
        bound.is_some_and(|bound| bound == name)
            || alias.is_ok_and(|alias| aliases.iter().any(|pattern| matches(pattern, &alias)))
    };
    let inventory = PciInventory::read(root);
    let functions = inventory.functions().iter().filter(takes);
    functions.flat_map(memory).collect()
}

fn memory(function: &PciFunction) -> Vec<Range<PhysAddr>> {
    let ranges = function.resources.iter().filter(|range| range.is_memory());
    ranges
        .map(|range| PhysAddr(range.start)..PhysAddr(range.end.saturating_add(1)))
        .filter(|range| range.start < range.end)
        .collect()
}

/// The patterns of devices that a module says it drives.
fn aliases(root: &Root, driver: &Path, name: &str) -> Vec<String> {
    if driver.is_file() {
        return aliases_in(&std::fs::read(driver).unwrap_or_default());
    }
    let list = root.read(format!("/lib/modules/{}/modules.alias", release(root)));
    let list = list.unwrap_or_default();
    // alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000
    let alias = |line: &str| {
        let mut words = line.split_whitespace();
        let (_, pattern, module) = (words.next()?, words.next()?, words.next()?);
        (canonical_module_name(module) == name).then(|| pattern.to_owned())
    };
    list.lines().filter_map(alias).collect()
}

/// The aliases in a module's file: texts of its section `.modinfo`, each ended by a NUL. None in a
/// file that is compressed.
fn aliases_in(module: &[u8]) -> Vec<String> {
    let texts = module.split(|byte| *byte == 0);
    texts
        .filter_map(|text| text.strip_prefix(b"alias=pci:"))
        .map(|pattern| format!("pci:{}", String::from_utf8_lossy(pattern)))
        .collect()
}

/// Whether `text` fits a pattern in which `*` matches anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_linux() {
        let e1000 = "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00";
        for (pattern, fits) in [
            ("pci:v00008086d0000100Esv*sd*bc*sc*i*", true),
            ("pci:v00008086d0000100Fsv*sd*bc*sc*i*", false),
            ("pci:v*d*sv*sd*bc02sc00i*", true),
            ("pci:v*d*sv*sd*bc01sc08i02*", false),
            (
                "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00",
                true,
            ),
            (
                "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i0",
                false,
            ),
            ("*i00", true),
        ] {
            assert_eq!(matches(pattern, e1000), fits, "{pattern}");
        }
    }

    #[test]
    fn aliases_of_a_module() {
        let module = b"ELF\0license=GPL\0alias=pci:v00001234d000011E8sv*sd*bc*sc*i*\0alias=x\0";
        assert_eq!(aliases_in(module), ["pci:v00001234d000011E8sv*sd*bc*sc*i*"]);
    }
}
