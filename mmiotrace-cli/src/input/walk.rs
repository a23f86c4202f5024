//! Every record of an input in turn, and what is wrong with its lines.

use super::{Blocks, Entries, Next, wrong_line};
use crate::failure::{Failure, Outcome, Stop};
use core::ops::ControlFlow;
use mmiotrace_format::{Block, Entry, ParseError};

/// Maximum number of malformed lines that are reported one by one.
const MAX_REPORTED: u64 = 10;

/// Why a line was not used.
#[derive(Debug)]
pub(crate) enum LineOutcome {
    /// The line is malformed. It is reported, and the next line is shown.
    Line(ParseError),
    /// The verb cannot go on.
    Stop(Stop),
}

impl From<ParseError> for LineOutcome {
    fn from(error: ParseError) -> Self {
        Self::Line(error)
    }
}

impl From<Stop> for LineOutcome {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// What of an input is not shown.
#[derive(Debug)]
pub(crate) enum Skipped<'e> {
    /// A line that is too long to be kept.
    Line(&'e ParseError),
    /// All from here on: it cannot be read.
    Rest,
}

/// What was wrong on the way through an input.
#[derive(Debug)]
#[must_use]
pub(crate) struct ReadReport {
    name: String,
    wrong_lines: u64,
    failure: Option<Failure>,
}

impl Entries {
    /// Shows every record in turn, until there are no more or `show` breaks off. A malformed line is
    /// reported on standard error, and the next is shown. If the input fails, what was read before
    /// is shown, and [`ReadReport::finish`] reports the failure: write the results in between.
    ///
    /// # Errors
    /// What `show` stops with.
    pub(crate) fn walk(
        self,
        show: impl FnMut(&Entry<'_>) -> Result<ControlFlow<()>, LineOutcome>,
    ) -> Result<ReadReport, Stop> {
        self.walk_minding(show, |_| {})
    }

    /// The same, and says in its place what could not be shown.
    pub(crate) fn walk_minding(
        mut self,
        mut show: impl FnMut(&Entry<'_>) -> Result<ControlFlow<()>, LineOutcome>,
        mut mind: impl FnMut(Skipped<'_>),
    ) -> Result<ReadReport, Stop> {
        let mut report = ReadReport::new(self.name());
        loop {
            match self.next() {
                Next::Given(entry) => match show(&entry) {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => return Ok(report),
                    Err(LineOutcome::Line(error)) => report.wrong_line(&error),
                    Err(LineOutcome::Stop(stop)) => return Err(stop),
                },
                Next::Invalid(error) => {
                    mind(Skipped::Line(&error));
                    report.wrong_line(&error);
                }
                Next::Failed(failure) => {
                    mind(Skipped::Rest);
                    report.failure.get_or_insert(failure);
                    self.give_up();
                }
                Next::End => return Ok(report),
            }
        }
    }
}

impl Blocks {
    /// As many lines at a time as are in memory: see [`Entries::walk`].
    pub(crate) fn walk(
        mut self,
        mut show: impl FnMut(&Block<'_>, &mut ReadReport) -> Result<ControlFlow<()>, Stop>,
    ) -> Result<ReadReport, Stop> {
        let mut report = ReadReport::new(&self.name);
        loop {
            match self.next() {
                Next::Given(block) => {
                    if show(&block, &mut report)?.is_break() {
                        return Ok(report);
                    }
                }
                Next::Invalid(error) => report.wrong_line(&error),
                Next::Failed(failure) => {
                    report.failure.get_or_insert(failure);
                    self.reader.finish();
                }
                Next::End => return Ok(report),
            }
        }
    }
}

impl ReadReport {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            wrong_lines: 0,
            failure: None,
        }
    }

    /// Reports what is wrong with a line; of many, of the first few.
    #[cold]
    pub(crate) fn wrong_line(&mut self, error: &ParseError) {
        self.wrong_lines += 1;
        if self.wrong_lines <= MAX_REPORTED {
            wrong_line(&self.name, error).print();
        }
    }

    /// What the way was like, after the results are written.
    ///
    /// # Errors
    /// Where the input could not be read to its end.
    pub(crate) fn finish(self) -> Result<Outcome, Stop> {
        let unreported = self.wrong_lines.saturating_sub(MAX_REPORTED);
        if unreported > 0 {
            let what = format!("{unreported} more malformed lines");
            Failure::new(&self.name, what)
                .advise("run `mmiotrace check` for all of them")
                .print();
        }
        match self.failure {
            Some(failure) => Err(failure.into()),
            None if self.wrong_lines > 0 => Ok(Outcome::Found),
            None => Ok(Outcome::Clean),
        }
    }
}
