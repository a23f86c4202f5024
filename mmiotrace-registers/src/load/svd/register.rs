//! Registers, fields and values.

use super::convert::{Converter, Inherited};
use super::element::{Element, XmlNode};
use super::number;
use crate::error::LoadError;
use crate::model::{AccessMode, EnumValue, Field, Form, ReadEffect, Register, WriteEffect};

/// How many fields a field array is expanded to: a register has no more bits.
const MAX_FIELD_ARRAY: u64 = 64;

impl<'d> Converter<'d> {
    /// One register without its name; arrays are the caller's business.
    pub(super) fn register(
        &mut self,
        element: &Element<'d>,
        at: u64,
        inherited: Inherited<'d>,
    ) -> Result<Register, LoadError> {
        let bits = inherited.bits.unwrap_or(32);
        if bits == 0 || bits > 64 {
            self.warn(
                element.own(),
                format!("a register of {bits} bits; taken as one of 1 to 8 bytes"),
            );
        }
        let width = u8::try_from(bits.div_ceil(8)).unwrap_or(8).clamp(1, 8);
        let mut fields = Vec::new();
        let holder = element.child("fields").map(Element::alone);
        for node in holder.iter().flat_map(|holder| holder.children(&["field"])) {
            self.field(node, &mut fields)?;
        }
        Ok(Register {
            access: inherited.access.unwrap_or_default(),
            read_effect: self.read_effect(element),
            write_effect: self.write_effect(element),
            reset: inherited.reset,
            doc: one_line(element.text("description")),
            value_type: if fields.is_empty() {
                Form::Hex.into()
            } else {
                Form::Bitset(fields).into()
            },
            ..Register::new("", at, width)
        })
    }

    fn field(&mut self, node: XmlNode<'d>, fields: &mut Vec<Field>) -> Result<(), LoadError> {
        self.count()?;
        let element = self.element(node)?;
        let name = self.name(&element);
        let Some((low, high)) = self.bits(&element, name) else {
            return Ok(());
        };
        let mut values = Vec::new();
        for list in element.children(&["enumeratedValues"]) {
            self.values(list, &mut values)?;
        }
        let mut one = Field {
            access: self.access(&element).unwrap_or_default(),
            read_effect: self.read_effect(&element),
            write_effect: self.write_effect(&element),
            doc: one_line(element.text("description")),
            ..Field::new(name, low, high)
        };
        if !values.is_empty() {
            one.value_type = Form::Enum(values).into();
        }
        let Some(dim) = self.dim(&element) else {
            fields.push(one);
            return Ok(());
        };
        for number in 0..dim.count.min(MAX_FIELD_ARRAY) {
            let shift = dim.increment.saturating_mul(number);
            let Some(high) = u64::from(high).checked_add(shift).filter(|high| *high < 64) else {
                self.warn(
                    node,
                    format!("{name}: element {number} is past bit 63; left out"),
                );
                break;
            };
            let index = dim.name(number);
            fields.push(Field {
                name: name.replace("[%s]", &index).replace("%s", &index),
                low: low + shift as u8,
                high: high as u8,
                ..one.clone()
            });
        }
        Ok(())
    }

    /// The lowest and highest bit, in any of the three ways to say it.
    fn bits(&mut self, element: &Element<'d>, name: &str) -> Option<(u8, u8)> {
        let range = element.text("bitRange").and_then(|range| {
            let (high, low) = range
                .strip_prefix('[')?
                .strip_suffix(']')?
                .split_once(':')?;
            Some((number::parse(low)?, number::parse(high)?))
        });
        let ends = (self.number(element, "lsb"), self.number(element, "msb"));
        let offset = self.number(element, "bitOffset");
        let (low, high) = match (range, ends, offset) {
            (Some(range), _, _) => range,
            (None, (Some(low), Some(high)), _) => (low, high),
            (None, _, Some(offset)) => {
                // The schema allows an offset alone: one bit.
                let width = self.number(element, "bitWidth").unwrap_or(1);
                let Some(last) = width.checked_sub(1) else {
                    self.warn(element.own(), format!("{name} has no bits; left out"));
                    return None;
                };
                (offset, offset.saturating_add(last))
            }
            (None, (Some(low), None), None) => {
                self.warn(
                    element.own(),
                    format!("{name} has no msb; taken as one bit"),
                );
                (low, low)
            }
            _ => {
                self.warn(
                    element.own(),
                    format!("{name} does not say its bits; left out"),
                );
                return None;
            }
        };
        let (low, high) = if low > high {
            self.warn(
                element.own(),
                format!("{name}: its lowest bit is above its highest; taken the other way round"),
            );
            (high, low)
        } else {
            (low, high)
        };
        if high > 63 {
            self.warn(
                element.own(),
                format!("{name}: bits {high}:{low} are not in 64 bits; left out"),
            );
            return None;
        }
        Some((low as u8, high as u8))
    }

    /// The values of a list, for the direction that it is for.
    fn values(&mut self, node: XmlNode<'d>, values: &mut Vec<EnumValue>) -> Result<(), LoadError> {
        let list = self.element(node)?;
        let direction = match list.text("usage") {
            None | Some("read-write") => AccessMode::ReadWrite,
            Some("read") => AccessMode::Read,
            Some("write") => AccessMode::Write,
            Some(other) => {
                self.warn(
                    node,
                    format!("usage `{other}` is not known; taken as read-write"),
                );
                AccessMode::ReadWrite
            }
        };
        for node in list.children(&["enumeratedValue"]) {
            self.count()?;
            let value = Element::alone(node);
            let default = matches!(value.text("isDefault"), Some("true" | "1"));
            let pattern = match value.text("value") {
                Some(text) => {
                    let pattern = number::pattern(text);
                    if pattern.is_none() {
                        self.warn(node, format!("value `{text}` is no number; it names none"));
                    }
                    pattern
                }
                None => {
                    if !default {
                        self.warn(node, "a named value without a value; it names none");
                    }
                    None
                }
            };
            if pattern.is_none() && !default {
                continue;
            }
            let name = match (value.text("name"), value.text("value")) {
                (Some(name), _) => name,
                (None, Some(text)) => text,
                (None, None) => "DEFAULT",
            };
            values.push(EnumValue {
                name: name.to_owned(),
                value: pattern.map(|(value, _)| value),
                any: pattern.map_or(0, |(_, any)| any),
                default,
                direction,
                doc: one_line(value.text("description")),
                ..EnumValue::default()
            });
        }
        Ok(())
    }

    /// The access, where the element says one.
    pub(super) fn access(&mut self, element: &Element<'d>) -> Option<AccessMode> {
        Some(match element.text("access")? {
            "read-only" => AccessMode::Read,
            "write-only" | "writeOnce" => AccessMode::Write,
            "read-write" | "read-writeOnce" => AccessMode::ReadWrite,
            other => {
                let (access, taken) = match other.to_ascii_lowercase().as_str() {
                    "read-only" | "read" | "r" | "ro" => (AccessMode::Read, "read-only"),
                    "write-only" | "writeonce" | "write-once" | "w" | "wo" => {
                        (AccessMode::Write, "write-only")
                    }
                    _ => (AccessMode::ReadWrite, "read-write"),
                };
                let node = element.child("access").unwrap_or(element.own());
                self.warn(
                    node,
                    format!("access `{other}` is not known; taken as {taken}"),
                );
                access
            }
        })
    }

    fn read_effect(&mut self, element: &Element<'d>) -> ReadEffect {
        match element.text("readAction") {
            None => ReadEffect::None,
            Some("clear") => ReadEffect::Clear,
            Some("set") => ReadEffect::Set,
            Some("modify" | "modifyExternal") => ReadEffect::Pop,
            Some(other) => {
                let node = element.child("readAction").unwrap_or(element.own());
                self.warn(
                    node,
                    format!("readAction `{other}` is not known; taken as none"),
                );
                ReadEffect::None
            }
        }
    }

    fn write_effect(&mut self, element: &Element<'d>) -> WriteEffect {
        match element.text("modifiedWriteValues") {
            None | Some("modify" | "set") => WriteEffect::Store,
            Some("oneToClear") => WriteEffect::OneToClear,
            Some("oneToSet") => WriteEffect::OneToSet,
            Some("oneToToggle") => WriteEffect::OneToToggle,
            Some("zeroToClear") => WriteEffect::ZeroToClear,
            Some("zeroToSet") => WriteEffect::ZeroToSet,
            // zeroToToggle has no word of ours.
            Some("zeroToToggle") => WriteEffect::Store,
            Some("clear") => WriteEffect::Clear,
            Some(other) => {
                let node = element
                    .child("modifiedWriteValues")
                    .unwrap_or(element.own());
                self.warn(
                    node,
                    format!("modifiedWriteValues `{other}` is not known; taken as a plain store"),
                );
                WriteEffect::Store
            }
        }
    }
}

/// A description without its line breaks.
pub(super) fn one_line(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    })
}
