//! Types, fields and values.

use super::reference;
use super::table::{Key, Result, Table, Value};
use crate::error::LoadErrorKind;
use crate::model::{
    AccessMode, EnumValue, Field, Form, NamedType, ReadEffect, RegisterMap, ValueType, WriteEffect,
};

/// The shared types: `[types.NAME]`. A type may name one that comes later.
pub(super) fn types(map: &mut RegisterMap, table: &Table<'_>) -> Result<()> {
    for (key, _) in table.each() {
        map.add_type(NamedType::new(key.name, ValueType::default()));
    }
    for (at, (_, value)) in table.each().enumerate() {
        let table = value.table()?;
        let value_type = value_type(map, &table, 64)?;
        table.finish()?;
        map.types[at].value_type = value_type;
    }
    Ok(())
}

/// What `type`, `values`, `fields`, `shr`, `add`, `align` and `radix` of a table say.
pub(super) fn value_type(map: &mut RegisterMap, table: &Table<'_>, bits: u32) -> Result<ValueType> {
    let radix = table
        .take("radix")
        .map(|value| value.number_below(64))
        .transpose()?;
    let name = table.take("type");
    let values = table.take("values");
    let fields = table.take("fields");
    let form = match (name, values, fields) {
        (Some(name), None, None) => form_named(map, &name, radix.unwrap_or(0) as u8)?,
        (None, Some(values), None) => Form::Enum(enum_values(map, &values)?),
        (None, None, Some(fields)) => Form::Bitset(self::fields(map, &fields)?),
        (None, None, None) if bits == 1 => Form::Boolean,
        (None, None, None) => Form::Hex,
        (_, _, Some(twice)) | (_, Some(twice), None) => {
            return Err(twice.invalid("only one of `type`, `values` and `fields` can be there"));
        }
    };
    Ok(ValueType {
        form,
        shr: table
            .take("shr")
            .map_or(Ok(0), |value| value.number_below(64))? as u8,
        add: table.take("add").map_or(Ok(0), |value| value.number())?,
        align: table.take("align").map_or(Ok(0), |value| value.number())?,
    })
}

fn form_named(map: &RegisterMap, value: &Value<'_>, radix: u8) -> Result<Form> {
    let name = value.str()?;
    // A shared type may be called as a form is; it was meant then.
    if let Some(at) = map.types.iter().position(|known| known.name == name) {
        return Ok(Form::Named(crate::model::TypeId(at as u32)));
    }
    Ok(match name {
        "hex" => Form::Hex,
        "uint" => Form::Uint,
        "int" => Form::Int,
        "bool" => Form::Boolean,
        "float" => Form::Float,
        "fixed" => Form::Fixed(radix),
        "ufixed" => Form::UnsignedFixed(radix),
        "shader-register" => Form::ShaderRegister,
        _ => {
            let text = format!(
                "there is no type `{name}`: neither in [types] nor hex, uint, int, bool, float, fixed, ufixed, shader-register"
            );
            return Err(value.error(LoadErrorKind::Dangling, text));
        }
    })
}

/// `{ 0 = "OFF", 1 = "ON" }`, or a list of tables with `name`, `value`, `on` and `doc`.
fn enum_values(map: &mut RegisterMap, value: &Value<'_>) -> Result<Vec<EnumValue>> {
    if let Some(list) = value.as_array() {
        return list
            .map(|entry| enum_value(map, &entry.table()?, None))
            .collect();
    }
    let table = value.table()?;
    let mut values = Vec::new();
    for (key, entry) in table.each() {
        let Some(number) = crate::number::parse(key.name) else {
            let text = format!("`{}` is no number", key.name);
            return Err(value.source.error(&key.span, LoadErrorKind::Invalid, text));
        };
        values.push(if entry.is_str() {
            EnumValue::new(entry.string()?, number)
        } else {
            enum_value(map, &entry.table()?, Some(number))?
        });
    }
    Ok(values)
}

fn enum_value(map: &mut RegisterMap, table: &Table<'_>, number: Option<u64>) -> Result<EnumValue> {
    let value = EnumValue {
        name: table.require("name")?.string()?,
        value: match number {
            Some(number) => Some(number),
            None => table
                .take("value")
                .map(|value| value.number())
                .transpose()?,
        },
        any: table.take("any").map_or(Ok(0), |value| value.number())?,
        default: table
            .take("default")
            .map_or(Ok(false), |value| value.bool())?,
        direction: access(table)?,
        when: on(map, table)?,
        doc: table.string_or_empty("doc")?,
    };
    table.finish()?;
    Ok(value)
}

/// `{ FLAG = 0, NUMBER = "7:4", MORE = { bits = "9:8", … } }`.
fn fields(map: &mut RegisterMap, value: &Value<'_>) -> Result<Vec<Field>> {
    if let Some(list) = value.as_array() {
        return list
            .map(|entry| {
                let table = entry.table()?;
                let name = table.require("name")?.string()?;
                field(map, name, &table)
            })
            .collect();
    }
    let table = value.table()?;
    table
        .each()
        .map(|(key, entry)| field_entry(map, key, &entry))
        .collect()
}

fn field_entry(map: &mut RegisterMap, key: &Key<'_>, value: &Value<'_>) -> Result<Field> {
    let Some(table) = value.as_table() else {
        let (low, high) = reference::bits(value)?;
        return Ok(Field::new(key.name, low, high));
    };
    field(map, key.name.to_owned(), &table)
}

fn field(map: &mut RegisterMap, name: String, table: &Table<'_>) -> Result<Field> {
    let (low, high) = reference::bits(&table.require("bits")?)?;
    let field = Field {
        value_type: value_type(map, table, u32::from(high - low) + 1)?,
        when: on(map, table)?,
        access: access(table)?,
        read_effect: read_effect(table)?,
        write_effect: write_effect(table)?,
        volatile: table
            .take("volatile")
            .map_or(Ok(false), |value| value.bool())?,
        doc: table.string_or_empty("doc")?,
        ..Field::new(name, low, high)
    };
    table.finish()?;
    Ok(field)
}

pub(super) fn on(map: &mut RegisterMap, table: &Table<'_>) -> Result<crate::model::ConditionId> {
    table
        .take("on")
        .map_or(Ok(crate::model::ConditionId::ALWAYS), |value| {
            reference::condition(map, &value)
        })
}

pub(super) fn access(table: &Table<'_>) -> Result<AccessMode> {
    word(table, "access", AccessMode::from_name, "rw, r, w")
}

pub(super) fn read_effect(table: &Table<'_>) -> Result<ReadEffect> {
    word(
        table,
        "read",
        ReadEffect::from_name,
        "none, clear, set, pop",
    )
}

pub(super) fn write_effect(table: &Table<'_>) -> Result<WriteEffect> {
    let known =
        "store, 1-to-clear, 1-to-set, 1-to-toggle, 0-to-clear, 0-to-set, clear, trigger, push";
    word(table, "write", WriteEffect::from_name, known)
}

fn word<T: Default>(
    table: &Table<'_>,
    key: &'static str,
    parse: fn(&str) -> Option<T>,
    known: &str,
) -> Result<T> {
    let Some(value) = table.take(key) else {
        return Ok(T::default());
    };
    let word = value.str()?;
    parse(word).ok_or_else(|| value.invalid(format!("`{word}` is none of: {known}")))
}
