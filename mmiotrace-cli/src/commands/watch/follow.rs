//! A file while it grows.

use crate::failure::{Failure, plain};
use core::time::Duration;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

/// Bytes asked for at a time.
const BLOCK: usize = 64 * 1024;

/// How long to wait at the end of a file.
const PAUSE: Duration = Duration::from_millis(20);

/// What comes next.
pub(super) enum Piece {
    /// More of the trace.
    Bytes(Vec<u8>),
    /// Nothing so far.
    Nothing,
    /// The file was cut or replaced: what comes is from its beginning.
    Restart,
    /// It cannot be read.
    Failed(Failure),
    /// Nothing more will come.
    End,
}

/// Standard input, which is read by a thread since nothing tells whether more is there, or a file.
pub(super) enum Follow {
    Pipe(Receiver<Piece>),
    File(Growing),
}

pub(super) struct Growing {
    name: String,
    file: File,
    /// The first of the file that were read.
    read: u64,
    /// Device and number, by which a new file of that name is known.
    identity: (u64, u64),
}

impl Follow {
    pub(super) fn open(name: &str) -> Result<Self, Failure> {
        if name == "-" {
            let (sender, receiver) = sync_channel(16);
            std::thread::spawn(move || pump(&sender));
            return Ok(Self::Pipe(receiver));
        }
        let failed = |error: io::Error| {
            let failure = Failure::new(name, plain(&error));
            match error.kind() {
                io::ErrorKind::NotFound => failure.advise("begin the capture first"),
                _ => failure,
            }
        };
        let file = File::open(name).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(Failure::new(name, "is a directory").advise("give a trace in it"));
        }
        Ok(Self::File(Growing {
            name: name.to_owned(),
            file,
            read: 0,
            identity: (metadata.dev(), metadata.ino()),
        }))
    }

    /// What comes next, waiting no longer than that.
    pub(super) fn next(&mut self, wait: Duration) -> Piece {
        match self {
            Self::Pipe(receiver) => match receiver.recv_timeout(wait) {
                Ok(piece) => piece,
                Err(RecvTimeoutError::Timeout) => Piece::Nothing,
                Err(RecvTimeoutError::Disconnected) => Piece::End,
            },
            Self::File(growing) => growing.next(wait),
        }
    }
}

/// Hands on what standard input gives, until its end or until nobody wants more.
fn pump(sender: &SyncSender<Piece>) {
    let mut input = io::stdin().lock();
    loop {
        let mut bytes = vec![0; BLOCK];
        let piece = match input.read(&mut bytes) {
            Ok(0) => return,
            Ok(len) => {
                bytes.truncate(len);
                Piece::Bytes(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Piece::Failed(Failure::new("standard input", plain(&error))),
        };
        if sender.send(piece).is_err() {
            return;
        }
    }
}

impl Growing {
    fn next(&mut self, wait: Duration) -> Piece {
        let began = Instant::now();
        loop {
            match self.read() {
                Ok(Some(piece)) => return piece,
                Ok(None) => {}
                Err(error) => return Piece::Failed(Failure::new(&self.name, plain(&error))),
            }
            if began.elapsed() >= wait {
                return Piece::Nothing;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn read(&mut self) -> io::Result<Option<Piece>> {
        let mut bytes = vec![0; BLOCK];
        let len = match self.file.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            len => len?,
        };
        if len > 0 {
            self.read += len as u64;
            bytes.truncate(len);
            return Ok(Some(Piece::Bytes(bytes)));
        }
        // At its end: is it still the file of that name, and as long as it was?
        let there = Path::new(&self.name).metadata().ok();
        let other = there.filter(|there| (there.dev(), there.ino()) != self.identity);
        if let Some(other) = other.filter(|other| other.is_file()) {
            self.file = File::open(&self.name)?;
            self.identity = (other.dev(), other.ino());
            self.read = 0;
            return Ok(Some(Piece::Restart));
        }
        let metadata = self.file.metadata()?;
        if metadata.is_file() && metadata.len() < self.read {
            io::Seek::rewind(&mut self.file)?;
            self.read = 0;
            return Ok(Some(Piece::Restart));
        }
        Ok(None)
    }
}
