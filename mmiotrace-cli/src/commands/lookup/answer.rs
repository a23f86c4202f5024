//! What is known of a register.

use crate::output::printable;
use core::fmt;
use mmiotrace_core::{Access, AccessKind, MapId, PhysAddr, Value, Width};
use mmiotrace_registers::model::{Register, SpaceId};
use mmiotrace_registers::{CompiledMap, FieldValue, Found, Known, Namer, Part, Selection};
use serde::Serialize;

/// A register, where it is, and what its bits are.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Answer {
    map: String,
    name: String,
    /// The space, or the device and BAR.
    space: String,
    offset: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    on: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inferred: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    arrays: Vec<Array>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    doc: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    spec: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    fields: Vec<Field>,
    remainder: Option<String>,
    /// The bits of the value that the register is too narrow for.
    #[serde(skip_serializing_if = "Option::is_none")]
    beyond: Option<String>,
}

/// A field, with its value where one was given.
#[derive(Clone, Debug, Serialize)]
struct Field {
    name: String,
    bits: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl From<FieldValue<'_>> for Field {
    fn from(field: FieldValue<'_>) -> Self {
        Self {
            name: field.name().to_owned(),
            bits: field.bits().to_string(),
            value: Some(format!("{:#x}", field.value)),
            text: Some(field.text().to_string()),
        }
    }
}

/// An index that was not asked for.
#[derive(Clone, Debug, Serialize)]
struct Array {
    count: u64,
    stride: String,
}

impl Answer {
    /// At an address of a device.
    pub(super) fn of_named(namer: &mut Namer, phys: PhysAddr, value: Option<u64>) -> Option<Self> {
        let named = namer.address(phys);
        named.name()?;
        let register = named.register();
        let width = register.map_or(4, |register| register.width.clamp(1, 8));
        let map = named.map().map(|map| map.map().name.clone());
        let place = match (named.device_facts(), named.bar()) {
            // Made up: only the BAR counts.
            (Some(device), Some(bar)) if device.ids.is_none() && phys.0 >= super::BASE => {
                format!("BAR{bar}")
            }
            (Some(device), Some(bar)) => format!("{} BAR{bar}", device.address),
            _ => named.space().unwrap_or_default().to_owned(),
        };
        // The name and its fields as an access of the register gives them.
        let width = Width::from_bytes(width)?;
        let access = Access {
            kind: AccessKind::Read,
            width,
            map_id: MapId(0),
            phys,
            value: Value::from_u64(
                value.unwrap_or(0) & width.max_u64().unwrap_or(u64::MAX),
                width,
            ),
        };
        let named = namer.access(&access);
        let parts: Vec<Part<'_>> = named.parts().collect();
        let register = named.register();
        let mut answer = Self {
            map: map.unwrap_or_default(),
            name: named.name()?.to_owned(),
            space: place,
            offset: format!("{:#x}", named.offset()?),
            inferred: named.inference().names().map(str::to_owned).collect(),
            ..Self::default()
        };
        if let Some(register) = register {
            answer.describe(register);
        }
        answer.fields = named.fields().map(Field::from).collect();
        if let Some(value) = value {
            let mut text = String::new();
            for part in &parts {
                part.write_text(&mut text);
            }
            answer.take_value(value, width.bytes().into(), text, named.remainder());
        } else {
            answer.forget_values();
        }
        Some(answer)
    }

    /// By its name.
    pub(super) fn of_found(
        map: &CompiledMap,
        selection: &Selection,
        found: &Found<'_>,
        value: Option<u64>,
    ) -> Self {
        let mut answer = Self {
            map: map.map().name.clone(),
            name: found.name.clone(),
            space: space_name(map, found.space),
            offset: format!("{:#x}", found.at),
            on: found.variants.clone(),
            arrays: found
                .arrays
                .iter()
                .map(|(count, stride)| Array {
                    count: *count,
                    stride: format!("{stride:#x}"),
                })
                .collect(),
            ..Self::default()
        };
        if let Some(register) = found.register {
            answer.decode(map, selection, register, 0, value);
        }
        answer
    }

    /// At an offset of a space.
    pub(super) fn of_offset(
        map: &CompiledMap,
        selection: &Selection,
        space: SpaceId,
        offset: u64,
        value: Option<u64>,
    ) -> Option<Self> {
        let located = map.lookup(space, offset, None, selection)?;
        let mut answer = Self {
            map: map.map().name.clone(),
            name: located.name,
            space: space_name(map, space),
            offset: format!("{offset:#x}"),
            ..Self::default()
        };
        if located.assumed {
            answer.inferred.push("variant".to_owned());
        }
        if let Some(register) = located.register {
            answer.decode(map, selection, register, located.within, value);
        }
        Some(answer)
    }

    fn decode(
        &mut self,
        map: &CompiledMap,
        selection: &Selection,
        register: &Register,
        within: u64,
        value: Option<u64>,
    ) {
        self.describe(register);
        let left = u64::from(register.width).saturating_sub(within).min(8) as u8;
        let known = Known::part(value.unwrap_or(0), within, left);
        let fields = map.fields(register, known, selection);
        self.fields = fields.map(Field::from).collect();
        if let Some(value) = value {
            let text = map.value_text(register, known, selection).to_string();
            let remainder = map.remainder(register, known, selection);
            self.take_value(value, left.into(), text, remainder);
        } else {
            self.forget_values();
        }
    }

    fn describe(&mut self, register: &Register) {
        self.width = Some(register.width);
        self.access = Some(register.access.as_str());
        self.reset = register.reset.map(|reset| format!("{reset:#x}"));
        self.doc.clone_from(&register.doc);
        self.spec.clone_from(&register.spec);
    }

    /// Takes a value of which the register has the lowest bytes.
    fn take_value(&mut self, value: u64, bytes: u32, text: String, remainder: u64) {
        let taken = 1u64.checked_shl(bytes * 8).map_or(u64::MAX, |end| end - 1);
        let beyond = value & !taken;
        self.value = Some(format!("{value:#x}"));
        self.beyond = (beyond != 0).then(|| format!("{beyond:#x}"));
        self.text = Some(text);
        self.remainder = (remainder != 0).then(|| format!("{remainder:#x}"));
    }

    /// No value was given: that of the fields means nothing.
    fn forget_values(&mut self) {
        for field in &mut self.fields {
            (field.value, field.text) = (None, None);
        }
    }
}

fn space_name(map: &CompiledMap, space: SpaceId) -> String {
    map.map()
        .space(space)
        .map_or_else(String::new, |space| space.name.clone())
}

impl fmt::Display for Answer {
    /// `e1000 BAR0+0xd8 IMC (4 bytes, w): Interrupt Mask Clear`, and a line for each field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}+{} {}",
            printable(&self.map),
            printable(&self.space),
            self.offset,
            printable(&self.name)
        )?;
        if let (Some(width), Some(access)) = (self.width, self.access) {
            let bytes = if width == 1 { "byte" } else { "bytes" };
            write!(f, " ({width} {bytes}, {access})")?;
        }
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        let about = [&self.doc, &self.spec].map(String::as_str);
        let about: Vec<_> = about.into_iter().filter(|text| !text.is_empty()).collect();
        if !about.is_empty() {
            write!(f, "\n  {}", printable(&about.join("; ")))?;
        }
        for array in &self.arrays {
            let count = match array.count {
                0 => "any number".to_owned(),
                count => count.to_string(),
            };
            write!(f, "\n  [i]: {count}, {} apart", array.stride)?;
        }
        if !self.on.is_empty() {
            write!(f, "\n  on {}", printable(&self.on))?;
        }
        if !self.inferred.is_empty() {
            write!(f, "\n  inferred: {}", self.inferred.join(", "))?;
        }
        if let Some(reset) = &self.reset {
            write!(f, "\n  after a reset {reset}")?;
        }
        for field in &self.fields {
            write!(f, "\n  {:>5} {}", field.bits, printable(&field.name))?;
            if let Some(text) = &field.text {
                write!(f, " = {}", printable(text))?;
            }
        }
        if let Some(text) = self.text.as_ref().filter(|_| self.fields.is_empty()) {
            write!(f, "\n  {}", printable(text))?;
        }
        if let Some(rest) = &self.remainder {
            write!(f, "\n  bits without a name: {rest}")?;
        }
        match &self.beyond {
            Some(beyond) => write!(f, "\n  bits beyond the register, left out: {beyond}"),
            None => Ok(()),
        }
    }
}
