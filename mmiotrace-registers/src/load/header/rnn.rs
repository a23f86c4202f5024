//! Headers that were generated from an rnndb (envytools' headergen).
//!
//! An empty line is before every register. What follows it without one are its values and fields:
//! `NAME_FIELD__MASK`, `NAME_FIELD__SHIFT`, `NAME_FLAG`. Arrays are macros, their length `NAME__LEN`.

use super::classify::{Found, FoundField, FoundRegister, bit_range};
use super::eval::Evaluator;
use super::expression::hex_digits;
use super::source::{Define, Kind, Source};
use crate::model::AccessMode;
use std::collections::HashMap;

pub(super) fn is_generated(source: &Source<'_>) -> bool {
    let masks = source.defines.iter().filter(|define| {
        let field = define.name.strip_suffix("__MASK");
        field.is_some_and(|field| source.get(&format!("{field}__SHIFT")).is_some())
    });
    let after_blank = source.defines.iter().filter(|define| define.after_blank);
    masks.count() > 0 && after_blank.count() > 1
}

pub(super) fn registers(source: &Source<'_>) -> Found {
    let mut found = Found {
        cell: 1,
        ..Found::default()
    };
    let mut evaluator = Evaluator::new(source);
    let mut current: Option<usize> = None;
    let mut masks: HashMap<&str, u64> = HashMap::new();
    for define in source
        .defines
        .iter()
        .filter(|define| define.kind == Kind::Macro)
    {
        if let Some(register) = register(&mut evaluator, source, define) {
            current = Some(found.registers.len());
            masks.clear();
            found.registers.push(register);
            continue;
        }
        if define.after_blank {
            // A type or a function: what follows belongs to no register.
            current = None;
        }
        let (Some(owner), None) = (current, &define.arguments) else {
            continue;
        };
        let register = found
            .registers
            .get(owner)
            .map_or("", |register| register.name.as_str());
        // Adreno's registers begin with REG_, their fields do not.
        let register = register.strip_prefix("REG_").unwrap_or(register);
        let rest = define
            .name
            .strip_prefix(register)
            .and_then(|rest| rest.strip_prefix('_'));
        let (Some(rest), Some(value)) = (rest, evaluator.value(define.name, &[])) else {
            continue;
        };
        if let Some(field) = rest.strip_suffix("__MASK") {
            masks.insert(&define.name[..define.name.len() - "__MASK".len()], value);
            push(&mut found, owner, field, value, define.comment);
        } else if !rest.contains("__") {
            let of_field = masks.iter().any(|(field, mask)| {
                let begins = define
                    .name
                    .strip_prefix(field)
                    .is_some_and(|rest| rest.starts_with('_'));
                begins && value & !mask == 0
            });
            if of_field {
                found.values.push((owner, rest.to_owned(), value));
            } else {
                push(&mut found, owner, rest, value, define.comment);
            }
        }
    }
    found
}

fn push(found: &mut Found, owner: usize, name: &str, mask: u64, comment: &str) {
    if let Some((low, high)) = bit_range(mask) {
        let (name, doc) = (name.to_owned(), comment.to_owned());
        found.fields.push((
            owner,
            FoundField {
                name,
                low,
                high,
                doc,
            },
        ));
    }
}

fn register(
    evaluator: &mut Evaluator<'_, '_>,
    source: &Source<'_>,
    define: &Define<'_>,
) -> Option<FoundRegister> {
    let name = define.name;
    if !define.after_blank || name.contains("__") {
        return None;
    }
    let (at, arrays) = match define.arguments.as_deref() {
        None => {
            hex_digits(define.body.text())?;
            (evaluator.value(name, &[])?, Vec::new())
        }
        Some([_]) => {
            let first = evaluator.value(name, &[0])?;
            let stride = evaluator
                .value(name, &[1])?
                .checked_sub(first)
                .filter(|stride| *stride > 1)?;
            let len = format!("{name}__LEN");
            let len = source
                .get(&len)
                .and_then(|_| evaluator.value(&len, &[]))
                .unwrap_or(0);
            (first, vec![(stride, len)])
        }
        Some(_) => return None,
    };
    Some(FoundRegister {
        name: name.to_owned(),
        at,
        width: 4,
        arrays,
        access: AccessMode::ReadWrite,
        doc: define.comment.to_owned(),
        segment: None,
    })
}
