//! A named access.

use super::bound_map::BoundMap;
use super::inference::Inference;
use super::inner_access::InnerState;
use super::slot::{Slot, SlotId, SlotPart};
use super::state::NamerState;
use super::verbosity::Verbosity;
use crate::device::{Device, DeviceId};
use crate::index::value::{Fields, Known, Program};
use crate::index::{CompiledMap, Selection};
use crate::model::{Register, low_mask};
use crate::number::push_hex;
use core::fmt::Write as _;
use mmiotrace_core::{AccessKind, Value};

/// An access with everything that is known of it. Costs next to nothing until something is asked
/// of it.
#[derive(Debug)]
pub struct Named<'n> {
    pub(super) state: &'n NamerState,
    pub(super) text: &'n mut String,
    pub(super) id: SlotId,
    pub(super) kind: Option<AccessKind>,
    /// The value as far as eight bytes hold it, without bytes beyond the access's width.
    pub(super) number: Option<u64>,
    /// The value of an access of more than eight bytes.
    pub(super) wide: Option<Box<Value>>,
    pub(super) previous: Option<u64>,
    /// Whether it makes an access in a space behind registers: the last one of the namer.
    pub(super) has_inner: bool,
}

/// The bytes of an access that belong to one register, block or gap.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Part<'n> {
    /// The name; `None`: nothing is known of these bytes.
    pub name: Option<&'n str>,
    /// The register; `None`: there is none, or only a block.
    pub register: Option<&'n Register>,
    /// The first of the access's bytes.
    pub first: u8,
    /// How many bytes.
    pub len: u8,
    /// How many bytes after the start of the register.
    pub within: u64,
    /// The value in the register's place, where known.
    pub value: Option<Known>,
    context: Option<(&'n CompiledMap, &'n Selection)>,
    program: Program,
}

impl<'n> Part<'n> {
    /// The fields of the value. None where it is not known or the register has no fields.
    pub fn fields(&self) -> impl Iterator<Item = crate::FieldValue<'n>> + use<'n> {
        let fields: Option<Fields<'n>> = self
            .context
            .and_then(|(map, selection)| Some(map.fields(self.register?, self.value?, selection)));
        fields.into_iter().flatten()
    }

    /// The set bits that no field covers; 0 where there are no fields.
    #[must_use]
    pub fn remainder(&self) -> u64 {
        let remainder = self.context.and_then(|(map, selection)| {
            Some(map.remainder(self.register?, self.value?, selection))
        });
        remainder.unwrap_or(0)
    }

    /// Appends the value's text: fields in braces, the name of an enum value, a number.
    pub fn write_text(&self, out: &mut String) {
        let Some(value) = self.value else { return };
        if let (Some((map, selection)), Some(_)) = (self.context, self.register)
            && map
                .programs()
                .write(map, self.program, value, selection, out)
        {
            return;
        }
        // Writing to a String does not fail.
        let _ = match (self.context, self.register) {
            (Some((map, selection)), Some(register)) => {
                write!(out, "{}", map.value_text(register, value, selection))
            }
            _ => write!(out, "{:#x}", value.bits),
        };
    }
}

/// An access of a space behind registers, made by an access of those.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Inner<'n> {
    /// The name of the space.
    pub space: &'n str,
    /// The byte in the space; `None`: what selects it was never seen.
    pub offset: Option<u64>,
    /// The register's name, where it has one.
    pub name: Option<&'n str>,
    /// Read or write.
    pub kind: AccessKind,
    /// The value.
    pub value: u64,
    /// How many bytes.
    pub width: u8,
    /// The value before, where known.
    pub previous: Option<u64>,
    /// What this rests on besides the trace.
    pub inference: Inference,
    /// The register, where the access is to one.
    pub part: Option<Part<'n>>,
}

impl<'n> Named<'n> {
    fn slot(&self) -> &'n Slot {
        self.state.cache.slot(self.id)
    }

    fn bound(&self) -> Option<&'n BoundMap> {
        self.state.bindings.get(self.slot().place.bound?)
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> Option<DeviceId> {
        self.slot().place.device
    }

    /// What is known of the device.
    #[must_use]
    pub fn device_facts(&self) -> Option<&'n Device> {
        self.state.bindings.devices.get(self.device()?)
    }

    /// The map that the device has.
    #[must_use]
    pub fn map(&self) -> Option<&'n CompiledMap> {
        self.bound().map(|bound| &*bound.map)
    }

    /// The BAR of the device, 0 to 6.
    #[must_use]
    pub fn bar(&self) -> Option<u8> {
        self.slot().place.bar
    }

    /// The offset in the BAR, or in the space at a physical address, in bytes.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.slot().place.offset
    }

    /// The name of the space with the first register that is accessed.
    #[must_use]
    pub fn space(&self) -> Option<&'n str> {
        let (space, _) = self.slot().place.parts.iter().find_map(|part| part.place)?;
        self.bound()?
            .map
            .map()
            .space(space)
            .map(|space| space.name.as_str())
    }

    /// The name: that of the register, or those of all registers that the access touches, with
    /// commas. `None`: nothing is known of the address.
    #[must_use]
    pub fn name(&self) -> Option<&'n str> {
        let name = self.state.cache.name(self.id);
        (!name.is_empty()).then_some(name)
    }

    /// The register, where the access touches one and only one.
    #[must_use]
    pub fn register(&self) -> Option<&'n Register> {
        match &*self.slot().place.parts {
            [part] => self.part(part).register,
            _ => None,
        }
    }

    /// Read or write; `None`: the access could not be decoded.
    #[must_use]
    pub const fn kind(&self) -> Option<AccessKind> {
        self.kind
    }

    /// What the name rests on besides the trace.
    #[must_use]
    pub fn inference(&self) -> Inference {
        self.slot().place.inference
    }

    /// How much of it is to be shown.
    #[must_use]
    pub fn verbosity(&self) -> Verbosity {
        self.slot().verbosity
    }

    /// Whether it is to be shown at all.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        match self.verbosity() {
            Verbosity::Off => false,
            Verbosity::Changes => self.changed() != Some(0),
            _ => true,
        }
    }

    /// The value as far as eight bytes hold it, without bytes beyond the access's width.
    #[must_use]
    pub const fn number(&self) -> Option<u64> {
        self.number
    }

    /// The value of this register before, read or written; only of the same direction where
    /// reading and writing it mean different things. `None`: it was not seen, or accesses may be
    /// missing since.
    #[must_use]
    pub const fn previous(&self) -> Option<u64> {
        self.previous
    }

    /// The bits that differ from [`previous`](Self::previous).
    #[must_use]
    pub fn changed(&self) -> Option<u64> {
        Some(self.previous? ^ self.number()?)
    }

    /// The access divided among the registers that it touches, in the order of its bytes.
    pub fn parts(&self) -> impl Iterator<Item = Part<'n>> + '_ {
        self.slot().place.parts.iter().map(|part| self.part(part))
    }

    /// The fields of all registers that the access touches.
    pub fn fields(&self) -> impl Iterator<Item = crate::FieldValue<'n>> + '_ {
        self.parts().flat_map(|part| part.fields())
    }

    /// The set bits that no field covers, in the register's place. 0 where there are no fields.
    #[must_use]
    pub fn remainder(&self) -> u64 {
        self.parts()
            .map(|part| part.remainder())
            .fold(0, |all, one| all | one)
    }

    /// The access that this one makes in a space behind registers.
    #[must_use]
    pub fn inner(&self) -> Option<Inner<'n>> {
        let state = self.state.inner.as_ref().filter(|_| self.has_inner)?;
        let bound = self.bound()?;
        let slot = state.slot.map(|id| self.state.cache.slot(id));
        let name = state
            .slot
            .map(|id| self.state.cache.name(id))
            .filter(|name| !name.is_empty());
        let moved = Moved {
            number: Some(state.value),
            wide: None,
            kind: Some(state.kind),
        };
        let part = slot.and_then(|slot| match &*slot.place.parts {
            [part] => Some(part_of(bound, name.unwrap_or_default(), part, moved)),
            _ => None,
        });
        Some(Inner {
            space: bound
                .map
                .map()
                .space(state.space)
                .map_or("", |space| &space.name),
            offset: slot.and_then(|slot| slot.place.offset),
            name,
            kind: state.kind,
            value: state.value,
            width: state.width,
            previous: state.previous,
            inference: state
                .inference
                .and(slot.map_or(Inference::NONE, |slot| slot.place.inference)),
            part,
        })
    }

    /// The value's text: fields in braces, the name of an enum value, a number; of several
    /// registers with commas. Empty where the value is not known.
    pub fn text(&mut self) -> &str {
        let Some(number) = self.number() else {
            return "";
        };
        self.text.clear();
        let (state, slot) = (self.state, self.slot());
        // The usual case needs nothing of the slot but its first line of memory.
        if let Some(bound) = state.bindings.get(slot.bound.into())
            && bound.write_whole(slot.program, number, self.kind, self.text)
        {
            return self.text;
        }
        let moved = Moved {
            number: self.number,
            wide: self.wide.as_deref(),
            kind: self.kind,
        };
        let bound = slot.place.bound.and_then(|bound| state.bindings.get(bound));
        for (count, part) in slot.place.parts.iter().enumerate() {
            if count > 0 {
                self.text.push_str(", ");
            }
            match bound {
                Some(bound) => {
                    part_of(bound, state.cache.name(self.id), part, moved).write_text(self.text);
                }
                None => push_hex(self.text, number),
            }
        }
        if slot.place.parts.is_empty() {
            push_hex(self.text, number);
        }
        self.text
    }

    fn moved(&self) -> Moved<'_> {
        Moved {
            number: self.number,
            wide: self.wide.as_deref(),
            kind: self.kind,
        }
    }

    fn part(&self, part: &SlotPart) -> Part<'n> {
        match self.bound() {
            Some(bound) => part_of(bound, self.state.cache.name(self.id), part, self.moved()),
            None => Part {
                name: None,
                register: None,
                first: part.first,
                len: part.len,
                within: part.within,
                value: None,
                context: None,
                program: Program::General,
            },
        }
    }
}

impl Named<'_> {
    pub(super) fn new(
        namer: &mut super::Namer,
        slot: SlotId,
        kind: Option<AccessKind>,
        (number, wide): (Option<u64>, Option<Box<mmiotrace_core::Value>>),
        previous: Option<u64>,
        inner: Option<InnerState>,
    ) -> Named<'_> {
        let super::Namer { state, text } = namer;
        let has_inner = inner.is_some();
        if has_inner {
            state.inner = inner;
        }
        Named {
            state,
            text,
            id: slot,
            kind,
            number,
            wide,
            previous,
            has_inner,
        }
    }
}

/// What an access moved.
#[derive(Clone, Copy)]
struct Moved<'v> {
    number: Option<u64>,
    wide: Option<&'v Value>,
    kind: Option<AccessKind>,
}

fn part_of<'n>(bound: &'n BoundMap, names: &'n str, part: &SlotPart, moved: Moved<'_>) -> Part<'n> {
    let name = names
        .get(part.name.0 as usize..part.name.1 as usize)
        .filter(|name| !name.is_empty());
    let register = part
        .register
        .and_then(|(list, item)| bound.map.register(list, item));
    Part {
        name,
        register,
        first: part.first,
        len: part.len,
        within: part.within,
        value: known(moved, part, register),
        context: Some((&bound.map, &bound.selection)),
        program: part
            .register
            .map_or(Program::General, |place| bound.map.programs().of(place)),
    }
}

/// The bytes of the part, in the register's place where there is one.
fn known(moved: Moved<'_>, part: &SlotPart, register: Option<&Register>) -> Option<Known> {
    let bits = match moved.wide {
        None => {
            let shift = u32::from(part.first) * 8;
            moved.number?.checked_shr(shift).unwrap_or(0) & low_mask(u32::from(part.len) * 8)
        }
        Some(value) => {
            let bytes = value.as_le_bytes();
            (0..part.len.min(8)).fold(0, |bits, byte| {
                let at = usize::from(part.first) + usize::from(byte);
                bits | u64::from(bytes.get(at).copied().unwrap_or(0)) << (8 * byte)
            })
        }
    };
    let known = match register {
        Some(_) => Known::part(bits, part.within, part.len),
        None => Known::whole(bits, part.len.min(8)),
    };
    Some(known.moved_by(moved.kind))
}
