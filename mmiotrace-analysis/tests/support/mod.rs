//! What several tests need.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod fixtures;

use mmiotrace_analysis::{Checker, Verdict};
use mmiotrace_format::{Error, Reader};

/// A small generator of numbers (Marsaglia's xorshift64*), so that runs repeat.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

/// The verdict on a trace, also where lines are too long to be kept.
pub fn check(trace: &[u8]) -> Verdict {
    let (mut checker, mut entries) = (Checker::new(), Reader::new(trace).entries());
    loop {
        match entries.next_entry() {
            Ok(Some(entry)) => checker.entry(&entry),
            Ok(None) => return checker.finish(),
            Err(Error::Parse(error)) => checker.invalid(&error),
            Err(error) => panic!("{error}"),
        }
    }
}
