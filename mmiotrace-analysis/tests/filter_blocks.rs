//! Deciding on blocks of lines is deciding on each line.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use core::convert::Infallible;
use mmiotrace_analysis::{Filter, FilterError};
use mmiotrace_core::{MapId, Width};
use mmiotrace_format::{Error, Reader};
use std::fs;
use std::path::Path;
use support::fixtures;

/// Lines kept, and how many were wrong.
type Kept = (Vec<u8>, usize);

fn by_line(filter: &Filter, trace: &[u8]) -> Kept {
    let (mut selector, mut entries) = (filter.selector(), Reader::new(trace).entries());
    let (mut kept, mut wrong) = (Vec::new(), 0);
    // Of two records that are fused into one line, one suffices.
    let (mut line, mut is_kept) = (Vec::new(), false);
    loop {
        match entries.next_entry() {
            Ok(Some(entry)) => {
                line.extend_from_slice(entry.line().as_bytes());
                match selector.selects(&entry) {
                    Ok(wanted) => is_kept |= wanted,
                    Err(_) => wrong += 1,
                }
                if entry.ends_line() {
                    if core::mem::take(&mut is_kept) {
                        kept.extend_from_slice(&line);
                    }
                    line.clear();
                }
            }
            Ok(None) => return (kept, wrong),
            Err(Error::Parse(_)) => wrong += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

fn by_block(filter: &Filter, trace: &[u8], capacity: usize, max_line_len: usize) -> Kept {
    let mut reader = Reader::<&[u8]>::builder();
    let mut reader = reader
        .buffer_capacity(capacity)
        .max_line_len(max_line_len)
        .from_reader(trace);
    let (mut kept, mut wrong) = (Vec::new(), 0);
    let mut selector = filter.selector();
    loop {
        match reader.next_block() {
            Ok(Some(block)) => {
                let keep = |line: &[u8]| {
                    kept.extend_from_slice(line);
                    Ok::<(), Infallible>(())
                };
                selector
                    .select_block(&block, keep, |error| {
                        // The place is right even where nobody counted lines on the way.
                        let start = error.line_start();
                        let before = &trace[..usize::try_from(start.byte()).unwrap()];
                        let newlines = before.iter().filter(|byte| **byte == b'\n').count() as u64;
                        assert_eq!(start.line(), newlines + 1);
                        wrong += 1;
                    })
                    .unwrap();
            }
            Ok(None) => return (kept, wrong),
            Err(Error::Parse(_)) => wrong += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

fn filters() -> Vec<Filter> {
    let mut filters = vec![Filter::new(); 12];
    let kinds = |names: &str| names.parse().unwrap();
    filters[1]
        .kinds(kinds("write"))
        .width(Width::W4)
        .phys("0xfebc0000..0xfebc1000".parse().unwrap());
    filters[2].kinds(kinds("read"));
    filters[3].kinds(kinds("unmap,unknown"));
    filters[4]
        .kinds(kinds("map,mark"))
        .phys("0..".parse().unwrap());
    filters[5]
        .kinds(kinds("read,write,unknown,map,unmap,mark"))
        .map_id(MapId(1));
    filters[6]
        .kinds(kinds("write"))
        .value("0/1".parse().unwrap())
        .time("7..12".parse().unwrap());
    filters[7].kinds(kinds("pcidev,other"));
    filters[8].width(Width::W1);
    filters[9]
        .context(true)
        .value("0xffffffff".parse().unwrap());
    filters[10].device("00:02.0".parse().unwrap());
    filters[11].from_mark("e").unwrap().to_mark("a").unwrap();
    filters
}

fn traces() -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/traces");
    let mut traces: Vec<Vec<u8>> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "mmiotrace")
        })
        .map(|path| fs::read(path).unwrap())
        .collect();
    traces.push(fixtures::trace("markers-6.1"));
    // Fused, forged, broken, cut, foreign, long.
    traces.push(
        b"MARK 1.000000 nulW 4 1.000001 1 0xfebc0008 0x2 0x0 0\nW 4\nW 4 1.000002\n\nWWW\nxW 4 MW R 4\n\
          W 4 1.000003 1 0xzz 0x0 0x0 0\nPCIDEV 0010 8086100e a febc0000 c001 0 0 0 0 feb80000 20000 40 0\n\
          0 0 0 40000 e1000\nMARK 2.000000 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\
          UNMAP 3.000000 1 0x0 0\nUNKNOWN 4.000000 1 0xfebc0008 0f,10,00 0x0 0\nW 4 5.000000 1 0xfebc0008 0x2 0x0 0"
            .to_vec(),
    );
    traces
}

#[test]
fn of_every_filter() {
    let traces = traces();
    for filter in &filters() {
        let mut kept = 0;
        for trace in &traces {
            let expected = by_line(filter, trace);
            for capacity in [64, 1000, 1 << 17] {
                assert_eq!(
                    by_block(filter, trace, capacity, 1 << 20),
                    expected,
                    "{filter:?}"
                );
            }
            kept += expected.0.len();
        }
        assert!(kept > 0, "{filter:?} keeps nothing anywhere");
    }
}

/// A line over the limit is told in whatever block it stands, and never kept.
#[test]
fn of_lines_over_the_limit() {
    let long = format!("W 4 1.000000 1 0x10 0x0 0x0 {}0\n", " ".repeat(100));
    let short = "W 4 1.000000 1 0x10 0x0 0x0 0\n";
    let trace = [short, &long, short, &long, &long, short].concat();
    let mut filter = Filter::new();
    filter.kinds("write".parse().unwrap());
    for capacity in [16, 150, 1 << 17] {
        let kept = by_block(&filter, trace.as_bytes(), capacity, 80);
        assert_eq!(kept, (short.repeat(3).into_bytes(), 3), "{capacity}");
    }
}

#[test]
fn devices_that_are_not_there() {
    let mut filter = Filter::new();
    filter.device("00:1f.0".parse().unwrap());
    let mut selector = filter.selector();
    let line =
        b"PCIDEV 0010 8086100e a febc0000 c001 0 0 0 0 feb80000 20000 40 0 0 0 0 40000 e1000\n";
    let mut entries = Reader::new(&line[..]).entries();
    assert!(
        !selector
            .selects(&entries.next_entry().unwrap().unwrap())
            .unwrap()
    );
    let Err(FilterError::UnknownDevice { known, .. }) = selector.finish() else {
        panic!()
    };
    assert_eq!(known, ["00:02.0"]);
}
