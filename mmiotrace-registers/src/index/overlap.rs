//! Registers that lie over each other.

use super::list_index::register_extent;
use crate::model::{AccessMode, Item, Register, RegisterMap, SpaceId};

/// How many pairs are looked at; a map made to have more is told the first ones.
const MAX_PAIRS: u32 = 1 << 20;
/// How many elements of an array are tried against another.
const MAX_ELEMENTS: u64 = 4096;

/// Two registers of one list that lie over each other on some chip, for one direction. Only what
/// lies directly in the list of a space is compared: what a group holds may be meant to differ.
pub(crate) fn overlaps(map: &RegisterMap, space: SpaceId, found: &mut dyn FnMut(u32, u32)) {
    let Some(space) = map.space(space) else {
        return;
    };
    let items = map.items(space.items);
    let mut places: Vec<_> = items
        .iter()
        .enumerate()
        .filter_map(|(number, item)| match item {
            Item::Register(register) => Some((
                register_extent(register, space.cell)?,
                number as u32,
                register,
            )),
            Item::Block(_) => None,
        })
        .collect();
    places.sort_by_key(|(extent, number, _)| (*extent, *number));
    let mut pairs = 0;
    for (at, (extent, number, register)) in places.iter().enumerate() {
        for (other_extent, other_number, other) in &places[at + 1..] {
            pairs += 1;
            if other_extent.0 >= extent.1 || pairs > MAX_PAIRS {
                break;
            }
            let exclusive = map.by_direction && directions_differ(register, other);
            if !exclusive
                && conditions_meet(map, register, other)
                && meet(register, other, space.cell)
            {
                found(*number.min(other_number), *number.max(other_number));
            }
        }
    }
}

fn directions_differ(a: &Register, b: &Register) -> bool {
    matches!(
        (a.access, b.access),
        (AccessMode::Read, AccessMode::Write) | (AccessMode::Write, AccessMode::Read)
    )
}

/// Whether some chip may have both.
fn conditions_meet(map: &RegisterMap, a: &Register, b: &Register) -> bool {
    let (Some(a), Some(b)) = (map.condition(a.when), map.condition(b.when)) else {
        return false;
    };
    a.all_of.iter().all(|(varset, variants)| {
        let other = b.all_of.iter().find(|(other, _)| other == varset);
        other.is_none_or(|(_, others)| variants.iter().any(|variant| others.contains(variant)))
    })
}

/// Whether an element of one lies over an element of the other.
fn meet(a: &Register, b: &Register, cell: u8) -> bool {
    let (few, many) = if elements(a) <= elements(b) {
        (a, b)
    } else {
        (b, a)
    };
    let cells = |register: &Register| u64::from(register.width / cell.max(1)).max(1);
    (0..elements(few).min(MAX_ELEMENTS)).any(|index| {
        let low = few.at.saturating_add(index.saturating_mul(few.stride));
        touches(many, cells(many), low, low.saturating_add(cells(few)))
    })
}

const fn elements(register: &Register) -> u64 {
    if register.count == 0 {
        u64::MAX
    } else {
        register.count
    }
}

/// Whether an element of `register` has a cell in `low..high`.
fn touches(register: &Register, cells: u64, low: u64, high: u64) -> bool {
    if elements(register) == 1 || register.stride == 0 {
        return register.at < high && low < register.at.saturating_add(cells);
    }
    // The last element that begins before `high`.
    let Some(before) = high
        .checked_sub(register.at)
        .and_then(|distance| distance.checked_sub(1))
    else {
        return false;
    };
    let index = (before / register.stride).min(elements(register) - 1);
    low < register
        .at
        .saturating_add(index * register.stride)
        .saturating_add(cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Space, SpaceLocation};

    fn pairs(registers: Vec<Register>) -> Vec<(u32, u32)> {
        let mut map = RegisterMap::new("m");
        let list = map.add_list(registers.into_iter().map(Item::Register).collect());
        let space = map.add_space(Space::new("s", SpaceLocation::Bar(0), list));
        let mut found = Vec::new();
        overlaps(&map, space, &mut |a, b| found.push((a, b)));
        found
    }

    fn array(at: u64, count: u64, stride: u64) -> Register {
        Register {
            count,
            stride,
            ..Register::new("R", at, 4)
        }
    }

    #[test]
    fn arrays_that_interleave_do_not_overlap() {
        assert_eq!(pairs(vec![array(0, 4, 0x100), array(4, 4, 0x100)]), []);
        assert_eq!(
            pairs(vec![array(0, 4, 0x100), array(0x202, 1, 0)]),
            [(0, 1)]
        );
        assert_eq!(
            pairs(vec![array(0, 1_000_000_000, 8), array(8_000_000_004, 1, 0)]),
            []
        );
        assert_eq!(
            pairs(vec![array(0, 1_000_000_000, 8), array(7_999_999_992, 1, 0)]),
            [(0, 1)]
        );
    }

    #[test]
    fn one_register_for_each_direction_may_share_a_place() {
        let one = |access| Register {
            access,
            ..array(0, 1, 0)
        };
        assert_eq!(
            pairs(vec![one(AccessMode::Read), one(AccessMode::Write)]),
            []
        );
        assert_eq!(
            pairs(vec![one(AccessMode::Read), one(AccessMode::ReadWrite)]),
            [(0, 1)]
        );
    }
}
