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
    /// What a mapping from `offset` of the file at `path` (as `/proc/PID/fd/N` names it) is; `None`
    /// where it is no device that a program drives itself.
    ///
    /// Known are UIO (`/dev/uioN`: the map's number is the offset in pages,
    /// `Documentation/driver-api/uio-howto.rst`), the memory ranges of PCI functions in sysfs
    /// (`resourceN`, `resourceN_wc`), VFIO devices, and `/dev/mem`.
    #[must_use]
    pub fn of(root: &Root, path: &Path, offset: u64) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let text = path.to_str()?;
        if text == "/dev/mem" {
            return Some(Self {
                phys: Some(PhysAddr(offset)),
            });
        }
        if text.contains("anon_inode:[vfio-device]") {
            return Some(Self { phys: None });
        }
        if text.starts_with("/dev/uio") && name.get(3..)?.parse::<u32>().is_ok() {
            let map = offset / 4096;
            let file = format!("/sys/class/uio/{name}/maps/map{map}/addr");
            let phys = root.read(file).ok().as_deref().and_then(hex);
            return Some(Self { phys });
        }
        let number = name.strip_prefix("resource")?;
        let number: usize = number.strip_suffix("_wc").unwrap_or(number).parse().ok()?;
        if !text.starts_with("/sys/") {
            return None;
        }
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
/// for one of a set; everything else for itself.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Where to go on when what follows the last star does not fit.
    let mut retry: Option<(usize, usize)> = None;
    let (mut at, mut to) = (0, 0);
    while to < text.len() {
        if pattern.get(at) == Some(&'*') {
            retry = Some((at, to));
            at += 1;
            continue;
        }
        match one(pattern.get(at..).unwrap_or(&[]), text[to]) {
            Some(used) => {
                at += used;
                to += 1;
            }
            None => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (at, to) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .unwrap_or(&[])
        .iter()
        .all(|rest| *rest == '*')
}

/// How many characters of the pattern stand for this one, if they do.
fn one(pattern: &[char], character: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['[', set @ ..] => {
            let end = set.iter().position(|of| *of == ']')?;
            let set = set.get(..end)?;
            let range = |three: &[char]| matches!(three, [from, '-', to] if (from..=to).contains(&&character));
            let found = set.contains(&character) || set.windows(3).any(range);
            found.then_some(end + 2)
        }
        [same, ..] if *same == character => Some(1),
        _ => None,
    }
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
