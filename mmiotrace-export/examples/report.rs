//! A trace on standard input as a page on standard output.

use mmiotrace_export::{Report, Severity, unnamed};
use mmiotrace_format::{Lifter, Reader};

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut reader = Reader::new(std::io::stdin().lock());
    let mut report = Report::new("a trace", unnamed());
    let mut lifter = Lifter::new();
    let mut broken = 0;
    loop {
        match reader.next_record() {
            Ok(Some(record)) => lifter.push(&record, &mut report),
            Ok(None) => break,
            Err(_) => broken += 1,
        }
    }
    lifter.finish(&mut report);
    if broken > 0 {
        report.verdict(Severity::Bad, &format!("{broken} lines could not be read"));
    }
    if std::env::args().nth(1).as_deref() == Some("--svg") {
        report.write_svg(&mut std::io::stdout().lock())?;
    } else {
        report.write_html(&mut std::io::stdout().lock())?;
    }
    Ok(())
}
