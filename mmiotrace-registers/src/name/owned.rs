//! Named accesses that can be kept.

use super::named::{Inner, Named, Part};
use crate::FieldValue;
use mmiotrace_core::AccessKind;

/// The owned form of a [`Named`] access, and what its JSON looks like (feature `serde`): numbers
/// are hexadecimal strings, since JSON's do not hold 64 bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NamedBuf {
    /// The name ([`Named::name`]).
    pub register: Option<String>,
    /// The offset in the BAR.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::hex_or_null"))]
    pub offset: Option<u64>,
    /// The fields of the value.
    pub fields: Vec<FieldBuf>,
    /// The set bits that no field covers; `None` where there are none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::hex_or_null"))]
    pub remainder: Option<u64>,
    /// The device's address.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub device: Option<String>,
    /// The BAR.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub bar: Option<u8>,
    /// The bits that differ from the last value.
    #[cfg_attr(
        feature = "serde",
        serde(
            serialize_with = "json::hex_or_null",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub changed: Option<u64>,
    /// What the name rests on besides the trace, in words.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub inferred: Vec<String>,
    /// The registers, where the access touches more than one.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub parts: Vec<PartBuf>,
    /// The access of a space behind registers.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub inner: Option<InnerBuf>,
}

/// The owned form of a [`FieldValue`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FieldBuf {
    /// The name.
    pub name: String,
    /// The bits, as `15:8` or `3`.
    pub bits: String,
    /// The value.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::hex"))]
    pub value: u64,
    /// The value in its form.
    pub text: String,
}

/// The owned form of a [`Part`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PartBuf {
    /// The name.
    pub register: Option<String>,
    /// The first of the access's bytes.
    pub first: u8,
    /// How many bytes.
    pub len: u8,
    /// The value in the register's place.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::hex_or_null"))]
    pub value: Option<u64>,
    /// The value in its form.
    pub text: String,
}

/// The owned form of an [`Inner`] access.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct InnerBuf {
    /// The name of the space.
    pub space: String,
    /// The name of the register there.
    pub register: Option<String>,
    /// The byte in the space; `None`: not known.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::hex_or_null"))]
    pub offset: Option<u64>,
    /// Read or write.
    pub kind: AccessKind,
    /// The value.
    #[cfg_attr(feature = "serde", serde(serialize_with = "json::hex"))]
    pub value: u64,
    /// The value in its form.
    pub text: String,
    /// The fields of the value.
    pub fields: Vec<FieldBuf>,
    /// What this rests on besides the trace, in words.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub inferred: Vec<String>,
}

impl From<&Named<'_>> for NamedBuf {
    fn from(named: &Named<'_>) -> Self {
        let parts: Vec<_> = named.parts().collect();
        Self {
            register: named.name().map(str::to_owned),
            offset: named.offset(),
            fields: named.fields().map(FieldBuf::from).collect(),
            remainder: Some(named.remainder()).filter(|rest| *rest != 0),
            device: named
                .device_facts()
                .map(|device| device.address.to_string()),
            bar: named.bar(),
            changed: named.changed(),
            inferred: named.inference().names().map(str::to_owned).collect(),
            parts: if parts.len() > 1 {
                parts.iter().map(PartBuf::from).collect()
            } else {
                Vec::new()
            },
            inner: named.inner().as_ref().map(InnerBuf::from),
        }
    }
}

impl From<FieldValue<'_>> for FieldBuf {
    fn from(field: FieldValue<'_>) -> Self {
        Self {
            name: field.name().to_owned(),
            bits: field.bits().to_string(),
            value: field.value,
            text: field.text().to_string(),
        }
    }
}

impl From<&Part<'_>> for PartBuf {
    fn from(part: &Part<'_>) -> Self {
        let mut text = String::new();
        part.write_text(&mut text);
        let value = part.value.map(|value| value.bits);
        let register = part.name.map(str::to_owned);
        Self {
            register,
            first: part.first,
            len: part.len,
            value,
            text,
        }
    }
}

impl From<&Inner<'_>> for InnerBuf {
    fn from(inner: &Inner<'_>) -> Self {
        let mut text = String::new();
        if let Some(part) = &inner.part {
            part.write_text(&mut text);
        }
        Self {
            space: inner.space.to_owned(),
            register: inner.name.map(str::to_owned),
            offset: inner.offset,
            kind: inner.kind,
            value: inner.value,
            text,
            fields: inner
                .part
                .iter()
                .flat_map(Part::fields)
                .map(FieldBuf::from)
                .collect(),
            inferred: inner.inference.names().map(str::to_owned).collect(),
        }
    }
}

#[cfg(feature = "serde")]
mod json {
    use serde::Serializer;

    pub(super) fn hex<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:#x}"))
    }

    pub(super) fn hex_or_null<S: Serializer>(
        number: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match number {
            Some(number) => hex(number, serializer),
            None => serializer.serialize_none(),
        }
    }
}
