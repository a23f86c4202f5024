//! Two records in one line.

use crate::{Line, LineKind, Record};
use mmiotrace_core::{Marker, Timestamp};

/// No marker of the kernel is longer (`kernel/trace/trace.c`).
const MAX_TEXT: usize = 4096;

/// How many bytes of the line of `marker` come before a record that is fused into it.
///
/// The kernel prints a marker's text up to its first NUL byte, and with what follows the NUL it
/// leaves out the newline (`kernel/trace/trace_mmiotrace.c`: the newline is part of the text). So
/// the next record is in the same line: `MARK 10.757699 nulMARK 10.795467 burst 1`.
///
/// A text that merely looks like a record is taken for one only if the kernel could have printed
/// it: it reaches to the end of the line, its time is not before the marker's, and no blank is
/// before it.
pub(super) fn split(line: &Line<'_>, marker: &Marker<'_>) -> Option<usize> {
    if marker.is_reserved() {
        return None;
    }
    let text = marker.text;
    let head = line.without_newline().len() - text.len();
    (0..text.len().min(MAX_TEXT)).find_map(|at| {
        let tail = line.as_bytes().get(head + at..)?;
        let blank_before = at > 0 && text.get(at - 1).is_some_and(u8::is_ascii_whitespace);
        if blank_before || !begins_event_or_marker(tail) {
            return None;
        }
        let tail = Line::new(tail, line.position());
        is_record(&tail, marker.time).then_some(head + at)
    })
}

fn begins_event_or_marker(bytes: &[u8]) -> bool {
    let kind = LineKind::of(bytes);
    let kernel_prints_it = matches!(
        kind,
        LineKind::Read
            | LineKind::Write
            | LineKind::Map
            | LineKind::Unmap
            | LineKind::Mark
            | LineKind::Unknown
    );
    kernel_prints_it && bytes.get(kind.keyword().len()) == Some(&b' ')
}

fn is_record(line: &Line<'_>, not_before: Timestamp) -> bool {
    if line.kind() == LineKind::Mark && line.columns().time_decimals() != Some(6) {
        return false;
    }
    match line.parse() {
        Ok(Record::Event(event)) => event.time >= not_before,
        Ok(Record::Marker(marker)) => marker.time >= not_before,
        Ok(Record::Lost(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Context, Line, Position};
    use std::string::String;
    use std::vec::Vec;

    fn fused(line: &str) -> Vec<String> {
        let line = Line::new(line.as_bytes(), Position::START);
        Context::new()
            .entries(line)
            .skip(1)
            .map(|entry| String::from_utf8_lossy(entry.line().as_bytes()).into_owned())
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
        for line in [
            "MARK 9.000000 see R 4 9.500000 1 0x10 0x0 0x0 0\n",
            "MARK 9.000000 nulR 4 8.500000 1 0x10 0x0 0x0 0\n",
            "MARK 10.637502 W 4 11.000000 1 0xfebc0000 0x1 0x0 0 (a comment)\n",
            "MARK 9.000000 BENCHMARK 10.5 points\n",
            "R 4 1.000002 1 0x10 0x0 0x0 0\n",
        ] {
            assert!(fused(line).is_empty(), "{line}");
        }
    }

    /// The parts are the line, and each is parsed by itself.
    #[test]
    fn parts_make_the_line() {
        let text = "MARK 10.757699 nulR 4 10.795467 1 0xfebc0008 0x0 0x0 0\n";
        let mut context = Context::new();
        let entries: Vec<_> = context
            .entries(Line::new(text.as_bytes(), Position::START))
            .collect();
        let parts: Vec<_> = entries
            .iter()
            .map(|entry| entry.line().as_bytes())
            .collect();
        assert_eq!(parts.concat(), text.as_bytes());
        let flags = |index: usize| (entries[index].is_fused(), entries[index].ends_line());
        assert_eq!((flags(0), flags(1)), ((false, false), (true, true)));
        assert!(entries[1].event().is_some());
    }
}
