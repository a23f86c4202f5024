//! Naming against the plain reading of the same trace: the bundled map, and a map of 6,000
//! registers with bit fields; and that neither mappings nor touched pages cost more, the more there
//! are of them.
#![allow(missing_docs, clippy::expect_used)]

use core::fmt::Write as _;
use mmiotrace_benches::corpus;
use mmiotrace_benches::ratio::Comparison;
use mmiotrace_format::{Reader, Record};
use mmiotrace_registers::{CompiledMap, Namer, RegisterMap};
use std::sync::Arc;

fn main() {
    let trace = corpus::repeated("e1000-6.1.mmiotrace.xz", corpus::large_len());
    let records = trace.iter().filter(|byte| **byte == b'\n').count() as u64;
    let map = six_thousand();
    let mut comparison = Comparison::new("name", records, trace.len() as u64);
    comparison.yardstick("read", || read(&trace, None));
    comparison.case("bundled map", || read(&trace, Some(Namer::new())));
    comparison.case("6,000 registers", || {
        let namer = Namer::builder().map(Arc::clone(&map)).build();
        read(&trace, Some(namer))
    });
    let _ = comparison.run(5);
    for (title, make) in [
        ("mappings", mappings as fn(u32) -> Vec<u8>),
        ("touched pages", pages),
    ] {
        // Ten times as many must cost about ten times as much, of which 1 is the ideal.
        for count in [100_000, 1_000_000] {
            let trace = make(count);
            let mut comparison = Comparison::new(
                &format!("{count} {title}"),
                count.into(),
                trace.len() as u64,
            );
            comparison.yardstick("read", || read(&trace, None));
            comparison.case("name", || read(&trace, Some(Namer::new())));
            let _ = comparison.run(3);
        }
    }
}

/// Events that got a name, and the length of all texts: nobody names without reading them.
fn read(trace: &[u8], mut namer: Option<Namer>) -> (u64, usize) {
    let (mut named, mut length) = (0, 0);
    let mut reader = Reader::new(trace);
    while let Ok(Some(record)) = reader.next_record() {
        let Some(namer) = &mut namer else {
            named += u64::from(record.as_event().is_some());
            continue;
        };
        match &record {
            Record::Event(event) => {
                if let Some(mut access) = namer.event(event) {
                    named += u64::from(access.name().is_some());
                    length += access.text().len();
                }
            }
            Record::Header(header) => namer.header(header),
            Record::Lost(_) => namer.invalidate_values(),
            _ => {}
        }
    }
    (named, length)
}

/// A map of the trace's device: a register of bit fields at each of the first 6,000 words.
fn six_thousand() -> Arc<CompiledMap> {
    let mut text = String::from(
        "name = \"large\"\nmatch = [\"8086:100e\"]\n[[space]]\nname = \"BAR0\"\nbar = 0\nregisters = [\n",
    );
    for number in 0..6_000 {
        writeln!(
            text,
            "{{ at = {:#x}, name = \"REGISTER_{number}\", fields = {{ ENABLE = 0, MODE = {{ bits = \
             \"3:1\", values = {{ 0 = \"OFF\", 1 = \"SLOW\", 2 = \"FAST\" }} }}, COUNT = \"15:8\", \
             HIGH = \"31:24\" }} }},",
            number * 4
        )
        .expect("a String takes everything");
    }
    text.push(']');
    let map = RegisterMap::from_toml(&text).expect("the map is right");
    Arc::new(map.compile().expect("the map is right"))
}

const CARD: &str = "PCIDEV 0100 80860953 b e0000000 0 0 0 0 0 0 10000000 0 0 0 0 0 0 nvme\n";

/// So many mappings, each with an access.
fn mappings(count: u32) -> Vec<u8> {
    let mut text = String::from(CARD);
    for number in 0..count / 2 {
        let phys = 0xe000_0000_u64 + u64::from(number % 65_536) * 4096;
        let _ = writeln!(text, "MAP 1.000000 {number} {phys:#x} 0xffa0 0x1000 0x0 0");
        let _ = writeln!(text, "R 4 1.000000 {number} {phys:#x} 0x1 0x0 0");
    }
    text.into_bytes()
}

/// So many accesses, each to a page of its own as long as the BAR has pages.
fn pages(count: u32) -> Vec<u8> {
    let mut text =
        String::from("PCIDEV 0100 80860953 b 1000000000 0 0 0 0 0 0 1000000000 0 0 0 0 0 0 nvme\n");
    text.push_str("MAP 1.000000 1 0x1000000000 0xffa0 0x1000000000 0x0 0\n");
    for number in 0..u64::from(count) {
        let phys = 0x10_0000_0000_u64 + number * 4096;
        let _ = writeln!(text, "R 4 1.000000 1 {phys:#x} 0x1 0x0 0");
    }
    text.into_bytes()
}
