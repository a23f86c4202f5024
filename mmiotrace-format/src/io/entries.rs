//! Entries from any source of bytes.

use super::Reader;
use crate::{Context, Entry, Error, Line, LineEntries, Position};
use std::io::Read;

/// The records of a trace with their lines and what the annotations before them say: what a
/// [`Reader`] is turned into by [`entries`](Reader::entries).
///
/// ```
/// use mmiotrace_format::Reader;
///
/// let trace = "MARK 1.000000 mmiotrace1 seq seq=7\n\
///              R 4 1.000000 1 0xfebc0008 0x1 0x0 9\n\
///              W 4 nonsense\n";
/// let mut entries = Reader::new(trace.as_bytes()).entries();
/// let (mut seq, mut malformed) = (None, 0);
/// while let Some(entry) = entries.next_entry()? {
///     seq = entry.origin().seq.or(seq);
///     malformed += u32::from(entry.record().is_err());
/// }
/// assert_eq!((seq, malformed), (Some(7), 1));
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug)]
pub struct Entries<R> {
    reader: Reader<R>,
    context: Context,
    /// How many bytes of the last line are still to come as entries: a line of several records.
    rest: usize,
}

impl<R: Read> Entries<R> {
    pub(super) const fn new(reader: Reader<R>) -> Self {
        Self {
            reader,
            context: Context::new(),
            rest: 0,
        }
    }

    /// The next entry; `None` at the end. A line that does not parse is an entry too.
    ///
    /// # Errors
    /// If the source fails or the line is over the limit. The next call goes on.
    #[inline]
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_>>, Error> {
        let fields = match self.rest {
            0 => self.reader.parser.take_access(self.reader.buffer.lines()),
            _ => None,
        };
        let Some(fields) = fields else {
            return self.next_of_any_kind();
        };
        let Reader { buffer, parser, .. } = &mut self.reader;
        buffer.consume(fields.len);
        let memory = buffer.and_all_behind(fields.len);
        let line = Line::of_memory(memory, fields.len, parser.record_position());
        Ok(Some(self.context.event_entry(line, fields.event())))
    }

    #[inline(never)]
    fn next_of_any_kind(&mut self) -> Result<Option<Entry<'_>>, Error> {
        let is_fused = self.rest > 0;
        if !is_fused {
            let Some(len) = self.reader.advance()? else {
                return Ok(None);
            };
            self.rest = len;
        }
        let memory = self.reader.buffer.and_all_behind(self.rest);
        let line = Line::of_memory(memory, self.rest, self.reader.record_position());
        let (entry, rest) = LineEntries::with_rest(&mut self.context, line, is_fused);
        self.rest = rest.map_or(0, |rest| rest.as_bytes().len());
        Ok(Some(entry))
    }

    /// Declares that the source will give nothing more: see [`Reader::finish`].
    pub fn finish(&mut self) {
        self.reader.finish();
    }
}

impl<R> Entries<R> {
    /// Where the next line begins.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.reader.position()
    }

    /// Where the line of the last entry, or the last error, begins.
    #[must_use]
    pub const fn record_position(&self) -> Position {
        self.reader.record_position()
    }

    /// The source.
    pub const fn get_ref(&self) -> &R {
        self.reader.get_ref()
    }
}
