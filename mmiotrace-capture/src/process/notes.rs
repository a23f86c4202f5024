//! What the library in a program says to the recorder, and not to the trace: markers that the recorder
//! takes out.

use mmiotrace_core::{Blind, Event, EventSink, Header, Loss, Marker};
use std::io::Write as _;

/// What is known of programs whether or not anything of them is traced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notes {
    /// Programs into which the library was loaded.
    pub joined: u64,
    /// Shared mappings of files that are no devices and match no pattern: the first of each program.
    pub unmatched: Vec<Unmatched>,
    /// Markers that held this.
    pub(super) markers: u64,
}

/// A mapping that is not traced because nobody has asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unmatched {
    /// The file.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
}

const JOINED: &[u8] = b"mmiotrace1 note joined";
const UNMATCHED: &[u8] = b"mmiotrace1 note unmatched bytes=";
/// Longer paths are cut.
const MAX_PATH: usize = 768;

/// Says that the library was loaded.
pub(super) fn joined(mark: impl FnOnce(&[u8])) {
    mark(JOINED);
}

/// Says that a mapping is not traced because it matches nothing.
pub(super) fn unmatched(path: &str, bytes: u64, mark: impl FnOnce(&[u8])) {
    let mut text = UNMATCHED.to_vec();
    // Into memory: this does not fail.
    let _ = write!(text, "{bytes} path=");
    let path = path.bytes().take(MAX_PATH);
    text.extend(path.map(|byte| if byte == b'\n' { b'?' } else { byte }));
    mark(&text);
}

impl Notes {
    /// Takes a note. `false`: it is none.
    fn take(&mut self, text: &[u8]) -> bool {
        if text == JOINED {
            self.joined += 1;
        } else if let Some(rest) = text.strip_prefix(UNMATCHED) {
            let rest = String::from_utf8_lossy(rest);
            let Some((bytes, path)) = rest.split_once(" path=") else {
                return false;
            };
            let one = Unmatched {
                path: path.to_owned(),
                bytes: bytes.parse().unwrap_or(0),
            };
            if !self.unmatched.contains(&one) {
                self.unmatched.push(one);
            }
        } else {
            return false;
        }
        self.markers += 1;
        true
    }
}

/// A sink that keeps notes and passes everything else on.
pub(super) struct Taker<'a> {
    pub(super) notes: &'a mut Notes,
    pub(super) sink: &'a mut dyn EventSink,
}

impl EventSink for Taker<'_> {
    fn event(&mut self, event: &Event) {
        self.sink.event(event);
    }

    fn marker(&mut self, marker: &Marker<'_>) {
        if !self.notes.take(marker.text) {
            self.sink.marker(marker);
        }
    }

    fn lost(&mut self, loss: &Loss) {
        self.sink.lost(loss);
    }

    fn blind(&mut self, blind: &Blind) {
        self.sink.blind(blind);
    }

    fn line(&mut self, line: &[u8]) {
        self.sink.line(line);
    }

    fn header(&mut self, header: &Header<'_>) {
        self.sink.header(header);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_taken_and_markers_are_not() {
        let mut notes = Notes::default();
        for _ in 0..2 {
            joined(|text| assert!(notes.take(text)));
            unmatched("/tmp/a b path=c", 8192, |text| assert!(notes.take(text)));
        }
        assert_eq!((notes.joined, notes.markers), (2, 4));
        let one = Unmatched {
            path: "/tmp/a b path=c".to_owned(),
            bytes: 8192,
        };
        assert_eq!(notes.unmatched, [one], "each once");
        for marker in [
            "a marker",
            "mmiotrace1 note",
            "mmiotrace1 untraced reason=child",
        ] {
            assert!(!notes.take(marker.as_bytes()));
        }
    }
}
