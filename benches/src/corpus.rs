//! Real lines in any amount.

use std::io::Read;
use std::path::Path;

/// A trace of at least `len` bytes: a shipped one, repeated, each time with its time stamps moved
/// on by its own length, so that time never goes backwards and the numbers grow as in a long
/// capture.
///
/// # Panics
/// Where the fixture cannot be read: there is nothing to measure then.
#[must_use]
pub fn repeated(fixture: &str, len: usize) -> Vec<u8> {
    let trace = fixture_bytes(fixture);
    let lines: Vec<Piece<'_>> = trace
        .split_inclusive(|byte| *byte == b'\n')
        .map(Piece::of)
        .collect();
    let span = lines
        .iter()
        .filter_map(|line| line.micros)
        .max()
        .unwrap_or(0)
        + 1;
    let mut all = Vec::with_capacity(len + trace.len());
    let mut moved_by = 0;
    while all.len() < len {
        for line in &lines {
            line.append(&mut all, moved_by);
        }
        moved_by += span;
    }
    all
}

/// How many bytes the large corpora have: `MMIOTRACE_BENCH_MB` megabytes, else 300.
#[must_use]
pub fn large_len() -> usize {
    let megabytes = std::env::var("MMIOTRACE_BENCH_MB")
        .ok()
        .and_then(|text| text.parse().ok());
    megabytes.unwrap_or(300) * 1_000_000
}

/// A shipped trace, decompressed.
///
/// # Panics
/// Where it cannot be read.
#[must_use]
#[allow(
    clippy::expect_used,
    reason = "without the fixture there is nothing to measure"
)]
pub fn fixture_bytes(fixture: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/traces")
        .join(fixture);
    let stored = std::fs::read(&path).expect("fixture can be read");
    if !fixture.ends_with(".xz") {
        return stored;
    }
    let mut plain = Vec::new();
    liblzma::read::XzDecoder::new(&stored[..])
        .read_to_end(&mut plain)
        .expect("fixture is xz");
    plain
}

/// A line, taken apart at its time.
struct Piece<'a> {
    before: &'a [u8],
    micros: Option<u64>,
    after: &'a [u8],
}

impl<'a> Piece<'a> {
    fn of(line: &'a [u8]) -> Self {
        Self::timed(line).unwrap_or(Self {
            before: line,
            micros: None,
            after: &[],
        })
    }

    fn timed(line: &'a [u8]) -> Option<Self> {
        let skipped = match line.split(|byte| *byte == b' ').next()? {
            b"R" | b"W" => 2,
            b"MAP" | b"UNMAP" | b"MARK" | b"UNKNOWN" => 1,
            _ => return None,
        };
        let words: usize = line
            .split(|byte| *byte == b' ')
            .take(skipped)
            .map(|word| word.len() + 1)
            .sum();
        let (before, rest) = line.split_at(words);
        let (time, after) = rest.split_at(rest.iter().position(|byte| *byte == b' ')?);
        let (seconds, micros) = core::str::from_utf8(time).ok()?.split_once('.')?;
        let micros = seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?;
        Some(Self {
            before,
            micros: Some(micros),
            after,
        })
    }

    fn append(&self, all: &mut Vec<u8>, moved_by: u64) {
        all.extend_from_slice(self.before);
        if let Some(micros) = self.micros {
            let micros = micros + moved_by;
            all.extend_from_slice(
                format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000).as_bytes(),
            );
        }
        all.extend_from_slice(self.after);
    }
}
