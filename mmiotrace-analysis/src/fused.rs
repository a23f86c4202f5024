//! Two records in one line.

use core::iter;
use mmiotrace_core::Timestamp;
use mmiotrace_format::{Line, LineKind, Record};

/// No marker of the kernel is longer (`kernel/trace/trace.c`).
const MAX_TEXT: usize = 4096;

const KEYWORDS: [&[u8]; 6] = [b"R ", b"W ", b"MARK ", b"MAP ", b"UNMAP ", b"UNKNOWN "];

/// The records that are fused into the line of a marker, each with the rest of the line.
///
/// The kernel prints a marker's text up to its first NUL byte, and with what follows the NUL it
/// leaves out the newline (`kernel/trace/trace_mmiotrace.c`: the newline is part of the text). So
/// the next record stands in the same line: `MARK 10.757699 nulMARK 10.795467 burst 1`.
///
/// A text that merely looks like a record is taken for one only where the kernel could have
/// printed it: it reaches to the end of the line, its time is not before the marker's, and no
/// blank stands before it.
pub(crate) fn records<'a>(line: &Line<'a>) -> impl Iterator<Item = Line<'a>> {
    let mut rest = *line;
    iter::from_fn(move || {
        rest = next(&rest)?;
        Some(rest)
    })
}

/// The records of a line: itself, as far as it reaches, and those that are fused into it.
///
/// The kernel prints a marker's text up to its first NUL byte and leaves out the newline, so that
/// the next record stands in the same line. All other lines hold one record, or none.
///
/// ```
/// use mmiotrace_analysis::split_fused;
/// use mmiotrace_format::{Line, Position};
///
/// let line = Line::new(b"MARK 10.757699 nulR 4 10.795467 1 0xfebc0008 0x0 0x0 0\n", Position::START);
/// let parts: Vec<_> = split_fused(&line).map(|part| part.as_bytes().len()).collect();
/// assert_eq!(parts, [18, 37]);
/// ```
pub fn split_fused<'a>(line: &Line<'a>) -> impl Iterator<Item = Line<'a>> + use<'a> {
    let mut rest = Some(*line);
    iter::from_fn(move || {
        let this = rest?;
        rest = next(&this);
        let len = this.as_bytes().len() - rest.map_or(0, |rest| rest.as_bytes().len());
        let own = this.as_bytes().get(..len)?;
        Some(Line::new(own, this.position()))
    })
}

/// The record that is fused into `line` next, where that is a marker.
fn next<'a>(line: &Line<'a>) -> Option<Line<'a>> {
    if line.kind() != LineKind::Mark {
        return None;
    }
    let Ok(Record::Marker(marker)) = line.parse() else {
        return None;
    };
    if marker.is_reserved() {
        return None;
    }
    let text = marker.text;
    let head = line.without_newline().len() - text.len();
    (0..text.len().min(MAX_TEXT)).find_map(|at| {
        let blank_before = at > 0 && text[at - 1].is_ascii_whitespace();
        if blank_before
            || !KEYWORDS
                .iter()
                .any(|keyword| text[at..].starts_with(keyword))
        {
            return None;
        }
        let tail = Line::new(line.as_bytes().get(head + at..)?, line.position());
        is_record(&tail, marker.time).then_some(tail)
    })
}

fn is_record(line: &Line<'_>, not_before: Timestamp) -> bool {
    let kernel_prints_it = match line.kind() {
        LineKind::Mark => has_six_decimals(line),
        LineKind::Read | LineKind::Write | LineKind::Map | LineKind::Unmap | LineKind::Unknown => {
            true
        }
        _ => false,
    };
    kernel_prints_it
        && match line.parse() {
            Ok(Record::Event(event)) => event.time >= not_before,
            Ok(Record::Marker(marker)) => marker.time >= not_before,
            Ok(Record::Lost(_)) => true,
            _ => false,
        }
}

/// Whether the time of a line is printed as the kernel prints it.
pub(crate) fn has_six_decimals(line: &Line<'_>) -> bool {
    decimals(line) == Some(6)
}

/// With how many decimals the time of a line is printed; `None` where it is no time.
pub(crate) fn decimals(line: &Line<'_>) -> Option<usize> {
    let time = line.columns().get(mmiotrace_format::Field::Time)?;
    let point = time.iter().position(|byte| *byte == b'.')?;
    let (seconds, fraction) = (&time[..point], &time[point + 1..]);
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    (digits(seconds) && digits(fraction)).then_some(fraction.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mmiotrace_format::Position;

    fn fused(line: &str) -> Vec<String> {
        let line = Line::new(line.as_bytes(), Position::START);
        records(&line)
            .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
            .collect()
    }

    #[test]
    fn after_a_nul() {
        assert_eq!(
            fused("MARK 10.757699 nulMARK 10.795467 burst 1\n"),
            ["MARK 10.795467 burst 1\n"]
        );
        assert_eq!(
            fused("MARK 1.000000 MARK 1.000001 aR 4 1.000002 1 0x10 0x0 0x0 0\n").len(),
            2
        );
        assert_eq!(
            fused("MARK 1.000000 xUNMAP 1.000000 3 0x0 0"),
            ["UNMAP 1.000000 3 0x0 0"]
        );
    }

    #[test]
    fn not_what_people_write() {
        let none: [String; 0] = [];
        assert_eq!(
            fused("MARK 9.000000 see R 4 9.500000 1 0x10 0x0 0x0 0\n"),
            none
        );
        assert_eq!(
            fused("MARK 9.000000 nulR 4 8.500000 1 0x10 0x0 0x0 0\n"),
            none
        );
        assert_eq!(
            fused("MARK 10.637502 W 4 11.000000 1 0xfebc0000 0x1 0x0 0 (a comment)\n"),
            none
        );
        assert_eq!(fused("MARK 9.000000 BENCHMARK 10.5 points\n"), none);
        assert_eq!(fused("R 4 1.000002 1 0x10 0x0 0x0 0\n"), none);
    }
}
