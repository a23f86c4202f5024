//! Counts the writes to each address of a trace: `… --example writes_per_register < TRACE`.

use mmiotrace_core::AccessKind;
use mmiotrace_format::{Error, Reader, Record};
use std::collections::BTreeMap;

fn main() -> Result<(), Error> {
    let mut reader = Reader::new(std::io::stdin());
    let mut writes = BTreeMap::new();
    while let Some(record) = reader.next_record()? {
        let Record::Event(event) = record else {
            continue;
        };
        if let Some(access) = event
            .as_access()
            .filter(|access| access.kind == AccessKind::Write)
        {
            *writes.entry(access.phys).or_insert(0u64) += 1;
        }
    }
    for (phys, count) in writes {
        println!("{phys} {count}");
    }
    Ok(())
}
