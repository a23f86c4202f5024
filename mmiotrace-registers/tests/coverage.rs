//! How many accesses of every trace the bundled maps name.

mod common;

use common::{bytes, feed, traces};
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
    println!(
        "{:44} {:8} {:14} {:>8} {:>8} {:>7}",
        "trace", "device", "map", "accesses", "named", "share"
    );
    for path in &paths {
        let coverage = coverage(path);
        let name = path.file_name().unwrap().to_string_lossy();
        if coverage.accesses == 0 {
            println!("{name:44} no accesses");
        }
        for (device, of) in &coverage.devices {
            let (accesses, named, share) = (of.accesses, of.named, of.share() * 100.0);
            println!(
                "{name:44} {device:8} {:14} {accesses:8} {named:8} {share:6.2}%",
                of.map
            );
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
}

#[test]
fn the_display_is_named_where_its_trace_is_at_hand() {
    let path = traces().join("../../../shared/traces/bochs-vga-6.12.mmiotrace.xz");
    if !path.exists() {
        eprintln!(
            "SKIPPED: the_display_is_named_where_its_trace_is_at_hand: there is no {}",
            path.display()
        );
        return;
    }
    let coverage = coverage(&path);
    assert!(coverage.accesses > 800_000, "{}", coverage.accesses);
    assert!(coverage.share() > 0.95, "{coverage:?}");
}
