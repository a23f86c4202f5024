//! Looking up one place.

use super::compiled::CompiledMap;
use super::selection::{Selection, Truth};
use crate::model::{AccessMode, Block, ConditionId, Form, Item, ListId, Register, SpaceId, TypeId};
use crate::number::{push_decimal, push_hex};
use mmiotrace_core::AccessKind;

/// How many items a look-up may try. Only maps made to be slow come near it.
const BUDGET: u32 = 200_000;

/// What lies at a place.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Located<'m> {
    /// The full name, with indices and, where the place is not the start of a register, `+0x…`.
    pub name: String,
    /// The register; `None` in the part of a block that holds none.
    pub register: Option<&'m Register>,
    /// How many bytes the place lies after the start of the register or block element.
    pub within: u64,
    /// Whether this holds only for some chips and it is not known which one the device is.
    pub assumed: bool,
}

/// What lies at a place, with the register as its place in the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) register: Option<(ListId, u32)>,
    pub(crate) within: u64,
    pub(crate) assumed: bool,
}

impl CompiledMap {
    /// What lies at byte `at` of a space.
    ///
    /// Where a map has different registers for the two directions at one place, `direction` tells
    /// them apart; without one, and where no register fits the direction, the first in the file
    /// is taken. Takes logarithmic time, and never more than a fixed number of steps.
    #[must_use]
    pub fn lookup(
        &self,
        space: SpaceId,
        at: u64,
        direction: Option<AccessKind>,
        selection: &Selection,
    ) -> Option<Located<'_>> {
        let mut name = String::new();
        let hit = self.hit(space, at, (direction, None), selection, &mut name)?;
        let register = hit
            .register
            .and_then(|(list, item)| self.register(list, item));
        Some(Located {
            name,
            register,
            within: hit.within,
            assumed: hit.assumed,
        })
    }

    /// For how many bytes from byte `at` on, where nothing lies, nothing else lies either; at least
    /// one.
    pub(crate) fn gap(&self, space: SpaceId, at: u64) -> u64 {
        let cells = self.map().space(space).and_then(|space| {
            let cell = u64::from(space.cell.max(1));
            let index = self.list_index(space.items)?;
            let cells = index.gap(at / cell);
            Some(cells.saturating_mul(cell).saturating_sub(at % cell))
        });
        cells.unwrap_or(1).max(1)
    }

    /// The same for an access of that many bytes, without allocating; the name is appended to
    /// `name`. Of registers that lie over each other, one that has just these bytes is meant.
    pub(crate) fn hit(
        &self,
        space: SpaceId,
        at: u64,
        (direction, width): (Option<AccessKind>, Option<u8>),
        selection: &Selection,
        name: &mut String,
    ) -> Option<Hit> {
        let space = self.map().space(space)?;
        let cell = u64::from(space.cell.max(1));
        let (cells, bytes) = (at / cell, at % cell);
        if space.size.is_some_and(|size| cells >= size) {
            return None;
        }
        let directions = match direction.filter(|_| self.map().by_direction) {
            Some(direction) => &[Some(direction), None][..],
            None => &[None][..],
        };
        let mut walk = Walk {
            map: self,
            selection,
            direction: None,
            width: None,
            claimed: false,
            cell,
            bytes,
            budget: BUDGET,
            name,
        };
        let widths = if width.is_some() {
            &[width, None][..]
        } else {
            &[None]
        };
        for direction in directions {
            for width in widths {
                (walk.direction, walk.width, walk.claimed) = (*direction, *width, false);
                let hit = walk.list(space.items, cells, &mut Vec::new());
                if hit.is_some() {
                    return hit;
                }
            }
        }
        None
    }
}

/// An index that goes to the next name.
#[derive(Clone, Copy)]
struct Pending {
    index: u64,
    names: Option<TypeId>,
}

struct Walk<'m, 'n> {
    map: &'m CompiledMap,
    selection: &'m Selection,
    /// `Some`: only registers for this direction.
    direction: Option<AccessKind>,
    /// `Some`: only registers of so many bytes that begin at the place.
    width: Option<u8>,
    /// With a width: an array that has the whole place to itself was met, and has no such
    /// register. What is behind it in the file is not meant.
    claimed: bool,
    /// Bytes in a cell.
    cell: u64,
    /// The byte within the cell.
    bytes: u64,
    budget: u32,
    name: &'n mut String,
}

impl Walk<'_, '_> {
    /// Looks at `cell` of a list. Leaves the name as it was where nothing is found.
    fn list(&mut self, list: ListId, cell: u64, pending: &mut Vec<Pending>) -> Option<Hit> {
        let map = self.map;
        let items = map.map().items(list);
        for number in map.list_index(list)?.candidates(cell) {
            self.budget = self.budget.checked_sub(1)?;
            let Some(item) = items.get(number as usize) else {
                continue;
            };
            let assumed = match self.truth(item.when()) {
                Truth::Yes => false,
                Truth::No => continue,
                Truth::Unknown => true,
            };
            let hit = match item {
                Item::Register(register) => self.register(register, (list, number), cell, pending),
                Item::Block(block) if block.reserve => self.array(block, cell, pending),
                Item::Block(block) => self.stripe(block, cell, pending),
            };
            if let Some(hit) = hit {
                return Some(Hit {
                    assumed: hit.assumed || assumed,
                    ..hit
                });
            }
            if self.claimed {
                return None;
            }
        }
        None
    }

    fn truth(&self, condition: ConditionId) -> Truth {
        self.selection.verdict(condition)
    }

    fn register(
        &mut self,
        register: &Register,
        place: (ListId, u32),
        cell: u64,
        pending: &[Pending],
    ) -> Option<Hit> {
        match (self.direction, register.access) {
            (Some(AccessKind::Read), AccessMode::Write)
            | (Some(AccessKind::Write), AccessMode::Read) => {
                return None;
            }
            _ => {}
        }
        let distance = cell.checked_sub(register.at)?;
        let (index, off) = split(distance, register.stride, register.count)?;
        if off >= u64::from(register.width) / self.cell {
            return None;
        }
        if self
            .width
            .is_some_and(|width| register.width != width || off != 0 || self.bytes != 0)
        {
            return None;
        }
        self.push_name(
            &register.name,
            pending,
            index_of(register.count, index, register.index_names),
        );
        self.push_offset(off);
        Some(Hit {
            register: Some(place),
            within: off * self.cell + self.bytes,
            assumed: false,
        })
    }

    fn array(&mut self, block: &Block, cell: u64, pending: &mut Vec<Pending>) -> Option<Hit> {
        let (index, off) = if block.offsets.is_empty() {
            let distance = cell.checked_sub(block.at)?;
            let (index, off) = split(distance, block.stride, block.count)?;
            if off >= block.stride {
                return None;
            }
            (index, off)
        } else {
            let element = block.offsets.iter().enumerate().find_map(|(index, at)| {
                let off = cell.checked_sub(*at)?;
                (off < block.stride).then_some((index as u64, off))
            });
            element?
        };
        let count = if block.offsets.is_empty() {
            block.count
        } else {
            0
        };
        let own = index_of(count, index, block.index_names);
        if block.name.as_deref().is_none_or(str::is_empty) {
            return self.nameless_array(block, off, own, pending);
        }
        let before = self.name.len();
        self.push_name(block.name.as_deref().unwrap_or_default(), pending, own);
        let named = self.name.len();
        self.name.push('.');
        if let Some(hit) = self.list(block.items, off, &mut Vec::new()) {
            return Some(hit);
        }
        if self.width.is_some() {
            self.claimed = true;
            self.name.truncate(before);
            return None;
        }
        self.name.truncate(named);
        // Also at the start: the name alone would be that of a register.
        self.name.push('+');
        push_hex(self.name, off);
        self.push_offset(0);
        Some(Hit {
            register: None,
            within: off * self.cell + self.bytes,
            assumed: false,
        })
    }

    /// An array without a name reserves its place all the same; a miss in it has no name to give.
    fn nameless_array(
        &mut self,
        block: &Block,
        off: u64,
        own: Option<Pending>,
        pending: &mut Vec<Pending>,
    ) -> Option<Hit> {
        let before = pending.len();
        pending.extend(own);
        let hit = self.list(block.items, off, pending);
        pending.truncate(before);
        hit
    }

    fn stripe(&mut self, block: &Block, cell: u64, pending: &mut Vec<Pending>) -> Option<Hit> {
        let (low, high) = self.map.list_index(block.items)?.extent;
        if !block.offsets.is_empty() {
            return block.offsets.iter().enumerate().find_map(|(index, at)| {
                let off = cell
                    .checked_sub(*at)
                    .filter(|off| (low..high).contains(off))?;
                self.stripe_element(block, index as u64, off, 0, pending)
            });
        }
        let distance = cell.checked_sub(block.at)?;
        if block.stride == 0 || block.count == 1 {
            return self.stripe_element(block, 0, distance, block.count, pending);
        }
        // Element i holds the place if low <= distance - i * stride < high.
        let last = distance.checked_sub(low)? / block.stride;
        let last = if block.count == 0 {
            last
        } else {
            last.min(block.count - 1)
        };
        let first = if distance < high {
            0
        } else {
            (distance - high) / block.stride + 1
        };
        for index in first..=last {
            self.budget = self.budget.checked_sub(1)?;
            let off = distance - index * block.stride;
            if let Some(hit) = self.stripe_element(block, index, off, block.count, pending) {
                return Some(hit);
            }
        }
        None
    }

    fn stripe_element(
        &mut self,
        block: &Block,
        index: u64,
        off: u64,
        count: u64,
        pending: &mut Vec<Pending>,
    ) -> Option<Hit> {
        let own = index_of(count, index, block.index_names);
        let Some(name) = block.name.as_deref().filter(|name| !name.is_empty()) else {
            let before = pending.len();
            pending.extend(own);
            let hit = self.list(block.items, off, pending);
            pending.truncate(before);
            return hit;
        };
        let before = self.name.len();
        self.push_name(name, pending, own);
        self.name.push('.');
        let hit = self.list(block.items, off, &mut Vec::new());
        if hit.is_none() {
            self.name.truncate(before);
        }
        hit
    }

    fn push_name(&mut self, name: &str, pending: &[Pending], own: Option<Pending>) {
        self.name.push_str(name);
        for index in pending.iter().copied().chain(own) {
            self.name.push('[');
            match index_name(self.map, index) {
                Some(name) => self.name.push_str(name),
                None => push_decimal(self.name, index.index),
            }
            self.name.push(']');
        }
    }

    fn push_offset(&mut self, cells: u64) {
        if cells != 0 {
            self.name.push('+');
            push_hex(self.name, cells);
        }
        if self.bytes != 0 {
            self.name.push(':');
            push_decimal(self.name, self.bytes);
        }
    }
}

/// The name of an element, where its array has names.
fn index_name(map: &CompiledMap, index: Pending) -> Option<&str> {
    let Form::Enum(values) = &map.map().named_type(index.names?)?.value_type.form else {
        return None;
    };
    values
        .iter()
        .find(|value| value.value == Some(index.index))
        .map(|value| value.name.as_str())
}

/// The element and the rest, of an array of `count` elements (0: unknown).
fn split(distance: u64, stride: u64, count: u64) -> Option<(u64, u64)> {
    if stride == 0 || count == 1 {
        return Some((0, distance));
    }
    let index = distance / stride;
    (count == 0 || index < count).then_some((index, distance % stride))
}

/// The index to show: none where there is only one element.
fn index_of(count: u64, index: u64, names: Option<TypeId>) -> Option<Pending> {
    (count != 1).then_some(Pending { index, names })
}
