//! Which mapped files are device memory, and where it lies on the bus.

use crate::machine::Root;
use mmiotrace_core::PhysAddr;
use std::path::{Path, PathBuf};

/// A mapping of device memory, by the file that it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedFile {
    /// The physical address of the mapping's first byte; `None` where nothing tells it.
    pub phys: Option<PhysAddr>,
}

impl MappedFile {
    /// Whether a file is a device that a program drives itself, by its path. Allocates nothing.
    #[must_use]
    pub fn is_device(path: &str) -> bool {
        let is_number = |text: &str| text.parse::<u32>().is_ok();
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_range = || {
            let number = name.strip_prefix("resource")?;
            Some(is_number(number.strip_suffix("_wc").unwrap_or(number)))
        };
        path == "/dev/mem"
            || path.contains("anon_inode:[vfio-device]")
            || path.strip_prefix("/dev/uio").is_some_and(is_number)
            || (path.starts_with("/sys/") && is_range() == Some(true))
    }

    /// What a mapping from `offset` of the file at `path` (as `/proc/PID/fd/N` names it) is; `None`
    /// where it is no device that a program drives itself.
    ///
    /// Known are UIO (`/dev/uioN`: the map's number is the offset in pages,
    /// `Documentation/driver-api/uio-howto.rst`), the memory ranges of PCI functions in sysfs
    /// (`resourceN`, `resourceN_wc`), VFIO devices, and `/dev/mem`. The address of a VFIO mapping is
    /// left open here: the kernel puts it in the place of the offset when it maps
    /// (`vfio_pci_core_mmap`), where it is found with the mapping itself.
    #[must_use]
    pub fn of(root: &Root, path: &Path, offset: u64) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let text = path.to_str()?;
        if !Self::is_device(text) {
            return None;
        }
        if text == "/dev/mem" {
            return Some(Self {
                phys: Some(PhysAddr(offset)),
            });
        }
        if text.contains("anon_inode:[vfio-device]") {
            return Some(Self { phys: None });
        }
        if text.starts_with("/dev/uio") {
            let map = offset / 4096;
            let file = format!("/sys/class/uio/{name}/maps/map{map}/addr");
            let phys = root.read(file).ok().as_deref().and_then(hex);
            return Some(Self { phys });
        }
        let number = name.strip_prefix("resource")?;
        let number: usize = number.strip_suffix("_wc").unwrap_or(number).parse().ok()?;
        let table = root.read(path.with_file_name("resource")).ok();
        let start = table.as_deref().and_then(|table| {
            let line = table.lines().nth(number)?;
            hex(line.split_whitespace().next()?)
        });
        Some(Self {
            phys: start.and_then(|start| start.checked_add(offset)),
        })
    }

    /// The path behind a descriptor of this process.
    #[must_use]
    pub fn path_of(descriptor: i32) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()
    }
}

fn hex(text: &str) -> Option<PhysAddr> {
    let digits = text.trim().strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok().map(PhysAddr)
}

/// Whether a whole text matches a pattern: `*` stands for any text, `?` for one character, `[a-z]`
/// for one of a set; everything else for itself. Allocates nothing.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on when what follows the last star does not fit.
    let mut retry: Option<(&str, &str)> = None;
    while let Some(character) = text.chars().next() {
        let behind = text.get(character.len_utf8()..).unwrap_or("");
        if let Some(rest) = pattern.strip_prefix('*') {
            retry = Some((rest, text));
            pattern = rest;
            continue;
        }
        match (one(pattern, character), retry) {
            (Some(rest), _) => (pattern, text) = (rest, behind),
            (None, Some((star, from))) => {
                let skipped = from.chars().next().map_or(0, char::len_utf8);
                let from = from.get(skipped..).unwrap_or("");
                retry = Some((star, from));
                (pattern, text) = (star, from);
            }
            (None, None) => return false,
        }
    }
    pattern.chars().all(|rest| rest == '*')
}

/// What follows in the pattern on what stands for this one character, if it does.
fn one(pattern: &str, character: char) -> Option<&str> {
    if let Some(set) = pattern.strip_prefix('[') {
        let (set, rest) = set.split_once(']')?;
        return is_in(set, character).then_some(rest);
    }
    pattern
        .strip_prefix('?')
        .or_else(|| pattern.strip_prefix(character))
}

/// Whether a character is one of a set, or in one of its ranges.
fn is_in(set: &str, character: char) -> bool {
    let (from, dash) = (set.chars(), set.chars().skip(1));
    let to = set.chars().skip(2);
    let in_range = from
        .zip(dash.zip(to))
        .any(|(from, (dash, to))| dash == '-' && (from..=to).contains(&character));
    in_range || set.contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("/tmp/*", "/tmp/a/b", true),
            ("*.bin", "/x/y.bin", true),
            ("*.bin", "/x/y.bin2", false),
            ("/dev/m?m", "/dev/mem", true),
            ("/a/[0-9]x", "/a/7x", true),
            ("/a/[0-9]x", "/a/ax", false),
            ("*a*b", "xaxbxab", true),
            ("", "", true),
            ("", "a", false),
            ("[", "[", false),
            ("[a-cx]y", "by", true),
            ("[a-cx]y", "xy", true),
            ("[a-cx]y", "dy", false),
            ("*ä?", "äöäü", true),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn devices_and_their_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("sys/class/uio/uio0/maps/map1/addr", "0xfebc0000\n");
        let device = "sys/devices/pci0000:00/0000:00:03.0";
        put(
            &format!("{device}/resource"),
            "0x00000000febc0000 0x00000000febdffff 0x0000000000040200\n\
             0x000000000000c000 0x000000000000c03f 0x0000000000040101\n",
        );
        let phys = |path: &str, offset| {
            MappedFile::of(&root, Path::new(path), offset).map(|file| file.phys)
        };
        assert_eq!(phys("/dev/uio0", 4096), Some(Some(PhysAddr(0xfebc_0000))));
        assert_eq!(phys("/dev/uio1", 4096), Some(None));
        let bar = format!("/{device}/resource0");
        assert_eq!(phys(&bar, 0x1000), Some(Some(PhysAddr(0xfebc_1000))));
        assert_eq!(
            phys(&format!("{bar}_wc"), 0),
            Some(Some(PhysAddr(0xfebc_0000)))
        );
        assert_eq!(phys("/dev/mem", 0xa000), Some(Some(PhysAddr(0xa000))));
        assert_eq!(phys("anon_inode:[vfio-device]", 0), Some(None));
        assert_eq!(phys("/home/a/resource0", 0), None);
        assert_eq!(phys("/dev/zero", 0), None);
    }
}
