//! However a trace is cut into pieces, the result is the same.

use core::ops::ControlFlow;
use mmiotrace_format::{
    Block, Error, Parallel, ParseError, Parser, Position, Reader, RecordBuf, Step,
};
use std::io::{self, Read};

/// A record or an error, with the place and the bytes of its line; records as they print, because
/// they borrow.
type Outcome = Result<(Position, String), ParseError>;

/// Parses what follows the first four bytes of `data` whole, and cut up as those four say.
///
/// # Panics
/// Where the results differ.
pub fn format_chunking(data: &[u8]) {
    let Some((control, trace)) = data.split_first_chunk::<4>() else {
        return;
    };
    let [seed, longest, capacity, limit] = *control;
    // Small enough to be met, or out of the way.
    let limit = if limit < 128 { usize::from(limit) } else { 1 << 20 };
    let cuts = Cuts { state: u64::from(seed), longest: usize::from(longest) + 1 };
    let whole = whole(trace, limit);
    assert_eq!(pushed(trace, limit, cuts.clone()), whole, "pushed in pieces");
    let capacity = usize::from(capacity);
    for growing in [false, true] {
        let reader = reader(trace, limit, capacity, growing, cuts.clone());
        assert_eq!(reader, whole, "read in pieces, growing: {growing}");
    }
    assert_eq!(owned(trace, limit, capacity, cuts.clone()), whole, "owned");
    assert_eq!(blocks(trace, limit, capacity, cuts.clone()), whole, "blocks");
    assert_eq!(in_parallel(trace, limit, capacity, None), whole, "slices in parallel");
    assert_eq!(in_parallel(trace, limit, capacity, Some(cuts)), whole, "read in parallel");
}

fn whole(trace: &[u8], limit: usize) -> Vec<Outcome> {
    outcomes(Block::at(Position::START, trace, limit))
}

fn outcomes(block: Block<'_>) -> Vec<Outcome> {
    let mut records = block.records();
    let mut outcomes = Vec::new();
    while let Some(record) = records.next() {
        outcomes.push(record.map(|record| (records.record_position(), format!("{record:?}"))));
    }
    outcomes
}

fn pushed(trace: &[u8], limit: usize, mut cuts: Cuts) -> Vec<Outcome> {
    let mut parser = Parser::with_max_line_len(limit);
    let mut outcomes = Vec::new();
    let (mut begin, mut end) = (0, 0);
    loop {
        let mut input = &trace[begin..end];
        let step = parser.push(&mut input, end == trace.len());
        begin = end - input.len();
        match step {
            Step::Record(record) => {
                outcomes.push(Ok((parser.record_position(), format!("{record:?}"))));
            }
            Step::Invalid(error) => outcomes.push(Err(error)),
            Step::NeedInput => end = (end + cuts.next()).min(trace.len()),
            Step::End => return outcomes,
        }
    }
}

fn reader(
    trace: &[u8],
    limit: usize,
    capacity: usize,
    growing: bool,
    cuts: Cuts,
) -> Vec<Outcome> {
    let source = Source { trace, cuts, pauses: growing, paused: false };
    let mut builder = Reader::<Source<'_>>::builder();
    builder.buffer_capacity(capacity).max_line_len(limit).growing(growing);
    let mut reader = builder.from_reader(source);
    let mut outcomes = Vec::new();
    let mut finished = false;
    loop {
        let printed = reader.next_record().map(|record| record.map(|record| format!("{record:?}")));
        match printed {
            Ok(Some(record)) => outcomes.push(Ok((reader.record_position(), record))),
            Err(Error::Parse(error)) => outcomes.push(Err(error)),
            Err(error) => panic!("{error}"),
            Ok(None) if finished || !growing => return outcomes,
            Ok(None) => {
                // A pause, until the source is empty.
                finished = reader.get_ref().trace.is_empty();
                if finished {
                    reader.finish();
                }
            }
        }
    }
}

fn owned(trace: &[u8], limit: usize, capacity: usize, cuts: Cuts) -> Vec<Outcome> {
    let source = Source { trace, cuts, pauses: false, paused: false };
    let mut builder = Reader::<Source<'_>>::builder();
    let mut reader = builder.buffer_capacity(capacity).max_line_len(limit).from_reader(source);
    let mut outcomes = Vec::new();
    // All are kept, so that none may be overwritten by those after it.
    let mut records = Vec::new();
    loop {
        let mut record = RecordBuf::default();
        match reader.read_record(&mut record) {
            Ok(true) => records.push(Ok(record)),
            Ok(false) => break,
            Err(Error::Parse(error)) => records.push(Err(error)),
            Err(error) => panic!("{error}"),
        }
    }
    for record in records {
        outcomes.push(record.map(|record| (record.position(), format!("{:?}", record.as_record()))));
    }
    outcomes
}

fn blocks(trace: &[u8], limit: usize, capacity: usize, cuts: Cuts) -> Vec<Outcome> {
    let source = Source { trace, cuts, pauses: false, paused: false };
    let mut builder = Reader::<Source<'_>>::builder();
    let mut reader = builder.buffer_capacity(capacity).max_line_len(limit).from_reader(source);
    let mut all = Vec::new();
    loop {
        match reader.next_block() {
            Ok(Some(block)) => all.extend(outcomes(block)),
            Ok(None) => return all,
            Err(Error::Parse(error)) => all.push(Err(error)),
            Err(error) => panic!("{error}"),
        }
    }
}

fn in_parallel(trace: &[u8], limit: usize, block_len: usize, cuts: Option<Cuts>) -> Vec<Outcome> {
    let parallel = Parallel::new().threads(2).block_len(block_len).max_line_len(limit);
    let mut all = Vec::new();
    let take = |outcomes: Vec<Outcome>| {
        all.extend(outcomes);
        ControlFlow::Continue(())
    };
    match cuts {
        None => parallel.slice(trace, outcomes, take),
        Some(cuts) => {
            let source = Source { trace, cuts, pauses: false, paused: false };
            assert!(parallel.read(source, outcomes, take).is_ok());
        }
    }
    all
}

/// Lengths of pieces, 1 to `longest`.
#[derive(Clone)]
struct Cuts {
    state: u64,
    longest: usize,
}

impl Cuts {
    fn next(&mut self) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.state >> 33) as usize % self.longest + 1
    }
}

/// Gives a trace in such pieces; may say that there is nothing between any two of them.
struct Source<'a> {
    trace: &'a [u8],
    cuts: Cuts,
    pauses: bool,
    paused: bool,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.paused = self.pauses && !self.paused;
        if self.paused {
            return Ok(0);
        }
        let len = self.cuts.next().min(self.trace.len());
        let (mut piece, _) = self.trace.split_at(len);
        let got = piece.read(buffer)?;
        self.trace = &self.trace[got..];
        Ok(got)
    }
}
