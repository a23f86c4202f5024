//! Compressed or not: the content tells, not the name.

use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use std::io::{self, Cursor, Read};

/// As many bytes as tell the formats apart.
const MAGIC_LEN: usize = 6;

/// The bytes of a trace. Files of several compressed parts (`cat a.gz b.gz`) are read whole.
pub(super) fn decompressed(mut source: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    let mut magic = [0; MAGIC_LEN];
    let len = fill(&mut source, &mut magic)?;
    let magic = magic.get(..len).unwrap_or(&magic);
    let all = Cursor::new(magic.to_vec()).chain(source);
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(all)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Box::new(XzDecoder::new_multi_decoder(all)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::new(all)?),
        // A frame that may be skipped, as pzstd writes first.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Box::new(zstd::Decoder::new(all)?),
        _ => Box::new(all),
    })
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
