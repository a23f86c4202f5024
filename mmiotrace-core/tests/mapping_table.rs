//! The table against a plain list of mappings, over thousands of random operations.
#![cfg(feature = "std")]

use mmiotrace_core::{
    Applied, Event, EventKind, FixedMappings, MapId, Mapping, MappingTable, Node, PhysAddr,
    Timestamp, VirtAddr,
};

/// A small generator of numbers (Marsaglia's xorshift64*), so that runs repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % limit
    }
}

fn mapping(id: i32, phys: u64, len: u64) -> Mapping {
    Mapping {
        id: MapId(id),
        phys: PhysAddr(phys),
        virt: VirtAddr(0),
        len,
    }
}

#[test]
fn agrees_with_a_list() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..40 {
        let mut table: MappingTable<Vec<Node>> = MappingTable::new();
        let mut list: Vec<Mapping> = Vec::new();
        let ids = 1 + random.below(60);
        for _ in 0..400 {
            let id = i32::try_from(random.below(ids)).unwrap() - 1;
            if random.below(5) < 3 {
                let new = mapping(id, random.below(0x400), random.below(0x80));
                assert_eq!(
                    table.apply(&Event::new(Timestamp::ZERO, EventKind::Map(new))),
                    Applied::Mapped
                );
                list.push(new);
            } else {
                let applied =
                    table.apply(&Event::new(Timestamp::ZERO, EventKind::Unmap(MapId(id))));
                match list.iter().rposition(|old| old.id == MapId(id)) {
                    Some(at) => assert_eq!(applied, Applied::Unmapped(list.remove(at))),
                    None => assert_eq!(applied, Applied::NotListed(MapId(id))),
                }
            }
            let phys = PhysAddr(random.below(0x500));
            let newest = list.iter().rev().find(|held| held.contains(phys));
            assert_eq!(
                table.lookup_phys(phys),
                newest.map(|held| (held.id, phys.0 - held.phys.0)),
                "round {round}"
            );
            let mut here = 0;
            table.each_at(phys, |held| {
                assert!(held.contains(phys));
                here += 1;
            });
            assert_eq!(here, list.iter().filter(|held| held.contains(phys)).count());
            assert_eq!(
                table.get(MapId(id)),
                list.iter().rev().find(|held| held.id == MapId(id))
            );
            assert_eq!(table.len(), list.len());
        }
    }
}

#[test]
fn fixed_storage_says_when_it_is_full_and_reuses_what_was_freed() {
    let mut table: MappingTable<FixedMappings<2>> = MappingTable::new();
    assert!(table.insert(mapping(1, 0, 1)));
    assert!(table.insert(mapping(2, 1, 1)));
    let third = mapping(3, 2, 1);
    assert_eq!(
        table.apply(&Event::new(Timestamp::ZERO, EventKind::Map(third))),
        Applied::Full(third)
    );
    assert_eq!(
        table.remove(MapId(1)).map(|old| old.phys),
        Some(PhysAddr(0))
    );
    assert!(table.insert(third));
    assert_eq!(table.lookup_phys(PhysAddr(2)), Some((MapId(3), 0)));
}

#[test]
fn the_end_of_the_address_space_is_no_trap() {
    let mut table: MappingTable<Vec<Node>> = MappingTable::new();
    assert!(table.insert(mapping(1, u64::MAX, 1)));
    assert!(table.insert(mapping(2, u64::MAX - 1, u64::MAX)));
    assert_eq!(table.lookup_phys(PhysAddr(u64::MAX)), Some((MapId(2), 1)));
}

#[test]
fn a_hundred_thousand_live_mappings() {
    let mut table: MappingTable<Vec<Node>> = MappingTable::new();
    for id in 0..100_000_i32 {
        assert!(table.insert(mapping(id, u64::from(id.unsigned_abs()) * 0x1000, 0x1000)));
    }
    for id in (0..100_000_i32).rev() {
        assert_eq!(
            table.lookup_phys(PhysAddr(u64::from(id.unsigned_abs()) * 0x1000 + 5)),
            Some((MapId(id), 5))
        );
        assert!(table.remove(MapId(id)).is_some());
    }
    assert!(table.is_empty());
}
