//! A place in a line, from which one field after the other is taken.

use crate::error::Fault;
use crate::{Field, ParseErrorKind};
use nom::combinator::all_consuming;
use nom::{IResult, Parser};

/// Blanks between fields. The kernel prints one space; hands and mailers make more of it.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

pub(super) struct Cursor<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor after the first `at` bytes of `line`.
    pub(super) const fn after(line: &'a [u8], at: usize) -> Self {
        Self { line, at }
    }

    pub(super) const fn line(&self) -> &'a [u8] {
        self.line
    }

    /// Everything not yet taken.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// Everything not yet taken, but for one blank before it.
    pub(super) fn text(&self) -> &'a [u8] {
        let rest = self.rest();
        rest.strip_prefix(b" ").unwrap_or(rest)
    }

    /// Takes the next word; it is empty at the end of the line. Also returns where it begins.
    pub(super) fn word(&mut self) -> (usize, &'a [u8]) {
        let rest = self.rest();
        let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
        let rest = rest.get(blanks..).unwrap_or_default();
        let len = rest
            .iter()
            .position(|byte| is_blank(*byte))
            .unwrap_or(rest.len());
        let start = self.at + blanks;
        self.at = start + len;
        (start, rest.get(..len).unwrap_or_default())
    }

    /// Takes the next word, all of which must be what `parser` takes.
    pub(super) fn field<T>(
        &mut self,
        field: Field,
        parser: impl Fn(&'a [u8]) -> IResult<&'a [u8], T>,
    ) -> Result<T, Fault> {
        let (start, word) = self.word();
        if word.is_empty() {
            return Err(fault(self.line.len(), ParseErrorKind::MissingField(field)));
        }
        match all_consuming(parser).parse(word) {
            Ok((_, value)) => Ok(value),
            Err(_) => Err(fault(start, ParseErrorKind::InvalidField(field))),
        }
    }

    /// Nothing but blanks may follow.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.word() {
            (_, []) => Ok(()),
            (start, _) => Err(fault(start, ParseErrorKind::TrailingBytes)),
        }
    }
}

pub(super) fn fault(column: usize, kind: ParseErrorKind) -> Fault {
    Fault {
        column: u32::try_from(column).unwrap_or(u32::MAX),
        kind,
    }
}
