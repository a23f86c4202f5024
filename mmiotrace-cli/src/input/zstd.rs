//! Reading of zstd files, over ruzstd, which decodes one frame and leaves the rest to its caller.

use core::error::Error;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Read};

/// The window of `zstd --ultra --long=31`, the largest that zstd itself writes. Memory is taken as
/// it is used.
const MAX_WINDOW: u64 = 1 << 31;

/// All frames of a file, one after the other; those to be skipped are. A frame's checksum is
/// compared before the next frame or the end is reported.
pub(super) struct Decoder<R> {
    source: BufReader<R>,
    frame: FrameDecoder,
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(source: R) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MAX_WINDOW);
        Self {
            source: BufReader::new(source),
            frame,
        }
    }

    fn check_frame(&self) -> io::Result<()> {
        match self.frame.get_checksum_from_data() {
            stored @ Some(_) if stored != self.frame.get_calculated_checksum() => {
                Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the checksum of a frame is wrong",
                ))
            }
            _ => Ok(()),
        }
    }

    fn next_frame(&mut self) -> io::Result<()> {
        match self.frame.init(&mut self.source) {
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let len = u64::from(length);
                let skipped = io::copy(&mut self.source.by_ref().take(len), &mut io::sink())?;
                if skipped < len {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(())
            }
            outcome => outcome.map_err(|error| io_error(&error)),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                self.frame
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|error| io_error(&error))?;
            }
            match self.frame.read(buffer)? {
                0 => self.check_frame()?,
                len => return Ok(len),
            }
            if self.source.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.next_frame()?;
        }
    }
}

/// The error of the source itself if it is one, for its kind.
fn io_error(error: &FrameDecoderError) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            };
        }
        cause = error.source();
    }
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}
