//! Notes that survive a frozen machine.

use crate::plan::{Plan, Step};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

/// Notes every step in a file before it is done, and makes sure that the note is on the disk: after
/// a freeze and a restart, the last note is the step at which it happened.
///
/// A line is `step NUMBER line LINE what where`, the last line of a run that ended `end HOW`.
#[derive(Debug)]
pub struct Breadcrumbs {
    file: File,
    every: usize,
}

/// The last note of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastCrumb {
    /// The step that was about to be done; `None` where no step was begun.
    pub step: Option<usize>,
    /// The line of the trace that the step comes from.
    pub line: u64,
    /// The note.
    pub text: String,
    /// Whether the run came to its end. Where it did not, it froze at the step, or at one of those
    /// between two notes.
    pub ended: bool,
}

impl Breadcrumbs {
    /// Notes go to this file, which is emptied. Every step is noted.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        // The name must be on the disk, too.
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(Self { file, every: 1 })
    }

    /// Only every so-manieth step is noted: a note takes milliseconds on a disk.
    #[must_use]
    pub const fn every(mut self, steps: usize) -> Self {
        self.every = if steps == 0 { 1 } else { steps };
        self
    }

    pub(super) fn step(&self, index: usize, step: &Step, plan: &Plan) -> io::Result<()> {
        if !index.is_multiple_of(self.every) {
            return Ok(());
        }
        let mut line = format!("step {index} line {} ", step.line);
        // Writing into a string does not fail.
        let _ = crate::print::step(step, plan, &crate::print::PlanNames, &mut line);
        self.note(line)
    }

    pub(super) fn end(&self, how: &str) -> io::Result<()> {
        self.note(format!("end {how}"))
    }

    fn note(&self, mut line: String) -> io::Result<()> {
        line.push('\n');
        (&self.file).write_all(line.as_bytes())?;
        self.file.sync_data()
    }

    /// Reads what the last run noted.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn last(path: &Path) -> io::Result<LastCrumb> {
        let mut last = LastCrumb {
            step: None,
            line: 0,
            text: String::new(),
            ended: false,
        };
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            // A note that was cut by the freeze is not the last whole one.
            let line = String::from_utf8_lossy(&line?).into_owned();
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("step"), Some(step), Some("line"), Some(number)) => {
                    let (Ok(step), Ok(number)) = (step.parse(), number.parse()) else {
                        continue;
                    };
                    last = LastCrumb {
                        step: Some(step),
                        line: number,
                        text: line,
                        ended: false,
                    };
                }
                (Some("end"), ..) => last.ended = true,
                _ => {}
            }
        }
        Ok(last)
    }
}
