//! A trace on standard input as a value change dump on standard output.

use mmiotrace_export::{VcdExporter, unnamed};
use mmiotrace_format::{Lifter, Reader};

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut reader = Reader::new(std::io::stdin().lock());
    let mut exporter = VcdExporter::new(std::io::stdout().lock(), unnamed());
    let mut lifter = Lifter::new();
    while let Some(record) = reader.next_record()? {
        lifter.push(&record, &mut exporter);
    }
    lifter.finish(&mut exporter);
    let (_, summary) = exporter.finish()?;
    eprintln!("{} registers", summary.registers);
    Ok(())
}
