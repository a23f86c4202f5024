//! Text in HTML and SVG.

use core::fmt::{self, Write};
use mmiotrace_core::Printable;

/// Text between tags or in an attribute of HTML or XML 1.0, which has no form at all for most control
/// characters: what is not shown is written as an escape.
pub(crate) struct Markup<'a>(pub(crate) &'a str);

impl fmt::Display for Markup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // No characters (XML 1.0, 2.2), although Rust has them.
                '\u{fffe}' | '\u{ffff}' => Printable::escape(character, f)?,
                _ if Printable::shows(character) => f.write_char(character)?,
                _ => Printable::escape(character, f)?,
            }
        }
        Ok(())
    }
}
