//! From what was found to a map.

use super::classify::{Found, FoundRegister};
use super::source::Source;
use super::structs::{Member, What};
use crate::error::Warning;
use crate::load::Loaded;
use crate::model::{
    Block, EnumValue, Field, Form, Item, ListId, Register, RegisterMap, Space, SpaceLocation,
};
use std::collections::{BTreeMap, BTreeSet};

/// How long an array is taken to be that ends nowhere and that nothing follows.
const UNKNOWN_LENGTH: u64 = 64;

pub(super) fn map(found: Found, source: &Source<'_>, name: &str, bar: u8) -> Loaded {
    let mut map = RegisterMap::new(name);
    let types = value_types(&found);
    let starts = Starts::new(&found);
    let mut segments: BTreeMap<Option<u64>, Vec<Item>> = BTreeMap::new();
    for (place, register) in found.registers.iter().enumerate() {
        // Several names of one register are common: the first is shown, all can be looked up.
        let form = types.get(&place).cloned().unwrap_or_default();
        let item = item(&mut map, register, form, &starts, found.cell);
        segments.entry(register.segment).or_default().push(item);
    }
    for (segment, items) in segments {
        let list = map.add_list(items);
        let (name, place) = match segment {
            None => ("REGISTERS".to_owned(), SpaceLocation::Bar(bar)),
            Some(segment) => (format!("SEGMENT{segment}"), SpaceLocation::Elsewhere),
        };
        map.add_space(Space {
            cell: found.cell,
            ..Space::new(name, place, list)
        });
    }
    let warnings = structures(&mut map, source);
    Loaded { map, warnings }
}

fn item(
    map: &mut RegisterMap,
    found: &FoundRegister,
    form: Form,
    starts: &Starts,
    cell: u8,
) -> Item {
    let width = if found.width == 0 {
        width_at(found, starts)
    } else {
        found.width
    };
    let register = Register {
        value_type: form.into(),
        access: found.access,
        doc: found.doc.clone(),
        ..Register::new(found.name.as_str(), found.at, width)
    };
    match *found.arrays.as_slice() {
        [] => Item::Register(register),
        [(stride, said)] => {
            let count = starts.length(found.at, stride, said, width);
            Item::Register(Register {
                count,
                stride: stride / u64::from(cell.max(1)),
                ..register
            })
        }
        [outer, inner, ..] => {
            // The one whose elements are closer lies in the other, and ends where its next begins.
            let close = if outer.0 > inner.0 { inner } else { outer };
            let far = if outer.0 > inner.0 { outer } else { inner };
            let close_count = match close.1 {
                0 | 1 => (far.0 / close.0).clamp(1, UNKNOWN_LENGTH),
                said => said,
            };
            let close_len = (close_count - 1)
                .saturating_mul(close.0)
                .saturating_add(width.into());
            let far_count = starts.length_of(found.at, far.0, far.1, close_len);
            let (outer_count, inner_count) = if outer.0 > inner.0 {
                (far_count, close_count)
            } else {
                (close_count, far_count)
            };
            let list: ListId = map.add_list(vec![Item::Register(Register {
                at: 0,
                count: inner_count,
                stride: inner.0,
                ..register
            })]);
            Item::Block(Block {
                count: outer_count,
                stride: outer.0,
                ..Block::new(None, found.at, list)
            })
        }
    }
}

/// Where registers begin.
struct Starts(BTreeSet<u64>);

impl Starts {
    fn new(found: &Found) -> Self {
        Self(found.registers.iter().map(|register| register.at).collect())
    }

    fn next(&self, after: u64) -> Option<u64> {
        self.0.range(after..).next().copied()
    }

    /// How many elements of `width` bytes an array has.
    fn length(&self, at: u64, stride: u64, said: u64, width: u8) -> u64 {
        self.length_of(at, stride, said, width.into())
    }

    /// As many as the header says; else no further than the next register behind the first
    /// element's place (before that, other registers may alternate with it), and at most 64.
    fn length_of(&self, at: u64, stride: u64, said: u64, len: u64) -> u64 {
        if said > 1 {
            return said;
        }
        let Some(next) = self.next(at.saturating_add(stride)) else {
            return UNKNOWN_LENGTH;
        };
        let room = (next - at).saturating_sub(len);
        (room / stride + 1).clamp(1, UNKNOWN_LENGTH)
    }
}

/// As wide as there is room to the next register, a power of two and at most four.
fn width_at(found: &FoundRegister, starts: &Starts) -> u8 {
    let next = starts.next(found.at + 1).map_or(4, |next| next - found.at);
    let next = found
        .arrays
        .iter()
        .fold(next, |next, (stride, _)| next.min(*stride));
    let aligned = if found.at == 0 {
        4
    } else {
        1 << found.at.trailing_zeros().min(2)
    };
    match next.min(aligned) {
        0 | 1 => 1,
        2 | 3 => 2,
        _ => 4,
    }
}

/// The fields of each register, with the values they may have.
fn value_types(found: &Found) -> BTreeMap<usize, Form> {
    let mut fields: BTreeMap<usize, Vec<Field>> = BTreeMap::new();
    for (owner, field) in &found.fields {
        let list = fields.entry(*owner).or_default();
        let same = |known: &Field| (known.low, known.high) == (field.low, field.high);
        if !list
            .iter()
            .any(|known| same(known) || known.name == field.name)
        {
            let doc = field.doc.clone();
            list.push(Field {
                doc,
                ..Field::new(field.name.as_str(), field.low, field.high)
            });
        }
    }
    for (owner, name, value) in &found.values {
        let Some(list) = fields.get_mut(owner) else {
            continue;
        };
        // The longest field name that begins the value's name is the field it is of.
        let begins = |field: &&mut Field| {
            name.starts_with(field.name.as_str()) && value & !field.mask() == 0
        };
        let Some(field) = list
            .iter_mut()
            .filter(begins)
            .max_by_key(|field| field.name.len())
        else {
            continue;
        };
        let short = name[field.name.len()..].trim_start_matches('_');
        let value = EnumValue::new(
            if short.is_empty() { name } else { short },
            value >> field.low,
        );
        match &mut field.value_type.form {
            Form::Enum(values) => values.push(value),
            form => *form = Form::Enum(vec![value]),
        }
    }
    fields
        .into_iter()
        .map(|(owner, fields)| (owner, Form::Bitset(fields)))
        .collect()
}

/// Structures of registers: each a space of its own, which nothing says the place of.
fn structures(map: &mut RegisterMap, source: &Source<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for found in &source.structs {
        let items = members(map, &found.members);
        let list = map.add_list(items);
        if map.space_named(found.name).is_none() {
            map.add_space(Space::new(found.name, SpaceLocation::Elsewhere, list));
        }
        if let Some(declaration) = found.stopped_at {
            let declaration = declaration.split_whitespace().collect::<Vec<_>>().join(" ");
            let shown: String = declaration.chars().take(60).collect();
            warnings.push(Warning::new(format!(
                "struct {}: `{shown}` is not understood; it and what is behind it are left out",
                found.name
            )));
        }
    }
    warnings
}

fn members(map: &mut RegisterMap, list: &[Member<'_>]) -> Vec<Item> {
    let mut items = Vec::with_capacity(list.len());
    for member in list {
        let item = match &member.what {
            What::Number(width) => Item::Register(Register {
                count: member.count,
                stride: if member.count == 1 {
                    0
                } else {
                    u64::from(*width)
                },
                ..Register::new(member.name, member.at, *width)
            }),
            What::Inner(inner, size) => {
                let inner = members(map, inner);
                let list = map.add_list(inner);
                let name = (!member.name.is_empty()).then(|| member.name.to_owned());
                Item::Block(Block {
                    count: member.count,
                    stride: *size,
                    ..Block::new(name, member.at, list)
                })
            }
        };
        items.push(item);
    }
    items
}
