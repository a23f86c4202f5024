//! Types of values: what they refer to, and how much that is.

use super::{Check, MAX_DEPTH, Result, fail, named};
use crate::error::{LoadErrorKind, Subject};
use crate::model::{Field, Form, TypeId, ValueType};

/// How many fields a type may have when every use of a shared type counts.
const MAX_FIELDS: u64 = 1 << 16;

impl Check<'_> {
    pub(super) fn types(&mut self) -> Result<()> {
        let mut sizes = vec![None; self.map.types.len()];
        for (number, named) in self.map.types.iter().enumerate() {
            let id = TypeId(number as u32);
            self.value_type(&named.value_type, &named.name, 64, Subject::Type(id), 0)?;
            self.type_size(id, &mut sizes, 0)?;
        }
        Ok(())
    }

    /// How deep a shared type refers to others, and how many fields that makes when a value is
    /// shown; an error in a circle.
    fn type_size(
        &self,
        id: TypeId,
        sizes: &mut [Option<TypeSize>],
        above: usize,
    ) -> Result<TypeSize> {
        let Some(named) = self.map.named_type(id) else {
            return Ok(TypeSize::default());
        };
        if let Some(size) = sizes.get(id.0 as usize).copied().flatten() {
            return Ok(size);
        }
        let mut references = Vec::new();
        let mut size = TypeSize {
            depth: 0,
            fields: type_references(&named.value_type, &mut references),
        };
        for reference in references {
            let inner = match above {
                0..=MAX_DEPTH => self.type_size(reference, sizes, above + 1)?,
                _ => TypeSize {
                    depth: MAX_DEPTH,
                    fields: 0,
                },
            };
            size.depth = size.depth.max(inner.depth + 1);
            size.fields = size.fields.saturating_add(inner.fields);
        }
        if size.depth > MAX_DEPTH {
            let text = format!(
                "{}: its type refers to itself, or more than {MAX_DEPTH} deep",
                named.name
            );
            return fail(LoadErrorKind::Cycle, Subject::Type(id), text);
        }
        if size.fields > MAX_FIELDS {
            let text = format!(
                "{}: its types make more than {MAX_FIELDS} fields",
                named.name
            );
            return fail(LoadErrorKind::TooLarge, Subject::Type(id), text);
        }
        sizes[id.0 as usize] = Some(size);
        Ok(size)
    }

    pub(super) fn value_type(
        &mut self,
        value_type: &ValueType,
        name: &str,
        bits: u32,
        subject: Subject,
        depth: usize,
    ) -> Result<()> {
        if depth > MAX_DEPTH {
            return fail(
                LoadErrorKind::Cycle,
                subject,
                format!("{name}: its type contains itself"),
            );
        }
        if value_type.shr > 63 {
            return fail(
                LoadErrorKind::Invalid,
                subject,
                format!("{name}: shr is above 63"),
            );
        }
        match &value_type.form {
            Form::Named(id) => {
                // The shared type is checked by itself.
                if self.map.named_type(*id).is_none() {
                    return fail(
                        LoadErrorKind::Dangling,
                        subject,
                        format!("{name}: its type is missing"),
                    );
                }
                Ok(())
            }
            Form::Fixed(radix) | Form::UnsignedFixed(radix) if *radix > 63 => fail(
                LoadErrorKind::Invalid,
                subject,
                format!("{name}: radix is above 63"),
            ),
            Form::Enum(values) => values.iter().try_for_each(|value| {
                named(&value.name, "a value", subject)?;
                self.condition(value.when, subject)
            }),
            Form::Bitset(fields) => fields
                .iter()
                .try_for_each(|field| self.field(field, name, bits, subject, depth)),
            _ => Ok(()),
        }
    }

    fn field(
        &mut self,
        field: &Field,
        register: &str,
        bits: u32,
        subject: Subject,
        depth: usize,
    ) -> Result<()> {
        named(&field.name, "a field", subject)?;
        self.condition(field.when, subject)?;
        let (low, high) = (field.low, field.high);
        if low > high || high > 63 {
            let text = format!("{register}.{}: bits {high}:{low} are no bits", field.name);
            return fail(LoadErrorKind::Invalid, subject, text);
        }
        if u32::from(high) >= bits {
            self.warn(|| {
                format!(
                    "{register}.{}: bit {high} is not in {bits} bits",
                    field.name
                )
            });
        }
        self.value_type(
            &field.value_type,
            &field.name,
            field.bit_len(),
            subject,
            depth + 1,
        )
    }
}

#[derive(Clone, Copy, Default)]
struct TypeSize {
    depth: usize,
    fields: u64,
}

/// The shared types that a type names, also in its fields, and how many fields it has. How deep
/// fields may lie was checked by `value_type`.
fn type_references(value_type: &ValueType, references: &mut Vec<TypeId>) -> u64 {
    match &value_type.form {
        Form::Named(id) => {
            references.push(*id);
            1
        }
        Form::Bitset(fields) => fields
            .iter()
            .map(|field| type_references(&field.value_type, references))
            .sum(),
        _ => 1,
    }
}
