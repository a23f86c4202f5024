//! AMD's generated headers: `asic_reg/*_offset.h`, `*_d.h`, `*_sh_mask.h`.
//!
//! `regNAME` or `mmNAME` is an offset in words of four bytes; `regNAME_BASE_IDX` says from which
//! of the block's base addresses it counts, which the chip tells elsewhere. Bits are
//! `NAME__FIELD__SHIFT` and `NAME__FIELD_MASK`.

use super::classify::{Found, FoundField, FoundRegister, bit_range};
use super::eval::Evaluator;
use super::source::Source;
use crate::model::AccessMode;
use std::collections::HashMap;

fn register_name(name: &str) -> Option<&str> {
    let rest = ["reg", "mm", "ix"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))?;
    rest.starts_with(|first: char| first.is_ascii_uppercase())
        .then_some(rest)
}

pub(super) fn is_asic_header(source: &Source<'_>) -> bool {
    let offsets = source
        .defines
        .iter()
        .filter(|define| register_name(define.name).is_some())
        .count();
    let masks = source
        .defines
        .iter()
        .filter(|define| define.name.contains("__") && define.name.ends_with("_MASK"));
    let defines = source.defines.len();
    (offsets * 10 > defines * 4 || masks.count() * 10 > defines * 3) && defines > 1
}

pub(super) fn registers(source: &Source<'_>) -> Found {
    let mut found = Found {
        cell: 4,
        ..Found::default()
    };
    let mut evaluator = Evaluator::new(source);
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for define in source
        .defines
        .iter()
        .filter(|define| !define.name.ends_with("_BASE_IDX"))
    {
        let Some(name) = register_name(define.name) else {
            continue;
        };
        let Some(at) = evaluator.value(define.name, &[]) else {
            continue;
        };
        by_name.insert(name, found.registers.len());
        found.registers.push(FoundRegister {
            name: name.to_owned(),
            at,
            width: 4,
            arrays: Vec::new(),
            access: AccessMode::ReadWrite,
            doc: String::new(),
            segment: evaluator.value(&format!("{}_BASE_IDX", define.name), &[]),
        });
    }
    let mut masks: HashMap<&str, Vec<FoundField>> = HashMap::new();
    for define in &source.defines {
        let Some((register, rest)) = define.name.split_once("__") else {
            continue;
        };
        let Some(field) = rest.strip_suffix("_MASK") else {
            continue;
        };
        let Some((low, high)) = evaluator.value(define.name, &[]).and_then(bit_range) else {
            continue;
        };
        masks.entry(register).or_default().push(FoundField {
            name: field.to_owned(),
            low,
            high,
            doc: String::new(),
        });
    }
    for (name, owner) in by_name {
        let fields = masks
            .get(name)
            .or_else(|| masks.get(block_name(name, &masks)?));
        let fields = fields.into_iter().flatten();
        found
            .fields
            .extend(fields.map(|field| (owner, field.clone())));
    }
    // The order of the file, which the table of names has not.
    found.fields.sort_by_key(|(owner, _)| *owner);
    found
}

/// The name that an instance of a block shares with the others: `CRTC1_CRTC_CONTROL` has the bits of
/// `CRTC_CONTROL`.
fn block_name<'n>(name: &'n str, masks: &HashMap<&str, Vec<FoundField>>) -> Option<&'n str> {
    let ends = name.match_indices('_').map(|(at, _)| at);
    let mut names = ends.filter_map(|at| {
        let (instance, rest) = (&name[..at], &name[at + 1..]);
        instance
            .ends_with(|last: char| last.is_ascii_digit())
            .then_some(rest)
    });
    names.find(|rest| masks.contains_key(rest))
}
