//! Prints a trace as blocks: `cargo run --example blocks TRACE`.

use core::error::Error;
use mmiotrace_analysis::blocks::{Addresses, Blocks};
use mmiotrace_format::Reader;
use std::fs::File;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: blocks TRACE")?;
    let mut inside = String::new();
    for block in Blocks::new(Reader::new(File::open(path)?)) {
        let block = block?;
        println!("{block}");
        inside.clear();
        block.print_inside(&Addresses, &mut inside)?;
        print!("{inside}");
    }
    Ok(())
}
