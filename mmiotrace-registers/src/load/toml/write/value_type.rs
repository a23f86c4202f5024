//! Types, fields and values.

use super::Writer;
use super::text::{Inline, hex, key, quoted};
use crate::model::{
    AccessMode, ConditionId, EnumValue, Field, Form, ReadEffect, ValueType, WriteEffect,
};
use std::collections::HashSet;

impl Writer<'_> {
    /// The keys of a type, one a line; for `[types.NAME]`.
    pub(super) fn type_lines(&self, value_type: &ValueType, bits: u32, out: &mut String) {
        let mut table = Inline::new();
        self.value_type(value_type, bits, &mut table);
        for part in table.parts() {
            out.push_str(&part);
            out.push('\n');
        }
    }

    /// The keys of a type whose value has `bits` bits.
    pub(super) fn value_type(&self, value_type: &ValueType, bits: u32, table: &mut Inline) {
        match &value_type.form {
            // What is there when nothing is said.
            Form::Boolean if bits == 1 => {}
            Form::Hex if bits != 1 => {}
            Form::Enum(values) => table.raw("values", &self.values(values)),
            Form::Bitset(fields) => table.raw("fields", &self.fields(fields)),
            Form::Named(id) => {
                let name = self
                    .type_names
                    .get(id.0 as usize)
                    .map_or("", String::as_str);
                table.text("type", name);
            }
            Form::Fixed(radix) => {
                table.text("type", "fixed");
                table.raw("radix", &radix.to_string());
            }
            Form::UnsignedFixed(radix) => {
                table.text("type", "ufixed");
                table.raw("radix", &radix.to_string());
            }
            form => table.text("type", simple(form)),
        }
        table.number_unless("shr", value_type.shr.into(), 0);
        table.number_unless("add", value_type.add, 0);
        table.number_unless("align", value_type.align, 0);
    }

    fn values(&self, values: &[EnumValue]) -> String {
        let mut numbers = HashSet::new();
        let plain = values.iter().all(|value| {
            value.when == ConditionId::ALWAYS
                && value.doc.is_empty()
                && value.is_plain()
                && value.value.is_some_and(|number| numbers.insert(number))
        });
        if plain {
            let part = |value: &EnumValue| {
                let number = value.value.unwrap_or(0);
                format!("{} = {}", key(&number_key(number)), quoted(&value.name))
            };
            return braces(values.iter().map(part), '{', '}');
        }
        let part = |value: &EnumValue| {
            let mut table = Inline::new();
            table.text("name", &value.name);
            value
                .value
                .into_iter()
                .for_each(|number| table.raw("value", &hex(number)));
            if value.any != 0 {
                table.raw("any", &hex(value.any));
            }
            if value.default {
                table.raw("default", "true");
            }
            if value.direction != AccessMode::ReadWrite {
                table.text("access", value.direction.as_str());
            }
            self.on(value.when, &mut table);
            table.text_unless_empty("doc", &value.doc);
            table.finish()
        };
        braces(values.iter().map(part), '[', ']')
    }

    pub(super) fn fields(&self, fields: &[Field]) -> String {
        if names_differ(fields) {
            return braces(fields.iter().map(|field| self.field_entry(field)), '{', '}');
        }
        let part = |field: &Field| {
            let mut table = Inline::new();
            table.text("name", &field.name);
            self.field(field, &mut table);
            table.finish()
        };
        braces(fields.iter().map(part), '[', ']')
    }

    /// `NAME = …`.
    pub(super) fn field_entry(&self, field: &Field) -> String {
        let name = key(&field.name);
        if *field == Field::new(field.name.as_str(), field.low, field.high) {
            return format!("{name} = {}", bits(field));
        }
        let mut table = Inline::new();
        self.field(field, &mut table);
        format!("{name} = {}", table.finish())
    }

    fn field(&self, field: &Field, table: &mut Inline) {
        table.raw("bits", &bits(field));
        self.value_type(&field.value_type, field.bit_len(), table);
        self.on(field.when, table);
        effects(
            field.access,
            field.read_effect,
            field.write_effect,
            field.volatile,
            table,
        );
        table.text_unless_empty("doc", &field.doc);
    }

    pub(super) fn on(&self, when: ConditionId, table: &mut Inline) {
        if when != ConditionId::ALWAYS {
            table.text("on", &crate::model_text::condition(self.map, when));
        }
    }
}

pub(super) fn effects(
    access: AccessMode,
    read: ReadEffect,
    write: WriteEffect,
    volatile: bool,
    table: &mut Inline,
) {
    if access != AccessMode::ReadWrite {
        table.text("access", access.as_str());
    }
    if read != ReadEffect::None {
        table.text("read", read.as_str());
    }
    if write != WriteEffect::Store {
        table.text("write", write.as_str());
    }
    if volatile {
        table.raw("volatile", "true");
    }
}

/// Whether the fields can be the keys of a table.
pub(super) fn names_differ(fields: &[Field]) -> bool {
    let mut names = HashSet::new();
    fields.iter().all(|field| names.insert(field.name.as_str()))
}

fn bits(field: &Field) -> String {
    if field.low == field.high {
        field.low.to_string()
    } else {
        format!("\"{}:{}\"", field.high, field.low)
    }
}

fn number_key(number: u64) -> String {
    if number < 10 {
        number.to_string()
    } else {
        format!("{number:#x}")
    }
}

fn braces(parts: impl Iterator<Item = String>, open: char, close: char) -> String {
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() {
        format!("{open}{close}")
    } else {
        format!("{open} {} {close}", parts.join(", "))
    }
}

const fn simple(form: &Form) -> &'static str {
    match form {
        Form::Uint => "uint",
        Form::Int => "int",
        Form::Boolean => "bool",
        Form::Float => "float",
        Form::ShaderRegister => "shader-register",
        _ => "hex",
    }
}
