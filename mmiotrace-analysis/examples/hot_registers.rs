//! The registers that a driver writes most, from any trace on standard input:
//! `xz -dc trace.mmiotrace.xz | cargo run --example hot_registers`.

use core::error::Error;
use mmiotrace_analysis::{Filter, StatisticsBuilder};
use mmiotrace_format::Reader;
use std::io;

fn main() -> Result<(), Box<dyn Error>> {
    let mut filter = Filter::new();
    filter.kinds("write".parse()?);
    let (mut selector, mut statistics) = (filter.selector(), StatisticsBuilder::new());
    let mut entries = Reader::new(io::stdin().lock()).entries();
    while let Some(entry) = entries.next_entry()? {
        if selector.selects(&entry)? {
            statistics.count(&entry)?;
        } else {
            statistics.context(&entry)?;
        }
    }
    for register in statistics.finish().registers.iter().take(10) {
        println!(
            "{:>8} {} +{:#x}",
            register.accesses.writes, register.region, register.offset
        );
    }
    Ok(())
}
