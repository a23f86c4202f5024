//! Records with the names of registers.

use super::columns::Columns;
use super::jsonl::{self, push_hex_digits, push_key, push_string};
use super::row::row;
use crate::naming::{feed, is_blind, symbol_text};
use core::fmt::Write as _;
use mmiotrace_core::{Event, EventKind, Printable};
use mmiotrace_format::{Entry, Record};
use mmiotrace_registers::{
    DeviceAddress, FieldValue, HotRegister, Inference, Inner, Named, Namer, Part, Symbols,
    Verbosity,
};

/// How to print named records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum NamedFormat {
    /// Columns for people
    #[default]
    Columns,
    /// One JSON object per record: what `cat --format jsonl` prints, and the names
    Jsonl,
}

/// Turns records into text with the names of registers.
pub(crate) struct NamedRows {
    format: NamedFormat,
    namer: Namer,
    symbols: Option<Symbols>,
    columns: Columns,
    bytes: Vec<u8>,
    text: String,
}

/// A line of output, and what it is about.
pub(crate) struct NamedRow<'r> {
    /// What to print; empty: nothing.
    pub(crate) bytes: &'r [u8],
    /// The register, if it is an access to one that has a name.
    pub(crate) register: Option<Accessed<'r>>,
}

/// A register that was accessed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accessed<'r> {
    pub(crate) name: &'r str,
    /// Its device, if that is known.
    pub(crate) device: Option<DeviceAddress>,
    pub(crate) value: Option<u64>,
}

impl NamedRows {
    pub(crate) const fn new(
        format: NamedFormat,
        color: bool,
        namer: Namer,
        symbols: Option<Symbols>,
    ) -> Self {
        Self {
            format,
            namer,
            symbols,
            columns: Columns::new(color),
            bytes: Vec::new(),
            text: String::new(),
        }
    }

    pub(crate) const fn namer(&mut self) -> &mut Namer {
        &mut self.namer
    }

    /// The registers that were accessed most; how many accesses were not counted.
    pub(crate) fn hot(&self, count: usize) -> (Vec<HotRegister>, u64) {
        self.namer.hot_registers(count)
    }

    /// Takes the next entry of the trace; returns the text for it if it is wanted and no rule hides
    /// it.
    pub(crate) fn entry(&mut self, entry: &Entry<'_>, wanted: bool) -> NamedRow<'_> {
        self.bytes.clear();
        self.text.clear();
        let named = feed(&mut self.namer, entry);
        if !wanted {
            return NamedRow {
                bytes: &[],
                register: None,
            };
        }
        let event = entry.event();
        let symbol = event.and_then(|event| symbol_text(self.symbols.as_ref()?, event.pc.0));
        let shown = named.as_ref().is_none_or(Named::is_shown);
        let register = named.as_ref().and_then(|named| {
            Some(Accessed {
                name: named.name()?,
                device: named.device_facts().map(|device| device.address),
                value: named.number(),
            })
        });
        match (self.format, named) {
            _ if !shown => {}
            (NamedFormat::Jsonl, named) => {
                jsonl::push_open(&mut self.bytes, &row(entry));
                if let Some(symbol) = &symbol {
                    jsonl::push_symbol(&mut self.bytes, symbol);
                }
                if let Some(named) = &named {
                    push_named(&mut self.bytes, named);
                }
                self.bytes.extend_from_slice(b"}\n");
            }
            (NamedFormat::Columns, named) => {
                match (named, event) {
                    (Some(named), Some(event)) => {
                        self.columns
                            .access(&mut self.text, event, named, symbol.as_deref());
                    }
                    _ => push_other(&mut self.columns, &mut self.text, entry, symbol.as_deref()),
                }
                self.bytes.extend_from_slice(self.text.as_bytes());
            }
        }
        NamedRow {
            bytes: &self.bytes,
            register,
        }
    }
}

fn push_other(columns: &mut Columns, out: &mut String, entry: &Entry<'_>, symbol: Option<&str>) {
    match entry.record() {
        Ok(Record::Event(event)) => {
            let text = mapping_text(event, symbol);
            let word = if matches!(event.kind, EventKind::Map(_)) {
                "MAP"
            } else {
                "UNMAP"
            };
            columns.other(out, Some(event.time), word, &text);
        }
        Ok(Record::Marker(marker)) => {
            let text = Printable::from_bytes(marker.text.trim_ascii_end()).to_string();
            let word = if is_blind(entry) { "BLIND" } else { "MARK" };
            columns.other(out, Some(marker.time), word, &text);
        }
        Ok(Record::Lost(loss)) => {
            // The kernel prints no time for it.
            columns.other(out, None, "LOST", &format!("{} events", loss.count));
        }
        _ => {
            let text = Printable::from_bytes(entry.line().content()).to_string();
            columns.other(out, None, "", &text);
        }
    }
}

fn mapping_text(event: &Event, symbol: Option<&str>) -> String {
    let symbol = symbol.map_or_else(String::new, |symbol| format!("  {symbol}"));
    match &event.kind {
        EventKind::Map(mapping) => format!(
            "{} {}+{:#x}{symbol}",
            mapping.id.0, mapping.phys, mapping.len
        ),
        EventKind::Unmap(id) => format!("{}{symbol}", id.0),
        _ => symbol,
    }
}

/// The members that `name` adds: always `register`, `offset`, `fields` and `remainder`; if they are
/// known also `device` and `bar`, and if there are any `inferred`, `parts` and `inner`.
fn push_named(out: &mut Vec<u8>, named: &Named<'_>) {
    push_key(out, "register");
    push_text_or_null(out, named.name());
    push_place(out, named);
    push_key(out, "offset");
    push_hex_or_null(out, named.offset());
    let with_fields = named.verbosity() >= Verbosity::Fields;
    push_key(out, "fields");
    out.push(b'[');
    if with_fields {
        push_fields(out, named.fields());
    }
    out.push(b']');
    push_key(out, "remainder");
    push_hex_or_null(out, Some(named.remainder()).filter(|rest| *rest != 0));
    push_inferred(out, named.inference());
    if named.parts().nth(1).is_some() {
        push_parts(out, named);
    }
    if let Some(inner) = named.inner() {
        push_inner(out, &inner);
    }
}

/// The device and its BAR: registers of one name on two cards are two.
fn push_place(out: &mut Vec<u8>, named: &Named<'_>) {
    if let Some(device) = named.device_facts() {
        push_key(out, "device");
        push_string(out, &device.address.to_string());
    }
    if let Some(bar) = named.bar() {
        push_key(out, "bar");
        jsonl::push_decimal(out, bar.into());
    }
}

fn push_fields<'m>(out: &mut Vec<u8>, fields: impl Iterator<Item = FieldValue<'m>>) {
    let mut text = String::new();
    for (count, field) in fields.enumerate() {
        out.extend_from_slice(if count == 0 {
            b"{\"name\":"
        } else {
            b",{\"name\":"
        });
        push_string(out, field.name());
        push_key(out, "bits");
        out.push(b'"');
        if field.low != field.high {
            jsonl::push_decimal(out, field.high.into());
            out.push(b':');
        }
        jsonl::push_decimal(out, field.low.into());
        out.push(b'"');
        push_key(out, "value");
        push_hex_or_null(out, Some(field.value));
        push_key(out, "text");
        text.clear();
        // Into memory: this does not fail.
        let _ = write!(text, "{}", field.text());
        push_string(out, &text);
        out.push(b'}');
    }
}

fn push_parts(out: &mut Vec<u8>, named: &Named<'_>) {
    push_key(out, "parts");
    out.push(b'[');
    for (count, part) in named.parts().enumerate() {
        out.extend_from_slice(if count == 0 {
            b"{\"register\":"
        } else {
            b",{\"register\":"
        });
        push_text_or_null(out, part.name);
        push_key(out, "first");
        jsonl::push_decimal(out, part.first.into());
        push_key(out, "len");
        jsonl::push_decimal(out, part.len.into());
        push_key(out, "value");
        push_hex_or_null(out, part.value.map(|value| value.bits));
        push_key(out, "text");
        push_part_text(out, Some(&part));
        out.push(b'}');
    }
    out.push(b']');
}

fn push_inner(out: &mut Vec<u8>, inner: &Inner<'_>) {
    push_key(out, "inner");
    out.extend_from_slice(b"{\"space\":");
    push_string(out, inner.space);
    push_key(out, "register");
    push_text_or_null(out, inner.name);
    push_key(out, "offset");
    push_hex_or_null(out, inner.offset);
    push_key(out, "kind");
    push_string(
        out,
        match inner.kind {
            mmiotrace_core::AccessKind::Read => "read",
            mmiotrace_core::AccessKind::Write => "write",
        },
    );
    push_key(out, "value");
    push_hex_or_null(out, Some(inner.value));
    push_key(out, "text");
    push_part_text(out, inner.part.as_ref());
    push_key(out, "fields");
    out.push(b'[');
    push_fields(out, inner.part.iter().flat_map(Part::fields));
    out.push(b']');
    push_inferred(out, inner.inference);
    out.push(b'}');
}

fn push_part_text(out: &mut Vec<u8>, part: Option<&Part<'_>>) {
    let mut text = String::new();
    if let Some(part) = part {
        part.write_text(&mut text);
    }
    push_string(out, &text);
}

fn push_inferred(out: &mut Vec<u8>, inference: Inference) {
    if inference.is_none() {
        return;
    }
    push_key(out, "inferred");
    for (count, name) in inference.names().enumerate() {
        out.push(if count == 0 { b'[' } else { b',' });
        push_string(out, name);
    }
    out.push(b']');
}

fn push_hex_or_null(out: &mut Vec<u8>, number: Option<u64>) {
    match number {
        Some(number) => {
            out.push(b'"');
            push_hex_digits(out, number);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

fn push_text_or_null(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}
