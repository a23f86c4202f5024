//! The fields of one value.

use super::render::Text;
use crate::index::{CompiledMap, Selection, Truth};
use crate::model::{Field, Form, Register, RegisterMap, ValueType, low_mask};
use core::fmt;
use mmiotrace_core::AccessKind;

/// A register's value, of which only some bits may be known (an access narrower than the register).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Known {
    /// The bits; those not known are 0.
    pub bits: u64,
    /// Which bits are known.
    pub mask: u64,
    /// How it was moved; `None`: not known. Some values have other names when they are written.
    pub direction: Option<AccessKind>,
}

impl Known {
    /// All bits of a register of `width` bytes.
    #[must_use]
    pub const fn whole(bits: u64, width: u8) -> Self {
        let mask = low_mask(width as u32 * 8);
        Self {
            bits: bits & mask,
            mask,
            direction: None,
        }
    }

    /// The bytes from byte `within` on that an access of `width` bytes moved.
    #[must_use]
    pub const fn part(bits: u64, within: u64, width: u8) -> Self {
        if within >= 8 {
            return Self {
                bits: 0,
                mask: 0,
                direction: None,
            };
        }
        let shift = within as u32 * 8;
        let mask = low_mask(width as u32 * 8) << shift;
        Self {
            bits: bits << shift & mask,
            mask,
            direction: None,
        }
    }

    /// The same, moved by such an access.
    #[must_use]
    pub const fn moved_by(mut self, direction: Option<AccessKind>) -> Self {
        self.direction = direction;
        self
    }
}

/// One field of a value.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FieldValue<'m> {
    /// The field.
    pub field: &'m Field,
    /// The lowest bit of which the value is known: the field's lowest, unless the access moved
    /// only a part of it.
    pub low: u8,
    /// The highest known bit.
    pub high: u8,
    /// The bits from `low` to `high`.
    pub value: u64,
    direction: Option<AccessKind>,
    map: &'m CompiledMap,
    selection: &'m Selection,
}

impl<'m> FieldValue<'m> {
    /// The field's name.
    #[must_use]
    pub fn name(&self) -> &'m str {
        &self.field.name
    }

    /// Whether only a part of the field is known.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.low != self.field.low || self.high != self.field.high
    }

    /// Whether it is a flag: one bit that is set or not.
    #[must_use]
    pub fn is_flag(&self) -> bool {
        self.field.bit_len() == 1 && matches!(self.map.form(&self.field.value_type), Form::Boolean)
    }

    /// The value in its form: the name of an enum value, `TRUE`, a decimal or hexadecimal number,
    /// the fields of the field in braces.
    #[must_use]
    pub fn text(&self) -> impl fmt::Display + use<'m> {
        let part = self.is_partial();
        let bits = u32::from(self.high - self.low) + 1;
        Text::new(
            self.map,
            self.selection,
            (!part).then_some(&self.field.value_type),
            self.value,
            bits,
            self.direction,
        )
    }

    /// The bits, as `15:8` or `3`.
    #[must_use]
    pub fn bits(&self) -> impl fmt::Display + use<'m> {
        Bits(self.low, self.high)
    }
}

struct Bits(u8, u8);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{}:{}", self.1, self.0)
        }
    }
}

/// The fields of a value, in the map's order.
#[derive(Clone, Debug)]
pub struct Fields<'m> {
    map: &'m CompiledMap,
    selection: &'m Selection,
    fields: core::slice::Iter<'m, Field>,
    value: Known,
}

impl<'m> Iterator for Fields<'m> {
    type Item = FieldValue<'m>;

    fn next(&mut self) -> Option<FieldValue<'m>> {
        loop {
            let field = self.fields.next()?;
            if self.selection.verdict(field.when) == Truth::No {
                continue;
            }
            let known = field.mask() & self.value.mask;
            if known == 0 {
                continue;
            }
            let low = known.trailing_zeros() as u8;
            let high = 63 - known.leading_zeros() as u8;
            let value = (self.value.bits & known) >> low;
            let (map, selection) = (self.map, self.selection);
            return Some(FieldValue {
                field,
                low,
                high,
                value,
                direction: self.value.direction,
                map,
                selection,
            });
        }
    }
}

impl CompiledMap {
    /// The fields of a register's value that exist on the selected chip. None where the register
    /// has no fields.
    #[must_use]
    pub fn fields<'m>(
        &'m self,
        register: &'m Register,
        value: Known,
        selection: &'m Selection,
    ) -> Fields<'m> {
        self.fields_of(&register.value_type, value, selection)
    }

    pub(super) fn fields_of<'m>(
        &'m self,
        value_type: &'m ValueType,
        value: Known,
        selection: &'m Selection,
    ) -> Fields<'m> {
        let fields = match self.form(value_type) {
            Form::Bitset(fields) => fields.iter(),
            _ => [].iter(),
        };
        Fields {
            map: self,
            selection,
            fields,
            value,
        }
    }

    /// The set bits that no field of the register covers on the selected chip. 0 where the
    /// register has no fields at all: then nothing is known of its bits.
    #[must_use]
    pub fn remainder(&self, register: &Register, value: Known, selection: &Selection) -> u64 {
        self.remainder_of(&register.value_type, value, selection)
    }

    pub(super) fn remainder_of(
        &self,
        value_type: &ValueType,
        value: Known,
        selection: &Selection,
    ) -> u64 {
        let Form::Bitset(fields) = self.form(value_type) else {
            return 0;
        };
        let present = fields
            .iter()
            .filter(|field| selection.verdict(field.when) != Truth::No);
        value.bits & !present.fold(0, |covered, field| covered | field.mask())
    }

    /// A register's value in its form, as [`FieldValue::text`]; a register with fields as
    /// `{ FLAG | FIELD = 3 | 0x4000 }`, with the flags that are set, all other fields, and the
    /// bits that no field covers.
    #[must_use]
    pub fn value_text<'m>(
        &'m self,
        register: &'m Register,
        value: Known,
        selection: &'m Selection,
    ) -> impl fmt::Display + use<'m> {
        Text::of_register(self, selection, register, value)
    }

    /// The form that a type has in the end, through the shared types it names.
    pub(super) fn form<'m>(&'m self, value_type: &'m ValueType) -> &'m Form {
        self.map().form(value_type)
    }
}

impl RegisterMap {
    /// The form that a type has in the end, through the shared types that it names; the name of
    /// a type that does not exist stays.
    #[must_use]
    pub fn form<'m>(&'m self, value_type: &'m ValueType) -> &'m Form {
        let mut form = &value_type.form;
        // A circle is refused by `compile`; here it must only end.
        for _ in 0..64 {
            let Form::Named(id) = form else { break };
            let Some(named) = self.named_type(*id) else {
                break;
            };
            form = &named.value_type.form;
        }
        form
    }

    /// The fields of a register; none where it has none.
    #[must_use]
    pub fn fields_of_register<'m>(&'m self, register: &'m Register) -> &'m [Field] {
        match self.form(&register.value_type) {
            Form::Bitset(fields) => fields,
            _ => &[],
        }
    }
}
