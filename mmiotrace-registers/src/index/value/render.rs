//! Values as text.

use super::fields::Known;
use super::float::from_half;
use crate::index::{CompiledMap, Selection, Truth};
use crate::model::{AccessMode, EnumValue, Form, Register, ValueType, low_mask};
use core::fmt;
use mmiotrace_core::AccessKind;

/// How deep fields of fields are shown; a map has no deeper ones.
const MAX_DEPTH: u32 = 40;

/// A value that is written when it is shown.
pub(super) struct Text<'m> {
    map: &'m CompiledMap,
    selection: &'m Selection,
    /// `None`: hexadecimal.
    value_type: Option<&'m ValueType>,
    value: Known,
    bits: u32,
}

impl<'m> Text<'m> {
    pub(super) const fn new(
        map: &'m CompiledMap,
        selection: &'m Selection,
        value_type: Option<&'m ValueType>,
        value: u64,
        bits: u32,
        direction: Option<AccessKind>,
    ) -> Self {
        let value = Known {
            bits: value,
            mask: low_mask(bits),
            direction,
        };
        Self {
            map,
            selection,
            value_type,
            value,
            bits,
        }
    }

    pub(super) const fn of_register(
        map: &'m CompiledMap,
        selection: &'m Selection,
        register: &'m Register,
        value: Known,
    ) -> Self {
        Self {
            map,
            selection,
            value_type: Some(&register.value_type),
            value,
            bits: register.bit_len(),
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value_type) = self.value_type else {
            return write!(f, "{:#x}", self.value.bits);
        };
        if let Form::Bitset(_) = self.map.form(value_type) {
            return self.bitset(value_type, f);
        }
        // Of anything else a part says nothing.
        if self.value.mask != low_mask(self.bits) {
            let known = self.value.bits >> self.value.mask.trailing_zeros().min(63);
            return write!(f, "{known:#x}");
        }
        let shown = Shown {
            map: self.map,
            selection: self.selection,
            direction: self.value.direction,
        };
        number(shown, value_type, self.value.bits, self.bits, f, 0)
    }
}

impl Text<'_> {
    fn bitset(&self, value_type: &ValueType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "{ ";
        for field in self.map.fields_of(value_type, self.value, self.selection) {
            if field.is_flag() {
                if field.value != 0 {
                    write!(f, "{separator}{}", field.name())?;
                    separator = " | ";
                }
                continue;
            }
            if field.is_partial() {
                write!(
                    f,
                    "{separator}{}[{}] = {:#x}",
                    field.name(),
                    field.bits(),
                    field.value
                )?;
            } else {
                write!(f, "{separator}{} = {}", field.name(), field.text())?;
            }
            separator = " | ";
        }
        let rest = self
            .map
            .remainder_of(value_type, self.value, self.selection);
        if rest != 0 {
            write!(f, "{separator}{rest:#x}")?;
            separator = " | ";
        }
        f.write_str(if separator == "{ " { "{ 0 }" } else { " }" })
    }
}

/// What a number's text depends on beside the number.
#[derive(Clone, Copy)]
struct Shown<'m> {
    map: &'m CompiledMap,
    selection: &'m Selection,
    direction: Option<AccessKind>,
}

fn number(
    shown: Shown<'_>,
    value_type: &ValueType,
    raw: u64,
    bits: u32,
    f: &mut fmt::Formatter<'_>,
    depth: u32,
) -> fmt::Result {
    let shr = u32::from(value_type.shr).min(63);
    let value = (raw << shr).wrapping_add(value_type.add);
    let signed = (sign_extend(raw, bits) << shr).wrapping_add(value_type.add as i64);
    match &value_type.form {
        Form::Named(id) => match shown.map.map().named_type(*id) {
            Some(named) if depth < MAX_DEPTH => {
                number(shown, &named.value_type, value, bits, f, depth + 1)
            }
            _ => write!(f, "{value:#x}"),
        },
        Form::Enum(values) => match name_of(values, value, shown) {
            Some(name) => f.write_str(name),
            None => write!(f, "{value:#x}"),
        },
        Form::Bitset(_) => {
            let bits = bits.saturating_add(shr).min(64);
            let Shown {
                map,
                selection,
                direction,
            } = shown;
            let text = Text::new(map, selection, Some(value_type), value, bits, direction);
            fmt::Display::fmt(&text, f)
        }
        Form::Uint => write!(f, "{value}"),
        Form::Int => write!(f, "{signed}"),
        Form::Boolean if value == 0 => f.write_str("FALSE"),
        Form::Boolean if value == 1 => f.write_str("TRUE"),
        Form::Fixed(radix) => write!(f, "{:.6}", signed as f64 / exp2(*radix)),
        Form::UnsignedFixed(radix) => write!(f, "{:.6}", value as f64 / exp2(*radix)),
        Form::Float => match bits {
            16 => write!(f, "{:.6}", from_half(value as u16)),
            32 => write!(f, "{:.6}", f32::from_bits(value as u32)),
            64 => write!(f, "{:.6}", f64::from_bits(value)),
            _ => write!(f, "{value:#x}"),
        },
        Form::ShaderRegister => {
            let component = ["x", "y", "z", "w"][(value & 3) as usize];
            write!(f, "r{}.{component}", value >> 2)
        }
        Form::Hex | Form::Boolean => write!(f, "{value:#x}"),
    }
}

/// The name of the first enum value that has this number, for this direction and on the selected
/// chip; else the name of the default.
fn name_of<'m>(values: &'m [EnumValue], number: u64, shown: Shown<'_>) -> Option<&'m str> {
    let fits = |value: &&EnumValue| {
        let direction = match shown.direction {
            Some(AccessKind::Read) => value.direction != AccessMode::Write,
            Some(AccessKind::Write) => value.direction != AccessMode::Read,
            None => true,
        };
        direction && shown.selection.verdict(value.when) != Truth::No
    };
    let is_it = |value: &&EnumValue| {
        let known = value.value.map(|known| (known ^ number) & !value.any);
        known == Some(0) && fits(value)
    };
    let named = values.iter().find(is_it);
    let value = named.or_else(|| values.iter().find(|value| value.default && fits(value)))?;
    Some(&value.name)
}

fn sign_extend(raw: u64, bits: u32) -> i64 {
    let unused = 64 - bits.clamp(1, 64);
    ((raw << unused) as i64) >> unused
}

fn exp2(radix: u8) -> f64 {
    (1u64 << radix.min(63)) as f64
}
