//! What can be wrong with a map.

use core::fmt;
use std::path::{Path, PathBuf};

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The byte, from 0.
    pub byte: u64,
}

impl Position {
    /// The place of a byte of `text`; the end where the text is shorter.
    #[must_use]
    pub fn of_byte(text: &str, byte: usize) -> Self {
        let mut byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        let before = &text[..byte];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            line: number(before.bytes().filter(|byte| *byte == b'\n').count()).saturating_add(1),
            column: number(before[line_start..].chars().count()).saturating_add(1),
            byte: byte as u64,
        }
    }
}

/// A text whose places are asked for more than once.
#[derive(Debug)]
pub(crate) struct SourceText {
    pub(crate) path: PathBuf,
    text: String,
    line_starts: Vec<usize>,
}

impl SourceText {
    pub(crate) fn new(path: PathBuf, text: String) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = core::iter::once(0)
            .chain(newlines.map(|(at, _)| at + 1))
            .collect();
        Self {
            path,
            text,
            line_starts,
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The same as [`Position::of_byte`], but not from the start of the text each time.
    pub(crate) fn position(&self, byte: usize) -> Position {
        let line = self
            .line_starts
            .partition_point(|start| *start <= byte)
            .saturating_sub(1);
        let start = self.line_starts.get(line).copied().unwrap_or(0);
        let in_line = Position::of_byte(&self.text[start..], byte.saturating_sub(start));
        Position {
            line: u32::try_from(line)
                .unwrap_or(u32::MAX)
                .saturating_add(in_line.line),
            column: in_line.column,
            byte: start as u64 + in_line.byte,
        }
    }
}

/// The kind of a [`LoadError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// A file could not be read.
    Io,
    /// The text is not of its format at all.
    Syntax,
    /// Something that must be there is not.
    Missing,
    /// A key, element or word that nobody knows.
    Unknown,
    /// Something is there and cannot be.
    Invalid,
    /// A name or number that is taken already.
    Duplicate,
    /// Two registers at one place.
    Overlap,
    /// A name that refers to nothing.
    Dangling,
    /// Something contains or derives from itself.
    Cycle,
    /// More than the limits allow.
    TooLarge,
    /// A file named by another lies outside the map's folder.
    OutsideRoot,
    /// No loader knows the format.
    Format,
}

/// Why a map could not be loaded, and where.
#[derive(Debug)]
pub struct LoadError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: LoadErrorKind,
    text: String,
    file: Option<PathBuf>,
    position: Option<Position>,
    source: Option<std::io::Error>,
}

impl LoadError {
    #[cold]
    pub(crate) fn new(kind: LoadErrorKind, text: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            text: text.into(),
            file: None,
            position: None,
            source: None,
        }))
    }

    #[cold]
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        let text = format!("cannot be read: {source}");
        let file = Some(path.to_path_buf());
        Self(Box::new(Inner {
            kind: LoadErrorKind::Io,
            text,
            file,
            position: None,
            source: Some(source),
        }))
    }

    /// The same with a place, unless it has one.
    #[must_use]
    pub(crate) fn at(mut self, position: Position) -> Self {
        self.0.position.get_or_insert(position);
        self
    }

    /// The same with a file, unless it has one.
    #[must_use]
    pub(crate) fn in_file(mut self, file: &Path) -> Self {
        self.0.file.get_or_insert_with(|| file.to_path_buf());
        self
    }

    /// What kind of error.
    #[must_use]
    pub fn kind(&self) -> LoadErrorKind {
        self.0.kind
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The file, where it was one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The place, where it is one place.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.0.position
    }
}

impl fmt::Display for LoadError {
    /// `FILE:LINE:COLUMN: what`, as much of it as is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, self.file(), self.position())?;
        f.write_str(&self.0.text)
    }
}

impl core::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.0.source.as_ref().map(|error| error as _)
    }
}

/// Something odd in a map that could be loaded all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// What is odd.
    pub text: String,
    /// The file, where it was one.
    pub file: Option<PathBuf>,
    /// The place, where it is one place.
    pub position: Option<Position>,
}

impl Warning {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            file: None,
            position: None,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, self.file.as_deref(), self.position)?;
        f.write_str(&self.text)
    }
}

fn place(f: &mut fmt::Formatter<'_>, file: Option<&Path>, at: Option<Position>) -> fmt::Result {
    match (file, at) {
        (Some(file), Some(at)) => write!(f, "{}:{}:{}: ", file.display(), at.line, at.column),
        (Some(file), None) => write!(f, "{}: ", file.display()),
        (None, Some(at)) => write!(f, "line {}, column {}: ", at.line, at.column),
        (None, None) => Ok(()),
    }
}

/// What in a map an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// The map as a whole.
    Map,
    /// A space.
    Space(crate::model::SpaceId),
    /// An item of a list, by its number.
    Item(crate::model::ListId, u32),
    /// A shared type.
    Type(crate::model::TypeId),
    /// A family of chips.
    Varset(crate::model::VarsetId),
}

/// Why a map could not be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
#[non_exhaustive]
pub struct CompileError {
    /// What kind of error.
    pub kind: LoadErrorKind,
    /// What it is about.
    pub subject: Subject,
    /// What is wrong.
    pub text: String,
}

impl CompileError {
    #[cold]
    pub(crate) fn new(kind: LoadErrorKind, subject: Subject, text: impl Into<String>) -> Self {
        Self {
            kind,
            subject,
            text: text.into(),
        }
    }
}

impl From<CompileError> for LoadError {
    fn from(error: CompileError) -> Self {
        Self::new(error.kind, error.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_and_bytes() {
        let text = "a\nbé = x\n";
        let at = Position::of_byte(text, text.find('x').unwrap());
        assert_eq!(
            at,
            Position {
                line: 2,
                column: 6,
                byte: 8
            }
        );
        assert_eq!(
            Position::of_byte(text, 999),
            Position {
                line: 3,
                column: 1,
                byte: 10
            }
        );
        let source = SourceText::new(PathBuf::new(), text.to_owned());
        for byte in 0..=text.len() + 1 {
            assert_eq!(
                source.position(byte),
                Position::of_byte(text, byte),
                "{byte}"
            );
        }
        assert_eq!(
            Position::of_byte("é", 1),
            Position {
                line: 1,
                column: 1,
                byte: 0
            }
        );
    }

    #[test]
    fn messages_begin_with_the_place() {
        let at = Position {
            line: 3,
            column: 7,
            byte: 40,
        };
        let error = LoadError::new(LoadErrorKind::Invalid, "no").at(at);
        assert_eq!(error.to_string(), "line 3, column 7: no");
        assert_eq!(
            error.in_file(Path::new("a.toml")).to_string(),
            "a.toml:3:7: no"
        );
    }
}
