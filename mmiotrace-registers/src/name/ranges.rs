//! Which part of the physical address space is whose.

use crate::device::DeviceId;
use std::collections::BTreeMap;

/// A range of physical addresses that belongs to one BAR or space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u64,
    /// The first address past it.
    pub(super) end: u64,
    pub(super) owner: Owner,
}

/// Whose a range is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A BAR of a device.
    Bar(DeviceId, u8),
    /// A mapping that no device is known for, taken as this BAR of a given map.
    Mapping(u32, u8),
    /// Spaces of a map at physical addresses, one or several that meet.
    Physical(u32),
}

/// Ranges that do not overlap: what was there first stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    by_start: BTreeMap<u64, Range>,
}

impl Ranges {
    /// Puts a range in; says whether it found room.
    pub(super) fn insert(&mut self, range: Range) -> bool {
        if range.start >= range.end {
            return false;
        }
        let before = self.by_start.range(..range.end).next_back();
        if before.is_some_and(|(_, known)| known.end > range.start) {
            return false;
        }
        self.by_start.insert(range.start, range);
        true
    }

    /// Puts in what of a range is free.
    pub(super) fn fill(&mut self, range: Range) {
        let mut start = range.start;
        while start < range.end {
            let taken = self.by_start.range(..=start).next_back();
            if let Some((_, known)) = taken.filter(|(_, known)| known.end > start) {
                start = known.end;
                continue;
            }
            let next = self.by_start.range(start..range.end).next();
            let end = next.map_or(range.end, |(next, _)| *next);
            self.by_start.insert(
                start,
                Range {
                    start,
                    end,
                    ..range
                },
            );
            start = end;
        }
    }

    /// Takes out what belongs to a device.
    pub(super) fn remove_device(&mut self, device: DeviceId) {
        self.by_start
            .retain(|_, range| !matches!(range.owner, Owner::Bar(owner, _) if owner == device));
    }

    /// The range that holds an address.
    pub(super) fn find(&self, phys: u64) -> Option<&Range> {
        let (_, range) = self.by_start.range(..=phys).next_back()?;
        (phys < range.end).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stays() {
        let mut ranges = Ranges::default();
        let range = |start, end, bar: u8| Range {
            start,
            end,
            owner: Owner::Bar(DeviceId(bar.into()), bar),
        };
        assert!(ranges.insert(range(0x1000, 0x2000, 0)));
        assert!(!ranges.insert(range(0x1800, 0x2800, 1)));
        assert!(!ranges.insert(range(0x0, 0x1001, 1)));
        assert!(!ranges.insert(range(0x3000, 0x3000, 1)));
        assert!(ranges.insert(range(0x2000, 0x3000, 2)));
        assert_eq!(
            ranges.find(0x1fff).map(|range| range.owner),
            Some(Owner::Bar(DeviceId(0), 0))
        );
        assert_eq!(
            ranges.find(0x2000).map(|range| range.owner),
            Some(Owner::Bar(DeviceId(2), 2))
        );
        assert_eq!(ranges.find(0x3000), None);
        ranges.fill(range(0x1800, 0x4000, 3));
        assert_eq!(
            ranges.find(0x3fff).map(|range| (range.start, range.owner)),
            Some((0x3000, Owner::Bar(DeviceId(3), 3)))
        );
        ranges.remove_device(DeviceId(3));
        ranges.remove_device(DeviceId(2));
        assert_eq!(ranges.find(0x2000), None);
    }
}
