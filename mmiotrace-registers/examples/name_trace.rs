//! Names the accesses of a trace: how another tool uses this crate.
//!
//! ```text
//! cargo run --example name_trace -- TRACE [MAP [DOMAIN]]
//! ```

use mmiotrace_format::{Reader, Record};
use mmiotrace_registers::{Loader, Namer, PciNames};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let trace = arguments.next().ok_or("name_trace TRACE [MAP [DOMAIN]]")?;
    let mut builder = Namer::builder().pci_names(PciNames::system());
    if let Some(map) = arguments.next() {
        let loader = match arguments.next() {
            Some(domain) => Loader::new().domain(domain),
            None => Loader::new(),
        };
        let loaded = loader.load(Path::new(&map))?;
        builder = builder.map(Arc::new(loaded.map.compile()?));
    }
    let mut namer = builder.build();
    let mut reader = Reader::new(std::fs::File::open(trace)?);
    let mut out = BufWriter::new(std::io::stdout().lock());
    loop {
        // A line that is no record is said and passed over; the rest of the trace counts.
        let record = match reader.next_record() {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(mmiotrace_format::Error::Parse(error)) => {
                eprintln!("{error}");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        match &record {
            Record::Header(header) => namer.header(header),
            Record::Lost(_) => namer.invalidate_values(),
            Record::Event(event) => {
                if let Some(named) = namer.event(event) {
                    print(&mut out, event.time, named)?;
                }
            }
            _ => {}
        }
    }
    for binding in namer.bindings() {
        eprintln!(
            "{} names {}",
            binding.map,
            binding
                .device
                .map_or("a mapping".to_owned(), |at| at.to_string())
        );
    }
    Ok(())
}

fn print(
    out: &mut impl Write,
    time: mmiotrace_core::Timestamp,
    mut named: mmiotrace_registers::Named<'_>,
) -> std::io::Result<()> {
    let kind = named.kind().map_or("?", |kind| kind.as_str());
    let offset = named
        .offset()
        .map_or_else(String::new, |offset| format!("{offset:#x}"));
    let name = named.name().unwrap_or("?");
    write!(out, "{time} {kind:5} {offset:>8} {name} = ")?;
    if let Some(inner) = named.inner() {
        let register = inner.name.unwrap_or("?");
        write!(
            out,
            "({}: {} {register} {:#x}) ",
            inner.space, inner.kind, inner.value
        )?;
    }
    if !named.inference().is_none() {
        write!(out, "[{}] ", named.inference())?;
    }
    writeln!(out, "{}", named.text())
}
