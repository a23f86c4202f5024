//! Compressed or not: the content tells, not the name.

use super::zstd;
use flate2::bufread::GzDecoder;
use liblzma::read::XzDecoder;
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// As many bytes as tell the formats apart.
const MAGIC_LEN: usize = 6;

/// The bytes of a trace. Files of several compressed parts (`cat a.gz b.gz`) are read whole.
pub(super) fn decompressed(mut source: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    let mut magic = [0; MAGIC_LEN];
    let len = fill(&mut source, &mut magic)?;
    let magic = magic.get(..len).unwrap_or(&magic);
    let all = Cursor::new(magic.to_vec()).chain(source);
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(Gzip::new(BufReader::new(all))),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(XzDecoder::new_multi_decoder(all)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::new(all)),
        // A frame that may be skipped, as pzstd writes first.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Box::new(zstd::Decoder::new(all)),
        _ => Box::new(all),
    })
}

/// Members of a gzip file one after the other. Zeros after one are padding, which tapes and some
/// downloads bring, as gzip itself has it.
struct Gzip<R> {
    /// `None` at the end, and after an error.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    fn new(source: R) -> Self {
        Self {
            member: Some(GzDecoder::new(source)),
        }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else {
                return Ok(0);
            };
            let len = member.read(buffer)?;
            if len > 0 || buffer.is_empty() {
                return Ok(len);
            }
            let Some(mut source) = self.member.take().map(GzDecoder::into_inner) else {
                return Ok(0);
            };
            if skip_zeros(&mut source)? {
                self.member = Some(GzDecoder::new(source));
            }
        }
    }
}

/// Skips zeros; whether anything else follows.
fn skip_zeros(source: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = match source.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            bytes => bytes?,
        };
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let (is_end, is_over) = (bytes.is_empty(), zeros < bytes.len());
        source.consume(zeros);
        if is_end || is_over {
            return Ok(is_over);
        }
    }
}

/// Reads until `buffer` is full or the source at its end.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while let Some(room) = buffer.get_mut(len..).filter(|room| !room.is_empty()) {
        match source.read(room) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
