//! Headers that rggen generated: `REG_BYTE_OFFSET`, `REG_BYTE_WIDTH`, and of every field
//! `REG_FIELD_BIT_OFFSET` or `REG_FIELD_OFFSET` with `_WIDTH` and `_MASK`.

use super::classify::{Found, FoundField, FoundRegister};
use super::eval::Evaluator;
use super::source::Source;
use crate::model::AccessMode;
use std::collections::HashMap;

const OFFSET: &str = "_BYTE_OFFSET";

pub(super) fn is_generated(source: &Source<'_>) -> bool {
    let mut registers = source
        .defines
        .iter()
        .filter_map(|define| define.name.strip_suffix(OFFSET));
    registers.any(|name| source.get(&format!("{name}_BYTE_SIZE")).is_some())
}

pub(super) fn registers(source: &Source<'_>) -> Found {
    let mut found = Found {
        cell: 1,
        ..Found::default()
    };
    let mut evaluator = Evaluator::new(source);
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for define in &source.defines {
        let Some(name) = define.name.strip_suffix(OFFSET) else {
            continue;
        };
        let Some(at) = evaluator.value(define.name, &[]) else {
            continue;
        };
        let width = evaluator
            .value(&format!("{name}_BYTE_WIDTH"), &[])
            .unwrap_or(4);
        by_name.insert(name, found.registers.len());
        found.registers.push(FoundRegister {
            name: name.to_owned(),
            at,
            width: u8::try_from(width).unwrap_or(4).clamp(1, 8),
            arrays: Vec::new(),
            access: AccessMode::ReadWrite,
            doc: String::new(),
            segment: None,
        });
    }
    for define in &source.defines {
        let field = define
            .name
            .strip_suffix("_OFFSET")
            .filter(|_| !define.name.ends_with(OFFSET));
        let Some(field) = field else { continue };
        let width = evaluator.value(&format!("{field}_WIDTH"), &[]);
        let low = evaluator.value(define.name, &[]);
        let (Some(width @ 1..=64), Some(low @ 0..=63)) = (width, low) else {
            continue;
        };
        let ends = field.match_indices('_').map(|(at, _)| at);
        let owner = ends
            .rev()
            .find_map(|at| Some((at, *by_name.get(&field[..at])?)));
        let Some((at, owner)) = owner else { continue };
        found.fields.push((
            owner,
            FoundField {
                name: field[at + 1..].to_owned(),
                low: low as u8,
                high: (low + width - 1).min(63) as u8,
                doc: String::new(),
            },
        ));
    }
    found
}
