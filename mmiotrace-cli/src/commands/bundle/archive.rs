//! A tar archive, compressed with xz, of one folder.

use liblzma::write::XzEncoder;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// xz -4: traces get a few percent larger than with -6, in half the memory (48 MiB).
const LEVEL: u32 = 4;

/// An archive being written. Owners and times are those of nobody and nothing: they tell nothing
/// about the machine, and the same contents give the same bytes.
pub(super) struct Archive {
    encoder: XzEncoder<BufWriter<File>>,
    folder: String,
}

impl Archive {
    pub(super) fn create(path: &Path, folder: &str) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        Ok(Self {
            encoder: XzEncoder::new(file, LEVEL),
            folder: folder.to_owned(),
        })
    }

    /// Adds a file that is in memory.
    pub(super) fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        let mut entry = self.begin(name, text.len() as u64)?;
        entry.write(text.as_bytes())?;
        entry.end()
    }

    /// Begins a file of exactly `len` bytes.
    pub(super) fn begin(&mut self, name: &str, len: u64) -> io::Result<Entry<'_>> {
        let mut header = tar::Header::new_ustar();
        header.set_path(format!("{}/{name}", self.folder))?;
        header.set_size(len);
        header.set_mode(0o644);
        header.set_cksum();
        self.encoder.write_all(header.as_bytes())?;
        Ok(Entry {
            encoder: &mut self.encoder,
            left: len,
            len,
        })
    }

    /// Writes the end of the archive, down to the disk.
    pub(super) fn end(mut self) -> io::Result<()> {
        // Two empty blocks (POSIX, pax: "ustar Interchange Format").
        self.encoder.write_all(&[0; 1024])?;
        let file = self
            .encoder
            .finish()?
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()
    }
}

/// A file of the archive being written.
pub(super) struct Entry<'a> {
    encoder: &'a mut XzEncoder<BufWriter<File>>,
    left: u64,
    len: u64,
}

impl Entry<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or(io::ErrorKind::InvalidData)?;
        self.encoder.write_all(bytes)
    }

    pub(super) fn end(self) -> io::Result<()> {
        if self.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let padding = (512 - self.len % 512) % 512;
        self.encoder.write_all(&[0; 512][..padding as usize])
    }
}
