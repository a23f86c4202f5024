//! Folding loses nothing: the lines of the blocks are the lines of the trace, and unfolding gives
//! its records.

use crate::fixtures;
use mmiotrace_analysis::blocks::{Blocks, OtherRecord, Unfolded};
use mmiotrace_core::{Access, Blind, Event, EventKind, EventSink, Loss, Marker, UnknownOpcode};
use mmiotrace_format::{Lifter, Reader};

/// What a trace is made of, by the reader alone.
#[derive(Debug, PartialEq)]
enum Plain {
    Access(Access),
    Undecoded(UnknownOpcode),
    Event(Event),
    Marker(Vec<u8>),
    Lost(Loss),
    Blind(Blind),
    Line,
}

#[derive(Default)]
struct All(Vec<Plain>);

impl EventSink for All {
    fn event(&mut self, event: &Event) {
        self.0.push(match event.kind {
            EventKind::Access(access) => Plain::Access(access),
            EventKind::UnknownOpcode(unknown) => Plain::Undecoded(unknown),
            _ => Plain::Event(*event),
        });
    }
    fn marker(&mut self, marker: &Marker<'_>) {
        self.0.push(Plain::Marker(marker.text.to_vec()));
    }
    fn lost(&mut self, loss: &Loss) {
        self.0.push(Plain::Lost(*loss));
    }
    fn blind(&mut self, blind: &Blind) {
        self.0.push(Plain::Blind(*blind));
    }
    fn line(&mut self, _: &[u8]) {
        self.0.push(Plain::Line);
    }
}

fn plain(trace: &[u8]) -> Vec<Plain> {
    let (mut lifter, mut all) = (Lifter::new(), All::default());
    let mut entries = Reader::new(trace).entries();
    while let Some(entry) = entries.next_entry().unwrap() {
        lifter.push_entry(&entry, &mut all);
    }
    lifter.finish(&mut all);
    all.0
}

fn unfolded(trace: &[u8]) -> (Vec<Plain>, u64, u64) {
    let (mut all, mut next, mut count) = (Vec::new(), 1, 0);
    for block in Blocks::new(Reader::new(trace)) {
        let block = block.unwrap();
        assert_eq!(
            block.lines.first(),
            next,
            "a gap or an overlap before {block}"
        );
        next = block.lines.end();
        count += 1;
        let mut accesses = 0;
        block.unfold(&mut |item| {
            accesses += u64::from(!matches!(item, Unfolded::Other(_)));
            all.push(match item {
                Unfolded::Access(access) => Plain::Access(access),
                Unfolded::Undecoded(unknown) => Plain::Undecoded(unknown),
                Unfolded::Other(OtherRecord::Event(event)) => Plain::Event(*event),
                Unfolded::Other(OtherRecord::Marker(text)) => Plain::Marker(text.clone()),
                Unfolded::Other(OtherRecord::Lost(loss)) => Plain::Lost(*loss),
                Unfolded::Other(OtherRecord::Blind(blind)) => Plain::Blind(*blind),
                Unfolded::Other(_) => Plain::Line,
                other => panic!("{other:?}"),
            });
        });
        assert_eq!(block.accesses(), accesses, "{block}");
    }
    (all, next, count)
}

fn check(name: &str, trace: &[u8]) -> (u64, u64) {
    let lines = trace.iter().filter(|byte| **byte == b'\n').count() as u64;
    let lines = lines + u64::from(trace.last().is_some_and(|byte| *byte != b'\n'));
    let (mut unfolded, next, blocks) = unfolded(trace);
    assert_eq!(next, lines + 1, "{name}: lines covered");
    let plain = plain(trace);
    // An annotation to which nothing belongs any more is no record; its line is still a block's.
    if unfolded.len() == plain.len() + 1 && unfolded.last() == Some(&Plain::Line) {
        unfolded.pop();
    }
    assert_eq!(unfolded.len(), plain.len(), "{name}: records");
    for (i, (got, want)) in unfolded.iter().zip(&plain).enumerate() {
        assert_eq!(got, want, "{name}: record {i}");
    }
    (lines, blocks)
}

#[test]
fn unfolding_gives_back_every_recorded_trace() {
    let traces = fixtures::traces();
    assert!(traces.len() > 40, "only {} traces found", traces.len());
    let mut folded = 0;
    for (name, trace) in &traces {
        let (lines, blocks) = check(name, trace);
        folded += u64::from(blocks * 2 < lines);
    }
    assert!(
        folded > 10,
        "only {folded} traces became less than half as long"
    );
}

#[test]
fn annotated_accesses_keep_their_lines() {
    let trace = b"VERSION 20070824\n\
        MARK 1.000000 mmiotrace1 cpu cpu=1\n\
        MARK 1.000000 mmiotrace1 wide n=2 width=16\n\
        W 8 1.000000 1 0xfd000000 0x1 0x0 0\n\
        W 8 1.000000 1 0xfd000008 0x2 0x0 0\n\
        MARK 1.000001 mmiotrace1 wide n=2 width=16\n\
        W 8 1.000001 1 0xfd000000 0x1 0x0 0\n\
        R 4 1.000002 1 0xfd000000 0x1 0x0 0\n\
        R 4 1.000003 1 0xfd000000 0x1 0x0 0\n\
        W 4 bad\n\
        MARK 1.000004 mmiotrace1 seq seq=4\n";
    check("annotated", trace);
}

#[test]
fn runs_longer_than_memory_go_on_in_the_next_block() {
    let mut trace = String::new();
    for i in 0..20_000u32 {
        let value = i.wrapping_mul(2_654_435_761);
        let micros = 1_000_000 + u64::from(i) * 3;
        let (s, us) = (micros / 1_000_000, micros % 1_000_000);
        trace.push_str(&format!("W 4 {s}.{us:06} 1 0xfd000040 {value:#x} 0x0 0\n"));
    }
    let (_, blocks) = check("upload", trace.as_bytes());
    assert!(blocks < 10, "{blocks} blocks");
}
