//! How many accesses of every trace the bundled maps name, as a table that is checked in:
//! `fixtures/COVERAGE.md`.
//!
//! `MMIOTRACE_BLESS=1 cargo test -p mmiotrace-registers --test coverage` writes it anew. Read the
//! difference before you commit it.

mod common;

use common::{bytes, feed, traces};
use core::fmt::Write as _;
use mmiotrace_registers::{Coverage, Namer};
use std::path::Path;

/// The maps that promise to name more than 95 in 100 accesses of their devices.
const COMPLETE: [&str; 9] = [
    "e1000",
    "e1000e",
    "nvme",
    "ahci",
    "xhci",
    "ehci",
    "hda",
    "virtio-pci",
    "edu",
];

fn coverage(path: &Path) -> Coverage {
    let mut namer = Namer::new();
    let mut coverage = Coverage::new();
    feed(&bytes(path), &mut namer, |namer, event| {
        namer.cover(event, &mut coverage)
    });
    coverage
}

#[test]
fn bundled_maps_name_more_than_95_of_100() {
    let mut paths: Vec<_> = std::fs::read_dir(traces())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".mmiotrace"))
        .collect();
    paths.sort();
    let mut seen = std::collections::BTreeSet::new();
    let mut table = String::from(HEAD);
    for path in &paths {
        let coverage = coverage(path);
        let name = path.file_name().unwrap().to_string_lossy();
        if coverage.accesses == 0 {
            writeln!(table, "| {name} | | | 0 | | |").unwrap();
        }
        for (device, of) in &coverage.devices {
            let (accesses, named, share) = (of.accesses, of.named, of.share() * 100.0);
            writeln!(
                table,
                "| {name} | {device} | {} | {accesses} | {named} | {share:.2} % |",
                of.map
            )
            .unwrap();
            if COMPLETE.contains(&of.map.as_str()) {
                seen.insert(of.map.clone());
                assert!(
                    of.share() > 0.95,
                    "{name} {device}: {share:.2}%: {:x?}",
                    of.unnamed
                );
            }
        }
    }
    // The check would say nothing of a map that no trace uses.
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), {
        let mut all = COMPLETE.map(str::to_owned).to_vec();
        all.sort();
        all
    });
    let path = traces().join("../COVERAGE.md");
    if std::env::var_os("MMIOTRACE_BLESS").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        table, written,
        "write the table anew with MMIOTRACE_BLESS=1"
    );
}

const HEAD: &str = "\
# What the bundled maps name

All traces in `fixtures/traces`, device by device: accesses, and how many of them the maps that come
with the command name. Where no map fits, nothing is named; a device without a map is shown with an
empty column. Made by `MMIOTRACE_BLESS=1 cargo test -p mmiotrace-registers --test coverage`; the same
test fails when the table is stale.

| trace | device | map | accesses | named | share |
| --- | --- | --- | ---: | ---: | ---: |
";

#[test]
fn the_display_is_named_where_its_trace_is_at_hand() {
    let path = traces().join("../../../shared/traces/bochs-vga-6.12.mmiotrace.xz");
    if !path.exists() {
        // Not `eprintln`: the harness of the tests holds that back.
        let skipped = format!(
            "SKIPPED: the_display_is_named_where_its_trace_is_at_hand: there is no {}\n",
            path.display()
        );
        let _ = std::io::Write::write_all(&mut std::io::stderr(), skipped.as_bytes());
        return;
    }
    let coverage = coverage(&path);
    assert!(coverage.accesses > 800_000, "{}", coverage.accesses);
    assert!(coverage.share() > 0.95, "{coverage:?}");
}
