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
    let mut reader = Reader::new(io::stdin().lock());
    while let Some(line) = reader.next_line()? {
        let wanted = selector.selects(&line)?;
        statistics.line(&line, wanted)?;
    }
    for register in statistics.finish().registers.iter().take(10) {
        println!(
            "{:>8} {} +{:#x}",
            register.accesses.writes, register.region, register.offset
        );
    }
    Ok(())
}
