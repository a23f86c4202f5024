//! Finding out about an address.

use super::core::Core;
use super::inference::Inference;
use super::ranges::Owner;
use super::slot::{Direction, Key, Role, Slot, SlotId, SlotPart, SlotPlace};
use super::unit::{Root, Unit};
use crate::index::Hit;
use crate::model::SpaceId;
use crate::value::Program;
use mmiotrace_core::{AccessKind, PhysAddr};

/// A place that an access begins at.
struct Start {
    unit: u32,
    root: Root,
    at: u64,
}

impl Core {
    /// The slot for an address, width and direction.
    #[inline]
    pub(super) fn slot_for(
        &mut self,
        phys: PhysAddr,
        width: u8,
        kind: Option<AccessKind>,
    ) -> SlotId {
        let key = Key::direct(phys.0, width).with(Direction::Both);
        if let Some(known) = self.find(key, kind) {
            return known;
        }
        self.find_out(phys.0, width, kind, 0);
        self.keep(key, kind, false, |core, kind| {
            core.find_out(phys.0, width, kind, 2)
        })
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
        let key = Key::inner(self.inner_number(unit, space), at, width);
        if let Some(known) = self.find(key, Some(kind)) {
            return known;
        }
        self.find_out_inner(unit, space, at, width, Some(kind), 1);
        self.keep(key, Some(kind), true, |core, kind| {
            core.find_out_inner(unit, space, at, width, kind, 2)
        })
    }

    /// The number of a space behind registers, from 1.
    fn inner_number(&mut self, unit: u32, space: SpaceId) -> u32 {
        let known = self
            .inner_spaces
            .iter()
            .position(|known| *known == (unit, space));
        let at = known.unwrap_or_else(|| {
            self.inner_spaces.push((unit, space));
            self.inner_spaces.len() - 1
        });
        at as u32 + 1
    }

    #[inline]
    fn find(&self, key: Key, kind: Option<AccessKind>) -> Option<SlotId> {
        let Some(kind) = kind else {
            return self.table.find(key.with(Direction::Unknown));
        };
        let both = self.table.find(key)?;
        match self.table.slots.get(both.0 as usize)?.role {
            Role::Split => self.table.find(key.with(direction(kind))),
            _ => Some(both),
        }
    }

    /// Finds out about an address, in one of the transient slots.
    fn find_out(&mut self, phys: u64, width: u8, kind: Option<AccessKind>, into: usize) {
        self.transient[into].reset();
        let Some(start) = self.start(phys, into) else {
            return;
        };
        let inference = self.inference_of(start.unit);
        let Some(unit) = self.units.get(start.unit as usize) else {
            return;
        };
        let slot = &mut self.transient[into];
        slot.place.unit = Some(start.unit);
        slot.place.inference = inference;
        let find = |at: u64, name: &mut String| find(unit, start.root, at, kind, name);
        parts(slot, unit, start.at, width, find);
    }

    /// The same for a byte of a space behind registers.
    fn find_out_inner(
        &mut self,
        unit: u32,
        space: SpaceId,
        at: u64,
        width: u8,
        kind: Option<AccessKind>,
        into: usize,
    ) {
        let inference = self.inference_of(unit);
        let slot = &mut self.transient[into];
        slot.reset();
        slot.place.unit = Some(unit);
        slot.place.offset = Some(at);
        slot.place.inference = inference;
        let Some(bound) = self.units.get(unit as usize) else {
            return;
        };
        slot.place.device = bound.device;
        let find = |at: u64, name: &mut String| match bound.map.hit(
            space,
            at,
            kind,
            &bound.selection,
            name,
        ) {
            Some(hit) => Ok((hit, space, at, Inference::NONE)),
            None => Err(bound.map.gap(space, at)),
        };
        parts(slot, bound, at, width, find);
    }

    /// Whose an address is, noted in a transient slot; the place in a map, where there is one for
    /// it.
    fn start(&mut self, phys: u64, into: usize) -> Option<Start> {
        let range = self.ranges.find(phys)?;
        let at = phys - range.start;
        let place = &mut self.transient[into].place;
        place.offset = Some(at);
        let (unit, root) = match range.owner {
            Owner::Bar(device, bar) => {
                place.device = Some(device);
                place.bar = Some(bar);
                (*self.unit_of_device.get(&device)?, Root::Bar(bar))
            }
            Owner::Mapping(unit, bar) => {
                place.bar = Some(bar);
                (unit, Root::Bar(bar))
            }
            Owner::Physical(unit, space) => (unit, Root::Physical(space)),
        };
        Some(Start { unit, root, at })
    }

    /// Gives what was found out a place of its own, as long as there is room: one for both
    /// directions where that makes no difference. `other` finds out about the other direction.
    fn keep(
        &mut self,
        key: Key,
        kind: Option<AccessKind>,
        inner: bool,
        other: impl FnOnce(&mut Self, Option<AccessKind>),
    ) -> SlotId {
        let found = usize::from(inner);
        let verbosity = self.rules.of(&self.transient[found].place.name);
        self.transient[found].verbosity = verbosity;
        if self.table.slots.len() >= self.max_slots {
            return SlotId::transient(inner);
        }
        let key = match kind {
            None => key.with(Direction::Unknown),
            Some(kind) => {
                other(self, Some(opposite(kind)));
                let alike = self.transient[found].place == self.transient[2].place;
                if alike && !self.directions_differ(&self.transient[found]) {
                    key
                } else {
                    self.split(key);
                    key.with(direction(kind))
                }
            }
        };
        let kept = self.table.insert(key, &self.transient[found]);
        kept.unwrap_or_else(|| SlotId::transient(inner))
    }

    /// Notes that the two directions have slots of their own.
    fn split(&mut self, key: Key) {
        if self.table.find(key).is_none() {
            let slot = Slot {
                role: Role::Split,
                ..Slot::default()
            };
            self.table.insert(key, &slot);
        }
    }

    /// Whether what is read is not what was written.
    fn directions_differ(&self, slot: &Slot) -> bool {
        let unit = slot
            .place
            .unit
            .and_then(|unit| self.units.get(unit as usize));
        let Some(unit) = unit else { return false };
        slot.place.parts.iter().any(|part| {
            let register = part
                .register
                .and_then(|(list, item)| unit.map.register(list, item));
            register.is_some_and(|register| register.read_differs_from_write())
        })
    }
}

const fn direction(kind: AccessKind) -> Direction {
    match kind {
        AccessKind::Read => Direction::Read,
        AccessKind::Write => Direction::Write,
    }
}

const fn opposite(kind: AccessKind) -> AccessKind {
    match kind {
        AccessKind::Read => AccessKind::Write,
        AccessKind::Write => AccessKind::Read,
    }
}

type Place = (Hit, SpaceId, u64, Inference);

/// What lies at a byte of a BAR: the first space that has a register there, else the first that
/// has anything; where nothing lies there, for how many bytes that is so at least.
fn find(
    unit: &Unit,
    root: Root,
    at: u64,
    kind: Option<AccessKind>,
    name: &mut String,
) -> Result<Place, u64> {
    let before = name.len();
    let mut second_best = None;
    let mut gap = u64::MAX;
    for view in unit.views.iter().filter(|view| view.root == root) {
        let Some(inner) = view.inner(at) else {
            gap = gap.min(view.gap(at));
            continue;
        };
        let Some(hit) = unit.map.hit(view.space, inner, kind, &unit.selection, name) else {
            let here = unit.map.gap(view.space, inner);
            gap = gap.min(if view.spread == view.cell { here } else { 1 });
            continue;
        };
        let found = (hit, view.space, inner, view.inference);
        if hit.register.is_some() {
            return Ok(found);
        }
        if second_best.is_none() {
            second_best = Some((found, name[before..].to_owned()));
        }
        name.truncate(before);
    }
    let (found, text) = second_best.ok_or(gap)?;
    name.push_str(&text);
    Ok(found)
}

/// Divides an access among the registers that it touches.
fn parts(
    slot: &mut Slot,
    unit: &Unit,
    at: u64,
    width: u8,
    find: impl Fn(u64, &mut String) -> Result<Place, u64>,
) {
    let SlotPlace {
        unit: number,
        name: names,
        parts,
        inference: rests_on,
        ..
    } = &mut *slot.place;
    let mut first = 0;
    while first < width {
        let before = names.len();
        if before > 0 {
            names.push(',');
        }
        let begin = names.len();
        let found = match at.checked_add(first.into()) {
            Some(here) => find(here, names),
            None => Err(u64::MAX),
        };
        let mut part = SlotPart {
            first,
            len: 1,
            name: (0, 0),
            register: None,
            within: 0,
            place: None,
        };
        match found {
            Err(gap) => {
                names.truncate(before);
                part.len = u8::try_from(gap).unwrap_or(u8::MAX).clamp(1, width - first);
                // Bytes that nothing is known of stay together.
                if let Some(last) = parts
                    .last_mut()
                    .filter(|last| last.place.is_none() && last.register.is_none())
                {
                    last.len += part.len;
                    first += part.len;
                    continue;
                }
            }
            Ok((hit, space, inner, inference)) => {
                part.name = (begin as u32, names.len() as u32);
                part.register = hit.register;
                part.within = hit.within;
                part.place = Some((space, inner));
                part.len = length(unit, &hit, width - first);
                *rests_on = rests_on
                    .and(inference)
                    .and_if(hit.assumed, Inference::VARIANT);
                if unit.depends_on(space, inner, part.len) {
                    slot.role = Role::Watched;
                }
            }
        }
        first += part.len;
        parts.push(part);
    }
    if let ([part], Some(number)) = (parts.as_slice(), *number) {
        slot.unit = u16::try_from(number).unwrap_or(u16::MAX);
        slot.program = program(unit, part, width);
    }
}

/// How the value of an access of one part is shown, where that is a whole register.
fn program(unit: &Unit, part: &SlotPart, width: u8) -> Program {
    let whole = |(list, item)| {
        let register = unit.map.register(list, item)?;
        (part.within == 0 && register.width == width).then_some((list, item))
    };
    let place = part.register.and_then(whole);
    place.map_or(Program::General, |place| unit.map.programs().of(place))
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
