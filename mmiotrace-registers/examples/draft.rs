//! Drafts a map of the devices of a trace, as `mmiotrace map new` does.
//!
//! ```text
//! cargo run --example draft -- TRACE
//! ```

use mmiotrace_format::{Reader, Record};
use mmiotrace_registers::Draft;

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let trace = std::env::args().nth(1).ok_or("draft TRACE")?;
    let mut draft = Draft::new();
    let mut reader = Reader::new(std::fs::File::open(trace)?);
    while let Some(record) = reader.next_record()? {
        match &record {
            Record::Header(header) => draft.header(header),
            Record::Event(event) => draft.event(event),
            _ => {}
        }
    }
    for drafted in draft.finish() {
        println!("{}", drafted.map.to_toml());
    }
    Ok(())
}
