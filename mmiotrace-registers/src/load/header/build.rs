//! From what was found to a map.

use super::classify::{Found, FoundRegister};
use super::source::Source;
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
    let mut warnings = Vec::new();
    let types = value_types(&found);
    let starts: BTreeSet<u64> = found.registers.iter().map(|register| register.at).collect();
    let mut segments: BTreeMap<Option<u64>, Vec<Item>> = BTreeMap::new();
    let mut taken: BTreeMap<(Option<u64>, u64), String> = BTreeMap::new();
    for (place, register) in found.registers.iter().enumerate() {
        let key = (register.segment, register.at);
        if register.arrays.is_empty() {
            // Several names of one register are common; the first is the one to show.
            if let Some(first) = taken.get(&key) {
                if warnings.len() < 1000 {
                    warnings.push(Warning::new(format!(
                        "{} is where {first} is; it is left out",
                        register.name
                    )));
                }
                continue;
            }
            taken.insert(key, register.name.clone());
        }
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
    structures(&mut map, source);
    Loaded { map, warnings }
}

fn item(
    map: &mut RegisterMap,
    found: &FoundRegister,
    form: Form,
    starts: &BTreeSet<u64>,
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
        [(stride, length)] => {
            let count = length_of(found.at, stride, length, starts);
            Item::Register(Register {
                count,
                stride: stride / u64::from(cell.max(1)),
                ..register
            })
        }
        [(outer, outer_length), (inner, inner_length), ..] => {
            // The inner array ends where the next element of the outer begins, or the other way.
            let (count, inner_count) = if outer > inner {
                (
                    outer_length,
                    if inner_length == 0 {
                        outer / inner
                    } else {
                        inner_length
                    },
                )
            } else {
                (
                    if outer_length == 0 {
                        inner / outer
                    } else {
                        outer_length
                    },
                    inner_length,
                )
            };
            let count = if count == 0 { UNKNOWN_LENGTH } else { count };
            let inner_count = if inner_count == 0 {
                UNKNOWN_LENGTH
            } else {
                inner_count
            };
            let list: ListId = map.add_list(vec![Item::Register(Register {
                at: 0,
                count: inner_count,
                stride: inner,
                ..register
            })]);
            Item::Block(Block {
                count,
                stride: outer,
                ..Block::new(None, found.at, list)
            })
        }
    }
}

/// As wide as there is room to the next register, a power of two and at most four.
fn width_at(found: &FoundRegister, starts: &BTreeSet<u64>) -> u8 {
    let next = starts
        .range(found.at + 1..)
        .next()
        .map_or(4, |next| next - found.at);
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

/// How many elements an array has: as said, else up to the next register that would be one of its
/// elements.
fn length_of(at: u64, stride: u64, said: u64, starts: &BTreeSet<u64>) -> u64 {
    if said > 1 {
        return said;
    }
    let end = at.saturating_add(stride.saturating_mul(UNKNOWN_LENGTH));
    let next = starts
        .range(at + 1..end)
        .find(|next| (*next - at) % stride == 0);
    next.map_or(UNKNOWN_LENGTH, |next| (next - at) / stride)
        .max(2)
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
fn structures(map: &mut RegisterMap, source: &Source<'_>) {
    for found in &source.structs {
        let items = found.members.iter().map(|member| {
            let stride = u64::from(member.width);
            Item::Register(Register {
                count: member.count,
                stride,
                ..Register::new(member.name, member.at, member.width)
            })
        });
        let list = map.add_list(items.collect());
        if map.space_named(found.name).is_none() {
            map.add_space(Space::new(found.name, SpaceLocation::Elsewhere, list));
        }
    }
}
