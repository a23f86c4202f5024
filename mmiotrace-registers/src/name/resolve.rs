//! Finding out about an address.

use super::bound_map::{BoundMap, Root};
use super::inference::Inference;
use super::ranges::Owner;
use super::slot::{Direction, Key, Role, Slot, SlotId, SlotPart, SlotPlace};
use super::state::NamerState;
use crate::index::Hit;
use crate::index::value::Program;
use crate::model::SpaceId;
use mmiotrace_core::{AccessKind, PhysAddr};

/// A place that an access begins at.
struct Start {
    bound: u32,
    root: Root,
    at: u64,
}

impl NamerState {
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
        self.intern(key, kind, false, |core, kind| {
            core.find_out(phys.0, width, kind, 2)
        })
    }

    /// The slot for a byte of a space behind registers.
    pub(super) fn inner_slot(
        &mut self,
        bound: u32,
        space: SpaceId,
        at: u64,
        width: u8,
        kind: AccessKind,
    ) -> SlotId {
        let key = Key::inner(self.inner_number(bound, space), at, width);
        if let Some(known) = self.find(key, Some(kind)) {
            return known;
        }
        self.find_out_inner(bound, space, at, width, Some(kind), 1);
        self.intern(key, Some(kind), true, |core, kind| {
            core.find_out_inner(bound, space, at, width, kind, 2)
        })
    }

    /// The number of a space behind registers, from 1.
    fn inner_number(&mut self, bound: u32, space: SpaceId) -> u32 {
        let known = self
            .inner_spaces
            .iter()
            .position(|known| *known == (bound, space));
        let at = known.unwrap_or_else(|| {
            self.inner_spaces.push((bound, space));
            self.inner_spaces.len() - 1
        });
        at as u32 + 1
    }

    #[inline]
    fn find(&self, key: Key, kind: Option<AccessKind>) -> Option<SlotId> {
        let Some(kind) = kind else {
            return self.cache.table.find(key.with(Direction::Unknown));
        };
        let both = self.cache.table.find(key)?;
        match self.cache.table.slots.get(both.0 as usize)?.role {
            Role::Split => self.cache.table.find(key.with(direction(kind))),
            _ => Some(both),
        }
    }

    /// Finds out about an address, in one of the transient slots.
    fn find_out(&mut self, phys: u64, width: u8, kind: Option<AccessKind>, into: usize) {
        self.cache.transient[into].reset();
        let Some(start) = self.start(phys, into) else {
            return;
        };
        let inference = self.bindings.inference_of(start.bound);
        let Some(bound) = self.bindings.get(start.bound) else {
            return;
        };
        let slot = &mut self.cache.transient[into];
        slot.place.bound = Some(start.bound);
        slot.place.inference = inference;
        let find =
            |at: u64, left: u8, name: &mut String| find(bound, start.root, at, (kind, left), name);
        parts(slot, bound, start.at, width, find);
        if start.root == Root::Physical {
            // Where spaces overlap, that of the first register counts.
            let first = slot.place.parts.first().and_then(|part| part.place);
            if let Some((_, inner)) = first {
                slot.place.offset = Some(inner);
            }
        }
    }

    /// The same for a byte of a space behind registers.
    fn find_out_inner(
        &mut self,
        bound: u32,
        space: SpaceId,
        at: u64,
        width: u8,
        kind: Option<AccessKind>,
        into: usize,
    ) {
        let inference = self.bindings.inference_of(bound);
        let slot = &mut self.cache.transient[into];
        slot.reset();
        slot.place.bound = Some(bound);
        slot.place.offset = Some(at);
        slot.place.inference = inference;
        let Some(bound) = self.bindings.get(bound) else {
            return;
        };
        slot.place.device = bound.device;
        let find = |at: u64, left: u8, name: &mut String| match bound.map.hit(
            space,
            at,
            (kind, Some(left)),
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
        let range = self.bindings.ranges.find(phys)?;
        let at = phys - range.start;
        let place = &mut self.cache.transient[into].place;
        place.offset = Some(at);
        let (bound, root) = match range.owner {
            Owner::Bar(device, bar) => {
                place.device = Some(device);
                place.bar = Some(bar);
                (*self.bindings.by_device.get(&device)?, Root::Bar(bar))
            }
            Owner::Mapping(bound, bar) => {
                place.bar = Some(bar);
                (bound, Root::Bar(bar))
            }
            Owner::Physical(bound) => {
                // Several spaces may meet in the range: offsets count from the one that holds it.
                let views = &self.bindings.get(bound)?.views;
                let mut views = views.iter().filter(|view| view.root == Root::Physical);
                place.offset = views.find_map(|view| view.inner(phys));
                return Some(Start {
                    bound,
                    root: Root::Physical,
                    at: phys,
                });
            }
        };
        Some(Start { bound, root, at })
    }

    /// Gives what was found out a place of its own, as long as there is room: one for both
    /// directions where that makes no difference. `other` finds out about the other direction.
    fn intern(
        &mut self,
        key: Key,
        kind: Option<AccessKind>,
        inner: bool,
        other: impl FnOnce(&mut Self, Option<AccessKind>),
    ) -> SlotId {
        let found = usize::from(inner);
        let verbosity = self.rules.of(&self.cache.transient[found].place.name);
        self.cache.transient[found].verbosity = verbosity;
        if self.cache.table.slots.len() >= self.cache.max_slots {
            return SlotId::transient(inner);
        }
        let key = match kind {
            None => key.with(Direction::Unknown),
            Some(kind) => {
                other(self, Some(opposite(kind)));
                let alike = self.cache.transient[found].place == self.cache.transient[2].place;
                if alike && !self.directions_differ(&self.cache.transient[found]) {
                    key
                } else {
                    self.split(key);
                    key.with(direction(kind))
                }
            }
        };
        let kept = self.cache.table.insert(key, &self.cache.transient[found]);
        kept.unwrap_or_else(|| SlotId::transient(inner))
    }

    /// Notes that the two directions have slots of their own.
    fn split(&mut self, key: Key) {
        if self.cache.table.find(key).is_none() {
            let slot = Slot {
                role: Role::Split,
                ..Slot::default()
            };
            self.cache.table.insert(key, &slot);
        }
    }

    /// Whether what is read is not what was written.
    fn directions_differ(&self, slot: &Slot) -> bool {
        let bound = slot.place.bound.and_then(|bound| self.bindings.get(bound));
        let Some(bound) = bound else { return false };
        slot.place.parts.iter().any(|part| {
            let register = part
                .register
                .and_then(|(list, item)| bound.map.register(list, item));
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

pub(super) type Found = (Hit, SpaceId, u64, Inference);

/// What lies at a byte of a BAR: the first space that has a register there, else the first that
/// has anything; where nothing lies there, for how many bytes that is so at least.
pub(super) fn find(
    bound: &BoundMap,
    root: Root,
    at: u64,
    (kind, left): (Option<AccessKind>, u8),
    name: &mut String,
) -> Result<Found, u64> {
    let before = name.len();
    let mut second_best = None;
    let mut gap = u64::MAX;
    for view in bound.views.iter().filter(|view| view.root == root) {
        let Some(inner) = view.inner(at) else {
            gap = gap.min(view.gap(at));
            continue;
        };
        let Some(hit) = bound.map.hit(
            view.space,
            inner,
            (kind, Some(left)),
            &bound.selection,
            name,
        ) else {
            let here = bound.map.gap(view.space, inner);
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
    bound: &BoundMap,
    at: u64,
    width: u8,
    find: impl Fn(u64, u8, &mut String) -> Result<Found, u64>,
) {
    let SlotPlace {
        bound: number,
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
            Some(here) => find(here, width - first, names),
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
                part.len = length(bound, &hit, width - first);
                *rests_on = rests_on
                    .and(inference)
                    .and_if(hit.assumed, Inference::VARIANT);
                if bound.depends_on(space, inner, part.len) {
                    slot.role = Role::Watched;
                }
            }
        }
        first += part.len;
        parts.push(part);
    }
    if let ([part], Some(number)) = (parts.as_slice(), *number) {
        slot.bound = u16::try_from(number).unwrap_or(u16::MAX);
        slot.program = program(bound, part, width);
    }
}

/// How the value of an access of one part is shown, where that is a whole register.
fn program(bound: &BoundMap, part: &SlotPart, width: u8) -> Program {
    let whole = |(list, item)| {
        let register = bound.map.register(list, item)?;
        (part.within == 0 && register.width == width).then_some((list, item))
    };
    let place = part.register.and_then(whole);
    place.map_or(Program::General, |place| bound.map.programs().of(place))
}

/// How many of `left` bytes belong to what was hit.
fn length(bound: &BoundMap, hit: &Hit, left: u8) -> u8 {
    match hit
        .register
        .and_then(|(list, item)| bound.map.register(list, item))
    {
        Some(register) => {
            let rest = u64::from(register.width).saturating_sub(hit.within).max(1);
            left.min(u8::try_from(rest).unwrap_or(u8::MAX))
        }
        // A block without registers there: memory, or nobody knows what.
        None => left,
    }
}
