//! Where results go: standard output.

mod color;
mod columns;
mod csv;
mod digits;
mod jsonl;
mod named;
mod row;
mod text;

pub(crate) use color::{Color, Style, pieces};
pub(crate) use named::{Accessed, NamedFormat, NamedRows};
pub(crate) use row::{Format, Rows};
pub(crate) use text::{OneLine, printable};

use crate::failure::{Failure, Stop, plain};
use serde::Serialize;
use serde_json::Serializer;
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Bytes gathered before they are written.
const CAPACITY: usize = 64 * 1024;

/// Standard output, in large pieces.
pub(crate) struct Output {
    file: File,
    pending: Vec<u8>,
}

/// What every `--json` prints: the number of the schema, and what the verb has to say.
#[derive(Serialize)]
struct Report<'a, T> {
    schema: u32,
    #[serde(flatten)]
    report: &'a T,
}

impl Output {
    pub(crate) fn new() -> Result<Self, Stop> {
        // Not `Stdout`: it looks for the last newline of every piece and holds back what follows.
        let file = io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| stop(&error))?;
        Ok(Self {
            file: File::from(file),
            pending: Vec::with_capacity(CAPACITY),
        })
    }

    /// Writes bytes as they are.
    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if self.pending.len() + bytes.len() > CAPACITY {
            self.flush()?;
        }
        if bytes.len() >= CAPACITY {
            return self.file.write_all(bytes).map_err(|error| stop(&error));
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes one line of text for people: without what would steer a terminal.
    pub(crate) fn line(&mut self, text: impl core::fmt::Display) -> Result<(), Stop> {
        self.write(text::printable(&text.to_string()).as_bytes())?;
        self.write(b"\n")
    }

    /// Writes text of several lines for people. Names and the like in it are
    /// [`printable`] already: here they can no longer be told from our own line feeds.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Stop> {
        self.write(text::printable_lines(text).as_bytes())
    }

    /// Writes one JSON object in one line.
    pub(crate) fn json<T: Serialize>(&mut self, report: &T) -> Result<(), Stop> {
        let report = Report { schema: 1, report };
        let mut out = Pieces {
            output: self,
            stopped: None,
        };
        let mut serializer = Serializer::with_formatter(&mut out, text::PrintableJson);
        let written = report.serialize(&mut serializer);
        match (out.stopped, written) {
            (Some(stop), _) => Err(stop),
            (None, Err(error)) => Err(Failure::new("standard output", error).into()),
            (None, Ok(())) => self.write(b"\n"),
        }
    }

    /// Hands on everything that was written.
    pub(crate) fn flush(&mut self) -> Result<(), Stop> {
        let written = self.file.write_all(&self.pending);
        // What failed once is not tried again.
        self.pending.clear();
        written.map_err(|error| stop(&error))
    }
}

/// The output for those who write piece by piece, so that a long object need not be in memory.
struct Pieces<'o> {
    output: &'o mut Output,
    stopped: Option<Stop>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes).map_err(|stop| {
            self.stopped = Some(stop);
            io::Error::from(io::ErrorKind::Other)
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was written before a verb stopped is handed on.
impl Drop for Output {
    fn drop(&mut self) {
        let _ = self.file.write_all(&self.pending);
    }
}

/// Makes a file to be written, or empties the one of that name; not one that is [read](spare).
pub(crate) fn create(path: &Path, inputs: &[impl AsRef<Path>]) -> Result<File, Failure> {
    spare(path, inputs)?;
    File::create(path).map_err(|error| Failure::new(path.display().to_string(), plain(&error)))
}

/// Refuses to write to what is read (`inputs`), by whatever name it goes: it would be empty before
/// it is read, or lost after. As an input `-` is standard input, as a path it is standard output.
pub(crate) fn spare(path: &Path, inputs: &[impl AsRef<Path>]) -> Result<(), Failure> {
    let named = |path: &Path| std::fs::metadata(path).ok();
    let of = |metadata: Option<Metadata>| {
        let there = metadata.filter(Metadata::is_file)?;
        Some((there.dev(), there.ino()))
    };
    let Some(own) = of(named(path)).filter(|_| path != Path::new("-")) else {
        return Ok(());
    };
    let is_read = |input: &Path| {
        let metadata = if input == Path::new("-") {
            standard_input()
        } else {
            named(input)
        };
        of(metadata) == Some(own)
    };
    if inputs.iter().any(|input| is_read(input.as_ref())) {
        let failure = Failure::new(
            path.display().to_string(),
            "is what is read, and would be lost",
        );
        return Err(failure.advise("write to another file"));
    }
    Ok(())
}

/// Not by a name: there may be no /proc.
fn standard_input() -> Option<Metadata> {
    let file = io::stdin().as_fd().try_clone_to_owned().ok()?;
    File::from(file).metadata().ok()
}

fn stop(error: &io::Error) -> Stop {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Stop::ClosedPipe;
    }
    let failure = Failure::new("standard output", plain(error));
    Stop::Failed(match error.kind() {
        io::ErrorKind::StorageFull => {
            failure.advise("make room and do it again; the output is cut off")
        }
        _ => failure,
    })
}
