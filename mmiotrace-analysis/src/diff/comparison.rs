//! Taking two traces in.

use super::register::Spaces;
use super::step::{Act, Step};
use super::{Field, Known, Register, Space};
use mmiotrace_core::{Access, AccessKind, Event, EventKind};
use mmiotrace_format::{Entry, ParseError, Record};
use std::collections::HashMap;

/// Which of the two traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first.
    Before,
    /// The second.
    After,
}

/// How much of a register is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Treatment {
    /// Everything.
    Compare,
    /// Not what it answers: it changes by itself. That of registers of which a map says so.
    Volatile,
    /// Neither what it answers nor what is written to it: the address of a buffer, which the
    /// system chose.
    AnyValue,
    /// Nothing: as if it were never accessed.
    Ignore,
}

type TreatmentOf<'n> = Box<dyn FnMut(&Register) -> Option<Treatment> + 'n>;

/// Who tells of a register what a map says.
type KnownOf<'k> = &'k mut dyn FnMut() -> Option<Known>;

/// Two traces being compared. Push the entries of both, in any interleaving, then
/// [`finish`](Self::finish).
///
/// Memory grows with the traces: 32 bytes an access, and about twice that while they are aligned.
pub struct Comparison<'n> {
    pub(super) sides: [OneSide; 2],
    pub(super) registers: Vec<Told>,
    numbers: HashMap<(Space, u64, bool), u32>,
    pub(super) texts: Vec<Vec<u8>>,
    text_numbers: HashMap<Vec<u8>, u64>,
    treatment_of: TreatmentOf<'n>,
}

impl core::fmt::Debug for Comparison<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Comparison")
            .field("registers", &self.registers.len())
            .finish_non_exhaustive()
    }
}

/// A register that was accessed.
pub(super) struct Told {
    pub(super) register: Register,
    treatment: Treatment,
    pub(super) fields: Vec<Field>,
}

#[derive(Debug, Default)]
pub(super) struct OneSide {
    spaces: Spaces,
    pub(super) steps: Vec<Step>,
}

impl Default for Comparison<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// The register of what has none.
const NO_REGISTER: u32 = u32::MAX;

impl<'n> Comparison<'n> {
    /// A comparison of everything, with registers called by their place.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sides: [OneSide::default(), OneSide::default()],
            registers: Vec::new(),
            numbers: HashMap::new(),
            texts: Vec::new(),
            text_numbers: HashMap::new(),
            treatment_of: Box::new(|_| None),
        }
    }

    /// Says how much of each register counts; asked once for each. By default, and where it says
    /// nothing, all of it, and of registers that a map calls volatile not what they answer.
    #[must_use]
    pub fn treat(mut self, treatment_of: impl FnMut(&Register) -> Option<Treatment> + 'n) -> Self {
        self.treatment_of = Box::new(treatment_of);
        self
    }

    /// Takes the next entry of one trace.
    ///
    /// # Errors
    /// Where it cannot be parsed. It is left out, and the next line goes on.
    pub fn push(&mut self, side: Side, entry: &Entry<'_>) -> Result<(), ParseError> {
        self.push_known(side, entry, || None)
    }

    /// The same, and asks what is known of the register that the entry accesses, where it is the
    /// first access to it.
    ///
    /// # Errors
    /// Where it cannot be parsed.
    pub fn push_known(
        &mut self,
        side: Side,
        entry: &Entry<'_>,
        mut known: impl FnMut() -> Option<Known>,
    ) -> Result<(), ParseError> {
        let number = u32::try_from(entry.line().position().line()).unwrap_or(u32::MAX);
        match entry.record()? {
            Record::Event(event) => self.push_event(side, number, event, &mut known),
            Record::Marker(marker) if !marker.is_reserved() => {
                let text = self.text(marker.text);
                let step = Step {
                    value: text,
                    ..step(number, marker.time, Act::Mark)
                };
                self.push_step(side, step);
            }
            Record::Header(header) => {
                self.side(side).spaces.devices.apply(header);
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the next entry of one trace that is not to be compared, for what it tells of the others:
    /// devices and mappings.
    ///
    /// # Errors
    /// Where it cannot be parsed.
    pub fn context(&mut self, side: Side, entry: &Entry<'_>) -> Result<(), ParseError> {
        let spaces = &mut self.side(side).spaces;
        match entry.record()? {
            Record::Header(header) => {
                spaces.devices.apply(header);
            }
            Record::Event(event) => match &event.kind {
                EventKind::Map(mapping) => spaces.map(mapping),
                EventKind::Unmap(id) => {
                    spaces.unmap(*id);
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn push_event(&mut self, side: Side, line: u32, event: &Event, known: KnownOf<'_>) {
        match &event.kind {
            EventKind::Access(access) => self.push_access(side, line, event, access, known),
            EventKind::UnknownOpcode(unknown) => {
                let (space, offset) = self.side(side).spaces.locate(unknown.map_id, unknown.phys);
                let code = unknown
                    .code
                    .as_bytes()
                    .iter()
                    .take(8)
                    .fold(0, |all, byte| all << 8 | u64::from(*byte));
                let register = self.place(space, offset);
                self.push_step(
                    side,
                    Step {
                        register,
                        value: code,
                        ..step(line, event.time, Act::Unknown)
                    },
                );
            }
            EventKind::Map(mapping) => {
                self.side(side).spaces.map(mapping);
                let (space, offset) = self.side(side).spaces.locate(mapping.id, mapping.phys);
                let register = self.place(space, offset);
                self.push_step(
                    side,
                    Step {
                        register,
                        value: mapping.len,
                        ..step(line, event.time, Act::Map)
                    },
                );
            }
            EventKind::Unmap(id) => {
                let place = self.side(side).spaces.unmap(*id);
                let register =
                    place.map_or(NO_REGISTER, |(space, offset)| self.place(space, offset));
                self.push_step(
                    side,
                    Step {
                        register,
                        ..step(line, event.time, Act::Unmap)
                    },
                );
            }
            _ => {}
        }
    }

    fn push_access(
        &mut self,
        side: Side,
        line: u32,
        event: &Event,
        access: &Access,
        known: KnownOf<'_>,
    ) {
        let (space, offset) = self.side(side).spaces.of_access(access);
        let register = self.register(space, offset, known);
        let value = access.value.and_then(|value| value.to_u64());
        let act = if access.kind == AccessKind::Read {
            Act::Read
        } else {
            Act::Write
        };
        let new = Step {
            register,
            value: value.unwrap_or(0),
            width: access.width.bytes(),
            blank: value.is_none(),
            any_value: self.treatment(register) == Some(Treatment::AnyValue),
            ..step(line, event.time, act)
        };
        let steps = &mut self.side(side).steps;
        let in_row = steps.last().filter(|last| last.is_same_read(&new));
        let count = in_row.map_or(1, |last| last.count.saturating_add(1));
        // Two reads in a row may be two things with something missing in between; more are a poll.
        if count == 3 {
            steps.pop();
        }
        match steps.last_mut().filter(|_| count > 2) {
            Some(last) => *last = Step { count, ..new },
            None => self.push_step(side, Step { count, ..new }),
        }
    }

    fn push_step(&mut self, side: Side, step: Step) {
        if self.treatment(step.register) != Some(Treatment::Ignore) {
            self.side(side).steps.push(step);
        }
    }

    pub(super) fn treatment(&self, register: u32) -> Option<Treatment> {
        let told = self.registers.get(register as usize)?;
        Some(told.treatment)
    }

    const fn side(&mut self, side: Side) -> &mut OneSide {
        let [before, after] = &mut self.sides;
        match side {
            Side::Before => before,
            Side::After => after,
        }
    }

    fn register(&mut self, space: Space, offset: u64, known: KnownOf<'_>) -> u32 {
        if let Some(number) = self.numbers.get(&(space, offset, true)) {
            return *number;
        }
        self.add(space, offset, known(), true)
    }

    /// The place of what is no access: nothing is known of a register there, and an access to it
    /// that comes later has still to ask.
    fn place(&mut self, space: Space, offset: u64) -> u32 {
        match self.numbers.get(&(space, offset, false)) {
            Some(number) => *number,
            None => self.add(space, offset, None, false),
        }
    }

    fn add(&mut self, space: Space, offset: u64, known: Option<Known>, accessed: bool) -> u32 {
        let (volatile, fields, name) = match known {
            Some(known) => (known.volatile, known.fields, Some(known.name)),
            None => (false, Vec::new(), None),
        };
        let register = Register {
            space,
            offset,
            name,
        };
        let usual = if volatile {
            Treatment::Volatile
        } else {
            Treatment::Compare
        };
        let treatment = (self.treatment_of)(&register).unwrap_or(usual);
        let number = u32::try_from(self.registers.len()).unwrap_or(NO_REGISTER);
        self.registers.push(Told {
            register,
            treatment,
            fields,
        });
        self.numbers.insert((space, offset, accessed), number);
        number
    }

    fn text(&mut self, text: &[u8]) -> u64 {
        if let Some(number) = self.text_numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u64;
        self.texts.push(text.to_vec());
        self.text_numbers.insert(text.to_vec(), number);
        number
    }
}

/// A step without register, width and value.
const fn step(line: u32, time: mmiotrace_core::Timestamp, act: Act) -> Step {
    Step {
        line,
        time,
        value: 0,
        register: NO_REGISTER,
        count: 1,
        width: 0,
        act,
        blank: false,
        any_value: false,
    }
}
