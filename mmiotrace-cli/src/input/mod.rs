//! Where traces come from.

mod content;
mod import;
mod progress;
mod walk;
mod zstd;

pub(crate) use import::ImportArgs;
pub(crate) use walk::{LineOutcome, Skipped};

use crate::failure::{Failure, plain};
use mmiotrace_format::{Block, Entry, Error, ParseError, Reader};
use progress::Progress;
use std::fs::File;
use std::io::{self, Read};

/// Bytes asked for at a time.
const BLOCK: usize = 128 * 1024;

/// Bytes of a file beside the trace at most: larger than any kernel.
const MOST_BYTES: u64 = 1 << 30;

/// All of a file beside the trace, decompressed.
pub(crate) fn read_whole(file: &str) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| {
        let failure = Failure::new(file, plain(&error));
        match error.kind() {
            io::ErrorKind::NotFound => failure.advise("check the path"),
            io::ErrorKind::PermissionDenied => failure.advise("run as a user who may read it"),
            _ => failure,
        }
    };
    let source = content::decompressed(File::open(file).map_err(failed)?).map_err(failed)?;
    let mut bytes = Vec::new();
    let len = source
        .take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if len as u64 == MOST_BYTES {
        return Err(Failure::new(file, "is larger than 1 GiB"));
    }
    Ok(bytes)
}

/// The trace to read.
#[derive(Debug, clap::Args)]
pub(crate) struct InputArgs {
    /// The trace; `-`, or none, is standard input; gzip, xz and zstd are known by content
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    file: String,

    #[command(flatten)]
    import: ImportArgs,
}

impl InputArgs {
    /// The file, as it was given; `-` is standard input.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Opens it, to be read in full before anything is printed.
    pub(crate) fn open(&self) -> Result<Input, Failure> {
        Input::open_as(&self.file, Printing::Afterwards, &self.import)
    }

    /// Opens it, to be printed from while it is read.
    pub(crate) fn open_to_print(&self) -> Result<Input, Failure> {
        Input::open_as(&self.file, Printing::Meanwhile, &self.import)
    }
}

/// When a verb prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Printing {
    /// While it reads: a progress bar must not stand between its lines.
    Meanwhile,
    /// When all is read.
    Afterwards,
}

/// A trace that is being read: its bytes, decompressed.
pub(crate) struct Input {
    name: String,
    source: Box<dyn Read>,
}

/// What a reader returns next: an entry, or a block of lines.
pub(crate) enum Next<T> {
    /// An entry, or lines.
    Given(T),
    /// No line: it is too long to be kept. Reading goes on behind it.
    Invalid(ParseError),
    /// The input failed. What was read before is given before; what is left of it comes next.
    Failed(Failure),
    /// Nothing more.
    End,
}

/// The records of an input with their lines.
pub(crate) struct Entries {
    name: String,
    entries: mmiotrace_format::Entries<Box<dyn Read>>,
}

/// The lines of an input, many at a time.
pub(crate) struct Blocks {
    name: String,
    reader: Reader<Box<dyn Read>>,
}

impl Input {
    /// Opens a file, or standard input for `-`; what it is, its content tells.
    pub(crate) fn open(file: &str, printing: Printing) -> Result<Self, Failure> {
        Self::open_as(file, printing, &ImportArgs::default())
    }

    /// Opens a file, or standard input for `-`.
    pub(crate) fn open_as(
        file: &str,
        printing: Printing,
        import: &ImportArgs,
    ) -> Result<Self, Failure> {
        if file == "-" {
            let name = "standard input".to_owned();
            return Self::from_source(name, Box::new(io::stdin().lock()), None, printing, import);
        }
        let failed = |error: io::Error| {
            let failure = Failure::new(file, plain(&error));
            match error.kind() {
                io::ErrorKind::NotFound => failure.advise("check the path"),
                io::ErrorKind::PermissionDenied => failure.advise("run as a user who may read it"),
                _ => failure,
            }
        };
        let opened = File::open(file).map_err(failed)?;
        let metadata = opened.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(Failure::new(file, "is a directory").advise("give a trace in it"));
        }
        let len = metadata.is_file().then_some(metadata.len());
        Self::from_source(file.to_owned(), Box::new(opened), len, printing, import)
    }

    fn from_source(
        name: String,
        source: Box<dyn Read>,
        len: Option<u64>,
        printing: Printing,
        import: &ImportArgs,
    ) -> Result<Self, Failure> {
        let source = Progress::new(source, &name, len, printing);
        match content::decompressed(source) {
            Ok(source) => {
                let source = import.apply(&name, source)?;
                Ok(Self { name, source })
            }
            Err(error) => Err(Failure::new(name, plain(&error))),
        }
    }

    /// The name for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its bytes, decompressed.
    pub(crate) fn into_source(self) -> Box<dyn Read> {
        self.source
    }

    /// Its records with their lines.
    pub(crate) fn entries(self) -> Entries {
        let Blocks { name, reader } = self.blocks();
        Entries {
            name,
            entries: reader.entries(),
        }
    }

    /// Its lines, many at a time.
    pub(crate) fn blocks(self) -> Blocks {
        let reader = Reader::<Box<dyn Read>>::builder()
            .buffer_capacity(BLOCK)
            .from_reader(self.source);
        Blocks {
            name: self.name,
            reader,
        }
    }

    /// Hands on all bytes as they are.
    pub(crate) fn copy<E: From<Failure>>(
        mut self,
        mut hand_on: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut block = vec![0; BLOCK];
        loop {
            match self.source.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(len) => hand_on(block.get(..len).unwrap_or(&block))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&self.name, &error).into()),
            }
        }
    }
}

impl<T> Next<T> {
    #[inline]
    fn of(given: Result<Option<T>, Error>, name: &str) -> Self {
        match given {
            Ok(Some(given)) => Self::Given(given),
            Ok(None) => Self::End,
            Err(Error::Parse(error)) => Self::Invalid(error),
            Err(Error::Io(error)) => Self::Failed(unreadable(name, &error)),
            Err(error) => Self::Failed(Failure::new(name, error)),
        }
    }
}

impl Entries {
    /// The name of the input, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The next entry.
    #[inline]
    pub(crate) fn next(&mut self) -> Next<Entry<'_>> {
        Next::of(self.entries.next_entry(), &self.name)
    }

    /// After a failure: there is nothing to be had but what was read before it.
    pub(crate) fn give_up(&mut self) {
        self.entries.finish();
    }
}

impl Blocks {
    /// The next lines, as many as are in memory.
    fn next(&mut self) -> Next<Block<'_>> {
        Next::of(self.reader.next_block(), &self.name)
    }
}

/// What is wrong with a line of that input.
fn wrong_line(name: &str, error: &ParseError) -> Failure {
    let (line, column) = (error.line_start().line(), error.column());
    let what = match error.field() {
        Some(_) => format!("{} at byte {column} of the line", error.kind()),
        None => error.kind().to_string(),
    };
    Failure::new(name, what)
        .at_line(line)
        .advise("mmiotrace check tells all there is to say")
}

/// Why an input that was opened cannot be read on.
pub(crate) fn unreadable(name: &str, error: &io::Error) -> Failure {
    if error.raw_os_error().is_some() {
        // The system says so, not what decompresses.
        return Failure::new(name, plain(error)).advise("what could be read has been used");
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::new(name, "the compressed data end too early")
            .advise("get the whole file; what could be read has been used"),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            Failure::new(
                name,
                format!("the compressed data are damaged: {}", plain(error)),
            )
            .advise("get the file again; what could be read has been used")
        }
        _ => Failure::new(name, plain(error)),
    }
}
