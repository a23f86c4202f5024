//! Parts of mappings that the kernel's tracer does not see.

use super::cause::{Cause, Untraced};
use super::evidence::source_of;
use super::groups::{MAX_GROUPS, Tally};
use mmiotrace_core::{MapId, Mapping, PhysAddr};
use std::collections::HashMap;

const PAGE: u64 = 1 << 12;
const HUGE: u64 = 1 << 21;
const GIANT: u64 = 1 << 30;

/// What the tracer should have missed, until an access shows that it did not.
///
/// A `MAP` shows addresses and not page sizes: that 2 MiB pages were used is likely, and
/// `nohugeiomap` on the kernel's command line forbids it. An access recorded where none could be
/// is the proof, and holds for the whole capture.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// With the source, where sources were merged.
    list: Vec<(usize, Candidate, Tally)>,
    /// The ranges of mappings that are alive, by their id.
    alive: HashMap<MapId, Missed>,
    /// By source, where sources were merged.
    disproved: Vec<(usize, Untraced)>,
    last: Option<(MapId, Option<Missed>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    reason: Untraced,
    start: u64,
    end: u64,
}

/// What the tracer misses of a mapping: at most a first page, and a tail.
type Missed = [Option<Candidate>; 2];

fn missed(mapping: &Mapping) -> Missed {
    let (start, end) = (mapping.phys.0, mapping.phys_end().0);
    // The kernel maps whole pages, whatever it was asked for.
    let (page, virt_page) = (start / PAGE * PAGE, mapping.virt.0 / PAGE * PAGE);
    let pages = end.saturating_sub(page).div_ceil(PAGE).saturating_mul(PAGE);
    let begins_with = |size: u64| page % size == 0 && virt_page % size == 0 && pages >= size;
    let range =
        |reason, start: u64, end: u64| (start < end).then_some(Candidate { reason, start, end });
    if begins_with(GIANT) {
        return [range(Untraced::GiantPages, start, end), None];
    }
    let first_page = match start - page {
        0 => None,
        _ => range(
            Untraced::UnalignedStart,
            start,
            end.min(page.saturating_add(PAGE)),
        ),
    };
    let tail = match begins_with(HUGE) {
        true => {
            let behind_huge_pages = page.saturating_add(pages / HUGE * HUGE);
            range(
                Untraced::SmallTail,
                behind_huge_pages.saturating_add(PAGE),
                end,
            )
        }
        false => None,
    };
    [first_page, tail]
}

impl Candidates {
    pub(super) fn map(&mut self, line: u64, mapping: &Mapping) {
        self.last = None;
        self.alive.remove(&mapping.id);
        let missed = missed(mapping);
        if missed == [None, None] {
            return;
        }
        if self.alive.len() < MAX_GROUPS {
            self.alive.insert(mapping.id, missed);
        }
        let source = source_of(mapping.id).unwrap_or(0);
        for candidate in missed.into_iter().flatten() {
            let mut list = self.list.iter_mut();
            let known = list.find(|(of, known, _)| (*of, *known) == (source, candidate));
            if let Some((_, _, tally)) = known {
                tally.count += 1;
            } else if self.list.len() < MAX_GROUPS {
                self.list
                    .push((source, candidate, Tally { line, count: 1 }));
            }
        }
    }

    pub(super) fn unmap(&mut self, id: MapId) {
        self.last = None;
        self.alive.remove(&id);
    }

    /// An access was recorded.
    #[inline]
    pub(super) fn access(&mut self, id: MapId, phys: PhysAddr) {
        if !self.alive.is_empty() {
            self.compare(id, phys);
        }
    }

    fn compare(&mut self, id: MapId, phys: PhysAddr) {
        let range = match self.last {
            Some((last, range)) if last == id => range,
            _ => {
                let range = self.alive.get(&id).copied();
                self.last = Some((id, range));
                range
            }
        };
        for missed in range.into_iter().flatten().flatten() {
            let within = (missed.start..missed.end).contains(&phys.0);
            let disproved = (source_of(id).unwrap_or(0), missed.reason);
            if within && !self.disproved.contains(&disproved) {
                self.disproved.push(disproved);
            }
        }
    }

    /// What was missed of sources that the kernel's tracer captured.
    pub(super) fn finish(
        self,
        by_kernel: impl Fn(usize) -> bool,
    ) -> impl Iterator<Item = (Cause, Tally)> {
        let Self {
            list, disproved, ..
        } = self;
        list.into_iter()
            .filter(move |(source, candidate, _)| {
                by_kernel(*source) && !disproved.contains(&(*source, candidate.reason))
            })
            .map(|(_, candidate, tally)| {
                let Candidate { reason, start, end } = candidate;
                (
                    Cause::Untraced {
                        reason,
                        start: PhysAddr(start),
                        end: PhysAddr(end),
                    },
                    tally,
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mmiotrace_core::VirtAddr;

    fn all_missed(phys: u64, virt: u64, len: u64) -> Vec<(Untraced, u64, u64)> {
        let mapping = Mapping {
            id: MapId(1),
            phys: PhysAddr(phys),
            virt: VirtAddr(virt),
            len,
        };
        let all = missed(&mapping).into_iter().flatten();
        all.map(|missed| (missed.reason, missed.start, missed.end))
            .collect()
    }

    fn missed_of(phys: u64, virt: u64, len: u64) -> Option<(Untraced, u64, u64)> {
        let all = all_missed(phys, virt, len);
        assert!(all.len() <= 1, "{all:?}");
        all.first().copied()
    }

    #[test]
    fn measured_mappings() {
        // The highest address ever recorded here was 0xfd200fff.
        let tail = Some((Untraced::SmallTail, 0xfd20_1000, 0xfd3e_8000));
        assert_eq!(
            missed_of(0xfd00_0000, 0xffa0_0000_0240_0000, 0x3e_8000),
            tail
        );
        let one_page = Some((Untraced::UnalignedStart, 0xfd00_0123, 0xfd00_0133));
        assert_eq!(
            missed_of(0xfd00_0123, 0xffa0_0000_0007_5123, 0x10),
            one_page
        );
        let first_page = Some((Untraced::UnalignedStart, 0xfd00_0ff8, 0xfd00_1000));
        assert_eq!(
            missed_of(0xfd00_0ff8, 0xffa0_0000_003d_eff8, 0x10),
            first_page
        );
        // Virtual and physical start differ modulo 2 MiB: everything was logged.
        assert_eq!(
            missed_of(0xfd1f_f000, 0xffa0_0000_0240_0000, 0x20_1000),
            None
        );
        assert_eq!(
            missed_of(0xfd00_0000, 0xffa0_0000_0100_0000, 0x100_0000),
            None
        );
        assert_eq!(
            missed_of(0xfe80_0000, 0xffa0_0000_0240_0000, 0x20_1000),
            None
        );
    }

    #[test]
    fn a_first_page_and_a_tail() {
        let expected = [
            (Untraced::UnalignedStart, 0xfd00_0104, 0xfd00_1000),
            (Untraced::SmallTail, 0xfd20_1000, 0xfd20_4104),
        ];
        assert_eq!(
            all_missed(0xfd00_0104, 0xffa0_0000_0240_0104, 0x20_4000),
            expected
        );
        let giant = [(Untraced::GiantPages, 0x40_0000_0000, 0x40_8000_0000)];
        assert_eq!(
            all_missed(0x40_0000_0000, 0xffa0_0000_4000_0000, 0x8000_0000),
            giant
        );
        assert_eq!(all_missed(u64::MAX, u64::MAX, u64::MAX), []);
    }

    #[test]
    fn an_access_is_proof() {
        let mut candidates = Candidates::default();
        let mapping = Mapping {
            id: MapId(3),
            phys: PhysAddr(0xfd00_0000),
            virt: VirtAddr(0x240_0000),
            len: 0x3e_8000,
        };
        candidates.map(1, &mapping);
        candidates.access(MapId(3), PhysAddr(0xfd20_0fff));
        assert!(candidates.disproved.is_empty());
        candidates.access(MapId(3), PhysAddr(0xfd3e_7ff8));
        assert_eq!(candidates.finish(|_| true).count(), 0);
    }
}
