//! What it takes to show a register's value, worked out once: the map itself is spread over memory
//! and has a dozen cases for each field, most of which never occur.
//!
//! Whatever is not plain (a part of a register, scaled numbers, fields of fields) is left to the
//! general way in `render.rs`, which is also what the tests compare with.

use super::fields::Known;
use super::render::Text;
use crate::index::{CompiledMap, Selection, Truth};
use crate::model::{
    ConditionId, EnumValue, Field, Form, Item, ListId, Register, RegisterMap, ValueType, low_mask,
};
use crate::number::{push_decimal, push_hex};
use core::fmt::Write as _;
use std::collections::HashMap;

/// How the values of one register are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Program {
    /// The general way.
    #[default]
    General,
    /// In hexadecimal.
    Hex,
    /// By steps, a field each: how many, and the first.
    Steps(u16, u32),
}

/// The programs of all registers of a map.
#[derive(Clone, Debug, Default)]
pub(crate) struct Programs {
    /// By list and item.
    of: Vec<Box<[Program]>>,
    steps: Vec<Step>,
    labels: Vec<Label>,
    /// The types and widths in bits of fields that are not plain.
    others: Vec<(ValueType, u32)>,
    /// All names, one after the other.
    text: String,
}

/// One field.
#[derive(Clone, Copy, Debug)]
struct Step {
    mask: u64,
    /// Where `NAME`, or `NAME = `, is in the text.
    name: Piece,
    when: ConditionId,
    low: u8,
    how: How,
}

/// How a field is shown.
#[derive(Clone, Copy, Debug)]
enum How {
    /// Its name, where it is set.
    Flag,
    Hex,
    Decimal,
    /// A name for the number, else hexadecimal: the first of its labels, and how many.
    Label(u32, u32),
    /// The general way: its place among the others.
    Other(u32),
}

/// A number with a name, sorted by number and then by place in the file.
#[derive(Clone, Copy, Debug)]
struct Label {
    number: u64,
    name: Piece,
    when: ConditionId,
}

/// A part of the text.
#[derive(Clone, Copy, Debug)]
struct Piece {
    at: u32,
    len: u32,
}

impl Programs {
    pub(crate) fn new(map: &RegisterMap) -> Self {
        let mut builder = Builder {
            map,
            programs: Self::default(),
            fields: HashMap::new(),
            enums: HashMap::new(),
        };
        for list in &map.lists {
            let programs = list.items.iter().map(|item| match item {
                Item::Register(register) => builder.register(register),
                Item::Block(_) => Program::General,
            });
            let programs = programs.collect();
            builder.programs.of.push(programs);
        }
        builder.programs
    }

    /// The program of a register.
    pub(crate) fn of(&self, (list, item): (ListId, u32)) -> Program {
        let programs = self.of.get(list.0 as usize);
        let program = programs.and_then(|programs| programs.get(item as usize));
        program.copied().unwrap_or_default()
    }

    /// Appends the text of a value of which all bits are known, as
    /// [`value_text`](crate::CompiledMap::value_text) has it. Says whether it could; if not,
    /// nothing is appended.
    pub(crate) fn write(
        &self,
        map: &CompiledMap,
        program: Program,
        value: Known,
        selection: &Selection,
        out: &mut String,
    ) -> bool {
        let (first, len) = match program {
            Program::General => return false,
            Program::Hex => {
                // Of a part of a register, what was moved.
                push_hex(out, value.bits >> value.mask.trailing_zeros().min(63));
                return true;
            }
            Program::Steps(len, first) => (first as usize, usize::from(len)),
        };
        let Some(steps) = self.steps.get(first..first + len) else {
            return false;
        };
        let before = out.len();
        let (mut separator, mut covered) = ("{ ", 0);
        for step in steps {
            if step.when != ConditionId::ALWAYS && selection.verdict(step.when) == Truth::No {
                continue;
            }
            if step.mask & !value.mask != 0 {
                out.truncate(before);
                return false;
            }
            covered |= step.mask;
            let number = (value.bits & step.mask) >> step.low;
            if matches!(step.how, How::Flag) && number == 0 {
                continue;
            }
            out.push_str(separator);
            separator = " | ";
            out.push_str(self.piece(step.name));
            match step.how {
                How::Flag => {}
                How::Hex => push_hex(out, number),
                How::Decimal => push_decimal(out, number),
                How::Label(first, len) => match self.label(first, len, number, selection) {
                    Some(name) => out.push_str(self.piece(name)),
                    None => push_hex(out, number),
                },
                How::Other(other) => {
                    if let Some((value_type, bits)) = self.others.get(other as usize) {
                        let text = Text::new(
                            map,
                            selection,
                            Some(value_type),
                            number,
                            *bits,
                            value.direction,
                        );
                        // Writing to a String does not fail.
                        let _ = write!(out, "{text}");
                    }
                }
            }
        }
        let rest = value.bits & !covered;
        if rest != 0 {
            out.push_str(separator);
            push_hex(out, rest);
            separator = " | ";
        }
        out.push_str(if separator == "{ " { "{ 0 }" } else { " }" });
        true
    }

    fn piece(&self, piece: Piece) -> &str {
        let (at, len) = (piece.at as usize, piece.len as usize);
        self.text.get(at..at + len).unwrap_or_default()
    }

    fn label(&self, first: u32, len: u32, number: u64, selection: &Selection) -> Option<Piece> {
        let (first, len) = (first as usize, len as usize);
        let labels = self.labels.get(first..first + len)?;
        let at = labels.partition_point(|label| label.number < number);
        let same = labels
            .get(at..)?
            .iter()
            .take_while(|label| label.number == number);
        same.copied()
            .find(|label| selection.verdict(label.when) != Truth::No)
            .map(|label| label.name)
    }
}

struct Builder<'m> {
    map: &'m RegisterMap,
    programs: Programs,
    /// What was made of which fields and values, by where they are: types are shared.
    fields: HashMap<(usize, usize), Program>,
    enums: HashMap<(usize, usize), (u32, u32)>,
}

impl Builder<'_> {
    fn register(&mut self, register: &Register) -> Program {
        let (map, value_type) = (self.map, &register.value_type);
        let outside = !low_mask(register.bit_len());
        match map.form(value_type) {
            // Of a field that reaches past the register only a part is ever known.
            Form::Bitset(fields) if fields.iter().any(|field| field.mask() & outside != 0) => {
                Program::General
            }
            // The register's own scale does not touch its fields.
            Form::Bitset(fields) => {
                let key = (fields.as_ptr().addr(), fields.len());
                if let Some(known) = self.fields.get(&key) {
                    return *known;
                }
                let program = self.steps(fields).unwrap_or_default();
                self.fields.insert(key, program);
                program
            }
            Form::Hex if plain(map, value_type).is_some() => Program::Hex,
            _ => Program::General,
        }
    }

    /// `None`: a field is not plain, or there is more than the numbers hold.
    fn steps(&mut self, fields: &[Field]) -> Option<Program> {
        let first = self.programs.steps.len();
        for field in fields {
            let step = self.step(field);
            let Some(step) = step else {
                self.programs.steps.truncate(first);
                return None;
            };
            self.programs.steps.push(step);
        }
        Some(Program::Steps(
            u16::try_from(fields.len()).ok()?,
            u32::try_from(first).ok()?,
        ))
    }

    fn step(&mut self, field: &Field) -> Option<Step> {
        let flag =
            field.bit_len() == 1 && matches!(self.map.form(&field.value_type), Form::Boolean);
        let how = if flag {
            How::Flag
        } else {
            match plain(self.map, &field.value_type) {
                Some(Form::Hex) => How::Hex,
                Some(Form::Uint) => How::Decimal,
                Some(Form::Enum(values)) if values.iter().all(EnumValue::is_plain) => {
                    let key = (values.as_ptr().addr(), values.len());
                    let (first, len) = match self.enums.get(&key) {
                        Some(known) => *known,
                        None => self.labels(values)?,
                    };
                    self.enums.insert(key, (first, len));
                    How::Label(first, len)
                }
                _ => {
                    let other = u32::try_from(self.programs.others.len()).ok()?;
                    let value_type = field.value_type.clone();
                    self.programs.others.push((value_type, field.bit_len()));
                    How::Other(other)
                }
            }
        };
        let name = self.keep(&field.name, if flag { "" } else { " = " })?;
        Some(Step {
            mask: field.mask(),
            name,
            when: field.when,
            low: field.low,
            how,
        })
    }

    fn labels(&mut self, values: &[EnumValue]) -> Option<(u32, u32)> {
        let first = u32::try_from(self.programs.labels.len()).ok()?;
        let mut labels = Vec::with_capacity(values.len());
        for value in values {
            // One without a number names none.
            let Some(number) = value.value else { continue };
            let name = self.keep(&value.name, "")?;
            let when = value.when;
            labels.push(Label { number, name, when });
        }
        // Stable: of equal numbers the first in the file stays the first.
        labels.sort_by_key(|label| label.number);
        let len = u32::try_from(labels.len()).ok()?;
        self.programs.labels.extend(labels);
        Some((first, len))
    }

    fn keep(&mut self, name: &str, end: &str) -> Option<Piece> {
        let text = &mut self.programs.text;
        let at = u32::try_from(text.len()).ok()?;
        let len = u32::try_from(name.len() + end.len()).ok()?;
        text.push_str(name);
        text.push_str(end);
        Some(Piece { at, len })
    }
}

/// The form in the end, where no number is scaled on the way.
fn plain<'t>(map: &'t RegisterMap, mut value_type: &'t ValueType) -> Option<&'t Form> {
    for _ in 0..64 {
        if value_type.shr != 0 || value_type.add != 0 {
            return None;
        }
        let Form::Named(id) = value_type.form else {
            return Some(&value_type.form);
        };
        value_type = &map.named_type(id)?.value_type;
    }
    None
}
