//! Lines of a trace that comes in pieces.

use crate::failure::{Failure, Stop};
use mmiotrace_format::{Line, LineStep, ParseError, Parser};

/// What came and is not yet a whole line.
pub(super) struct Lines {
    parser: Parser,
    pending: Vec<u8>,
}

/// What is wrong with a line.
pub(super) struct Wrong {
    line: u64,
    what: String,
}

impl Wrong {
    pub(super) fn of(error: &ParseError) -> Self {
        Self {
            line: error.line_start().line(),
            what: error.kind().to_string(),
        }
    }

    pub(super) fn failure(&self, name: &str) -> Failure {
        let name = if name == "-" { "standard input" } else { name };
        Failure::new(name, &self.what)
            .at_line(self.line)
            .advise("mmiotrace check tells all there is to say")
    }
}

impl Lines {
    pub(super) const fn new() -> Self {
        Self {
            parser: Parser::new(),
            pending: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Shows every line that is whole, and at the end also one without newline, until `show` has
    /// enough.
    pub(super) fn each(
        &mut self,
        end: bool,
        mut show: impl FnMut(Result<Line<'_>, Wrong>) -> Result<bool, Stop>,
    ) -> Result<(), Stop> {
        let mut input = &self.pending[..];
        loop {
            let go_on = match self.parser.push_line(&mut input, end) {
                LineStep::Line(line) => show(Ok(line))?,
                LineStep::TooLong(error) => show(Err(Wrong::of(&error)))?,
                LineStep::NeedInput | LineStep::End => break,
            };
            if !go_on {
                break;
            }
        }
        let done = self.pending.len() - input.len();
        self.pending.drain(..done);
        Ok(())
    }
}
