//! Colours of a terminal.

use std::io::{self, IsTerminal as _};

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// Where standard output is a terminal and NO_COLOR is not set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Whether to colour what goes to standard output.
    pub(crate) fn is_on(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            // As no-color.org has it: set and not empty.
            Self::Auto => {
                io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

/// What a piece of a line is, and by that its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// A read.
    Read,
    /// A write.
    Write,
    /// The name of a register.
    Name,
    /// What is less important.
    Faint,
    /// What differs from the last time.
    Changed,
    /// A marker.
    Marker,
    /// A loss, or what could not be decoded.
    Bad,
}

impl Style {
    /// The codes of ECMA-48 ("select graphic rendition").
    const fn code(self) -> &'static str {
        match self {
            Self::Read => "\x1b[32m",
            Self::Write => "\x1b[33m",
            Self::Name => "\x1b[36m",
            Self::Faint => "\x1b[2m",
            Self::Changed => "\x1b[1;7m",
            Self::Marker => "\x1b[1;35m",
            Self::Bad => "\x1b[1;31m",
        }
    }
}

/// Appends a text in a style, where `on` holds.
pub(super) fn paint(out: &mut String, on: bool, style: Style, text: &str) {
    paint_with(out, on && !text.is_empty(), style, |out| out.push_str(text));
}

/// Appends what `push` appends, in a style where `on` holds.
pub(super) fn paint_with(out: &mut String, on: bool, style: Style, push: impl FnOnce(&mut String)) {
    if !on {
        return push(out);
    }
    out.push_str(style.code());
    push(out);
    out.push_str("\x1b[0m");
}
