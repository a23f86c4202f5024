//! Types of registers and fields.

use super::raw::{RawField, RawType, RawValue, SourcePos};
use super::resolve::Resolver;
use super::variants::Scope;
use crate::error::{LoadError, LoadErrorKind};
use crate::load::limits::MAX_ITEMS;
use crate::model::{EnumValue, Field, Form, NamedType, TypeId, ValueType};

/// Fields may have types that are bitsets with fields, and so on.
const MAX_DEPTH: usize = 32;

/// What a name may refer to.
#[derive(Clone, Copy)]
enum Named {
    Enum(usize),
    Bitset(usize),
    Spectype(usize),
}

impl Resolver<'_> {
    /// Finds every shared type; the model has them in the order in which they are first needed.
    fn named(&self, name: &str) -> Option<Named> {
        // An enum of that name comes before a bitset, and that before a spectype.
        let enums = self.enum_names.get(name).copied().map(Named::Enum);
        let bitset = || self.bitset_names.get(name).copied().map(Named::Bitset);
        let spectype = || self.spectype_names.get(name).copied().map(Named::Spectype);
        enums.or_else(bitset).or_else(spectype)
    }

    pub(super) fn value_type(
        &mut self,
        raw: &RawType,
        bits: u32,
        scope: &Scope,
        place: &SourcePos,
        depth: usize,
    ) -> Result<ValueType, LoadError> {
        if depth > MAX_DEPTH {
            return Err(place.error(LoadErrorKind::Cycle, "a bitset contains itself"));
        }
        Ok(ValueType {
            form: self.form(raw, bits, scope, place, depth)?,
            shr: raw.shr as u8,
            add: raw.add,
            align: raw.align,
        })
    }

    fn form(
        &mut self,
        raw: &RawType,
        bits: u32,
        scope: &Scope,
        place: &SourcePos,
        depth: usize,
    ) -> Result<Form, LoadError> {
        let Some(name) = raw.name.as_deref() else {
            return Ok(if !raw.fields.is_empty() {
                Form::Bitset(self.fields(&raw.fields, scope, depth)?)
            } else if !raw.values.is_empty() {
                Form::Enum(self.values(&raw.values, scope)?)
            } else if bits == 1 {
                Form::Boolean
            } else {
                Form::Hex
            });
        };
        let radix = raw.radix as u8;
        Ok(match self.named(name) {
            Some(Named::Enum(at)) if self.database.enums[at].inline => {
                // What stands in the element comes first, then the enum.
                let mut values = self.values(&raw.values, scope)?;
                let database = self.database;
                values.extend(self.values(&database.enums[at].values, scope)?);
                Form::Enum(values)
            }
            Some(Named::Bitset(at)) if self.database.bitsets[at].inline => {
                let mut fields = self.fields(&raw.fields, scope, depth)?;
                let database = self.database;
                fields.extend(self.fields(&database.bitsets[at].fields, scope, depth)?);
                Form::Bitset(fields)
            }
            Some(named) => Form::Named(self.shared(name, named, depth)?),
            None => match name {
                "hex" | "address" | "waddress" => Form::Hex,
                "uint" => Form::Uint,
                "int" => Form::Int,
                "boolean" => Form::Boolean,
                "float" => Form::Float,
                "fixed" => Form::Fixed(radix),
                "ufixed" => Form::UnsignedFixed(radix),
                "a3xx_regid" => Form::ShaderRegister,
                "enum" => Form::Enum(self.values(&raw.values, scope)?),
                // The description says `bitset`, envytools takes `bitfield`.
                "bitset" | "bitfield" => Form::Bitset(self.fields(&raw.fields, scope, depth)?),
                _ => {
                    // The name of a domain: an offset in it.
                    if !self
                        .database
                        .domains
                        .iter()
                        .any(|domain| domain.name == name)
                    {
                        self.warn(place.warning(format!("there is no type {name}")));
                    }
                    Form::Hex
                }
            },
        })
    }

    /// A type that is kept once. Its own variants are not those of the place that uses it.
    fn shared(&mut self, name: &str, named: Named, depth: usize) -> Result<TypeId, LoadError> {
        if let Some(known) = self.types.get(name) {
            return Ok(*known);
        }
        let id = self
            .map
            .add_type(NamedType::new(name, ValueType::default()));
        self.types.insert(name.to_owned(), id);
        let database = self.database;
        let value_type = match named {
            Named::Enum(at) => {
                let raw = &database.enums[at];
                let scope = self.top_scope(&raw.variants);
                Form::Enum(self.values(&raw.values, &scope)?).into()
            }
            Named::Bitset(at) => {
                let raw = &database.bitsets[at];
                let scope = self.top_scope(&raw.variants);
                Form::Bitset(self.fields(&raw.fields, &scope, depth + 1)?).into()
            }
            Named::Spectype(at) => {
                let raw = &database.spectypes[at];
                self.value_type(
                    &raw.value_type,
                    32,
                    &Scope::default(),
                    &raw.place,
                    depth + 1,
                )?
            }
        };
        if let Some(named) = self.map.types.get_mut(id.0 as usize) {
            named.value_type = value_type;
        }
        Ok(id)
    }

    /// The names of array elements (Mesa's `index`).
    pub(super) fn index_names(
        &mut self,
        name: Option<&str>,
        place: &SourcePos,
    ) -> Result<Option<TypeId>, LoadError> {
        let Some(name) = name else { return Ok(None) };
        match self.enum_names.get(name).copied() {
            Some(at) => self.shared(name, Named::Enum(at), 0).map(Some),
            None => {
                self.warn(place.warning(format!("there is no enum {name}")));
                Ok(None)
            }
        }
    }

    fn values(&mut self, raw: &[RawValue], scope: &Scope) -> Result<Vec<EnumValue>, LoadError> {
        let mut values = Vec::with_capacity(raw.len());
        for value in raw {
            self.count(&value.place)?;
            let Some(inner) = self.scope(scope, &value.variants, &value.place) else {
                continue;
            };
            values.push(EnumValue {
                name: value.name.clone(),
                value: value.value,
                when: self.condition(&inner),
                doc: value.doc.clone(),
                ..EnumValue::default()
            });
        }
        Ok(values)
    }

    fn fields(
        &mut self,
        raw: &[RawField],
        scope: &Scope,
        depth: usize,
    ) -> Result<Vec<Field>, LoadError> {
        let mut fields = Vec::with_capacity(raw.len());
        for field in raw {
            self.count(&field.place)?;
            let Some(inner) = self.scope(scope, &field.variants, &field.place) else {
                continue;
            };
            let bits = u32::from(field.high - field.low) + 1;
            fields.push(Field {
                value_type: self.value_type(
                    &field.value_type,
                    bits,
                    &inner,
                    &field.place,
                    depth + 1,
                )?,
                when: self.condition(&inner),
                doc: field.doc.clone(),
                ..Field::new(field.name.as_str(), field.low, field.high)
            });
        }
        Ok(fields)
    }

    /// Inline types and groups are copied for every use; that must end somewhere.
    pub(super) fn count(&mut self, place: &SourcePos) -> Result<(), LoadError> {
        self.items += 1;
        if self.items > MAX_ITEMS {
            let text = format!("groups and inline types make more than {MAX_ITEMS} elements");
            return Err(place.error(LoadErrorKind::TooLarge, text));
        }
        Ok(())
    }
}
