//! Text that people see.

use core::fmt;

/// Text as it may be shown on a terminal, in one line: whatever would steer the terminal, or make
/// the text look like another, is written as an escape.
///
/// Names, documentation and markers come from files of anybody. Escaped are the control characters
/// (C0 with tab and line feed, DEL, C1), the bidirectional controls, the line and paragraph
/// separators, characters without width, and bytes that are not UTF-8. All other characters,
/// the backslash too, are as they are.
///
/// ```
/// use mmiotrace_core::Printable;
///
/// assert_eq!(Printable::new("CTRL\x1b[2J").to_string(), "CTRL\\x1b[2J");
/// assert_eq!(Printable::new("a\u{202e}b\n").to_string(), "a\\u{202e}b\\x0a");
/// assert_eq!(Printable::from_bytes(b"caf\xc3\xa9 \xe9").to_string(), "café \\xe9");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(&'a [u8]);

impl<'a> Printable<'a> {
    /// A text.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self(text.as_bytes())
    }

    /// Bytes that are UTF-8 where all is well.
    #[must_use]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether a character is shown as it is.
    #[must_use]
    pub const fn shows(character: char) -> bool {
        !matches!(
            character,
            '\0'..='\x1f'
                | '\x7f'..='\u{9f}'
                // Soft hyphen; Arabic letter mark; Hangul fillers; Mongolian vowel separator.
                | '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
                // Spaces without width, directional marks, separators, embeddings, isolates.
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                // Byte order mark; interlinear annotations; tags.
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
    }

    /// Appends the escape of a character that is not [shown](Self::shows): `\x1b`, `\u{202e}`.
    ///
    /// # Errors
    /// As `out`.
    pub fn escape(character: char, out: &mut dyn fmt::Write) -> fmt::Result {
        match u32::from(character) {
            code @ 0..=0x7f => write!(out, "\\x{code:02x}"),
            code => write!(out, "\\u{{{code:x}}}"),
        }
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some(at) = rest.find(|character| !Self::shows(character)) {
                let (shown, hidden) = rest.split_at(at);
                f.write_str(shown)?;
                let mut hidden = hidden.chars();
                if let Some(character) = hidden.next() {
                    Self::escape(character, f)?;
                }
                rest = hidden.as_str();
            }
            f.write_str(rest)?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Printable;
    use std::string::ToString as _;

    #[test]
    fn control_characters_are_escaped() {
        let all: std::string::String = (0..=0x10_ffff).filter_map(char::from_u32).collect();
        let shown = Printable::new(&all).to_string();
        assert!(!shown.chars().any(char::is_control));
        assert!(!shown.contains(['\u{200e}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{feff}']));
        assert!(shown.contains("é") && shown.contains('\u{1f600}') && shown.contains("\\u{9b}"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_escaped() {
        let text = Printable::from_bytes(b"\xc2\x9b \xe2\x80\xae \x9b\xff");
        assert_eq!(text.to_string(), "\\u{9b} \\u{202e} \\x9b\\xff");
    }
}
