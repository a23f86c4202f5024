//! Which registers of a map an access can be named by.

use super::bound_map::{BoundMap, Root};
use super::resolve::find;
use crate::index::CompiledMap;
use crate::model::{AccessMode, Block, ConditionId, Item, ListId, Register, SpaceId};
use mmiotrace_core::AccessKind;
use std::sync::Arc;

/// How many elements of one array are tried: the first ones and the last.
const MAX_ELEMENTS: u64 = 256;
/// How many registers are tried.
const MAX_TRIED: u64 = 4 << 20;
/// How many unreachable registers are named.
const MAX_NAMED: usize = 1000;
const MAX_DEPTH: usize = 40;

/// How many registers of a map an access can be named by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reachability {
    /// The registers of all spaces, each use of a group counted; an array is one.
    pub registers: u64,
    /// Those of which every element is found by an access of its width and direction.
    pub reachable: u64,
    /// The others, at most 1,000.
    pub hidden: Vec<Hidden>,
}

/// A register that no access is named by, since another has its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hidden {
    /// Its name, with the index of the first element that is not found.
    pub name: String,
    /// The space it is in.
    pub space: String,
    /// Its first byte there.
    pub at: u64,
    /// What is found there instead; empty: nothing.
    pub instead: String,
}

impl Reachability {
    /// Tries every register of a map: looks up its place as an access would, for its own width
    /// and direction. Time is bounded; of long arrays the first and the last elements are tried.
    #[must_use]
    pub fn of(map: &Arc<CompiledMap>) -> Self {
        let bound = BoundMap::new(Arc::clone(map), None, false);
        let mut trial = Trial {
            bound: &bound,
            found: Self::default(),
            tries_left: MAX_TRIED,
        };
        for (number, space) in map.map().spaces.iter().enumerate() {
            let place = Place {
                space: SpaceId(number as u32),
                cell: u64::from(space.cell.max(1)),
                at: 0,
                depth: 0,
                on_all_chips: true,
            };
            trial.list(space.items, place, "");
        }
        trial.found
    }
}

#[derive(Clone, Copy)]
struct Place {
    space: SpaceId,
    cell: u64,
    /// In cells.
    at: u64,
    depth: usize,
    on_all_chips: bool,
}

struct Trial<'b> {
    bound: &'b BoundMap,
    found: Reachability,
    tries_left: u64,
}

impl Trial<'_> {
    fn list(&mut self, list: ListId, place: Place, name: &str) {
        if place.depth > MAX_DEPTH {
            return;
        }
        let map = Arc::clone(&self.bound.map);
        for (number, item) in map.map().items(list).iter().enumerate() {
            match item {
                Item::Register(register) => {
                    self.register(register, (list, number as u32), place, name);
                }
                Item::Block(block) => self.block(block, place, name),
            }
        }
    }

    /// Of an array of groups the first one is tried: the others are the same elsewhere.
    fn block(&mut self, block: &Block, place: Place, name: &str) {
        let at = block.offsets.first().copied().unwrap_or(block.at);
        let inner = Place {
            at: place.at.wrapping_add(at),
            depth: place.depth + 1,
            on_all_chips: place.on_all_chips && block.when == ConditionId::ALWAYS,
            ..place
        };
        match block.name.as_deref().filter(|name| !name.is_empty()) {
            Some(own) => self.list(block.items, inner, &format!("{name}{own}.")),
            None => self.list(block.items, inner, name),
        }
    }

    fn register(&mut self, register: &Register, id: (ListId, u32), place: Place, prefix: &str) {
        self.found.registers += 1;
        if !place.on_all_chips || register.when != ConditionId::ALWAYS {
            // What has its place is there on other chips.
            self.found.reachable += 1;
            return;
        }
        let kind = match register.access {
            AccessMode::Write => AccessKind::Write,
            _ => AccessKind::Read,
        };
        let count = if register.count == 0 {
            1
        } else {
            register.count
        };
        let first = count.min(MAX_ELEMENTS);
        let elements = (0..first).chain((count - 1).max(first)..count);
        for index in elements {
            let Some(left) = self.tries_left.checked_sub(1) else {
                break;
            };
            self.tries_left = left;
            let cells = index
                .wrapping_mul(register.stride)
                .wrapping_add(register.at);
            let at = place.at.wrapping_add(cells).wrapping_mul(place.cell);
            let mut name = String::new();
            if self.is_found(place.space, at, (kind, register.width), id, &mut name) {
                continue;
            }
            if self.found.hidden.len() < MAX_NAMED {
                let number = if count > 1 {
                    format!("[{index}]")
                } else {
                    String::new()
                };
                let space = self.bound.map.map().space(place.space);
                self.found.hidden.push(Hidden {
                    name: format!("{prefix}{}{number}", register.name),
                    space: space.map_or_else(String::new, |space| space.name.clone()),
                    at,
                    instead: name,
                });
            }
            return;
        }
        self.found.reachable += 1;
    }

    fn is_found(
        &self,
        space: SpaceId,
        at: u64,
        (kind, width): (AccessKind, u8),
        id: (ListId, u32),
        name: &mut String,
    ) -> bool {
        // Where a space is seen among others, those count too.
        let view = self.bound.views.iter().find(|view| view.space == space);
        let seen = view.filter(|view| view.spread == view.cell && !view.unplaced);
        let hit = match seen {
            Some(view) => {
                let root: Root = view.root;
                let at = view.base.wrapping_add(at);
                let found = find(self.bound, root, at, (Some(kind), width), name).ok();
                found.map(|(hit, found, ..)| (hit, found))
            }
            None => {
                let wanted = (Some(kind), Some(width));
                let hit = self
                    .bound
                    .map
                    .hit(space, at, wanted, &self.bound.selection, name);
                hit.map(|hit| (hit, space))
            }
        };
        hit.is_some_and(|(hit, found)| {
            hit.assumed || hit.register == Some(id) && hit.within == 0 && found == space
        })
    }
}
