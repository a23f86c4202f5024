//! Sets of bytes of the two regions.

use crate::mappings::REGION_LEN;
use crate::state::Memory;
use crate::trial::{Bench, Setup};
use mmiotrace_core::AccessKind;
use mmiotrace_decode::DecodedAccess;

/// A set of bytes of both regions.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(Vec<bool>);

impl Bytes {
    pub(crate) fn none() -> Self {
        Self(vec![false; 2 * REGION_LEN])
    }

    /// The bytes of accesses of a kind.
    pub(crate) fn of(bench: &Bench, setup: &Setup, kind: AccessKind, conditional: bool) -> Self {
        let mut bytes = Self::none();
        let wanted =
            |access: &&DecodedAccess| access.kind == kind && (conditional || !access.conditional);
        for access in setup.accesses.iter().filter(wanted) {
            for (half, region) in bench.mappings.regions().into_iter().enumerate() {
                if region.contains(access.address.0, access.width.as_usize()) {
                    let start = half * REGION_LEN + (access.address.0 - region.base) as usize;
                    bytes.0[start..start + access.width.as_usize()].fill(true);
                }
            }
        }
        bytes
    }

    /// The bytes that differ.
    pub(crate) fn changed(before: &Memory, after: &Memory) -> Self {
        let pairs = before
            .a
            .iter()
            .zip(&after.a)
            .chain(before.b.iter().zip(&after.b));
        Self(pairs.map(|(before, after)| before != after).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.0.contains(&true)
    }

    /// Whether each byte is in the set: the first region's, then the second's.
    pub(crate) fn each(&self) -> impl Iterator<Item = bool> + '_ {
        self.0.iter().copied()
    }

    pub(crate) fn inverse(&self) -> Self {
        Self(self.0.iter().map(|is| !is).collect())
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(to, from)| *to |= from);
    }

    /// The address of the first byte that is in this set and not in the other.
    pub(crate) fn first_beyond(&self, bench: &Bench, other: &Self) -> Option<u64> {
        let at = self
            .0
            .iter()
            .zip(&other.0)
            .position(|(here, there)| *here && !there)?;
        let region = bench.mappings.regions()[at / REGION_LEN];
        Some(region.base + (at % REGION_LEN) as u64)
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, two)| *one && *two)
    }

    /// Fills these bytes with a pattern, over and over.
    pub(crate) fn fill(&self, memory: &mut Memory, pattern: &[u8]) {
        let all = memory.a.iter_mut().chain(&mut memory.b);
        let chosen = all.zip(&self.0).filter(|(_, is)| **is);
        chosen
            .zip(pattern.iter().cycle())
            .for_each(|((byte, _), new)| *byte = *new);
    }

    /// Flips bits in these bytes.
    pub(crate) fn flip(&self, memory: &mut Memory, bits: u8) {
        let all = memory.a.iter_mut().chain(&mut memory.b);
        all.zip(&self.0)
            .filter(|(_, is)| **is)
            .for_each(|(byte, _)| *byte ^= bits);
    }
}
