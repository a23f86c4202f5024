//! Records as rows of columns.

use super::{Output, csv, jsonl};
use crate::failure::Stop;
use crate::naming::symbol_text;
use mmiotrace_core::{Event, EventKind};
use mmiotrace_format::{Entry, Field, Line, LineKind, Record};
use mmiotrace_registers::Symbols;

/// How to print records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// The lines as they are
    #[default]
    Text,
    /// One JSON object per record
    Jsonl,
    /// Comma-separated values, with a header
    Csv,
}

/// The columns of one record. What a kind of record does not have, or what is not known, is
/// absent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row<'a> {
    /// The line, counted from 1.
    pub(super) line: u64,
    pub(super) kind: &'static str,
    /// As printed.
    pub(super) time: Option<&'a [u8]>,
    pub(super) width: Option<u8>,
    pub(super) map_id: Option<i32>,
    pub(super) phys: Option<u64>,
    pub(super) value: Option<u64>,
    pub(super) pc: Option<u64>,
    pub(super) pid: Option<i32>,
    pub(super) virt: Option<u64>,
    pub(super) len: Option<u64>,
    /// As printed.
    pub(super) code: Option<&'a [u8]>,
    pub(super) seq: Option<u64>,
    pub(super) cpu: Option<u32>,
    /// The text of a marker; of other kinds without columns, what stands behind the keyword.
    pub(super) text: Option<&'a [u8]>,
}

/// Prints records as rows.
pub(crate) struct Rows {
    format: Format,
    symbols: Option<Symbols>,
    buffer: Vec<u8>,
    begun: bool,
}

impl Rows {
    /// With symbols, the text has them in place of the addresses of instructions, and the others
    /// have a column more.
    pub(crate) const fn new(format: Format, symbols: Option<Symbols>) -> Self {
        Self {
            format,
            symbols,
            buffer: Vec::new(),
            begun: false,
        }
    }

    /// Prints an entry. One that does not parse is printed with its text.
    pub(crate) fn entry(&mut self, entry: &Entry<'_>, output: &mut Output) -> Result<(), Stop> {
        self.begin(output)?;
        self.buffer.clear();
        let (line, event) = (entry.line(), entry.event());
        let symbol = event.and_then(|event| symbol_text(self.symbols.as_ref()?, event.pc.0));
        let row = row(entry);
        match self.format {
            Format::Text => push_line(&mut self.buffer, line, symbol.as_deref()),
            Format::Jsonl => {
                jsonl::push_open(&mut self.buffer, &row);
                if let Some(symbol) = &symbol {
                    jsonl::push_symbol(&mut self.buffer, symbol);
                }
                self.buffer.extend_from_slice(b"}\n");
            }
            Format::Csv => {
                csv::push(&mut self.buffer, &row);
                if self.symbols.is_some() {
                    csv::push_last(&mut self.buffer, symbol.as_deref().unwrap_or_default());
                }
            }
        }
        output.write(&self.buffer)
    }

    /// Says that no more come.
    pub(crate) fn finish(&mut self, output: &mut Output) -> Result<(), Stop> {
        self.begin(output)
    }

    fn begin(&mut self, output: &mut Output) -> Result<(), Stop> {
        if core::mem::replace(&mut self.begun, true) || self.format != Format::Csv {
            return Ok(());
        }
        output.write(csv::HEADER)?;
        if self.symbols.is_none() {
            return output.write(b"\n");
        }
        output.write(b",symbol\n")
    }
}

/// The line as it is, with the symbol in place of the address of the instruction.
fn push_line(out: &mut Vec<u8>, line: &Line<'_>, symbol: Option<&str>) {
    let bytes = line.as_bytes();
    let pc = line.columns().get(Field::Pc);
    let place = pc.and_then(|pc| {
        let from = pc.as_ptr().addr().checked_sub(bytes.as_ptr().addr())?;
        Some((bytes.get(..from)?, bytes.get(from + pc.len()..)?))
    });
    match (symbol, place) {
        (Some(symbol), Some((before, after))) => {
            out.extend_from_slice(before);
            out.extend_from_slice(symbol.as_bytes());
            out.extend_from_slice(after);
        }
        _ => out.extend_from_slice(bytes),
    }
}

pub(super) fn row<'a>(entry: &Entry<'a>) -> Row<'a> {
    let line = entry.line();
    let kind = line.kind();
    let mut row = Row {
        line: line.position().line(),
        kind: kind.name(),
        ..Row::default()
    };
    match entry.record() {
        Ok(Record::Event(event)) => {
            row.time = line.columns().get(Field::Time);
            row.code = line.columns().get(Field::Code);
            (row.seq, row.cpu) = (entry.origin().seq, entry.origin().cpu);
            fill(&mut row, event);
        }
        Ok(Record::Marker(_) | Record::Lost(_)) => {
            row.time = line.columns().get(Field::Time);
            row.text = Some(marker_text(line, row.time));
        }
        record => row.text = Some(text_of(line, kind, record.is_ok())),
    }
    row
}

fn fill(row: &mut Row<'_>, event: &Event) {
    row.pc = Some(event.pc.0);
    row.pid = Some(event.pid);
    match &event.kind {
        EventKind::Access(access) => {
            row.width = Some(access.width.bytes());
            row.map_id = Some(access.map_id.0);
            row.phys = Some(access.phys.0);
            row.value = access.value.and_then(|value| value.to_u64());
        }
        EventKind::Map(mapping) => {
            row.map_id = Some(mapping.id.0);
            row.phys = Some(mapping.phys.0);
            row.virt = Some(mapping.virt.0);
            row.len = Some(mapping.len);
        }
        EventKind::Unmap(id) => row.map_id = Some(id.0),
        EventKind::UnknownOpcode(unknown) => {
            row.map_id = Some(unknown.map_id.0);
            row.phys = Some(unknown.phys.0);
        }
        _ => {}
    }
}

/// What stands behind the blank after the time. Of a loss, too, its text.
fn marker_text<'a>(line: &Line<'a>, time: Option<&[u8]>) -> &'a [u8] {
    let bytes = line.without_newline();
    let time = time.unwrap_or_default();
    let begin = bytes
        .windows(time.len().max(1))
        .position(|window| window == time);
    let rest = begin
        .and_then(|begin| bytes.get(begin + time.len()..))
        .unwrap_or_default();
    rest.strip_prefix(b" ").unwrap_or(rest)
}

/// What stands behind the keyword; of a line that does not parse, and of one without, all of it.
fn text_of<'a>(line: &Line<'a>, kind: LineKind, parsed: bool) -> &'a [u8] {
    let content = line.content();
    if !parsed {
        return content;
    }
    let rest = content.get(kind.keyword().len()..).unwrap_or_default();
    match kind {
        LineKind::Other => content,
        _ => rest.strip_prefix(b" ").unwrap_or(rest),
    }
}
