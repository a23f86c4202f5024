//! Several traces on one clock: `merge TRACE [TRACE=SHIFT]…`, to standard output.

use mmiotrace_analysis::merge::{Merge, Shift};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut merge = Merge::new();
    for argument in std::env::args().skip(1) {
        let (path, shift) = match argument.rsplit_once('=') {
            Some((path, shift)) => (path, shift.parse()?),
            None => (argument.as_str(), Shift::default()),
        };
        merge.add(path, shift, BufReader::new(File::open(path)?));
    }
    let mut out = BufWriter::new(std::io::stdout());
    let mut lines = Vec::new();
    loop {
        match merge.next(&mut lines) {
            Ok(true) => out.write_all(&lines)?,
            Ok(false) => break,
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(error) => eprintln!("{error}"),
        }
        lines.clear();
    }
    Ok(out.flush()?)
}
