//! Text for people: nothing of a trace, a map or a file's name steers their terminal.

use core::fmt::{self, Write as _};
use mmiotrace_core::Printable;
use serde_json::ser::Formatter;
use std::borrow::Cow;
use std::io;

/// A text in one line, as [`Printable`] has it.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(Printable::new(text).to_string())
}

/// The same for a text of several lines, which keeps its line feeds. What is put into such a text
/// has to be [`printable`] before.
pub(super) fn printable_lines(text: &str) -> Cow<'_, str> {
    if text.split('\n').all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (count, line) in text.split('\n').enumerate() {
        if count > 0 {
            out.push('\n');
        }
        out.push_str(&printable(line));
    }
    Cow::Owned(out)
}

/// Appends a text in one line.
pub(super) fn push_printable(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        // Into memory: this does not fail.
        let _ = write!(out, "{}", Printable::new(text));
    }
}

/// Nearly all texts are ASCII, and known to be harmless at once.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Writes JSON whose strings steer no terminal either: what is not shown is escaped, which every
/// reader of JSON takes for the same character.
pub(super) struct PrintableJson;

impl Formatter for PrintableJson {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|character| !Printable::shows(character)) {
            let (shown, hidden) = rest.split_at(at);
            writer.write_all(shown.as_bytes())?;
            let mut hidden = hidden.chars();
            if let Some(character) = hidden.next() {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = hidden.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Text that is made by `Display`, in one line.
pub(crate) struct OneLine<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0.to_string()))
    }
}
