//! The constants of a header with their values.

use super::eval::Evaluator;
use super::source::Source;
use super::structs::{Member, What};

/// A constant of a C header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderConstant {
    /// Its name; of a structure's member `struct.member`.
    pub name: String,
    /// Its value.
    pub value: HeaderValue,
}

/// What a constant is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderValue {
    /// A number.
    Number(u64),
    /// A macro with one argument: what it gives for 0, 1, 2 and so on, up to 16 of them.
    Indexed(Vec<u64>),
    /// The offset of a structure's member in bytes.
    Member(u64),
}

pub(super) fn all(source: &Source<'_>) -> Vec<HeaderConstant> {
    let mut evaluator = Evaluator::new(source);
    let mut constants = Vec::new();
    for define in &source.defines {
        let value = match define.arguments.as_ref().map(Vec::len) {
            None => evaluator.value(define.name, &[]).map(HeaderValue::Number),
            Some(1) => {
                let values: Vec<_> = (0..16)
                    .map_while(|index| evaluator.value(define.name, &[index]))
                    .collect();
                (!values.is_empty()).then_some(HeaderValue::Indexed(values))
            }
            Some(_) => None,
        };
        constants.extend(value.map(|value| HeaderConstant {
            name: define.name.to_owned(),
            value,
        }));
    }
    for found in &source.structs {
        members(found.name, 0, &found.members, &mut constants);
    }
    constants
}

/// The members of a structure, and those of the structures in it.
fn members(path: &str, base: u64, list: &[Member<'_>], constants: &mut Vec<HeaderConstant>) {
    for member in list {
        let at = base.saturating_add(member.at);
        let name = match member.name {
            "" => path.to_owned(),
            name => format!("{path}.{name}"),
        };
        match &member.what {
            What::Inner(inner, _) => members(&name, at, inner, constants),
            What::Number(_) => constants.push(HeaderConstant {
                name,
                value: HeaderValue::Member(at),
            }),
        }
    }
}
