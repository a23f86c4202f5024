//! How fast a trace grows.

use core::time::Duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Instant;

/// Shows on a terminal how many records come, once it has lasted a second.
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
