//! Which mapped files are device memory, and where it lies on the bus.

use crate::machine::Root;
use mmiotrace_core::PhysAddr;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A mapping of device memory, by the file that it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedFile {
    /// The physical address of the mapping's first byte; `None` if it is not known.
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
            || path.contains(VFIO_DEVICE)
            || path.strip_prefix("/dev/uio").is_some_and(is_number)
            || (path.starts_with("/sys/") && is_range() == Some(true))
    }

    /// What a mapping from `offset` of the file at `path` (as `/proc/PID/fd/N` names it) is; `None`
    /// where it is no device that a program drives itself.
    ///
    /// Known are UIO (`/dev/uioN`: the map's number is the offset in pages,
    /// `Documentation/driver-api/uio-howto.rst`), the memory ranges of PCI functions in sysfs
    /// (`resourceN`, `resourceN_wc`), VFIO devices, and `/dev/mem`. The path of a VFIO
    /// device does not tell its address; [`of_open`](Self::of_open) does.
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
        if text.contains(VFIO_DEVICE) {
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
        let start = range_start(root, path.parent()?, number);
        Some(Self {
            phys: start.and_then(|start| start.checked_add(offset)),
        })
    }

    /// As [`of`](Self::of), of a file that is open: a VFIO `device` is asked for the address that its
    /// path does not tell. `offset` is what was given to mmap(2); the list of mappings has another on 6.1.
    #[must_use]
    pub fn of_open(root: &Root, path: &Path, device: BorrowedFd<'_>, offset: u64) -> Option<Self> {
        Self::of(root, path, offset).map(|of| match of.phys {
            None if path.ends_with(VFIO_DEVICE) => of.of_vfio(root, device, offset),
            _ => of,
        })
    }

    /// What [`of`](Self::of) says, with the address of a VFIO mapping, which the open `device` itself
    /// is asked for: the BAR in its configuration space. It counts only where a PCI function has its
    /// memory there, because a program may write other addresses to what VFIO shows it.
    ///
    /// Which region is mapped, and that region 7 is the configuration space, is in
    /// `include/linux/vfio_pci_core.h` and `include/uapi/linux/vfio.h`. Linux 6.1 puts the address into
    /// the mapping itself, 6.12 no longer does.
    fn of_vfio(self, root: &Root, device: BorrowedFd<'_>, offset: u64) -> Self {
        const DEVICES: &str = "/sys/bus/pci/devices";
        let found = vfio_base(device, offset).filter(|(index, base)| {
            let mut names = root.list(DEVICES).into_iter();
            names.any(|name| {
                let folder = Path::new(DEVICES).join(name);
                range_start(root, &folder, *index) == Some(*base)
            })
        });
        let phys = found.and_then(|(_, base)| base.0.checked_add(offset & (VFIO_REGION - 1)));
        Self {
            phys: phys.map(PhysAddr).or(self.phys),
        }
    }

    /// The path of a descriptor of this process.
    #[must_use]
    pub fn path_of(descriptor: i32) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()
    }
}

/// What an open VFIO device is called.
const VFIO_DEVICE: &str = "anon_inode:[vfio-device]";

/// How far apart the regions of a VFIO device are in its file.
const VFIO_REGION: u64 = 1 << 40;

/// The BAR's number and address of the region that lies at `offset` of a VFIO device.
fn vfio_base(device: BorrowedFd<'_>, offset: u64) -> Option<(usize, PhysAddr)> {
    const CONFIGURATION: u64 = 7 * VFIO_REGION;
    const FIRST_BAR: u64 = 0x10;
    let index = offset / VFIO_REGION;
    if index > 5 {
        return None;
    }
    let file = File::from(device.try_clone_to_owned().ok()?);
    let word = |number: u64| {
        let mut bytes = [0; 4];
        let at = CONFIGURATION + FIRST_BAR + 4 * number;
        file.read_exact_at(&mut bytes, at).ok()?;
        Some(u64::from(u32::from_le_bytes(bytes)))
    };
    let low = word(index)?;
    let high = match low & 7 {
        0 => 0,
        4 if index < 5 => word(index + 1)?,
        // Ports, or no BAR that there is today.
        _ => return None,
    };
    let base = (high << 32) | (low & !0xf);
    Some((usize::try_from(index).ok()?, PhysAddr(base)))
}

/// Where a range of the PCI function begins whose folder in sysfs this is; `None` where it has none.
fn range_start(root: &Root, folder: &Path, index: usize) -> Option<PhysAddr> {
    let table = root.read(folder.join("resource")).ok()?;
    let line = table.lines().nth(index)?;
    hex(line.split_whitespace().next()?).filter(|start| start.0 != 0)
}

fn hex(text: &str) -> Option<PhysAddr> {
    let digits = text.trim().strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok().map(PhysAddr)
}

/// Whether a whole text matches a pattern: `*` matches any text, `?` for one character, `[a-z]`
/// for one of a set; everything else for itself. Allocates nothing.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on when what follows the last star does not fit.
    let mut retry: Option<(&str, &str)> = None;
    while let Some(character) = text.chars().next() {
        let after = text.get(character.len_utf8()..).unwrap_or("");
        if let Some(rest) = pattern.strip_prefix('*') {
            retry = Some((rest, text));
            pattern = rest;
            continue;
        }
        match (one(pattern, character), retry) {
            (Some(rest), _) => (pattern, text) = (rest, after),
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

/// What follows in the pattern on what matches this one character, if it does.
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
    use std::os::fd::AsFd as _;

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

    #[test]
    fn vfio_address_counts_if_a_function_has_memory_there() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let sysfs = folder.path().join("sys/bus/pci/devices/0000:00:03.0");
        std::fs::create_dir_all(&sysfs).unwrap();
        let table = "0x00000000febc0000 0x00000000febdffff 0x0000000000040200\n\
                     0x000000c000000000 0x000000c000003fff 0x0000000000140204\n";
        std::fs::write(sysfs.join("resource"), table).unwrap();
        // As long as its configuration space lies far away: a file with a hole.
        let device = tempfile::tempfile().unwrap();
        let put = |bars: [u32; 3]| {
            let bytes: Vec<u8> = bars.iter().flat_map(|bar| bar.to_le_bytes()).collect();
            device.write_all_at(&bytes, (7 << 40) + 0x10).unwrap();
        };
        let phys = |offset| {
            let file = MappedFile { phys: None };
            file.of_vfio(&root, device.as_fd(), offset).phys
        };
        put([0xfebc_0000, 0x0000_0004, 0xc0]);
        assert_eq!(phys(0x1000), Some(PhysAddr(0xfebc_1000)));
        assert_eq!(phys((1 << 40) + 0x2000), Some(PhysAddr(0xc0_0000_2000)));
        // No BAR, and none of sysfs' either.
        assert_eq!(phys(2 << 40), None);
        assert_eq!(phys(7 << 40), None);
        // What a program has written there itself.
        put([0xe000_0000, 0xc001, 0]);
        assert_eq!(phys(0), None);
        assert_eq!(phys(1 << 40), None);
    }
}
