//! What is mapped where in this process.

#![expect(
    unsafe_code,
    reason = "a signal handler reads a file with bare system calls"
)]

use crate::engine::Fault;

/// One line of `/proc/self/maps` (proc(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) executable: bool,
    pub(crate) shared: bool,
    /// The offset in the file.
    pub(crate) offset: u64,
}

impl Mapped {
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let (range, flags, offset) = (fields.next()?, fields.next()?, fields.next()?);
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let flag = |at: usize, letter: u8| flags.get(at) == Some(&letter);
        Some(Self {
            start: hex(range.get(..dash)?)?,
            end: hex(range.get(dash + 1..)?)?,
            readable: flag(0, b'r'),
            writable: flag(1, b'w'),
            executable: flag(2, b'x'),
            shared: flag(3, b's'),
            offset: hex(offset)?,
        })
    }
}

fn hex(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0, |number: u64, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(number << 4 | u64::from(digit))
    })
}

/// A file that is read with bare system calls, closed when dropped. For signal handlers too.
pub(super) struct Bare(libc::c_long);

impl Bare {
    /// Opens a file by its path, which ends in 0.
    pub(super) fn open(path: &core::ffi::CStr) -> Option<Self> {
        let flags = libc::O_RDONLY | libc::O_CLOEXEC;
        // SAFETY: a path that ends in 0; a new descriptor comes back.
        let fd = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags) };
        (fd >= 0).then_some(Self(fd))
    }

    /// Reads on; `None` at the end, and where it cannot be read.
    pub(super) fn read(&self, into: &mut [u8]) -> Option<usize> {
        // SAFETY: the memory is ours to be written.
        let read = unsafe { libc::syscall(libc::SYS_read, self.0, into.as_mut_ptr(), into.len()) };
        usize::try_from(read).ok().filter(|read| *read > 0)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // SAFETY: our descriptor, which nobody else has.
        unsafe { libc::syscall(libc::SYS_close, self.0) };
    }
}

/// Shows every mapping of this process, in order, until `show` says `false`. Allocates nothing: for
/// signal handlers too. `false` where the file cannot be read.
pub(crate) fn each(mut show: impl FnMut(&Mapped) -> bool) -> bool {
    let Some(file) = Bare::open(c"/proc/self/maps") else {
        return false;
    };
    let mut lines = Lines::default();
    let mut go_on = true;
    while go_on {
        let Some(read) = file.read(lines.free()) else {
            break;
        };
        lines.used += read;
        go_on = lines.each(&mut show);
    }
    true
}

/// Reads the beginning of a file, whose path ends in 0; gives how many bytes there were. Allocates
/// nothing: for signal handlers too.
pub(crate) fn read_file(path: &[u8], into: &mut [u8]) -> Option<usize> {
    let path = core::ffi::CStr::from_bytes_until_nul(path).ok()?;
    Some(Bare::open(path)?.read(into).unwrap_or(0))
}

/// The beginning of a line is enough; the rest (a path) is skipped.
struct Lines {
    buffer: [u8; 512],
    used: usize,
    /// The line that begins the buffer was seen already; its rest is skipped.
    skipping: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            buffer: [0; 512],
            used: 0,
            skipping: false,
        }
    }
}

/// As long as what precedes the path can be.
const HEAD: usize = 80;

impl Lines {
    fn free(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.used..).unwrap_or(&mut [])
    }

    /// Shows the lines that are whole, and the heads of those that are long.
    fn each(&mut self, show: &mut impl FnMut(&Mapped) -> bool) -> bool {
        let mut at = 0;
        let mut go_on = true;
        while go_on {
            let rest = self.buffer.get(at..self.used).unwrap_or(&[]);
            let end = rest.iter().position(|byte| *byte == b'\n');
            if end.is_none() && (rest.len() < HEAD || self.skipping) {
                break;
            }
            if !self.skipping {
                go_on = Mapped::parse(rest).is_none_or(|mapped| show(&mapped));
            }
            self.skipping = end.is_none();
            at += end.map_or(rest.len(), |end| end + 1);
        }
        if self.skipping {
            // Nothing of that line is needed.
            self.used = 0;
            return go_on;
        }
        self.buffer.copy_within(at..self.used, 0);
        self.used -= at;
        go_on
    }
}

/// The mapping that holds an address. For signal handlers too.
pub(crate) fn at(address: u64) -> Option<Mapped> {
    let mut found = None;
    each(|mapped| {
        if mapped.start <= address && address < mapped.end {
            found = Some(*mapped);
        }
        found.is_none() && mapped.start <= address
    });
    found
}

/// The start of the first mapping after an address.
pub(crate) fn next_from(address: u64) -> Option<u64> {
    let mut found = None;
    each(|mapped| {
        found = (mapped.start > address).then_some(mapped.start);
        found.is_none()
    });
    found
}

/// Whether an access that faulted would be answered now. For signal handlers too.
pub(crate) fn allows(fault: &Fault) -> bool {
    at(fault.address.0).is_some_and(|mapped| {
        if fault.write {
            mapped.writable
        } else {
            mapped.readable
        }
    })
}

/// Whether all of a range is mapped with one set of permissions, and what its first mapping is.
pub(crate) fn uniform(start: u64, len: u64) -> Option<Mapped> {
    let end = start.checked_add(len)?;
    let mut first: Option<Mapped> = None;
    let mut covered = start;
    each(|mapped| {
        if mapped.start <= covered && covered < mapped.end {
            let same = |first: &Mapped| {
                (
                    first.readable,
                    first.writable,
                    first.executable,
                    first.shared,
                ) == (
                    mapped.readable,
                    mapped.writable,
                    mapped.executable,
                    mapped.shared,
                )
            };
            if !first.as_ref().is_none_or(same) {
                return false;
            }
            first.get_or_insert(*mapped);
            covered = mapped.end;
        }
        covered < end
    });
    first.filter(|_| covered >= end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_and_the_standard_library_agree() {
        let text = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut lines = 0;
        assert!(each(|mapped| {
            assert!(mapped.start < mapped.end);
            lines += 1;
            true
        }));
        // Reading the file may itself change the number of mappings by a few.
        assert!(lines + 4 > text.lines().count(), "{lines}\n{text}");
        let here = at(hex as *const () as u64).unwrap();
        assert!(here.readable && here.executable && !here.writable);
    }

    #[test]
    fn long_paths_do_not_hide_what_follows() {
        let long = "x".repeat(3000);
        let text =
            format!("1000-2000 r--p 00000000 00:00 0 /{long}\n3000-4000 rw-s 00001000 00:01 9\n");
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for byte in text.as_bytes().chunks(7) {
            lines.free()[..byte.len()].copy_from_slice(byte);
            lines.used += byte.len();
            assert!(lines.each(&mut |mapped| {
                seen.push((mapped.start, mapped.offset, mapped.shared));
                true
            }));
        }
        assert_eq!(seen, [(0x1000, 0, false), (0x3000, 0x1000, true)]);
    }
}
