//! Registers, fields and values.

use super::convert::Converter;
use crate::error::LoadError;
use crate::model::{AccessMode, EnumValue, Field, Form, ReadEffect, Register, WriteEffect};
use svd_parser::svd::{
    Access, EnumeratedValues, Field as SvdField, FieldInfo, MaybeArray, ModifiedWriteValues,
    ReadAction, RegisterInfo, RegisterProperties, Usage,
};

/// How many fields a field array is expanded to: a register has no more bits.
const MAX_FIELD_ARRAY: u32 = 64;

impl Converter<'_> {
    /// One register, at its offset; arrays are the caller's business.
    pub(super) fn register(
        &mut self,
        info: &RegisterInfo,
        name: &str,
        inherited: &RegisterProperties,
        scope: &str,
    ) -> Result<Register, LoadError> {
        let bits = info.properties.size.or(inherited.size).unwrap_or(32);
        let width = u8::try_from(bits.div_ceil(8)).unwrap_or(8).clamp(1, 8);
        let access = info.properties.access.or(inherited.access);
        let scope = format!("{scope}.{}", info.name);
        let mut fields = Vec::new();
        for field in info.fields.iter().flatten() {
            self.field(field, &scope, &mut fields)?;
        }
        Ok(Register {
            access: access.map_or(AccessMode::ReadWrite, access_mode),
            read_effect: info.read_action.map_or(ReadEffect::None, read_effect),
            write_effect: info
                .modified_write_values
                .map_or(WriteEffect::Store, write_effect),
            reset: info.properties.reset_value.or(inherited.reset_value),
            doc: one_line(info.description.as_deref()),
            value_type: if fields.is_empty() {
                Form::Hex.into()
            } else {
                Form::Bitset(fields).into()
            },
            ..Register::new(name, u64::from(info.address_offset), width)
        })
    }

    fn field(
        &mut self,
        field: &SvdField,
        scope: &str,
        fields: &mut Vec<Field>,
    ) -> Result<(), LoadError> {
        self.count()?;
        let (info, dim) = match field {
            MaybeArray::Single(info) => (self.sources.field(info, scope)?, None),
            MaybeArray::Array(info, dim) => (self.sources.field(info, scope)?, Some(dim)),
        };
        let Some(dim) = dim else {
            let name = info.name.clone();
            return self.push_field(&info, name, 0, scope, fields);
        };
        let indexes: Vec<_> = dim.indexes().take(MAX_FIELD_ARRAY as usize).collect();
        for (number, index) in indexes.iter().enumerate() {
            let name = info.name.replace("[%s]", index).replace("%s", index);
            let shift = dim.dim_increment.saturating_mul(number as u32);
            self.push_field(&info, name, shift, scope, fields)?;
        }
        Ok(())
    }

    fn push_field(
        &mut self,
        info: &FieldInfo,
        name: String,
        shift: u32,
        scope: &str,
        fields: &mut Vec<Field>,
    ) -> Result<(), LoadError> {
        let low = info.bit_range.offset.saturating_add(shift);
        let high = low.saturating_add(info.bit_range.width.saturating_sub(1));
        if high > 63 || info.bit_range.width == 0 {
            self.warn(format!(
                "{scope}.{name}: bits {high}:{low} are not in 64 bits; left out"
            ));
            return Ok(());
        }
        let mut field = Field::new(name, low as u8, high as u8);
        let scope = format!("{scope}.{}", info.name);
        let mut values = Vec::new();
        for list in &info.enumerated_values {
            self.values(list, &scope, &mut values)?;
        }
        if !values.is_empty() {
            field.value_type = Form::Enum(values).into();
        }
        field.access = info.access.map_or(AccessMode::ReadWrite, access_mode);
        field.read_effect = info.read_action.map_or(ReadEffect::None, read_effect);
        field.write_effect = info
            .modified_write_values
            .map_or(WriteEffect::Store, write_effect);
        field.doc = one_line(info.description.as_deref());
        fields.push(field);
        Ok(())
    }

    /// The values of a list; those for writing only count where reading has no name for them.
    fn values(
        &mut self,
        list: &EnumeratedValues,
        scope: &str,
        values: &mut Vec<EnumValue>,
    ) -> Result<(), LoadError> {
        let list = self.sources.enumerated(list, scope)?;
        let for_reading = list.usage != Some(Usage::Write);
        let mut found = Vec::new();
        for value in &list.values {
            self.count()?;
            let Some(number) = value.value else { continue };
            let doc = one_line(value.description.as_deref());
            found.push(EnumValue {
                doc,
                ..EnumValue::new(value.name.as_str(), number)
            });
        }
        if for_reading {
            values.splice(0..0, found);
        } else {
            values.extend(found);
        }
        Ok(())
    }
}

const fn access_mode(access: Access) -> AccessMode {
    match access {
        Access::ReadOnly => AccessMode::Read,
        Access::WriteOnly | Access::WriteOnce => AccessMode::Write,
        Access::ReadWrite | Access::ReadWriteOnce => AccessMode::ReadWrite,
    }
}

const fn read_effect(action: ReadAction) -> ReadEffect {
    match action {
        ReadAction::Clear => ReadEffect::Clear,
        ReadAction::Set => ReadEffect::Set,
        ReadAction::Modify | ReadAction::ModifyExternal => ReadEffect::Pop,
    }
}

const fn write_effect(values: ModifiedWriteValues) -> WriteEffect {
    match values {
        ModifiedWriteValues::OneToClear => WriteEffect::OneToClear,
        ModifiedWriteValues::OneToSet => WriteEffect::OneToSet,
        ModifiedWriteValues::OneToToggle => WriteEffect::OneToToggle,
        ModifiedWriteValues::ZeroToClear => WriteEffect::ZeroToClear,
        ModifiedWriteValues::ZeroToSet => WriteEffect::ZeroToSet,
        ModifiedWriteValues::Clear => WriteEffect::Clear,
        _ => WriteEffect::Store,
    }
}

/// A description without its line breaks.
pub(super) fn one_line(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    })
}
