//! Whether two traces mean the same: `compare BEFORE AFTER`.

use mmiotrace_analysis::diff::{Comparison, Side};
use mmiotrace_format::Reader;
use std::fs::File;

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [before, after] = &paths[..] else {
        return Err("usage: compare BEFORE AFTER".into());
    };
    let mut comparison = Comparison::new();
    for (side, path) in [(Side::Before, before), (Side::After, after)] {
        let mut entries = Reader::new(File::open(path)?).entries();
        while let Some(entry) = entries.next_entry()? {
            if let Err(error) = comparison.push(side, &entry) {
                eprintln!("{path}: {error}");
            }
        }
    }
    let diff = comparison.finish();
    for difference in diff.differences.iter().take(10) {
        println!("{difference:?}");
    }
    println!("{:?}", diff.summary);
    Ok(())
}
