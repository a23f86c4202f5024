//! Going through whole lines.

use mmiotrace_format::{Line, LineStep, Parser};

/// Calls `each` for every line of `lines`, which hold whole lines. One that is too long for the
/// parser is left out, as is one whose end is missing.
pub(super) fn each_line(parser: &mut Parser, mut lines: &[u8], mut each: impl FnMut(&Line<'_>)) {
    loop {
        match parser.push_line(&mut lines, false) {
            LineStep::Line(line) => each(&line),
            LineStep::TooLong(_) => {}
            LineStep::NeedInput | LineStep::End => return,
        }
    }
}

/// Where the last whole line of `bytes` ends.
pub(super) fn end_of_lines(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1)
}
