//! Colours of a terminal.

use super::text::push_printable;
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
pub(crate) enum Style {
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
    const ALL: [Self; 7] = [
        Self::Read,
        Self::Write,
        Self::Name,
        Self::Faint,
        Self::Changed,
        Self::Marker,
        Self::Bad,
    ];

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

/// Appends a text, [printable](super::printable), in a style where `on` holds.
pub(super) fn paint(out: &mut String, on: bool, style: Style, text: &str) {
    paint_with(out, on && !text.is_empty(), style, |out| {
        push_printable(out, text);
    });
}

/// Appends what `push` appends, in a style where `on` holds.
pub(super) fn paint_with(out: &mut String, on: bool, style: Style, push: impl FnOnce(&mut String)) {
    if !on {
        return push(out);
    }
    out.push_str(style.code());
    push(out);
    out.push_str(RESET);
}

/// Ends every style.
const RESET: &str = "\x1b[0m";

/// A line that was painted, piece by piece, each with its style.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = (Option<Style>, &str)> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest.take().filter(|text| !text.is_empty())?;
        let Some((style, inside)) = Style::ALL
            .iter()
            .find_map(|style| Some((*style, text.strip_prefix(style.code())?)))
        else {
            let end = text.find('\x1b').unwrap_or(text.len()).max(1);
            let (piece, behind) = text.split_at(if text.is_char_boundary(end) {
                end
            } else {
                text.len()
            });
            rest = Some(behind);
            return Some((None, piece));
        };
        let (piece, behind) = inside.split_once(RESET).unwrap_or((inside, ""));
        rest = Some(behind);
        Some((Some(style), piece))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_painted_comes_apart() {
        let mut line = String::from("a");
        paint(&mut line, true, Style::Name, "CTRL");
        line.push_str(" é ");
        paint(&mut line, true, Style::Bad, "LOST");
        let pieces: Vec<_> = pieces(&line).collect();
        assert_eq!(
            pieces,
            [
                (None, "a"),
                (Some(Style::Name), "CTRL"),
                (None, " é "),
                (Some(Style::Bad), "LOST")
            ]
        );
        assert_eq!(super::pieces("\x1bodd").count(), 2);
    }
}
