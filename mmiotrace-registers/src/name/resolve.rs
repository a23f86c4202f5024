//! Finding out about an address.

use super::inference::Inference;
use super::namer::Core;
use super::ranges::Owner;
use super::slot::{Key, Slot, SlotId, SlotPart, SlotPlace};
use super::unit::{Root, Unit};
use crate::index::Hit;
use crate::model::SpaceId;
use mmiotrace_core::{AccessKind, PhysAddr};

/// A place that an access begins at.
struct Start {
    unit: u32,
    root: Root,
    at: u64,
}

impl Core {
    /// The slot for an address, width and direction.
    pub(super) fn slot_for(
        &mut self,
        phys: PhysAddr,
        width: u8,
        kind: Option<AccessKind>,
    ) -> SlotId {
        let key = Key::direct(phys.0, width, kind_code(kind));
        if let Some(known) = self.table.find(key) {
            return known;
        }
        let slot = self.resolve(phys.0, width, kind);
        self.finish(key, slot, false)
    }

    /// The slot for a byte of a space behind registers.
    pub(super) fn inner_slot(
        &mut self,
        unit: u32,
        space: SpaceId,
        at: u64,
        width: u8,
        kind: AccessKind,
    ) -> SlotId {
        let key = Key::inner(unit, space, at, width, kind_code(Some(kind)));
        if let Some(known) = self.table.find(key) {
            return known;
        }
        let mut slot = Slot {
            place: Box::new(SlotPlace {
                unit: Some(unit),
                device: self.units.get(unit as usize).and_then(|unit| unit.device),
                offset: Some(at),
                inference: self.inference_of(unit),
                ..SlotPlace::default()
            }),
            ..Slot::default()
        };
        if let Some(bound) = self.units.get(unit as usize) {
            let find = |at: u64, name: &mut String| {
                let hit = bound
                    .map
                    .hit(space, at, Some(kind), &bound.selection, name)?;
                Some((hit, space, at, Inference::NONE))
            };
            parts(&mut slot, bound, at, width, &find);
        }
        self.finish(key, slot, true)
    }

    fn resolve(&self, phys: u64, width: u8, kind: Option<AccessKind>) -> Slot {
        let mut slot = Slot::default();
        let Some(range) = self.ranges.find(phys) else {
            return slot;
        };
        let at = phys - range.start;
        slot.place.offset = Some(at);
        let start = match range.owner {
            Owner::Bar(device, bar) => {
                slot.place.device = Some(device);
                slot.place.bar = Some(bar);
                let Some(unit) = self.unit_of_device.get(&device) else {
                    return slot;
                };
                Start {
                    unit: *unit,
                    root: Root::Bar(bar),
                    at,
                }
            }
            Owner::Mapping(unit, bar) => {
                slot.place.bar = Some(bar);
                Start {
                    unit,
                    root: Root::Bar(bar),
                    at,
                }
            }
            Owner::Physical(unit, space) => Start {
                unit,
                root: Root::Physical(space),
                at,
            },
        };
        slot.place.unit = Some(start.unit);
        slot.place.inference = self.inference_of(start.unit);
        if let Some(unit) = self.units.get(start.unit as usize) {
            let find = |at: u64, name: &mut String| find(unit, start.root, at, kind, name);
            parts(&mut slot, unit, start.at, width, &find);
        }
        slot
    }

    fn finish(&mut self, key: Key, mut slot: Slot, inner: bool) -> SlotId {
        slot.verbosity = self.rules.of(&slot.name);
        if self.table.slots.len() < self.max_slots {
            slot.history = self.history_for(key, &slot);
        }
        self.keep(key, slot, inner)
    }

    /// Reads and writes of one register share a history, unless they mean different things.
    fn history_for(&mut self, key: Key, slot: &Slot) -> u32 {
        let differs = slot.place.parts.iter().any(|part| {
            let register = part
                .register
                .zip(slot.place.unit)
                .and_then(|((list, item), unit)| {
                    self.units.get(unit as usize)?.map.register(list, item)
                });
            register.is_some_and(|register| register.read_differs_from_write())
        });
        let shared = Key {
            rest: if differs {
                key.rest
            } else {
                key.rest & !0xff00 | 0xff00
            },
            ..key
        };
        let next = self.histories.len() as u32;
        let history = *self.history_of.entry(shared).or_insert(next);
        if history == next {
            self.histories.push(None);
        }
        history
    }
}

const fn kind_code(kind: Option<AccessKind>) -> u8 {
    match kind {
        None => 0,
        Some(AccessKind::Read) => 1,
        Some(AccessKind::Write) => 2,
    }
}

type Place = (Hit, SpaceId, u64, Inference);

/// What lies at a byte of a BAR: the first space that has a register there, else the first that
/// has anything.
fn find(
    unit: &Unit,
    root: Root,
    at: u64,
    kind: Option<AccessKind>,
    name: &mut String,
) -> Option<Place> {
    let before = name.len();
    let mut second_best = None;
    for view in unit.views.iter().filter(|view| view.root == root) {
        let Some(inner) = view.inner(at) else {
            continue;
        };
        let Some(hit) = unit.map.hit(view.space, inner, kind, &unit.selection, name) else {
            continue;
        };
        let found = (hit, view.space, inner, view.inference);
        if hit.register.is_some() {
            return Some(found);
        }
        if second_best.is_none() {
            second_best = Some((found, name[before..].to_owned()));
        }
        name.truncate(before);
    }
    let (found, text) = second_best?;
    name.push_str(&text);
    Some(found)
}

/// Divides an access among the registers that it touches.
fn parts(
    slot: &mut Slot,
    unit: &Unit,
    at: u64,
    width: u8,
    find: &dyn Fn(u64, &mut String) -> Option<Place>,
) {
    let mut names = String::new();
    let mut parts: Vec<SlotPart> = Vec::new();
    let mut first = 0;
    while first < width {
        let before = names.len();
        if before > 0 {
            names.push(',');
        }
        let begin = names.len();
        let here = at.checked_add(first.into());
        let found = here.and_then(|here| find(here, &mut names));
        let mut part = SlotPart {
            first,
            len: 1,
            name: (0, 0),
            register: None,
            within: 0,
            place: None,
        };
        match found {
            None => {
                names.truncate(before);
                // Bytes that nothing is known of stay together.
                if let Some(last) = parts
                    .last_mut()
                    .filter(|last| last.place.is_none() && last.register.is_none())
                {
                    last.len += 1;
                    first += 1;
                    continue;
                }
            }
            Some((hit, space, inner, inference)) => {
                part.name = (begin as u32, names.len() as u32);
                part.register = hit.register;
                part.within = hit.within;
                part.place = Some((space, inner));
                part.len = length(unit, &hit, width - first);
                slot.place.inference = slot
                    .place
                    .inference
                    .and(inference)
                    .and_if(hit.assumed, Inference::VARIANT);
                slot.watched |= unit.depends_on(space, inner, part.len);
            }
        }
        first += part.len;
        parts.push(part);
    }
    slot.name = names.into_boxed_str();
    slot.place.parts = parts.into_boxed_slice();
}

/// How many of `left` bytes belong to what was hit.
fn length(unit: &Unit, hit: &Hit, left: u8) -> u8 {
    match hit
        .register
        .and_then(|(list, item)| unit.map.register(list, item))
    {
        Some(register) => {
            let rest = u64::from(register.width).saturating_sub(hit.within).max(1);
            left.min(u8::try_from(rest).unwrap_or(u8::MAX))
        }
        // A block without registers there: memory, or nobody knows what.
        None => left,
    }
}
