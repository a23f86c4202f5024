//! The code of an interrupted instruction.

#![expect(
    unsafe_code,
    reason = "code is read that another may be about to unmap"
)]

use crate::engine::PAGE;
use mmiotrace_decode::native;

/// The code at an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Code {
    pub(super) pc: u64,
    /// Its bytes 0 to 7 and 7 to 14, zero after those that could be read.
    words: [u64; 2],
    have: usize,
}

impl Code {
    pub(super) const NONE: Self = Self {
        pc: 0,
        words: [0; 2],
        have: 0,
    };

    /// Reads it: code that has just been executed.
    #[inline(always)]
    pub(super) fn read(pc: u64) -> Self {
        // Where nothing can meet the end of the mapped code before the instruction does.
        if pc & (PAGE - 1) <= PAGE - 15 {
            // SAFETY: as in `read_code`: the page is the one that was executed.
            let words = unsafe {
                let low = native::read_word(pc as *const u8, 8);
                low.zip(native::read_word(pc.wrapping_add(7) as *const u8, 8))
            };
            if let Some((low, high)) = words {
                return Self {
                    pc,
                    words: [low, high],
                    have: 15,
                };
            }
        }
        Self::read_near_the_end(pc)
    }

    #[cold]
    #[inline(never)]
    fn read_near_the_end(pc: u64) -> Self {
        let mut bytes = [0; 15];
        let mut have = 0;
        while let Some(rest) = bytes.get_mut(have..).filter(|rest| !rest.is_empty()) {
            let len = piece(rest.len());
            let at = pc.wrapping_add(have as u64);
            // Near the end of the mapped code a wide read fails where narrow ones do not.
            let Some(done) = read_code(at, rest, len) else {
                break;
            };
            have += done;
        }
        let mut all = [0; 16];
        all[..15].copy_from_slice(&bytes);
        let all = u128::from_le_bytes(all);
        Self {
            pc,
            words: [all as u64, (all >> 56) as u64],
            have,
        }
    }

    /// Its bytes, and how many of them could be read.
    pub(super) fn bytes(&self) -> ([u8; 15], usize) {
        let [low, high] = self.words;
        let all = (u128::from(low) | u128::from(high) << 56).to_le_bytes();
        let mut bytes = [0; 15];
        bytes.copy_from_slice(&all[..15]);
        (bytes, self.have)
    }

    /// Its words, where all of them could be read.
    #[inline(always)]
    pub(super) fn words(&self) -> Option<[u64; 2]> {
        (self.have == 15).then_some(self.words)
    }

    /// Whether it may use the base of `fs` or `gs`.
    pub(super) fn may_use_bases(&self) -> bool {
        /// The legacy prefixes (Intel SDM volume 2, section 2.1.1). An override of the segment is one, and
        /// may follow others; no other byte precedes one.
        const PREFIXES: [u8; 11] = [
            0x64, 0x65, 0x26, 0x2e, 0x36, 0x3e, 0x66, 0x67, 0xf0, 0xf2, 0xf3,
        ];
        let (bytes, have) = self.bytes();
        let code = bytes.get(..have).unwrap_or(&[]);
        let mut prefixes = code.iter().take_while(|byte| PREFIXES.contains(byte));
        code.is_empty() || prefixes.any(|byte| matches!(byte, 0x64 | 0x65))
    }
}

/// The widest piece of at most eight bytes, a power of two, of `left`.
pub(super) const fn piece(left: usize) -> usize {
    match left {
        0..=1 => left,
        2..=3 => 2,
        4..=7 => 4,
        _ => 8,
    }
}

fn read_code(at: u64, into: &mut [u8], len: usize) -> Option<usize> {
    for len in [len, 1] {
        let now = into.get_mut(..len)?;
        // SAFETY: code that has just been executed, and up to seven bytes after it; reading has no
        // effect, and a fault is recovered.
        if unsafe { native::read(at as *const u8, now) } {
            return Some(len);
        }
    }
    None
}
