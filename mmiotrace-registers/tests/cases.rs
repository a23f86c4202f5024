//! Small files that were once read wrongly: `fixtures/cases`.

mod common;

use mmiotrace_core::PhysAddr;
use mmiotrace_registers::{CompiledMap, Known, Loaded, Loader, Namer, Reachability};
use std::path::PathBuf;
use std::sync::Arc;

fn case(file: &str) -> PathBuf {
    common::traces().join("../cases").join(file)
}

fn loaded(file: &str) -> Loaded {
    Loader::new()
        .load(&case(file))
        .unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn map(file: &str) -> Arc<CompiledMap> {
    Arc::new(loaded(file).map.compile().expect("a sound map"))
}

/// Line and text of everything that was odd.
fn odd(file: &str) -> Vec<(u32, String)> {
    let line = |at: Option<mmiotrace_registers::Position>| at.map_or(0, |at| at.line);
    let warnings = loaded(file).warnings;
    warnings
        .into_iter()
        .map(|one| (line(one.position), one.text))
        .collect()
}

fn namer(map: &Arc<CompiledMap>) -> Namer {
    Namer::builder().bundled(false).map(Arc::clone(map)).build()
}

fn at(map: &Arc<CompiledMap>, phys: u64) -> String {
    let mut namer = namer(map);
    namer
        .address(PhysAddr(phys))
        .name()
        .unwrap_or("?")
        .to_owned()
}

/// The names of all accesses of a trace.
fn names(map: &Arc<CompiledMap>, trace: &str) -> Vec<String> {
    let bytes = common::bytes(&case(trace));
    let mut namer = namer(map);
    let mut names = Vec::new();
    common::feed(&bytes, &mut namer, |namer, event| {
        if let Some(named) = namer.event(event) {
            names.push(named.name().unwrap_or("?").to_owned());
        }
    });
    names
}

/// The text of a value of the register with that name.
fn text(map: &CompiledMap, name: &str, value: u64) -> String {
    let selection = map.selection();
    let found = map.find(name);
    let register = found
        .first()
        .and_then(|found| found.register)
        .expect("a register");
    map.value_text(register, Known::whole(value, register.width), &selection)
        .to_string()
}

/// `cases/r01`, `cases/d`: one odd word costs its element, never the file.
#[test]
fn case_r01_odd_words_of_svd_are_told_and_read() {
    for file in [
        "lock.svd",
        "lock-ok.svd",
        "access-write.svd",
        "access-space.svd",
        "usage-memory.svd",
    ] {
        let map = map(&format!("r01/{file}"));
        assert_eq!(at(&map, 0x4001_e000), "ACL.CTRL", "{file}");
        assert_eq!(at(&map, 0x4001_e800), "ACL.START", "{file}");
    }
    let lock = odd("r01/lock.svd");
    assert_eq!(lock.len(), 1);
    assert!(
        lock[0].0 == 8 && lock[0].1.contains("read-writeonce"),
        "{lock:?}"
    );
    assert_eq!(odd("r01/lock-ok.svd"), []);
    assert_eq!(odd("r01/access-space.svd"), []);
    assert!(odd("r01/access-write.svd")[0].1.contains("`write`"));
    assert!(odd("r01/usage-memory.svd")[0].1.contains("`memory`"));
    for (file, count) in [("d/acc.svd", 1), ("d/nousage.svd", 4)] {
        assert_eq!(names(&map(file), "d/ov.mmiotrace"), OVERLAPPING, "{file}");
        assert_eq!(odd(file).len(), count, "{file}: {:?}", odd(file));
    }
}

const OVERLAPPING: [&str; 5] = [
    "CLOCK.TASKS_HFCLKSTART",
    "POWER.TASKS_CONSTLAT",
    "TWO.FIRST",
    "TWO.SECOND",
    "SMALL.BEYOND",
];

/// `cases/r02`, `cases/d`: peripherals that overlap, abut or exceed what they claim.
#[test]
fn case_r02_overlapping_peripherals_are_all_asked() {
    let overlap = map("r02/overlap.svd");
    assert_eq!(
        names(&overlap, "r02/t.mmiotrace"),
        ["CLOCK.TASKS_HFCLKSTART", "POWER.TASKS_LOWPWR"]
    );
    for file in ["abut1.svd", "abut2.svd", "abut4.svd"] {
        let map = map(&format!("r02/{file}"));
        assert_eq!(
            names(&map, "r02/abut.mmiotrace"),
            ["BKP.DR1", "PWR.CR"],
            "{file}"
        );
    }
    assert_eq!(
        names(&map("r02/order.svd"), "r02/order.mmiotrace"),
        ["BKP.DR1"]
    );
    assert_eq!(names(&map("d/overlap.svd"), "d/ov.mmiotrace"), OVERLAPPING);
    let reach = Reachability::of(&overlap);
    assert_eq!((reach.registers, reach.reachable), (2, 2));
}

/// `cases/r04`: most names recur in every peripheral.
#[test]
fn case_r04_names_begin_with_the_peripheral() {
    let map = map("r04/two.svd");
    assert_eq!(
        names(&map, "r04/t.mmiotrace"),
        ["UART0.CTRL", "UART1.CTRL", "WATCHDOG.CTRL"]
    );
    assert_eq!(map.find("UART1.CTRL").len(), 1);
    assert_eq!(map.find("CTRL").len(), 3);
}

/// `cases/r25`, `cases/d`: values with bits that do not matter, and the default.
#[test]
fn case_r25_free_bits_and_defaults_of_values() {
    let bare = map("r25/bare.svd");
    let texts: Vec<_> = (0..4).map(|value| text(&bare, "MOD", value)).collect();
    assert_eq!(
        texts,
        [
            "{ EN = OFF }",
            "{ EN = OFF }",
            "{ EN = ON }",
            "{ EN = OTHER }"
        ]
    );
    let map = map("d/b.svd");
    let text = |value: u64| text(&map, "P.F", value << 16);
    assert!(text(0b10).contains("G0 = dc"), "{}", text(0b10));
    assert!(text(0b11).contains("G0 = dc"), "{}", text(0b11));
    assert!(text(0b01).contains("G0 = df"), "{}", text(0b01));
    for (phys, name) in [
        (0x4000_0108, "P.C.R0"),
        (0x4000_0124, "P.C.D.R1"),
        (0x4000_0248, "P.CA[1].R2"),
        (0x4000_030c, "P.LETD"),
        (0x4000_0320, "P.NUM3"),
        (0x4000_0344, "P.ARR[B]"),
        (0x4000_0368, "P.MID2END"),
        (0x5000_0700, "Q.OWN"),
        (0x6000_0000, "FWD.L"),
    ] {
        assert_eq!(at(&map, phys), name);
    }
}

/// `cases/r67`: a register of bytes over one of words.
#[test]
fn case_r67_the_width_of_an_access_chooses() {
    assert_eq!(
        names(&map("r67/alt.svd"), "r67/t.mmiotrace"),
        [
            "UART.RBR",
            "UART.THR",
            "UART.CH0_CTRLB",
            "UART.CH0_CTRL+0x2"
        ]
    );
}
