//! What was seen, at the end.

use crate::output::{NamedRows, printable};
use core::fmt::Write as _;
use std::io::{self, Write as _};

/// Tells on standard error which registers were accessed most: standard output is the trace's.
pub(super) fn print(rows: &NamedRows, shown: u64, top: usize) {
    let (hot, uncounted) = rows.hot(top);
    let mut text = format!("mmiotrace: {shown} records shown\n");
    if !hot.is_empty() {
        text.push_str("  device   register                      reads     writes\n");
    }
    // Into memory: this does not fail.
    for one in &hot {
        let _ = writeln!(
            text,
            "  {:<8} {:<24} {:>10} {:>10}",
            one.device,
            printable(&one.name),
            one.reads,
            one.writes
        );
    }
    if uncounted > 0 {
        let _ = writeln!(
            text,
            "  and {uncounted} accesses to addresses that were not counted one by one"
        );
    }
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
