//! Reads a trace while it grows on one thread and filters it on another: writes that set bit 31.
//!
//! `… --example live_filter -- TRACE` follows the file until it has been silent for a second.

use core::time::Duration;
use crossbeam_channel::{Receiver, Sender, bounded};
use mmiotrace_core::AccessKind;
use mmiotrace_format::{Error, ReaderBuilder, RecordBuf};
use std::fs::File;
use std::thread;

/// Sends every record, owned: it shares the reader's memory and copies nothing.
fn follow(trace: File, records: &Sender<RecordBuf>) -> Result<(), Error> {
    let mut reader = ReaderBuilder::new().growing(true).from_reader(trace);
    let (mut record, mut silent) = (RecordBuf::default(), 0);
    while silent < 10 {
        match reader.read_record(&mut record) {
            Ok(true) => {
                silent = 0;
                if records.send(record.clone()).is_err() {
                    return Ok(());
                }
            }
            Ok(false) => {
                silent += 1;
                thread::sleep(Duration::from_millis(100));
            }
            // One bad line; the next call goes on with the next.
            Err(Error::Parse(error)) => eprintln!("{error}"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn print_matching(records: Receiver<RecordBuf>) {
    for record in records {
        let Some(access) = record.as_event().and_then(|event| event.as_access()) else {
            continue;
        };
        let value = access.value.and_then(|value| value.to_u64()).unwrap_or(0);
        if access.kind == AccessKind::Write && value & 1 << 31 != 0 {
            print!(
                "{}: {}",
                record.position().line(),
                String::from_utf8_lossy(record.bytes())
            );
        }
    }
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("which trace?")?;
    let trace = File::open(path)?;
    let (sender, receiver) = bounded(1024);
    let printer = thread::spawn(move || print_matching(receiver));
    let followed = follow(trace, &sender);
    drop(sender);
    printer.join().map_err(|_| "the printing thread panicked")?;
    Ok(followed?)
}
