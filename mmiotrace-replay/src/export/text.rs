//! Text in source code, by the rules of each language: a plan comes from anybody, and nothing in
//! it may become code.

use core::fmt::{self, Write};
use mmiotrace_core::Printable;

/// Text in a comment of any language, on one line. All of them read it alike, and none as its end:
/// `*/` and `/*` come apart, and `?` is written `\?`, because C before C23 reads `??/` as a
/// backslash.
pub(super) struct Comment<'a>(pub(super) &'a str);

impl fmt::Display for Comment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = ' ';
        for character in self.0.chars() {
            match (last, character) {
                ('*', '/') | ('/', '*') => {
                    f.write_char(' ')?;
                    last = ' ';
                    continue;
                }
                (_, '?') => f.write_str("\\?")?,
                _ if Printable::shows(character) => f.write_char(character)?,
                _ => Printable::escape(character, f)?,
            }
            last = character;
        }
        // A comment that goes to the end of the line would take the next one, too (C, C++).
        if last == '\\' {
            f.write_char(' ')?;
        }
        Ok(())
    }
}

/// A string of C (C99, 6.4.5): the bytes of its UTF-8, those that are not printable ASCII in octal,
/// which ends after three digits, and no trigraph.
pub(super) struct CString<'a>(pub(super) &'a str);

impl fmt::Display for CString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for byte in self.0.bytes() {
            match byte {
                b'"' | b'\\' | b'?' => write!(f, "\\{}", char::from(byte))?,
                b' '..=b'~' => f.write_char(char::from(byte))?,
                _ => write!(f, "\\{byte:03o}")?,
            }
        }
        f.write_char('"')
    }
}

/// A string of Rust: the same characters.
pub(super) struct RustString<'a>(pub(super) &'a str);

impl fmt::Display for RustString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                _ if Printable::shows(character) => f.write_char(character)?,
                _ => write!(f, "\\u{{{:x}}}", u32::from(character))?,
            }
        }
        f.write_char('"')
    }
}

/// A string of Python 3: the same characters.
pub(super) struct PythonString<'a>(pub(super) &'a str);

impl fmt::Display for PythonString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                _ if Printable::shows(character) => f.write_char(character)?,
                _ => write!(f, "\\U{:08x}", u32::from(character))?,
            }
        }
        f.write_char('"')
    }
}
