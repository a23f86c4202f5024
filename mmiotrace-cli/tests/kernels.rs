//! The same drivers on Linux 6.1 and 6.12: `diff` finds what the drivers do otherwise, and that is
//! what the kernel's public history says.
//!
//! Registers that hold addresses of buffers and interrupt vectors, which the system chose, are
//! compared with `--any-value`; only the loading of the driver is compared, because after it the
//! moment of each interrupt decides what stands where.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{fixtures_dir, run};
use serde_json::Value;

/// Addresses of rings, tables and frames, and the vectors of interrupts.
const CHOSEN: &str = "ERDP|DCBAAP|CRCR|ERSTBA|[TR]DBA|CLB|FB$|MSIX|0x3000$|DMA_";

fn diff(before: &str, after: &str, more: &[&str]) -> Value {
    let path = |name: &str| {
        let path = fixtures_dir().join("traces").join(name);
        path.to_str().unwrap().to_owned()
    };
    let (before, after) = (path(before), path(after));
    let mut arguments = vec!["diff", "--json", "--any-value", CHOSEN];
    arguments.extend(more);
    arguments.extend([before.as_str(), after.as_str()]);
    let run = run(&arguments);
    assert!(run.status < 2, "{}", run.stderr);
    run.json()
}

/// `kind act register` of each difference.
fn told(diff: &Value) -> Vec<String> {
    let step = |difference: &Value| {
        let seen = match &difference["before"] {
            Value::Null => &difference["after"],
            before => before,
        };
        let register = &seen["register"];
        let name = match register["name"].as_str() {
            Some(name) => name.to_owned(),
            None => format!("+{:#x}", register["offset"].as_u64().unwrap_or_default()),
        };
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} {name}",
            word(&difference["kind"]),
            word(&seen["act"])
        )
    };
    diff["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(step)
        .collect()
}

/// Linux commit 044818a6cd80 ("xhci: Set DESI bits in ERDP register correctly", 6.7): while the
/// event ring is set up, the driver no longer reads ERDP to keep its lower bits.
#[test]
fn xhci_no_longer_reads_the_dequeue_pointer_first() {
    let diff = diff(
        "xhci-6.1.mmiotrace",
        "xhci-6.12.mmiotrace",
        &["--to-mark", "read 64"],
    );
    let told = told(&diff);
    for part in ["IR[0].ERDP", "IR[0].ERDP+0x4"] {
        let read = format!("missing read {part}");
        assert_eq!(
            told.iter().filter(|text| **text == read).count(),
            1,
            "{told:#?}"
        );
    }
    // The write that follows them is there on both.
    assert!(
        !told.contains(&"missing write IR[0].ERDP".to_owned()),
        "{told:#?}"
    );
    // 6.1 sets up two interrupt vectors, 6.12 one.
    assert!(
        told.contains(&"missing write MSIX[1].DATA".to_owned()),
        "{told:#?}"
    );
    // What the driver decides apart from that is the same: no write has another value.
    assert_eq!(diff["summary"]["changed_writes"], 0, "{told:#?}");
}

/// Linux commit f7131935238d ("ata: ahci: move marking of external port earlier", 6.9): the driver
/// reads each port's CMD, where it says whether the port is external, before it resets the controller,
/// and no longer when it sets up the port. (So it reads what the firmware left: 0xc017, and not 0.)
#[test]
fn ahci_looks_for_external_ports_earlier() {
    let mark = "read 64";
    let diff = diff(
        "ahci-q35-6.1.mmiotrace",
        "ahci-q35-6.12.mmiotrace",
        &["--to-mark", mark],
    );
    let told = told(&diff);
    for port in 0..6 {
        for kind in ["inserted", "missing"] {
            let read = format!("{kind} read PORT[{port}].CMD");
            assert!(told.contains(&read), "{read}: {told:#?}");
        }
    }
    // The earlier reads are the first thing that differs but one.
    let first = told
        .iter()
        .position(|text| text == "inserted read PORT[0].CMD")
        .unwrap();
    assert!(first <= 1, "{told:#?}");
    let before = &diff["differences"][first]["after"];
    assert_eq!(before["value"], 0xc017);
}

/// Two recordings of one driver that did not change. What differs is when interrupts came (ITR is
/// set by how busy the card was), and with them the order of what the handler did, and what
/// the card counted.
#[test]
fn e1000_is_driven_alike() {
    let diff = diff("e1000-6.1.mmiotrace.xz", "e1000-6.12.mmiotrace.xz", &[]);
    let told = told(&diff);
    // Loading it, all 11,946 accesses of it, is the same to the last.
    let lines = diff["differences"].as_array().unwrap().iter();
    let first = lines
        .filter_map(|difference| difference["before"]["line"].as_u64())
        .min();
    assert!(first.is_some_and(|line| line > 11_956), "{told:#?}");
    let explained = [
        // The interrupt handler and what it looks at, on one side a moment earlier.
        "ITR", "IMS", "IMC", "ICR", "STATUS", "TDT", "RDT", "MDIC",
        // The card's counters: how many packets went through by then.
        "PRC", "PTC", "GPRC", "GPTC", "GOR", "GOT", "TOR", "TOT", "TPR", "TPT", "MPTC",
    ];
    for text in &told {
        let place = text.rsplit(' ').next().unwrap();
        let is_mark = text.contains(" mark ");
        assert!(
            is_mark || explained.iter().any(|name| place.starts_with(name)),
            "not explained: {text}"
        );
    }
    // The driver decides the same: what it writes otherwise is the throttling rate, and how far its
    // rings have come, which is how many packets went through.
    let mut changed = told.iter().filter(|text| text.starts_with("changed write"));
    let follows = |text: &String| {
        ["ITR", "TDT", "RDT"]
            .iter()
            .any(|name| text.ends_with(name))
    };
    assert!(changed.all(follows), "{told:#?}");
}

/// Two recordings of one driver, one workload and one kernel, made one after the other. What differs: where
/// the system put the rings; when the driver's watchdog first ran (it looks at the link and the PHY and
/// raises an interrupt, all of which stands elsewhere in the second recording); and whether an interrupt came
/// between a write to IMS and the read of STATUS that flushes it (then two reads of STATUS stand in a row, the
/// other one being the handler's). Not one write is missing, inserted, or of another value but for those two addresses.
#[test]
fn the_same_run_twice_is_the_same() {
    let path = |name: &str| {
        let path = fixtures_dir().join("traces").join(name);
        path.to_str().unwrap().to_owned()
    };
    let (first, second) = (
        path("e1000-first-6.1.mmiotrace.xz"),
        path("e1000-second-6.1.mmiotrace.xz"),
    );
    let diff = run(&["diff", "--json", &first, &second]);
    assert_eq!(diff.status, 1, "{}", diff.stderr);
    let mut left: Vec<String> = Vec::new();
    let mut addresses = Vec::new();
    for text in told(&diff.json()) {
        let watchdog = text.strip_prefix("moved ").and_then(|step| {
            let (act, place) = step.split_once(' ')?;
            let reads = ["STATUS", "CTRL", "+0x0", "MDIC", "ICR"];
            let writes = ["MDIC", "ICS", "IMC", "IMS"];
            Some(match act {
                "read" => reads.contains(&place),
                _ => writes.contains(&place),
            })
        });
        if text.starts_with("changed write ") {
            addresses.push(text);
        } else if watchdog != Some(true) && text != "inserted read STATUS" {
            left.push(text);
        }
    }
    assert_eq!(addresses, ["changed write TDBAL", "changed write RDBAL"]);
    assert!(left.is_empty(), "not explained: {left:#?}");
    // Told so on the command line, and without what the watchdog looks at and does, nothing is left.
    let same = run(&[
        "diff",
        "--any-value",
        "[TR]DBAL",
        "--ignore",
        "STATUS|CTRL$|0x0$|MDIC|IC[RS]|IM[CS]",
        &first,
        &second,
    ]);
    assert_eq!(same.status, 0, "{}", same.text());
}
