//! Where a trace goes: a file that is this recorder's alone, or standard output.

use super::{tell, unwritable, verdict};
use crate::failure::{Failure, Outcome, Stop, plain};
use mmiotrace_analysis::Checker;
use mmiotrace_core::{EventSink as _, Loss, Marker, Timestamp};
use mmiotrace_format::{Error, LineStep, Parser, Reader, Totals, Writer};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A trace's destination.
#[derive(Debug)]
pub(super) struct Output {
    to: To,
    path: PathBuf,
    bytes: u64,
}

#[derive(Debug)]
enum To {
    /// A regular file, locked. Until the capture begins it is as it was; `made`: it was not there.
    File { file: File, made: bool },
    /// A device or a FIFO.
    Stream(File),
    /// Cannot be read again, and is checked as it is written.
    Standard(Box<Live>),
}

impl Output {
    /// Opens the file and locks it, and changes nothing in it.
    ///
    /// # Errors
    /// If it cannot be written, or another recorder writes to it.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let to = if path == Path::new("-") {
            To::Standard(Box::default())
        } else {
            open(path)?
        };
        Ok(Self {
            to,
            path: path.to_owned(),
            bytes: 0,
        })
    }

    /// The capture begins: what a file holds after its first `bytes` bytes is dropped.
    pub(super) fn begin(&mut self, bytes: u64) -> io::Result<()> {
        if let To::File { file, made } = &mut self.to {
            file.set_len(bytes)?;
            file.seek(SeekFrom::Start(bytes))?;
            self.bytes = bytes;
            *made = false;
        }
        Ok(())
    }

    /// The length of the trace so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The length of what is in the file now.
    pub(super) fn len(&self) -> io::Result<u64> {
        match &self.to {
            To::File { file, .. } => Ok(file.metadata()?.len()),
            _ => Ok(0),
        }
    }

    /// The totals of the first bytes of the file.
    pub(super) fn totals(&self, bytes: u64) -> io::Result<Totals> {
        let mut totals = Totals::new();
        let mut reader = Reader::new(File::open(&self.path)?.take(bytes));
        loop {
            match reader.next_line() {
                Ok(Some(line)) => {
                    totals.add_line(&line);
                    totals.add_bytes(line.as_bytes());
                }
                Ok(None) => return Ok(totals),
                Err(Error::Io(error)) => return Err(error),
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
        }
    }

    /// Says on standard error whether the trace is complete.
    pub(super) fn verdict(&mut self) -> Result<Outcome, Failure> {
        match &mut self.to {
            To::Standard(live) => Ok(verdict::tell_of("standard output", live.finish())),
            // It is gone, as far as anybody can read it here.
            To::Stream(_) => Ok(Outcome::Clean),
            To::File { .. } => verdict::tell(&self.path),
        }
    }
}

fn open(path: &Path) -> Result<To, Failure> {
    let failed = |error: &io::Error| unwritable(path, error);
    let mut options = OpenOptions::new();
    let (file, made) = match options.write(true).create_new(true).open(path) {
        Ok(file) => (file, true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut options = OpenOptions::new();
            // A link to a file that is not there is followed, as by everybody.
            let options = options.write(true).create(true).truncate(false);
            (options.open(path).map_err(|error| failed(&error))?, false)
        }
        Err(error) => return Err(failed(&error)),
    };
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(To::Stream(file));
    }
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            let failure = Failure::new(path.display().to_string(), "another recorder writes to it");
            Err(failure.advise("give -o another file, or end that capture"))
        }
        // A file system without locks: as good as it gets.
        Ok(()) | Err(_) => Ok(To::File { file, made }),
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.to {
            To::File { file, .. } | To::Stream(file) => file.write(bytes)?,
            To::Standard(live) => {
                let written = io::stdout().lock().write(bytes)?;
                live.take(bytes.get(..written).unwrap_or_default());
                written
            }
        };
        self.bytes = self.bytes.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::File { file, .. } | To::Stream(file) => file.flush(),
            To::Standard(_) => io::stdout().lock().flush(),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let To::File { made: true, .. } = self.to {
            // Nothing was begun, so nothing shall be there.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Checks text as it is written.
#[derive(Debug, Default)]
struct Live {
    parser: Parser,
    pending: Vec<u8>,
    checker: Checker,
}

impl Live {
    fn take(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        self.each(false);
    }

    fn finish(&mut self) -> Checker {
        self.each(true);
        core::mem::take(&mut self.checker)
    }

    fn each(&mut self, end: bool) {
        let mut input = &self.pending[..];
        loop {
            match self.parser.push_line(&mut input, end) {
                LineStep::Line(line) => self.checker.line(&line),
                LineStep::TooLong(error) => self.checker.invalid(&error),
                LineStep::NeedInput | LineStep::End => break,
            }
        }
        let done = self.pending.len() - input.len();
        self.pending.drain(..done);
    }
}

/// What a trace says when it ends.
#[derive(Debug, Default)]
pub(super) struct End<'a> {
    /// Processes that go on untraced.
    pub(super) continued: &'a [u32],
    /// All entries that there were, events and markers, lost ones too, if they have no numbers.
    pub(super) entries: Option<u64>,
}

/// Ends a trace, and says on standard error whether it is complete. A trace that could not be written to its
/// end is cut back to whole lines, and says what is missing if that can be written.
pub(super) fn finish(mut writer: Writer<Output>, end: &End<'_>) -> Result<Outcome, Stop> {
    let continued = super::continues(end.continued);
    annotate(&mut writer, continued.as_deref());
    let all = writer.totals().cloned().unwrap_or_default();
    let why = match writer.end() {
        Ok(()) => {
            let outcome = writer.get_mut().verdict()?;
            let continued = continued.map_or(Outcome::Clean, |_| Outcome::Found);
            return Ok(outcome.or(continued));
        }
        Err(error) => error,
    };
    if why.kind() == io::ErrorKind::BrokenPipe {
        return Err(Stop::ClosedPipe);
    }
    let output = writer.get_mut();
    unwritable(&output.path, &why).print();
    if let To::File { .. } = output.to {
        let missing = Missing {
            last_seq: all.last_seq(),
            events: all.events(),
            entries: end.entries,
            why: plain(&why),
            continued,
        };
        match missing.cut_back(output) {
            Ok(missing) => tell(format_args!(
                "the trace ends early and says so: {missing} events are missing"
            )),
            Err(error) => tell(format_args!(
                "the trace ends early and cannot say so: {}",
                plain(&error)
            )),
        }
    }
    Err(Stop::Told)
}

/// How much of the end is given up, until there is room for what is missing: a limit of the file's size needs
/// no more than the lines, a full disk a block of the file system.
const GIVEN_UP: [u64; 3] = [1 << 10, 8 << 10, 64 << 10];

/// What there was in all, and why it is not in the file.
struct Missing {
    last_seq: Option<u64>,
    events: u64,
    entries: Option<u64>,
    why: String,
    continued: Option<Vec<u8>>,
}

impl Missing {
    /// Cuts the file back to a whole line and ends it there, with the number of events that are missing,
    /// which it returns.
    fn cut_back(&self, output: &mut Output) -> io::Result<u64> {
        let mut result = Err(io::ErrorKind::StorageFull.into());
        for given_up in GIVEN_UP {
            let keep = whole_lines(&output.path, output.bytes.saturating_sub(given_up))?;
            let kept = output.totals(keep)?;
            output.begin(keep)?;
            result = self.end(output, kept);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    fn end(&self, output: &mut Output, kept: Totals) -> io::Result<u64> {
        let mut loss = Loss::new(Timestamp::ZERO, 0);
        let next = kept.last_seq().map_or(0, |last| last.wrapping_add(1));
        match (self.entries, self.last_seq) {
            (Some(entries), _) => {
                let kept = kept.events() + kept.markers() + kept.lost();
                loss.count = entries.saturating_sub(kept);
            }
            // Numbers count accesses, lines their pieces.
            (None, Some(last)) if last >= next => {
                loss.count = last - next + 1;
                loss.seq = Some((next, last));
            }
            _ => loss.count = self.events.saturating_sub(kept.events()),
        }
        let mut writer = Writer::resume(output, kept);
        writer.lost(&loss);
        let text = super::untraced("recorder-error", None, Some(loss.count), &self.why);
        annotate(&mut writer, Some(&text));
        annotate(&mut writer, self.continued.as_deref());
        writer.end()?;
        Ok(loss.count)
    }
}

fn annotate(writer: &mut Writer<impl Write>, text: Option<&[u8]>) {
    if let Some(text) = text {
        let time = Timestamp::ZERO;
        writer.marker(&Marker { time, text });
    }
}

/// Where the last whole line ends of the first `len` bytes of a file.
fn whole_lines(path: &Path, len: u64) -> io::Result<u64> {
    const PIECE: u64 = 64 << 10;
    let mut file = File::open(path)?;
    let mut end = len;
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(start))?;
        let mut piece = Vec::new();
        (&mut file).take(end - start).read_to_end(&mut piece)?;
        if let Some(at) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
