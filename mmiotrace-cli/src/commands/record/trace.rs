//! A trace while it is recorded: where it goes, and how fast it grows.

use super::{unwritable, verdict};
use crate::failure::{Outcome, Stop};
use core::time::Duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mmiotrace_analysis::Checker;
use mmiotrace_core::{Blind, Event, EventSink, Header, Loss, Marker};
use mmiotrace_format::Writer;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

/// A trace that is being written.
pub(super) struct Trace {
    pub(super) tee: Tee,
}

/// Writes, and where the trace cannot be read again (standard output) also checks.
pub(super) struct Tee {
    pub(super) writer: Writer<Box<dyn Write>>,
    checker: Option<Checker>,
}

impl Trace {
    pub(super) fn create(output: &Path) -> Result<Self, Stop> {
        let to_stdout = output == Path::new("-");
        let to: Box<dyn Write> = if to_stdout {
            Box::new(std::io::stdout())
        } else {
            Box::new(File::create(output).map_err(|error| unwritable(output, &error))?)
        };
        let tee = Tee {
            writer: Writer::new(to),
            checker: to_stdout.then(Checker::new),
        };
        Ok(Self { tee })
    }

    /// Says on standard error whether the trace is whole: from the file, where there is one.
    pub(super) fn verdict(self, output: &Path) -> Result<Outcome, Stop> {
        match self.tee.checker {
            Some(checker) => Ok(verdict::tell_of("standard output", checker)),
            None => Ok(verdict::tell(output)?),
        }
    }
}

impl Tee {
    fn each(&mut self, show: impl Fn(&mut dyn EventSink)) {
        show(&mut self.writer);
        if let Some(checker) = &mut self.checker {
            show(checker);
        }
    }
}

impl EventSink for Tee {
    fn event(&mut self, event: &Event) {
        self.each(|sink| sink.event(event));
    }

    fn marker(&mut self, marker: &Marker<'_>) {
        self.each(|sink| sink.marker(marker));
    }

    fn lost(&mut self, loss: &Loss) {
        self.each(|sink| sink.lost(loss));
    }

    fn blind(&mut self, blind: &Blind) {
        self.each(|sink| sink.blind(blind));
    }

    fn line(&mut self, line: &[u8]) {
        self.each(|sink| sink.line(line));
    }

    fn header(&mut self, header: &Header<'_>) {
        self.each(|sink| sink.header(header));
    }
}

/// Says on a terminal how many records come, once it lasts.
pub(super) struct Rates {
    bar: Option<ProgressBar>,
    began: Instant,
    records: u64,
}

impl Rates {
    pub(super) fn new() -> Self {
        Self {
            bar: None,
            began: Instant::now(),
            records: 0,
        }
    }

    pub(super) fn add(&mut self, records: u64) {
        self.records += records;
        if self.bar.is_none() {
            if self.began.elapsed() < Duration::from_secs(1) || !std::io::stderr().is_terminal() {
                return;
            }
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
            // Without its style the bar is plain, and as true.
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {human_pos} records, {per_sec}, {elapsed}")
            {
                bar.set_style(style);
            }
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.records);
        }
    }
}

impl Drop for Rates {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
