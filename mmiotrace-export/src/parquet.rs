//! Parquet with an Arrow schema, for DuckDB, Polars, Spark and pandas.

use crate::tracks::{Identity, Naming};
use arrow_array::builder::{
    BinaryBuilder, Int32Builder, Int64Builder, StringBuilder, UInt8Builder, UInt32Builder,
    UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use mmiotrace_core::{
    Access, Blind, BlindEdge, Event, EventKind, EventSink, Header, Loss, MapId, Marker, PhysAddr,
    Timestamp,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Gives the number of the trace's line that is being read, counted from 1.
pub type Lines<'n> = Box<dyn FnMut() -> Option<u64> + 'n>;

/// Rows that are gathered before they are written: what is in memory at once.
const BATCH: usize = 64 * 1024;

/// Writes events as one Parquet table, a row a record, compressed with zstd.
///
/// | column | type | meaning |
/// | --- | --- | --- |
/// | `time_ns` | int64 | nanoseconds on the trace's clock |
/// | `seq` | uint64, null | the event's number, where the backend counts |
/// | `cpu` | uint32, null | the CPU |
/// | `pid` | int32, null | the thread; 0 where the kernel's tracer did not know |
/// | `pc` | uint64, null | the instruction's address |
/// | `kind` | utf8 | `read`, `write`, `map`, `unmap`, `unknown`, `mark`, `lost`, `blind-begin`, `blind-end`, `header` |
/// | `width` | uint8, null | bytes of the access |
/// | `map_id` | int32, null | the mapping |
/// | `phys` | uint64, null | the physical address; of a blind page its first |
/// | `value` | uint64, null | the value up to 8 bytes; the length of a mapping; the count of a loss |
/// | `value_bytes` | binary, null | the value of a wider access, least significant byte first |
/// | `register` | utf8, null | the register's full name |
/// | `text` | binary, null | the marker, the header line, the reason of a blind interval |
/// | `device` | utf8, null | the device, as `00:02.0` |
/// | `bar` | uint8, null | the device's BAR |
/// | `offset` | uint64, null | the offset in the BAR |
/// | `line` | uint64, null | the line of the trace, of an access of several lines the last ([`with_lines`](Self::with_lines)) |
pub struct ParquetExporter<'n, W: Write + Send> {
    writer: ArrowWriter<W>,
    schema: Arc<Schema>,
    rows: Rows,
    naming: Naming<'n>,
    lines: Lines<'n>,
    places: HashMap<(MapId, PhysAddr), Identity>,
    error: Option<io::Error>,
}

impl<W: Write + Send> core::fmt::Debug for ParquetExporter<'_, W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ParquetExporter")
            .field("rows", &self.rows.kind_count)
            .finish_non_exhaustive()
    }
}

/// One row, with nothing in the columns that a kind of record does not have.
#[derive(Clone, Copy, Default)]
struct Row<'r> {
    time: Timestamp,
    seq: Option<u64>,
    cpu: Option<u32>,
    pid: Option<i32>,
    pc: Option<u64>,
    kind: &'static str,
    width: Option<u8>,
    map_id: Option<i32>,
    phys: Option<u64>,
    value: Option<u64>,
    value_bytes: Option<&'r [u8]>,
    register: Option<&'r str>,
    text: Option<&'r [u8]>,
    device: Option<&'r str>,
    bar: Option<u8>,
    offset: Option<u64>,
}

#[derive(Debug, Default)]
struct Rows {
    kind_count: usize,
    time: Int64Builder,
    seq: UInt64Builder,
    cpu: UInt32Builder,
    pid: Int32Builder,
    pc: UInt64Builder,
    kind: StringBuilder,
    width: UInt8Builder,
    map_id: Int32Builder,
    phys: UInt64Builder,
    value: UInt64Builder,
    value_bytes: BinaryBuilder,
    register: StringBuilder,
    text: BinaryBuilder,
    device: StringBuilder,
    bar: UInt8Builder,
    offset: UInt64Builder,
    line: UInt64Builder,
}

impl Rows {
    fn push(&mut self, row: &Row<'_>, line: Option<u64>) {
        self.kind_count += 1;
        self.time
            .append_value(i64::try_from(row.time.as_nanos()).unwrap_or(i64::MAX));
        self.seq.append_option(row.seq);
        self.cpu.append_option(row.cpu);
        self.pid.append_option(row.pid);
        self.pc.append_option(row.pc);
        self.kind.append_value(row.kind);
        self.width.append_option(row.width);
        self.map_id.append_option(row.map_id);
        self.phys.append_option(row.phys);
        self.value.append_option(row.value);
        self.value_bytes.append_option(row.value_bytes);
        self.register.append_option(row.register);
        self.text.append_option(row.text);
        self.device.append_option(row.device);
        self.bar.append_option(row.bar);
        self.offset.append_option(row.offset);
        self.line.append_option(line);
    }

    /// The columns in the order of the schema, and empty builders again.
    fn take(&mut self) -> Vec<ArrayRef> {
        self.kind_count = 0;
        vec![
            Arc::new(self.time.finish()),
            Arc::new(self.seq.finish()),
            Arc::new(self.cpu.finish()),
            Arc::new(self.pid.finish()),
            Arc::new(self.pc.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.width.finish()),
            Arc::new(self.map_id.finish()),
            Arc::new(self.phys.finish()),
            Arc::new(self.value.finish()),
            Arc::new(self.value_bytes.finish()),
            Arc::new(self.register.finish()),
            Arc::new(self.text.finish()),
            Arc::new(self.device.finish()),
            Arc::new(self.bar.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.line.finish()),
        ]
    }
}

fn schema() -> Schema {
    let column = |name: &str, kind: DataType, nullable: bool| Field::new(name, kind, nullable);
    Schema::new(vec![
        column("time_ns", DataType::Int64, false),
        column("seq", DataType::UInt64, true),
        column("cpu", DataType::UInt32, true),
        column("pid", DataType::Int32, true),
        column("pc", DataType::UInt64, true),
        column("kind", DataType::Utf8, false),
        column("width", DataType::UInt8, true),
        column("map_id", DataType::Int32, true),
        column("phys", DataType::UInt64, true),
        column("value", DataType::UInt64, true),
        column("value_bytes", DataType::Binary, true),
        column("register", DataType::Utf8, true),
        column("text", DataType::Binary, true),
        column("device", DataType::Utf8, true),
        column("bar", DataType::UInt8, true),
        column("offset", DataType::UInt64, true),
        column("line", DataType::UInt64, true),
    ])
}

impl<'n, W: Write + Send> ParquetExporter<'n, W> {
    /// An exporter that calls registers by `naming`.
    ///
    /// # Errors
    /// Where the head of the file cannot be written.
    pub fn new(inner: W, naming: Naming<'n>) -> io::Result<Self> {
        let schema = Arc::new(schema());
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let writer = ArrowWriter::try_new(inner, Arc::clone(&schema), Some(properties))
            .map_err(io::Error::other)?;
        Ok(Self {
            writer,
            schema,
            rows: Rows::default(),
            naming,
            lines: Box::new(|| None),
            places: HashMap::new(),
            error: None,
        })
    }

    /// The same, with the number of the line that the record being given comes from.
    #[must_use]
    pub fn with_lines(mut self, lines: Lines<'n>) -> Self {
        self.lines = lines;
        self
    }

    /// Writes what is left and the foot of the file, without which it cannot be read.
    ///
    /// # Errors
    /// The first that writing met.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_batch();
        match self.error {
            Some(error) => Err(error),
            None => self.writer.into_inner().map_err(io::Error::other),
        }
    }

    fn push(&mut self, row: &Row<'_>) {
        let line = (self.lines)();
        self.rows.push(row, line);
        if self.rows.kind_count >= BATCH {
            self.write_batch();
        }
    }

    fn write_batch(&mut self) {
        if self.rows.kind_count == 0 {
            return;
        }
        let columns = self.rows.take();
        if self.error.is_none() {
            let batch =
                RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(io::Error::other);
            self.error = batch
                .and_then(|batch| self.writer.write(&batch).map_err(io::Error::other))
                .err();
        }
    }

    fn push_access(&mut self, event: &Event, access: &Access) {
        let naming = &mut self.naming;
        let place = self
            .places
            .entry((access.map_id, access.phys))
            .or_insert_with(|| naming(access))
            .clone();
        let bytes = access
            .value
            .as_ref()
            .filter(|value| value.to_u64().is_none());
        let row = Row {
            kind: access.kind.as_str(),
            width: Some(access.width.bytes()),
            map_id: Some(access.map_id.0),
            phys: Some(access.phys.0),
            value: access.value.and_then(|value| value.to_u64()),
            value_bytes: bytes.map(|value| value.as_le_bytes()),
            register: place.name.as_deref(),
            device: place.device.as_deref(),
            bar: place.bar,
            offset: place.offset,
            ..of_event(event)
        };
        self.push(&row);
    }
}

/// The columns that all events share.
fn of_event(event: &Event) -> Row<'static> {
    Row {
        time: event.time,
        seq: event.seq,
        cpu: event.cpu,
        pid: Some(event.pid),
        pc: Some(event.pc.0),
        ..Row::default()
    }
}

impl<W: Write + Send> EventSink for ParquetExporter<'_, W> {
    fn event(&mut self, event: &Event) {
        let row = of_event(event);
        match &event.kind {
            EventKind::Access(access) => self.push_access(event, access),
            EventKind::Map(mapping) => {
                // Its id may have been another mapping's.
                self.places.clear();
                self.push(&Row {
                    kind: "map",
                    map_id: Some(mapping.id.0),
                    phys: Some(mapping.phys.0),
                    value: Some(mapping.len),
                    ..row
                });
            }
            EventKind::Unmap(id) => self.push(&Row {
                kind: "unmap",
                map_id: Some(id.0),
                ..row
            }),
            EventKind::UnknownOpcode(unknown) => self.push(&Row {
                kind: "unknown",
                map_id: Some(unknown.map_id.0),
                phys: Some(unknown.phys.0),
                text: Some(unknown.code.as_bytes()),
                ..row
            }),
            _ => {}
        }
    }

    fn marker(&mut self, marker: &Marker<'_>) {
        self.push(&Row {
            time: marker.time,
            kind: "mark",
            text: Some(marker.text),
            ..Row::default()
        });
    }

    fn lost(&mut self, loss: &Loss) {
        self.push(&Row {
            time: loss.time,
            kind: "lost",
            value: Some(loss.count),
            cpu: loss.cpu,
            ..Row::default()
        });
    }

    fn blind(&mut self, blind: &Blind) {
        let kind = if blind.edge == BlindEdge::Begin {
            "blind-begin"
        } else {
            "blind-end"
        };
        let reason = blind.reason.as_str().as_bytes();
        let page = Some(blind.page.0);
        self.push(&Row {
            time: blind.time,
            kind,
            phys: page,
            text: Some(reason),
            ..Row::default()
        });
    }

    fn header(&mut self, header: &Header<'_>) {
        self.push(&Row {
            kind: "header",
            text: Some(header.as_bytes()),
            ..Row::default()
        });
    }

    fn line(&mut self, _: &[u8]) {}
}
