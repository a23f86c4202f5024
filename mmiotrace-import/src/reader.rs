//! A log read as if it were a trace.

use crate::{Counts, Format, Importer, LineError, Options};
use mmiotrace_core::EventSink;
use mmiotrace_format::Writer;
use std::io::{self, BufRead, Read};

/// Reads a log and gives the text of a 20070824 trace: whatever works on traces works on the log.
///
/// The first lines are `VERSION 20070824` and a marker that names the format of the log. A log
/// without a single line of that format is an error, which is given at its end. A line
/// that cannot be read becomes `MARK … Lost 1 events.`, so that the trace does not pass for a
/// whole one; [`errors`](Self::errors) says where they were.
#[derive(Debug)]
pub struct ImportReader<R> {
    source: R,
    format: Format,
    importer: Importer,
    line: Vec<u8>,
    writer: Writer<Vec<u8>>,
    given: Vec<u8>,
    at: usize,
    errors: Vec<LineError>,
    counts: Option<Counts>,
}

/// How many errors are kept with their place; all are counted.
const MAX_ERRORS: usize = 1000;

impl<R: BufRead> ImportReader<R> {
    /// A reader of the log that `source` gives.
    #[must_use]
    pub fn new(source: R, format: Format, options: Options) -> Self {
        let mut writer = Writer::new(Vec::new());
        writer.line(b"VERSION 20070824");
        Self {
            source,
            format,
            importer: Importer::new(format, options),
            line: Vec::new(),
            writer,
            given: Vec::new(),
            at: 0,
            errors: Vec::new(),
            counts: None,
        }
    }

    /// The lines that could not be read, the first thousand.
    #[must_use]
    pub fn errors(&self) -> &[LineError] {
        &self.errors
    }

    /// What became of the lines, once the log has been read to its end.
    #[must_use]
    pub fn counts(&self) -> Option<Counts> {
        self.counts
    }

    /// Turns more of the log into text, until there is some or the log ends.
    fn refill(&mut self) -> io::Result<()> {
        self.given.clear();
        self.at = 0;
        while self.given.is_empty() && self.counts.is_none() {
            self.line.clear();
            // A log without newlines must not fill the memory.
            let read = (&mut self.source)
                .take(1 << 20)
                .read_until(b'\n', &mut self.line)?;
            if read == 0 {
                let counts = self.importer.finish(&mut self.writer);
                self.counts = Some(counts);
                if counts.is_foreign() {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!(
                            "not one of its {} lines is an event of {}: it is another tool's \
                             (--from says which, or --pattern what its lines are like)",
                            counts.unrelated,
                            self.format.as_str()
                        ),
                    ));
                }
            } else if let Err(error) = self.importer.push_line(&self.line, &mut self.writer)
                && self.errors.len() < MAX_ERRORS
            {
                self.errors.push(error);
            }
            self.writer.flush()?;
            core::mem::swap(&mut self.given, self.writer.get_mut());
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ImportReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.given.len() {
            self.refill()?;
        }
        let rest = self.given.get(self.at..).unwrap_or(&[]);
        let len = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        self.at += len;
        Ok(len)
    }
}
