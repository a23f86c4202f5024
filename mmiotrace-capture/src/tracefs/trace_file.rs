//! The file that a trace goes to, which says so where it could not hold all of it.

use super::Figures;
use super::lines::end_of_lines;
use super::tally::Counter;
use mmiotrace_core::{EventSink, Loss, Timestamp};
use mmiotrace_format::Writer;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// How much of the end is given up where the disk is full: more than a block of any common file
/// system, so that there is room for one line.
const GIVEN_UP: u64 = 8 << 10;

/// A trace's file. When the disk is full, [`close`](Self::close) cuts the file back to a whole line
/// and writes how many events are missing after it, as `MARK 0.000000 Lost n events.`, so that no
/// reader takes the beginning for the whole.
#[derive(Debug)]
pub struct TraceFile {
    file: File,
    len: u64,
    counter: Counter,
    /// The beginning of a line whose end is not written yet.
    pending: Vec<u8>,
    failed: bool,
}

impl TraceFile {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    /// What opening it says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        Ok(Self {
            file,
            len: 0,
            counter: Counter::default(),
            pending: Vec::new(),
            failed: false,
        })
    }

    /// Ends the file. Where something could not be written, says in the file how many events are
    /// missing, and gives that number.
    ///
    /// # Errors
    /// What the file says; the file is not to be trusted then.
    pub fn close(mut self, figures: &Figures) -> io::Result<Option<u64>> {
        if !self.failed {
            return Ok(None);
        }
        let end = self.cut()?;
        let kept = self.counter.tally;
        let all = figures.records.saturating_add(figures.lost);
        let missing = all.saturating_sub(kept.entries.saturating_add(kept.announced));
        let mut line = Vec::new();
        let mut writer = Writer::new(&mut line);
        writer.lost(&Loss::new(Timestamp::ZERO, missing));
        writer.flush()?;
        drop(writer);
        self.file.seek(SeekFrom::Start(end))?;
        self.file.write_all(&line)?;
        self.file.sync_all()?;
        Ok(Some(missing))
    }

    /// Cuts the file back to a whole line, and the counts with it.
    fn cut(&mut self) -> io::Result<u64> {
        let from = self.len.saturating_sub(GIVEN_UP * 2);
        let mut tail = Vec::new();
        self.file.seek(SeekFrom::Start(from))?;
        (&mut self.file)
            .take(self.len - from)
            .read_to_end(&mut tail)?;
        // Of a file shorter than that, nothing is kept.
        let room = tail.len().saturating_sub(GIVEN_UP as usize);
        let keep = end_of_lines(tail.get(..room).unwrap_or_default());
        let mut given_up = Counter::default();
        given_up.take(tail.get(keep..).unwrap_or_default());
        let tally = &mut self.counter.tally;
        tally.entries = tally.entries.saturating_sub(given_up.tally.entries);
        tally.announced = tally.announced.saturating_sub(given_up.tally.announced);
        let end = from + keep as u64;
        self.file.set_len(end)?;
        self.len = end;
        Ok(end)
    }
}

impl Write for TraceFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.file.write(bytes);
        match &result {
            Ok(len) => {
                self.len += *len as u64;
                self.pending
                    .extend_from_slice(bytes.get(..*len).unwrap_or_default());
                let end = end_of_lines(&self.pending);
                let rest = self.pending.split_off(end);
                self.counter.take(&self.pending);
                self.pending = rest;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.failed = true,
        }
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> String {
        format!("R 4 1.{number:06} 1 0xfebc0000 0x0 0x0 0\n")
    }

    #[test]
    fn a_full_disk_is_told_in_the_file_with_the_number_of_events_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mmiotrace");
        for (lines, lost) in [(0, 0), (3, 0), (2000, 0), (2000, 7)] {
            let mut file = TraceFile::create(&path).unwrap();
            for number in 0..lines {
                file.write_all(line(number).as_bytes()).unwrap();
            }
            file.write_all(b"R 4 2.0 1 0xfe").unwrap();
            // The disk is full from here on; 500 more records came.
            file.failed = true;
            let figures = Figures {
                records: lines + 500,
                lost,
                ..Figures::default()
            };
            let missing = file.close(&figures).unwrap().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let kept = text.lines().filter(|line| line.starts_with("R ")).count() as u64;
            assert_eq!(kept + missing, lines + 500 + lost);
            assert!(text.ends_with(&format!("MARK 0.000000 Lost {missing} events.\n")));
            let begun: String = (0..kept).map(line).collect();
            assert!(text.starts_with(&begun));
            assert!(kept >= lines.saturating_sub(600));
        }
    }

    #[test]
    fn a_file_that_took_everything_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mmiotrace");
        let mut file = TraceFile::create(&path).unwrap();
        file.write_all(b"VERSION 20070824\nR 4 1.").unwrap();
        assert_eq!(file.close(&Figures::default()).unwrap(), None);
        assert_eq!(std::fs::read(&path).unwrap(), b"VERSION 20070824\nR 4 1.");
    }
}
