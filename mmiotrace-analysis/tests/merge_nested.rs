//! A merged trace is merged with others as its own sources would be.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use mmiotrace_analysis::Capture;
use mmiotrace_analysis::merge::{Merge, MergeErrorKind, Shift};
use mmiotrace_core::{Blind, Event, EventSink, Loss, Marker};
use mmiotrace_format::{Lifter, Reader};
use support::{check, fixtures};

/// Names, shifts in microseconds, texts.
type Given<'a> = (&'a str, i64, &'a [u8]);

fn merged(sources: &[Given<'_>]) -> Vec<u8> {
    let mut merge = Merge::new();
    for (name, shift, text) in sources {
        merge.add(name, Shift::from_nanos(shift * 1000), *text);
    }
    let mut out = Vec::new();
    loop {
        match merge.next(&mut out) {
            Ok(true) => {}
            Ok(false) => return out,
            // Lines that are none are kept all the same; the traces are of different machines.
            Err(error) => assert!(
                matches!(error.kind, MergeErrorKind::Line(_) | MergeErrorKind::Device),
                "{error}"
            ),
        }
    }
}

/// Lines that are no annotations of numbers, each with the source that it is of.
fn lines(trace: &str) -> Vec<(usize, &str)> {
    let (mut lines, mut announced) = (Vec::new(), 1);
    for line in trace.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            [
                "MARK",
                _,
                "mmiotrace1",
                "cpu" | "seq" | "unordered" | "wide",
                ..,
            ] => continue,
            ["MARK", _, "mmiotrace1", "source", number, ..] => {
                announced = number.strip_prefix("n=").unwrap().parse().unwrap();
                if words.len() > 5 {
                    announced = 1;
                }
                continue;
            }
            _ => {}
        }
        let id = match words[..] {
            ["R" | "W", _, _, id, ..] | ["MAP" | "UNMAP" | "UNKNOWN", _, id, ..] => id,
            _ => "-1",
        };
        let id: i64 = id.parse().unwrap();
        let of_id = usize::try_from(id.div_euclid(1_000_000) + 1).unwrap();
        let said = core::mem::replace(&mut announced, 1);
        lines.push((if id < 0 { said } else { of_id }, line));
    }
    lines
}

/// Events with all that is told of them, and the rest.
fn events(trace: &str) -> Vec<String> {
    #[derive(Default)]
    struct All(Vec<String>);
    impl EventSink for All {
        fn event(&mut self, event: &Event) {
            self.0.push(format!("{event:?}"));
        }
        fn lost(&mut self, loss: &Loss) {
            self.0.push(format!("{loss:?}"));
        }
        // Compared as lines.
        fn marker(&mut self, _: &Marker<'_>) {}
        fn line(&mut self, _: &[u8]) {}
        fn blind(&mut self, blind: &Blind) {
            self.0.push(format!("{blind:?}"));
        }
    }
    let (mut all, mut lifter) = (All::default(), Lifter::new());
    let mut reader = Reader::new(trace.as_bytes());
    while let Some(line) = reader.next_line().unwrap() {
        // What is no line of a trace is compared as text.
        let _ = lifter.push_line(&line, &mut all);
    }
    lifter.finish(&mut all);
    all.0
}

/// They may differ in how often numbers are told, and in nothing else.
fn assert_same(nested: &[u8], flat: &[u8]) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (nested_text, flat_text) = (text(nested), text(flat));
    assert_eq!(
        lines(&nested_text),
        lines(&flat_text),
        "{nested_text}{flat_text}"
    );
    assert_eq!(
        events(&nested_text),
        events(&flat_text),
        "{nested_text}{flat_text}"
    );
    assert_eq!(
        check(nested).sources,
        check(flat).sources,
        "{nested_text}{flat_text}"
    );
}

/// However three or four of these are put together, the same trace comes of it.
fn in_every_way(all: &[Given<'_>]) {
    for (first, behind) in [(0, 2), (1, 2), (0, 3), (1, 3), (2, 2)] {
        let Some(inner) = all.get(first..first + behind) else {
            continue;
        };
        let text = merged(inner);
        let mut outer = all[..first].to_vec();
        outer.push(("merged", 0, &text));
        outer.extend(&all[first + behind..]);
        let nested = merged(&outer);
        assert_same(&nested, &merged(all));
    }
}

const KERNEL: &str = "VERSION 20070824\nPCIDEV 0010 8086100e a febc0000 0 0 0 0 0 0 20000 0 0 0 0 0 0 \n\
    MAP 1.000000 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
    MARK 1.500000 of the kernel's\nodd line\nW 4 1.700000 1 0xfebc0010 0x1 0x0 0\n\
    R 4 2.000000 -1 0xfebc0008 0x0 0x0 0\nUNMAP 3.000000 1 0x0 0\n";
const KMOD: &str = "VERSION 20070824\nMARK 0.000000 mmiotrace1 capture backend=kmod\n\
    MARK 1.500000 mmiotrace1 cpu cpu=3\nMARK 1.500000 mmiotrace1 seq seq=70\n\
    MAP 1.500000 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
    MARK 2.000000 mmiotrace1 wide n=2 width=16\n\
    W 8 2.000000 1 0xfebc0010 0x1 0x0 0\nW 8 2.000000 1 0xfebc0018 0x2 0x0 0\n\
    MARK 2.100000 mmiotrace1 blind begin page=0xfebc0000 reason=budget code=\n\
    MARK 2.200000 mmiotrace1 lost n=2 seq=72-73\nMARK 0.000000 Lost 2 events.\n\
    MARK 2.300000 mmiotrace1 unordered\nR 4 2.300000 -1 0xfebc0010 0x1 0x0 0\n";
const PROCESS: &str = "VERSION 20070824\nMARK 1.500000 mmiotrace1 seq seq=5\n\
    MAP 1.500000 1 0xfebc0000 0x7f0012340000 0x20000 0x0 0\n\
    MARK 1.700000 by hand\nW 4 1.700000 1 0xfebc0010 0x1 0x0 812\n\
    R 4 2.000000 -1 0xfebc0008 0x0 0x0 812\n";
const OTHER: &str = "VERSION 20070824\nMARK 0.000000 import: of another tool\n\
    W 4 1.700000 -1 0xfebc0010 0x1 0x0 0\nLSPCI 00:02.0 a card\n\
    R 4 2.000000 7 0xfebc0010 0x1 0x0 0\n";

#[test]
fn sources_of_sources_keep_names_numbers_and_map_ids() {
    let texts = [KERNEL, KMOD, PROCESS, OTHER].map(str::as_bytes);
    let names = ["kernel", "our module", "a, times +1 s", "other"];
    for first in 0..4 {
        for second in 0..4 {
            let order = [first, second, (first + 1) % 4, (second + 2) % 4];
            let given = order.map(|at| (names[at], 0, texts[at]));
            in_every_way(&given);
            in_every_way(&given[1..]);
        }
    }
}

#[test]
fn shifts_add_up() {
    let a = ("a", 250_000, KERNEL.as_bytes());
    let b = ("b", -1_000_000, PROCESS.as_bytes());
    let both = merged(&[a, b]);
    let nested = merged(&[("c", 0, KMOD.as_bytes()), ("both", 3_000_000, &both)]);
    let flat = merged(&[
        ("c", 0, KMOD.as_bytes()),
        ("a", 3_250_000, a.2),
        ("b", 2_000_000, b.2),
    ]);
    assert_same(&nested, &flat);
    let text = String::from_utf8(nested).unwrap();
    let told = "merge: source 3 is b, times +2.000000 s, map ids +2000000";
    assert!(text.contains(told), "{text}");
}

#[test]
fn each_source_of_a_source_has_its_own_verdict() {
    let inner = merged(&[("p", 0, PROCESS.as_bytes()), ("m", 0, KMOD.as_bytes())]);
    let outer = merged(&[("k", 0, KERNEL.as_bytes()), ("both", 0, &inner)]);
    let found: Vec<_> = check(&outer)
        .sources
        .into_iter()
        .map(|source| (source.number, source.name, source.capture))
        .collect();
    let expected = [
        (1, "k", Capture::Kernel),
        (2, "p", Capture::Process),
        (3, "m", Capture::Kmod),
    ];
    assert_eq!(
        found,
        expected.map(|(number, name, by)| (number, name.to_owned(), by))
    );
}

#[test]
fn another_version_keeps_its_source() {
    let other = OTHER.replace("20070824", "20070825");
    let inner = merged(&[("a", 0, PROCESS.as_bytes()), ("b", 0, other.as_bytes())]);
    let outer = merged(&[("k", 0, KERNEL.as_bytes()), ("both", 0, &inner)]);
    let outer = String::from_utf8(outer).unwrap();
    let of_version = lines(&outer)
        .into_iter()
        .filter(|(_, line)| line.starts_with("VERSION "));
    let expected = [(1, "VERSION 20070824"), (3, "VERSION 20070825")];
    assert_eq!(of_version.collect::<Vec<_>>(), expected);
}

#[test]
fn real_traces_are_put_together_in_every_way() {
    let names = ["edu-6.1", "nvme-6.1", "lost-events-6.1", "mmioops-6.1"];
    let texts = names.map(fixtures::trace);
    let mut given: Vec<Given<'_>> = Vec::new();
    for (name, text) in names.iter().zip(&texts) {
        given.push((name, 0, text));
    }
    in_every_way(&given);
}
