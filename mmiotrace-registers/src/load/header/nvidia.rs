//! NVIDIA's manuals: `dev_*.ref.txt` and the headers made from them.
//!
//! Every definition ends in a comment of five characters, as `/* R--4R */`: how it may be read and
//! written, for registers how many bytes it has, and what it is: a register (`R`), an array of
//! registers (`A`), a field (`F`), a value (`V`), a range of addresses (`D`).

use super::classify::{Found, FoundField, FoundRegister};
use super::eval::Evaluator;
use super::source::{Define, Source};
use crate::model::AccessMode;
use std::collections::HashMap;

/// The kind of a definition, and how many bytes it has.
fn mark(comment: &str) -> Option<(char, u8, AccessMode)> {
    let mark = comment.trim();
    let marks = mark.as_bytes();
    if marks.len() != 5
        || !mark
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return None;
    }
    // How it is read and written: words in comments have other letters there.
    if !matches!(marks[0], b'R' | b'C' | b'-') || !matches!(marks[1], b'W' | b'-') {
        return None;
    }
    let kind = char::from(marks[4]);
    if !matches!(kind, 'R' | 'A' | 'F' | 'V' | 'D' | 'M' | 'G' | 'H' | 'T') {
        return None;
    }
    let width = char::from(marks[3]).to_digit(10).unwrap_or(4) as u8;
    let access = match (marks[0], marks[1]) {
        (b'R', b'W') => AccessMode::ReadWrite,
        (b'R', _) => AccessMode::Read,
        (_, b'W') => AccessMode::Write,
        _ => AccessMode::ReadWrite,
    };
    Some((kind, width, access))
}

/// Of some manuals only registers and fields have marks, of others the comments are blank.
pub(super) fn is_manual(source: &Source<'_>) -> bool {
    let marks = source
        .defines
        .iter()
        .filter_map(|define| mark(define.comment));
    let (mut marked, mut registers) = (0, 0);
    for (kind, ..) in marks {
        marked += 1;
        registers += usize::from(matches!(kind, 'R' | 'A'));
    }
    registers > 0 && marked * 10 > source.defines.len()
}

/// What a definition without a mark is: bits, or a value of some. A register has a mark.
fn unmarked(define: &Define<'_>) -> Option<(char, u8, AccessMode)> {
    let is_size = define.name.contains("__SIZE_");
    if is_size || define.arguments.is_some() {
        return None;
    }
    let kind = if bits(define.body.text()).is_some() {
        'F'
    } else {
        'V'
    };
    Some((kind, 4, AccessMode::ReadWrite))
}

pub(super) fn registers(source: &Source<'_>) -> Found {
    let mut found = Found {
        cell: 1,
        ..Found::default()
    };
    let mut evaluator = Evaluator::new(source);
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    let mut fields: HashMap<&str, (usize, u8, u8)> = HashMap::new();
    for define in &source.defines {
        let Some((kind, width, access)) = mark(define.comment).or_else(|| unmarked(define)) else {
            continue;
        };
        match kind {
            'R' | 'A' => {
                if let Some(register) = register(source, &mut evaluator, define, width, access) {
                    by_name.insert(define.name, found.registers.len());
                    found.registers.push(register);
                }
            }
            'F' => {
                let Some((low, high)) = bits(define.body.text()) else {
                    continue;
                };
                let Some((register, owner)) = longest(define.name, &by_name) else {
                    continue;
                };
                let name = define.name[register.len()..]
                    .trim_start_matches('_')
                    .to_owned();
                fields.insert(define.name, (owner, low, high));
                found.fields.push((
                    owner,
                    FoundField {
                        name,
                        low,
                        high,
                        doc: String::new(),
                    },
                ));
            }
            'V' => {
                let Some((field, (owner, low, _))) = longest(define.name, &fields) else {
                    continue;
                };
                let Some(value) = evaluator.value(define.name, &[]) else {
                    continue;
                };
                let name = define.name[field.len()..].trim_start_matches('_');
                let register = found
                    .registers
                    .get(owner)
                    .map_or(0, |register| register.name.len());
                let full = format!("{}_{name}", field.get(register + 1..).unwrap_or(""));
                found
                    .values
                    .push((owner, full, value.checked_shl(low.into()).unwrap_or(0)));
            }
            _ => {}
        }
    }
    found
}

fn register(
    source: &Source<'_>,
    evaluator: &mut Evaluator<'_, '_>,
    define: &Define<'_>,
    width: u8,
    access: AccessMode,
) -> Option<FoundRegister> {
    let name = define.name;
    let mut size = |number: u32| {
        let size = format!("{name}__SIZE_{number}");
        source
            .get(&size)
            .and_then(|_| evaluator.value(&size, &[]))
            .unwrap_or(0)
    };
    let sizes = [size(1), size(2)];
    let (at, arrays) = match define.arguments.as_ref().map(Vec::len) {
        None => (evaluator.value(name, &[])?, Vec::new()),
        Some(1) => {
            let first = evaluator.value(name, &[0])?;
            let stride = evaluator.value(name, &[1])?.checked_sub(first)?;
            (first, vec![(stride, sizes[0])])
        }
        Some(2) => {
            let first = evaluator.value(name, &[0, 0])?;
            let outer = evaluator.value(name, &[1, 0])?.checked_sub(first)?;
            let inner = evaluator.value(name, &[0, 1])?.checked_sub(first)?;
            (first, vec![(outer, sizes[0]), (inner, sizes[1])])
        }
        Some(_) => return None,
    };
    if arrays.iter().any(|(stride, _)| *stride == 0) {
        return None;
    }
    let width = if matches!(width, 1 | 2 | 4 | 8) {
        width
    } else {
        4
    };
    Some(FoundRegister {
        name: name.to_owned(),
        at,
        width,
        arrays,
        access,
        doc: String::new(),
        segment: None,
    })
}

/// `31:16`, high first.
fn bits(body: &str) -> Option<(u8, u8)> {
    let (high, low) = body.trim().split_once(':')?;
    let (high, low) = (
        high.trim().parse::<u8>().ok()?,
        low.trim().parse::<u8>().ok()?,
    );
    (low <= high && high < 64).then_some((low, high))
}

/// The longest of the names that, with an underscore, begins this one.
fn longest<'n, T: Copy>(name: &'n str, known: &HashMap<&str, T>) -> Option<(&'n str, T)> {
    let mut end = name.len();
    while let Some(at) = name[..end].rfind('_') {
        if let Some(found) = known.get(&name[..at]) {
            return Some((&name[..at], *found));
        }
        end = at;
    }
    None
}
