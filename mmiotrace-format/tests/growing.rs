//! Traces that are still being written.
#![allow(clippy::unwrap_used, missing_docs)]

use mmiotrace_format::{Error, Reader, RecordBuf};
use std::collections::VecDeque;
use std::io::{self, Read};

/// Gives what it is told to, one entry a call.
struct Script(VecDeque<io::Result<&'static [u8]>>);

impl Script {
    fn new(entries: impl IntoIterator<Item = io::Result<&'static [u8]>>) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.pop_front().unwrap_or(Ok(b""))?;
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

fn growing(entries: impl IntoIterator<Item = io::Result<&'static [u8]>>) -> Reader<Script> {
    Reader::<Script>::builder()
        .growing(true)
        .from_reader(Script::new(entries))
}

fn next(reader: &mut Reader<Script>) -> Option<String> {
    let line = reader.next_line().unwrap()?;
    Some(String::from_utf8(line.as_bytes().to_vec()).unwrap())
}

#[test]
fn a_partial_line_waits_for_its_newline() {
    let mut reader = growing([
        Ok(&b"one\ntw"[..]),
        Ok(b""),
        Ok(b"o"),
        Ok(b""),
        Ok(b"\nthr"),
    ]);
    assert_eq!(next(&mut reader).as_deref(), Some("one\n"));
    assert_eq!(next(&mut reader), None);
    assert_eq!(next(&mut reader), None);
    assert_eq!(next(&mut reader).as_deref(), Some("two\n"));
    assert_eq!(reader.record_position().line(), 2);
    assert_eq!(next(&mut reader), None);
    reader.finish();
    assert_eq!(next(&mut reader).as_deref(), Some("thr"));
    assert_eq!(reader.record_position().byte(), 8);
    assert_eq!(next(&mut reader), None);
    assert_eq!(next(&mut reader), None);
}

#[test]
fn an_error_of_the_source_loses_nothing() {
    let wait = || Err(io::ErrorKind::WouldBlock.into());
    let interrupted = || Err(io::ErrorKind::Interrupted.into());
    let mut reader = growing([
        Ok(&b"one\ntw"[..]),
        wait(),
        interrupted(),
        Ok(b"o\n"),
        wait(),
    ]);
    assert_eq!(next(&mut reader).as_deref(), Some("one\n"));
    assert!(
        matches!(reader.next_line(), Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock)
    );
    assert_eq!(next(&mut reader).as_deref(), Some("two\n"));
    assert!(reader.next_line().is_err());
    assert_eq!(next(&mut reader), None);
}

/// Without `growing` the first end is the end.
#[test]
fn an_end_that_is_final() {
    let entries = [Ok(&b"one\ntw"[..]), Ok(b""), Ok(b"o\n")];
    let mut reader = Reader::new(Script::new(entries));
    assert_eq!(next(&mut reader).as_deref(), Some("one\n"));
    assert_eq!(next(&mut reader).as_deref(), Some("tw"));
    assert_eq!(next(&mut reader), None);
    assert_eq!(next(&mut reader), None);
}

/// Owned records stay what they are while the reader goes on, and live in other threads.
#[test]
fn records_from_a_pipe_outlive_the_reader() {
    let lines: Vec<String> = (0..2000)
        .map(|i| format!("W 4 6.{i:06} 1 0xfebc00d8 {i:#x} 0x0 0\n"))
        .collect();
    let all = lines.concat();
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let records: Vec<RecordBuf> = receiver.into_iter().collect();
        records
    });
    let source = Chunks(all.as_bytes(), 100);
    let mut reader = Reader::<Chunks<'_>>::builder()
        .buffer_capacity(512)
        .from_reader(source);
    let mut record = RecordBuf::default();
    while reader.read_record(&mut record).unwrap() {
        sender.send(record.clone()).unwrap();
    }
    drop((sender, reader));
    let records = thread.join().unwrap();
    assert_eq!(records.len(), lines.len());
    for ((i, record), line) in (0..).zip(&records).zip(&lines) {
        assert_eq!(&record.bytes()[..], line.as_bytes());
        assert_eq!(record.position().line(), i + 1);
        let value = record
            .as_event()
            .unwrap()
            .as_access()
            .unwrap()
            .value
            .unwrap();
        assert_eq!(value.to_u64(), Some(i));
        assert_eq!(record.clone().detach(), *record);
    }
}

struct Chunks<'a>(&'a [u8], usize);

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.1.min(buffer.len());
        self.0.read(&mut buffer[..len])
    }
}
