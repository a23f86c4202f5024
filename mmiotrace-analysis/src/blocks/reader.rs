//! Blocks straight from a trace.

use super::{Block, Folder, LineFolder};
use mmiotrace_format::{Entries, Error, Reader};
use std::io::Read;

/// Reads a trace and gives its blocks.
///
/// ```
/// use mmiotrace_analysis::blocks::Blocks;
/// use mmiotrace_format::Reader;
///
/// let trace = "R 4 1.000000 1 0xfebc0000 0x140240 0x0 0\n\
///              W 4 1.000010 1 0xfebc0000 0x140241 0x0 0\n";
/// let mut blocks = Blocks::new(Reader::new(trace.as_bytes()));
/// let block = blocks.next().unwrap()?;
/// assert_eq!(block.to_string(), "1-2 modify 0xfebc0000/4: 0x140240 -> 0x140241 (+0x1)");
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug)]
pub struct Blocks<R> {
    entries: Entries<R>,
    folder: LineFolder,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    /// The blocks of a trace.
    pub fn new(reader: Reader<R>) -> Self {
        Self::with_folder(reader, Folder::new())
    }

    /// The blocks of a trace, by a folder with other options.
    pub fn with_folder(reader: Reader<R>, folder: Folder) -> Self {
        Self {
            entries: reader.entries(),
            folder: LineFolder::with_folder(folder),
            ended: false,
        }
    }

    /// What the blocks come from: registers, devices and malformed lines so far.
    #[must_use]
    pub const fn folder(&self) -> &LineFolder {
        &self.folder
    }

    /// The same, for keeping.
    #[must_use]
    pub fn into_folder(self) -> LineFolder {
        self.folder
    }

    /// Reads one line; `false` at the end.
    fn read_line(&mut self) -> Result<bool, std::io::Error> {
        match self.entries.next_entry() {
            Ok(Some(entry)) => {
                // Counted by the folder, and passed through as a line.
                let _ = self.folder.push_entry(&entry);
            }
            Ok(None) => {
                self.folder.finish_at(self.entries.position().line());
                return Ok(false);
            }
            Err(Error::Io(error)) => return Err(error),
            Err(_) => self
                .folder
                .push_unreadable(self.entries.record_position().line()),
        }
        Ok(true)
    }
}

impl<R: Read> Iterator for Blocks<R> {
    type Item = Result<Block, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(block) = self.folder.pop() {
                return Some(Ok(block));
            }
            if self.ended {
                return None;
            }
            match self.read_line() {
                Ok(more) => self.ended = !more,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            }
        }
    }
}
