//! The traces that tests read.

use mmiotrace_core::{Event, Header};
use mmiotrace_format::{Error, Reader, Record};
use mmiotrace_registers::Namer;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the traces are.
pub(crate) fn traces() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/traces")
}

/// The bytes of a trace, decompressed.
pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    let file =
        std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension == "xz") {
        liblzma::read::XzDecoder::new_multi_decoder(file)
            .read_to_end(&mut bytes)
            .expect("a readable trace");
    } else {
        std::io::BufReader::new(file)
            .read_to_end(&mut bytes)
            .expect("a readable trace");
    }
    bytes
}

/// Gives a trace to a namer: headers and losses directly, events through `each`.
pub(crate) fn feed(trace: &[u8], namer: &mut Namer, mut each: impl FnMut(&mut Namer, &Event)) {
    let mut reader = Reader::new(trace);
    loop {
        let record = match reader.next_record() {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(Error::Parse(_)) => continue,
            Err(error) => panic!("{error}"),
        };
        match &record {
            Record::Header(header) => header_of(namer, header),
            Record::Lost(_) => namer.invalidate_values(),
            Record::Event(event) => each(namer, event),
            _ => {}
        }
    }
}

fn header_of(namer: &mut Namer, header: &Header<'_>) {
    namer.header(header);
}
