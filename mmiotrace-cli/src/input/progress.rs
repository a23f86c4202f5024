//! How far reading has come.

use super::Printing;
use core::time::Duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Read};
use std::time::Instant;

/// Before this nobody is impatient.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows on standard error how much of a source has been read, where that is a terminal, and it
/// lasts, and the bar would not stand between lines on the same terminal.
pub(super) struct Progress<R> {
    source: R,
    name: String,
    len: Option<u64>,
    read: u64,
    began: Instant,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl<R: Read> Progress<R> {
    pub(super) fn new(source: R, name: &str, len: Option<u64>, printing: Printing) -> Self {
        let in_the_way = printing == Printing::Meanwhile && io::stdout().is_terminal();
        let wanted = io::stderr().is_terminal() && !in_the_way;
        Self {
            source,
            name: name.to_owned(),
            len,
            read: 0,
            began: Instant::now(),
            wanted,
            bar: None,
        }
    }

    #[cold]
    fn show(&mut self) {
        if self.began.elapsed() < PATIENCE {
            return;
        }
        let bar = self
            .bar
            .get_or_insert_with(|| new_bar(&self.name, self.len));
        bar.set_position(self.read);
    }
}

fn new_bar(name: &str, len: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(len, ProgressDrawTarget::stderr_with_hz(10));
    let template = match len {
        Some(_) => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        None => "{msg} {spinner} {bytes} {bytes_per_sec}",
    };
    // Without its style the bar is plain, and as true.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(name.to_owned())
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read(buffer)?;
        if self.wanted {
            self.read += len as u64;
            self.show();
        }
        Ok(len)
    }
}

impl<R> Drop for Progress<R> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
