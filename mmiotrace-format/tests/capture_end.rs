//! The line that ends a capture: judged by `gzip`, which counts and sums bytes, and by `grep`'s way of
//! counting.
#![allow(clippy::unwrap_used, missing_docs)]

use mmiotrace_core::{
    Access, AccessKind, Blind, BlindEdge, BlindReason, Code, Event, EventKind, EventSink, Loss,
    MapId, Mapping, Marker, PhysAddr, Timestamp, Value, VirtAddr,
};
use mmiotrace_format::{Block, Line, Position, Totals, Writer};
use std::io::Write as _;
use std::process::{Command, Stdio};

const AT: Timestamp = Timestamp::from_nanos(1_000_000_000);

fn access(bytes: &[u8]) -> Event {
    let value = Value::from_le_bytes(bytes).unwrap();
    let access = Access {
        kind: AccessKind::Write,
        width: value.width(),
        map_id: MapId(1),
        phys: PhysAddr(0xfd00_0000),
        value: Some(value),
    };
    Event::new(AT, EventKind::Access(access))
}

fn mapping() -> Event {
    let mapping = Mapping {
        id: MapId(1),
        phys: PhysAddr(0xfd00_0000),
        virt: VirtAddr(0x7000_0000),
        len: 4096,
    };
    Event::new(AT, EventKind::Map(mapping))
}

/// A bit of everything, and enough for several blocks of the writer.
fn fill(writer: &mut Writer<Vec<u8>>) {
    writer.line(b"VERSION 20070824");
    writer.line(b"PCIDEV 0010 8086100e a 0 0 0 0 0 0 0 0 0 0 0 0 0 0 e1000");
    writer.event(&mapping().with_seq(0));
    for seq in 1..5000 {
        writer.event(&access(&[1, 2, 3, 4]).with_seq(seq));
    }
    writer.lost(&Loss {
        time: AT,
        count: 12,
        seq: Some((5000, 5011)),
        cpu: None,
    });
    writer.event(&access(&[7; 11]).with_seq(5012));
    for edge in [BlindEdge::Begin, BlindEdge::End] {
        writer.blind(&Blind {
            time: AT,
            edge,
            page: PhysAddr(0xfd00_0000),
            reason: BlindReason::new("no-base").unwrap(),
            code: Code::EMPTY,
        });
    }
    // Two lines, of which one looks like an annotation.
    writer.marker(&Marker {
        time: AT,
        text: b"one\nmmiotrace1 seq seq=9",
    });
    writer.event(&access(&[1]).with_seq(5013));
}

fn captured() -> String {
    let mut writer = Writer::capture(Vec::new(), "process");
    fill(&mut writer);
    writer.end().unwrap();
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// Everything before the last line, and that line.
fn split(text: &str) -> (&str, &str) {
    let at = text.trim_end().rfind('\n').unwrap() + 1;
    text.split_at(at)
}

#[test]
fn the_header_promises_and_the_last_line_counts() {
    let text = captured();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[2],
        "MARK 0.000000 mmiotrace1 capture backend=process end=promised"
    );
    let (before, last) = split(&text);
    // What grep counts.
    let events = before
        .lines()
        .filter(|line| ["W ", "MAP "].iter().any(|word| line.starts_with(word)));
    assert_eq!(events.count(), 1 + 4999 + 3 + 1);
    let bytes = before.len();
    assert!(
        last.starts_with(&format!(
            "MARK 0.000000 mmiotrace1 end events=5004 losses=1 lost=12 blind=1 markers=2 \
             last-seq=5013 bytes={bytes} crc="
        )),
        "{last}"
    );
    let Some((crc, size)) = gzip(before.as_bytes()) else {
        eprintln!("SKIPPED: the_header_promises_and_the_last_line_counts: no gzip");
        return;
    };
    assert!(last.ends_with(&format!(" crc={crc:08x}\n")), "{last}");
    assert_eq!(size as usize, bytes);
}

/// CRC-32 and length, by gzip's trailer.
fn gzip(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut gzip = Command::new("gzip");
    let child = gzip.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.ok()?;
    let mut stdin = child.stdin.take()?;
    let bytes = bytes.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().ok()?;
    feeder.join().ok()?.ok()?;
    let trailer = output.stdout.last_chunk::<8>()?;
    let word = |at: usize| u32::from_le_bytes(trailer[at..at + 4].try_into().unwrap());
    Some((word(0), word(4)))
}

#[test]
fn a_reader_counts_what_the_writer_counted() {
    let text = captured();
    let (before, last) = split(&text);
    let mut totals = Totals::new();
    for line in Block::new(before.as_bytes()).lines() {
        totals.add_line(&line.unwrap());
    }
    for piece in before.as_bytes().chunks(777) {
        totals.add_bytes(piece);
    }
    assert_eq!(last, format!("MARK 0.000000 mmiotrace1 end {totals}\n"));
    assert_eq!((totals.events(), totals.last_seq()), (5004, Some(5013)));
    // A line less is another count, another sum.
    let mut cut = Totals::new();
    let shorter = before.replacen("W 4 ", "", 1);
    for line in Block::new(shorter.as_bytes()).lines() {
        cut.add_line(&line.unwrap());
    }
    cut.add_bytes(shorter.as_bytes());
    assert_ne!((cut.events(), cut.crc()), (totals.events(), totals.crc()));
}

#[test]
fn a_capture_that_goes_on_ends_as_one() {
    let whole = captured();
    let mut writer = Writer::capture(Vec::new(), "process");
    fill(&mut writer);
    writer.flush().unwrap();
    // Another recorder goes on, which knows only what is on disk.
    let first = writer.into_inner().unwrap();
    let mut totals = Totals::new();
    for line in Block::new(&first).lines() {
        totals.add_line(&line.unwrap());
    }
    totals.add_bytes(&first);
    let mut resumed = Writer::resume(first, totals);
    resumed.end().unwrap();
    let resumed = resumed.into_inner().unwrap();
    assert_eq!(String::from_utf8(resumed).unwrap(), whole);
}

#[test]
fn a_capture_of_nothing_and_of_raw_lines() {
    let mut empty = Writer::capture(Vec::new(), "kmod");
    empty.end().unwrap();
    empty.end().unwrap();
    assert_eq!(
        String::from_utf8(empty.into_inner().unwrap()).unwrap(),
        "MARK 0.000000 mmiotrace1 capture backend=kmod end=promised\n\
         MARK 0.000000 mmiotrace1 end events=0 losses=0 lost=0 blind=0 markers=0 last-seq=none \
         bytes=59 crc=35e1c4c0\n"
    );
    // The last line has no newline, and gets one.
    let mut raw = Writer::capture(Vec::new(), "tracefs");
    for line in ["VERSION 20070824\n", "MARK 1.0 phase\n", "R 4 1.0 1 0x10 0"] {
        raw.write_line(&Line::new(line.as_bytes(), Position::START))
            .unwrap();
    }
    raw.end().unwrap();
    let text = String::from_utf8(raw.into_inner().unwrap()).unwrap();
    assert!(
        text.starts_with("VERSION 20070824\nMARK 0.000000 mmiotrace1 capture backend=tracefs ")
    );
    assert!(text.contains("\nR 4 1.0 1 0x10 0\nMARK 0.000000 mmiotrace1 end events=1 losses=0 lost=0 blind=0 markers=1 "));
}

#[test]
fn without_a_promise_there_is_no_end() {
    let mut writer = Writer::new(Vec::new());
    writer.event(&mapping());
    writer.end().unwrap();
    assert!(writer.totals().is_none());
    let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    assert_eq!(text.lines().count(), 1);
}
