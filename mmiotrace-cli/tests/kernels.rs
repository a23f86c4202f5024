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
    // Both reserve two interrupt vectors, but 6.12 asks for the first only. Linux commit f977f4c9301c
    // ("xhci: add handler for only one interrupt line", 6.8).
    assert!(
        told.contains(&"missing write MSIX[1].DATA".to_owned()),
        "{told:#?}"
    );
    // What the driver decides apart from that is the same: no write has another value.
    assert_eq!(diff["summary"]["changed_writes"], 0, "{told:#?}");
}

/// Which port or transfer goes first is a matter of time. Each port and each doorbell by itself is the
/// same to the last access; of the second interrupt vector, which only 6.1 uses, nothing but the
/// masked entry that both set up is left.
#[test]
fn xhci_is_driven_alike_part_by_part() {
    const BAR: u64 = 0xfebf_4000;
    let part = |start: u64, len: u64| {
        let range = format!("{:#x}..{:#x}", BAR + start, BAR + start + len);
        told(&diff(
            "xhci-6.1.mmiotrace",
            "xhci-6.12.mmiotrace",
            &["--to-mark", "read 64", "--phys", &range],
        ))
    };
    let nothing: [&str; 0] = [];
    for port in 0..8 {
        assert_eq!(part(0x440 + 0x10 * port, 0x10), nothing, "port {port}");
    }
    for doorbell in 0..3 {
        assert_eq!(part(0x2000 + 4 * doorbell, 4), nothing, "{doorbell}");
    }
    assert_eq!(part(0x3000, 0x10), nothing, "first vector");
    let second = part(0x3010, 0x10);
    assert_eq!(second.len(), 9, "{second:#?}");
    let missing = |text: &String| text.starts_with("missing ") && text.contains(" MSIX[1].");
    assert!(second.iter().all(missing), "{second:#?}");
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

/// Each port of the controller is set up by a thread of its own, so which port comes first is the
/// scheduler's choice. Taken by itself, a port without a drive is driven alike by both kernels, but
/// for four accesses by which 6.12 forbids the link to save power: Linux commit 65b2c92f69d3 ("ata:
/// ahci: Disallow LPM policy control if not supported", 6.17 and the later 6.12), for controllers
/// whose CAP tells of no such state.
#[test]
fn ahci_drives_each_port_alike_but_for_its_link_power() {
    const BAR: u64 = 0xfebf_f000;
    for port in 2..6 {
        let start = BAR + 0x100 + port * 0x80;
        let diff = diff(
            "ahci-q35-6.1.mmiotrace",
            "ahci-q35-6.12.mmiotrace",
            &[
                "--to-mark",
                "read 64",
                "--phys",
                &format!("{start:#x}..{:#x}", start + 0x80),
            ],
        );
        let expected = [
            ("inserted read", "SCTL", 0x300),
            ("inserted write", "SCTL", 0x700),
            ("inserted write", "SERR", 0x1_0000),
            ("inserted write", "IE", 0x7840_007f),
        ];
        let told = told(&diff);
        let values = diff["differences"].as_array().unwrap().iter();
        let found: Vec<(String, Option<u64>)> = told
            .into_iter()
            .zip(values.map(|difference| difference["after"]["value"].as_u64()))
            .collect();
        let expected = expected.map(|(what, register, value)| {
            (format!("{what} PORT[{port}].{register}"), Some(value))
        });
        assert_eq!(found, expected, "port {port}");
    }
}

/// One driver, not changed at all, built for both. Which of its parts comes first differs, because
/// the device computes and copies in its own time; each part by itself is the same to the last
/// access, and what differs is how often an interrupt came.
#[test]
fn edu_is_driven_alike_part_by_part() {
    let part = |range: &str, more: &[&str]| {
        let mut arguments = vec!["--phys", range];
        arguments.extend(more);
        told(&diff("edu-6.1.mmiotrace", "edu-6.12.mmiotrace", &arguments))
    };
    let nothing: [&str; 0] = [];
    // Identification and liveness, factorials, copies.
    for range in [
        "0xfea00000..0xfea00008",
        "0xfea00008..0xfea0000c",
        "0xfea00080..0xfea000a0",
    ] {
        assert_eq!(part(range, &[]), nothing, "{range}");
    }
    // What is written to start and arm a factorial, in order.
    assert_eq!(
        part("0xfea00008..0xfea00024", &["--kind", "write"]),
        nothing
    );
    // Every interrupt is acknowledged, on both; 6.1 took two more.
    let interrupts = part("0xfea00024..0xfea00070", &[]);
    let handler = [
        "missing read INTERRUPT_STATUS",
        "missing write INTERRUPT_ACKNOWLEDGE",
    ];
    assert_eq!(interrupts, [handler, handler].concat());
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
