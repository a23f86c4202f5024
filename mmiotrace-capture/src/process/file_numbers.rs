//! Physical addresses for files that are no devices: each file has its own range, so that equal offsets
//! of two files are never one register.

use core::sync::atomic::{AtomicU64, Ordering};
use mmiotrace_core::PhysAddr;

/// How many files have ranges of their own.
pub(super) const FILES: usize = 1024;
/// Bytes of the range of a pattern, as a power of two.
const PATTERN_BITS: u32 = 40;
/// Bits of the number of a pattern.
const PATTERNS: u64 = 1 << 12;
/// Where the number of the file begins that a pattern matches.
const FILE_BITS: u32 = 52;

/// The files of a capture that the user has named, in memory that all its processes share.
///
/// The first byte of a file has the physical address `(f << 52) + (p << 40)`: `p` is the place of the
/// first pattern (`--match`) that matches its path, `f` the place of the file among those that this
/// pattern matches, in the order in which the capture first maps them; both from 0. So the file of a
/// single pattern has its offsets for addresses, and a pattern without wildcards always leads to the
/// same range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileNumbers<'m>(pub(super) &'m [AtomicU64]);

impl FileNumbers<'_> {
    /// The physical address of the byte at `offset` of a file.
    pub(crate) fn phys(self, pattern: usize, path: &str, offset: u64) -> PhysAddr {
        let pattern = (pattern as u64).min(PATTERNS - 1);
        let file = self.number(pattern, path);
        let base = (file << FILE_BITS) + (pattern << PATTERN_BITS);
        PhysAddr(base.wrapping_add(offset))
    }

    /// The place of a file among those of its pattern. The last number is shared by all for which
    /// there is no room.
    fn number(self, pattern: u64, path: &str) -> u64 {
        let own = entry(pattern, path);
        let mut number = 0;
        for word in self.0 {
            let found = word
                .compare_exchange(0, own, Ordering::AcqRel, Ordering::Acquire)
                .unwrap_or_else(|found| found);
            if found == 0 || found == own {
                return number;
            }
            number += u64::from(found >> FILE_BITS == own >> FILE_BITS);
        }
        FILES as u64
    }
}

/// A word that names a file: never 0.
fn entry(pattern: u64, path: &str) -> u64 {
    // FNV-1a.
    let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    pattern << FILE_BITS | hash >> 12 | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_own_range() {
        let words: Vec<AtomicU64> = (0..FILES).map(|_| AtomicU64::new(0)).collect();
        let numbers = FileNumbers(&words);
        assert_eq!(numbers.phys(0, "/a", 0x10), PhysAddr(0x10));
        assert_eq!(numbers.phys(1, "/b", 0), PhysAddr(1 << 40));
        assert_eq!(
            numbers.phys(1, "/c", 4),
            PhysAddr((1 << 52) + (1 << 40) + 4)
        );
        assert_eq!(numbers.phys(0, "/a", 0), PhysAddr(0));
        assert_eq!(numbers.phys(1, "/b", 8), PhysAddr((1 << 40) + 8));
        let mut all: Vec<u64> = (0..FILES)
            .map(|n| numbers.phys(2, &n.to_string(), 0).0)
            .collect();
        all.sort_unstable();
        all.dedup();
        assert!(all.len() > FILES - 4, "{}", all.len());
    }
}
