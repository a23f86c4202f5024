//! Every line of an input in turn, and what is wrong on the way.

use super::{Lines, Next, wrong_line};
use crate::failure::{Failure, Outcome, Stop};
use core::ops::ControlFlow;
use mmiotrace_format::{Block, Line, ParseError};

/// At most so many wrong lines are told one by one.
const MAX_TOLD: u64 = 10;

/// What can come between a line and its use.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The line is wrong. It is told, and the next line is shown.
    Line(ParseError),
    /// The verb cannot go on.
    Stop(Stop),
}

impl From<ParseError> for Trouble {
    fn from(error: ParseError) -> Self {
        Self::Line(error)
    }
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// What of an input is not shown.
#[derive(Debug)]
pub(crate) enum Unshown<'e> {
    /// A line that is too long to be kept.
    Line(&'e ParseError),
    /// All from here on: it cannot be read.
    Rest,
}

/// What was wrong on the way through an input.
#[derive(Debug)]
#[must_use]
pub(crate) struct Walked {
    name: String,
    wrong_lines: u64,
    failure: Option<Failure>,
}

impl Lines {
    /// Shows every line in turn, until there are no more or `show` breaks off. A wrong line is told
    /// on standard error, and the next is shown. Where the input fails, what was read before is
    /// shown, and [`Walked::finish`] tells the failure: write the results in between.
    ///
    /// # Errors
    /// What `show` stops with.
    pub(crate) fn walk(
        self,
        show: impl FnMut(&Line<'_>) -> Result<ControlFlow<()>, Trouble>,
    ) -> Result<Walked, Stop> {
        self.walk_minding(show, |_| {})
    }

    /// The same, and says in its place what could not be shown.
    pub(crate) fn walk_minding(
        mut self,
        mut show: impl FnMut(&Line<'_>) -> Result<ControlFlow<()>, Trouble>,
        mut mind: impl FnMut(Unshown<'_>),
    ) -> Result<Walked, Stop> {
        let mut walked = Walked::new(self.name());
        loop {
            match self.next() {
                Next::Given(line) => match show(&line) {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => return Ok(walked),
                    Err(Trouble::Line(error)) => walked.wrong_line(&error),
                    Err(Trouble::Stop(stop)) => return Err(stop),
                },
                Next::Invalid(error) => {
                    mind(Unshown::Line(&error));
                    walked.wrong_line(&error);
                }
                Next::Failed(failure) => {
                    mind(Unshown::Rest);
                    walked.fail(failure, &mut self);
                }
                Next::End => return Ok(walked),
            }
        }
    }

    /// For as many lines at a time as are in memory.
    pub(crate) fn walk_blocks(
        mut self,
        mut show: impl FnMut(&Block<'_>, &mut Walked) -> Result<ControlFlow<()>, Stop>,
    ) -> Result<Walked, Stop> {
        let mut walked = Walked::new(self.name());
        loop {
            match self.next_block() {
                Next::Given(block) => {
                    if show(&block, &mut walked)?.is_break() {
                        return Ok(walked);
                    }
                }
                Next::Invalid(error) => walked.wrong_line(&error),
                Next::Failed(failure) => walked.fail(failure, &mut self),
                Next::End => return Ok(walked),
            }
        }
    }
}

impl Walked {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            wrong_lines: 0,
            failure: None,
        }
    }

    fn fail(&mut self, failure: Failure, lines: &mut Lines) {
        self.failure.get_or_insert(failure);
        lines.give_up();
    }

    /// Tells what is wrong with a line; of many, of the first few.
    #[cold]
    pub(crate) fn wrong_line(&mut self, error: &ParseError) {
        self.wrong_lines += 1;
        if self.wrong_lines <= MAX_TOLD {
            wrong_line(&self.name, error).print();
        }
    }

    /// What the way was like, after the results are written.
    ///
    /// # Errors
    /// Where the input could not be read to its end.
    pub(crate) fn finish(self) -> Result<Outcome, Stop> {
        let untold = self.wrong_lines.saturating_sub(MAX_TOLD);
        if untold > 0 {
            let what = format!("{untold} wrong lines more");
            Failure::new(&self.name, what)
                .advise("mmiotrace check tells all there is to say")
                .print();
        }
        match self.failure {
            Some(failure) => Err(failure.into()),
            None if self.wrong_lines > 0 => Ok(Outcome::Found),
            None => Ok(Outcome::Clean),
        }
    }
}
