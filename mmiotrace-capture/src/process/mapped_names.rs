//! The mappings of this process that have a name.

use super::maps::{Bare, Mapped};

/// A mapping of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub(crate) mapped: Mapped,
    /// The file, as `/proc/PID/fd/N` names it too; also `anon_inode:[…]`. Not `[heap]` and its kin, nor
    /// what is no UTF-8.
    pub(crate) path: &'a str,
    /// The number of the file in its file system.
    pub(crate) inode: u64,
}

/// As much as a line of a path can take, where no byte of it is escaped.
const LONGEST: usize = 4096 + 128;

impl<'a> Named<'a> {
    /// Reads a line of `/proc/self/maps` (proc(5)).
    fn parse(line: &'a [u8]) -> Option<Self> {
        // Most mappings have no name: nothing of those but its absence is looked at.
        let mut fields = line.splitn(6, |byte| *byte == b' ');
        let inode = fields.nth(4)?;
        let path = fields.next()?.trim_ascii_start();
        if path.is_empty() || path.starts_with(b"[") {
            return None;
        }
        Some(Self {
            mapped: Mapped::parse(line)?,
            path: core::str::from_utf8(path).ok()?,
            inode: core::str::from_utf8(inode).ok()?.parse().ok()?,
        })
    }
}

/// Shows every mapping of this process that has a name, in order of their addresses. Allocates nothing:
/// for signal handlers too. `false` where the file cannot be read.
pub(crate) fn each_named(mut show: impl FnMut(&Named<'_>)) -> bool {
    let Some(file) = Bare::open(c"/proc/self/maps") else {
        return false;
    };
    let mut buffer = [0; 2 * LONGEST];
    let mut used = 0;
    while let Some(read) = buffer.get_mut(used..).and_then(|free| file.read(free)) {
        used += read;
        let done = show_lines(buffer.get(..used).unwrap_or(&[]), &mut show);
        // A line that fills all of it has no path that could be wanted.
        let done = if done == 0 && used == buffer.len() {
            used
        } else {
            done
        };
        buffer.copy_within(done..used, 0);
        used -= done;
    }
    true
}

/// Shows the lines that are whole; gives how many bytes they are.
fn show_lines(text: &[u8], show: &mut impl FnMut(&Named<'_>)) -> usize {
    let mut done = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else {
            break;
        };
        done += line.len() + 1;
        if let Some(named) = Named::parse(line) {
            show(&named);
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are() {
        let text = b"1000-2000 r--p 00000000 00:00 0 \n\
            2000-3000 rw-s 00001000 08:01 77                         /tmp/a b (deleted)\n\
            3000-4000 rw-p 00000000 00:00 0                          [heap]\n\
            4000-5000 rw-s 00000000 00:0e 12                         anon_inode:[io_uring]\n\
            5000-60";
        let mut seen = Vec::new();
        let done = show_lines(text, &mut |named| {
            seen.push((named.mapped.start, named.inode, named.path.to_owned()));
        });
        assert_eq!(text.len() - done, 7);
        let expected = [
            (0x2000, 77, "/tmp/a b (deleted)".to_owned()),
            (0x4000, 12, "anon_inode:[io_uring]".to_owned()),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn this_process_has_its_own_program_mapped() {
        let own = std::env::current_exe().unwrap();
        let mut found = 0;
        assert!(each_named(|named| {
            found += u32::from(own.to_str() == Some(named.path));
        }));
        assert!(found > 1, "{found}");
    }
}
