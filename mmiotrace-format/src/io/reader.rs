//! Records from any source of bytes.

use super::Entries;
use super::buffer::Buffer;
use crate::frame::{DEFAULT_MAX_LINE_LEN, Frame};
use crate::{Block, Error, Line, Parser, Position, Record, RecordBuf};
use std::io::Read;

/// Reads lines and records from any [`Read`]. Does its own buffering.
///
/// Lines and records are lent: each borrows the reader's memory until the next call.
/// [`read_record`](Self::read_record) gives records that own theirs.
///
/// # The end, and traces that still grow
/// A reader from [`new`](Self::new) takes the first end of its source for the end of the trace. A
/// last line without newline is given like any other, and later calls give `None` without asking
/// the source again.
///
/// A reader built with [`growing`](ReaderBuilder::growing) takes it for a pause:
/// - A call that meets the end of the source returns `None`. A later call asks the source again
///   and goes on where it stopped; nothing is lost, given twice or given torn.
/// - A last line without newline is held back until its newline comes, or until
///   [`finish`](Self::finish) declares that nothing more will: then it is given, and after it
///   `None` for good.
/// - An error of the source (`WouldBlock` among them) is handed on; nothing is lost by it, and a
///   later call asks the source again.
///
/// # Errors in lines
/// A line that begins like a record and is none is one [`Error::Parse`] from
/// [`next_record`](Self::next_record) and none from [`next_line`](Self::next_line). A line over
/// the limit is one from both. The next call goes on with the next line.
///
/// ```
/// use mmiotrace_format::{Reader, Record};
///
/// let trace = "MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
///              R 4 6.063646 1 0xfebc0008 0x80080783 0x0 0\n";
/// let mut reader = Reader::new(trace.as_bytes());
/// let mut accesses = 0;
/// while let Some(record) = reader.next_record()? {
///     if let Record::Event(event) = record {
///         accesses += u32::from(event.as_access().is_some());
///     }
/// }
/// assert_eq!(accesses, 1);
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    pub(super) buffer: Buffer,
    pub(super) parser: Parser,
    growing: bool,
    ended: bool,
}

/// The options of a [`Reader`].
///
/// ```
/// use mmiotrace_format::ReaderBuilder;
///
/// let mut reader = ReaderBuilder::new().growing(true).from_reader(&b"MARK 1.0 not yet a li"[..]);
/// assert!(reader.next_line()?.is_none());
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReaderBuilder {
    capacity: usize,
    max_line_len: usize,
    growing: bool,
}

impl ReaderBuilder {
    /// The options that [`Reader::new`] has.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            capacity: 64 * 1024,
            max_line_len: DEFAULT_MAX_LINE_LEN,
            growing: false,
        }
    }

    /// How many bytes to ask the source for at a time. 64 KiB by default. No result depends on
    /// it.
    pub fn buffer_capacity(&mut self, bytes: usize) -> &mut Self {
        self.capacity = bytes;
        self
    }

    /// The longest line, in bytes without its ending. 1 MiB by default. The reader's memory stays
    /// within four times this or the capacity, whichever is more.
    pub fn max_line_len(&mut self, bytes: usize) -> &mut Self {
        self.max_line_len = bytes;
        self
    }

    /// Whether the end of the source is a pause only, as for a file that is still written. `false`
    /// by default. See [`Reader`].
    pub fn growing(&mut self, growing: bool) -> &mut Self {
        self.growing = growing;
        self
    }

    /// A reader with these options.
    pub fn from_reader<R: Read>(&self, source: R) -> Reader<R> {
        Reader {
            source,
            buffer: Buffer::new(self.capacity),
            parser: Parser::with_max_line_len(self.max_line_len),
            growing: self.growing,
            ended: false,
        }
    }
}

impl Default for ReaderBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Read> Reader<R> {
    /// A reader with default options. [`ReaderBuilder`] has others.
    pub fn new(source: R) -> Self {
        ReaderBuilder::new().from_reader(source)
    }

    /// The options for a reader.
    #[must_use]
    pub const fn builder() -> ReaderBuilder {
        ReaderBuilder::new()
    }

    /// The next line with its exact bytes; `None` at the end.
    ///
    /// # Errors
    /// Where the source fails or the line is over the limit.
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, Error> {
        let Some(len) = self.advance()? else {
            return Ok(None);
        };
        let memory = self.buffer.and_all_behind(len);
        Ok(Some(Line::of_memory(memory, len, self.record_position())))
    }

    /// As many of the next lines as are in memory, at least one; `None` at the end. For those who
    /// look at few lines of many, and for those who look only at a few bytes of each.
    ///
    /// ```
    /// use mmiotrace_format::Reader;
    ///
    /// let trace = "MARK 1.000000 begin\nR 4 1.000001 1 0xfebc0008 0x0 0x0 0\n";
    /// let mut reader = Reader::new(trace.as_bytes());
    /// let mut lines = 0;
    /// while let Some(block) = reader.next_block()? {
    ///     lines += block.lines().count();
    /// }
    /// assert_eq!(lines, 2);
    /// # Ok::<(), mmiotrace_format::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where the source fails, or a line is over the limit that is too long even to be kept;
    /// others of that kind are in their block, and [`Block::lines`] gives their errors.
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, Error> {
        let Some(len) = self.advance_by(Parser::frame_block)? else {
            return Ok(None);
        };
        let (position, limit) = (self.record_position(), self.parser.max_line_len());
        Ok(Some(Block::at(position, self.buffer.behind(len), limit)))
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// Where the source fails, or the line is over the limit or does not parse.
    #[inline(always)]
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Error> {
        if let Some(fields) = self.parser.take_access(self.buffer.lines()) {
            self.buffer.consume(fields.len);
            return Ok(Some(Record::Event(fields.event())));
        }
        self.next_record_of_any_kind()
    }

    #[inline(never)]
    fn next_record_of_any_kind(&mut self) -> Result<Option<Record<'_>>, Error> {
        if let Some((event, len)) = self.parser.take_unknown(self.buffer.lines()) {
            self.buffer.consume(len);
            return Ok(Some(Record::Event(event)));
        }
        match self.next_line()? {
            Some(line) => Ok(Some(line.parse()?)),
            None => Ok(None),
        }
    }

    /// Reads the next record into `record`, which shares the reader's memory. `false` at the end,
    /// where `record` stays as it was.
    ///
    /// # Errors
    /// As [`next_record`](Self::next_record); `record` stays as it was.
    pub fn read_record(&mut self, record: &mut RecordBuf) -> Result<bool, Error> {
        if let Some(fields) = self.parser.take_access(self.buffer.lines()) {
            self.buffer.consume(fields.len);
            let line = self.buffer.share_behind(fields.len);
            *record = RecordBuf::from_event(line, self.record_position(), fields.event());
            return Ok(true);
        }
        let Some(len) = self.advance()? else {
            return Ok(false);
        };
        *record = RecordBuf::parse(self.buffer.share_behind(len), self.record_position())?;
        Ok(true)
    }

    /// Each record once, with its line and what the annotations before it say.
    pub const fn entries(self) -> Entries<R> {
        Entries::new(self)
    }

    /// The records from here on, owned, as an iterator.
    ///
    /// ```
    /// use mmiotrace_format::Reader;
    ///
    /// let trace = "MARK 1.000000 a\nR 4 nonsense\nMARK 2.000000 b\n";
    /// let records: Vec<_> = Reader::new(trace.as_bytes()).into_records().collect();
    /// assert_eq!((records.len(), records.iter().flatten().count()), (3, 2));
    /// ```
    pub const fn into_records(self) -> IntoRecords<R> {
        IntoRecords { reader: self }
    }

    /// Declares that the source will give nothing more: a last line without newline is whole.
    /// What is buffered is still handed out.
    pub fn finish(&mut self) {
        self.growing = false;
        self.ended = true;
    }

    /// Takes the next line and returns its length: it stands just before what is not used.
    pub(super) fn advance(&mut self) -> Result<Option<usize>, Error> {
        self.advance_by(Parser::frame)
    }

    /// Takes what `frame` finds, a line or lines, and returns its length.
    fn advance_by(
        &mut self,
        frame: impl Fn(&mut Parser, &[u8], bool) -> Frame + Copy,
    ) -> Result<Option<usize>, Error> {
        loop {
            if let Some(found) = self.advance_buffered(frame, true) {
                return found.map(Some);
            }
            // What is left is no whole line.
            if !self.ended {
                let over = self.buffer.partial_len() > self.parser.max_line_len();
                if self.buffer.partial_is_one_line() && (over || self.parser.is_skipping()) {
                    self.buffer.hand_out_partial();
                    if let Some(found) = self.advance_buffered(frame, false) {
                        return found.map(Some);
                    }
                }
                if self.buffer.fill(&mut self.source)? > 0 {
                    continue;
                }
                if self.growing {
                    return Ok(None);
                }
                self.ended = true;
            }
            if self.buffer.partial_len() == 0 {
                return Ok(None);
            }
            self.buffer.hand_out_partial();
        }
    }

    /// The same for a line of those handed out; `whole` says that they are whole lines.
    fn advance_buffered(
        &mut self,
        frame: impl Fn(&mut Parser, &[u8], bool) -> Frame + Copy,
        whole: bool,
    ) -> Option<Result<usize, Error>> {
        let frame = frame(&mut self.parser, self.buffer.lines(), whole);
        self.buffer.consume(frame.end());
        match frame {
            Frame::Line { start, end, .. } => Some(Ok(end - start)),
            Frame::TooLong { error, .. } => Some(Err(error.into())),
            Frame::NeedInput { .. } | Frame::End { .. } => None,
        }
    }
}

/// The records of a [`Reader`], owned: see [`Reader::into_records`]. An error is one item, and the
/// next item is the next line; after an error of the source it is asked again.
#[derive(Debug)]
pub struct IntoRecords<R> {
    reader: Reader<R>,
}

impl<R: Read> Iterator for IntoRecords<R> {
    type Item = Result<RecordBuf, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = RecordBuf::default();
        match self.reader.read_record(&mut record) {
            Ok(true) => Some(Ok(record)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

impl<R> Reader<R> {
    /// Where the next line begins.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.parser.position()
    }

    /// Where the last line or record that was given, or the last error, begins.
    #[must_use]
    pub const fn record_position(&self) -> Position {
        self.parser.record_position()
    }

    /// The source.
    pub const fn get_ref(&self) -> &R {
        &self.source
    }

    /// The source, mutably. Bytes read from it directly are missing here.
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.source
    }

    /// The source. Bytes that are buffered and not yet given are dropped.
    pub fn into_inner(self) -> R {
        self.source
    }
}
