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

/// Offset and name of the first register of each item of the first space.
fn registers(map: &CompiledMap) -> Vec<(u64, String)> {
    use mmiotrace_registers::model::Item;
    let space = &map.map().spaces[0];
    let items = map.map().items(space.items).iter();
    let registers = items.filter_map(|item| match item {
        Item::Register(register) => Some((register.at, register.name.clone())),
        _ => None,
    });
    registers.collect()
}

fn in_bar(map: &CompiledMap, at: u64) -> String {
    let space = mmiotrace_registers::model::SpaceId(0);
    let located = map.lookup(space, at, None, &map.selection());
    located.map_or_else(|| "?".to_owned(), |located| located.name)
}

/// The fields of a register: name and bits.
fn fields(map: &CompiledMap, name: &str) -> Vec<(String, u8, u8)> {
    let found = map.find(name);
    let register = found.first().and_then(|found| found.register).expect(name);
    let fields = map.map().fields_of_register(register).iter();
    fields
        .map(|field| (field.name.clone(), field.high, field.low))
        .collect()
}

/// `cases/r06`: a register is often written through a macro that only names its type.
#[test]
fn case_r06_wrapped_numbers_are_registers() {
    let map = map("r06/wrap.h");
    for (name, at) in [
        ("GOTG_CTL", 0),
        ("MASTER_IRQ", 0x44200),
        ("PORT_HOTPLUG", 0xc4030),
        ("PLAIN", 0x30),
        ("CHAN_CHAR[2]", 0x540),
    ] {
        assert_eq!(
            map.find(name).first().map(|found| found.at),
            Some(at),
            "{name}"
        );
    }
    assert_eq!(fields(&map, "MASTER_IRQ"), [("CONTROL".to_owned(), 31, 31)]);
}

/// `cases/r07`: no array reaches over the next register.
#[test]
fn case_r07_arrays_end_before_the_next_register() {
    let map = map("r07/pal.h");
    assert_eq!(in_bar(&map, 0x64000), "BUF_CTL_A");
    assert_eq!(in_bar(&map, 0x65010), "STATUS");
    assert_eq!(in_bar(&map, 0x4a004), "PAL[0][1]");
    assert_eq!(in_bar(&map, 0x4a804), "PAL[1][1]");
    assert_eq!(in_bar(&map, 0x4a100), "?", "64 elements, no more");
}

/// `cases/r09`: offsets of four and of five digits.
#[test]
fn case_r09_offsets_of_every_length_are_kept() {
    let map = map("r09/digits.h");
    let expected = [
        (0x8680, "CP_CNTL"),
        (0x8000, "GRBM_CNTL"),
        (0x8010, "GRBM_STATUS"),
        (0x0e50, "SRBM_STATUS"),
        (0x5424, "CONFIG_CNTL"),
        (0x28000, "DB_DEPTH"),
        (0x28040, "CB_COLOR0"),
    ];
    assert_eq!(
        registers(&map),
        expected.map(|(at, name)| (at, name.to_owned()))
    );
    assert_eq!(
        fields(&map, "GRBM_STATUS"),
        [("GUI_ACTIVE".to_owned(), 31, 31)]
    );
}

/// `cases/r10`: instances of a block have its fields, and every name is found.
#[test]
fn case_r10_instances_share_the_masks_of_their_block() {
    let map = map("r10/demo_d.h");
    let expected = [
        ("CRTC_MASTER_EN".to_owned(), 0, 0),
        ("CRTC_SYNC_RESET_SEL".to_owned(), 4, 4),
    ];
    for name in [
        "CRTC_CONTROL",
        "CRTC0_CRTC_CONTROL",
        "CRTC1_CRTC_CONTROL",
        "mmCRTC1_CRTC_CONTROL",
    ] {
        assert_eq!(fields(&map, name), expected, "{name}");
    }
    assert_eq!(in_bar(&map, 0x1d9c * 4), "CRTC1_CRTC_CONTROL");
    assert_eq!(in_bar(&map, 0x1b9c * 4), "CRTC_CONTROL");
}

/// `cases/r40`: bits of no register are told.
#[test]
fn case_r40_bits_without_an_owner_are_told() {
    let told = odd("r40/ordt.h");
    assert!(
        told.iter()
            .any(|(_, text)| text.starts_with("3 constants look like bits")
                && text.contains("FLD_REV")),
        "{told:?}"
    );
    let map = map("r40/ordt.h");
    assert_eq!(registers(&map).len(), 3);
}

/// `cases/r41`: the form of rggen.
#[test]
fn case_r41_fields_of_rggen() {
    let map = map("r41/rggen.h");
    assert_eq!(
        registers(&map),
        [(0x1c, "REG7".to_owned()), (0x20, "REG8".to_owned())]
    );
    assert_eq!(fields(&map, "REG7"), [("BIT_FIELD_2".to_owned(), 19, 16)]);
    assert_eq!(fields(&map, "REG8"), [("BIT_FIELD_0".to_owned(), 9, 8)]);
}

/// `cases/r44`: unions, structures in structures, several declarators.
#[test]
fn case_r44_structures_of_u_boot() {
    let map = map("r44/uboot.h");
    for (name, at) in [
        ("demo_uart.thr", 0),
        ("demo_uart.dlh", 4),
        ("demo_uart.fcr", 8),
        ("demo_uart.iir", 8),
        ("demo_uart.lcr", 12),
        ("demo_uart.usr", 28),
        ("demo_timer.cnt_lo", 0),
        ("demo_timer.cnt_hi", 4),
        ("demo_timer.ch[3].val", 36),
        ("demo_timer.prescale", 40),
        ("demo_timer.flags[2]", 46),
        ("demo_timer.status", 48),
    ] {
        assert_eq!(
            map.find(name).first().map(|found| found.at),
            Some(at),
            "{name}"
        );
    }
    assert_eq!(odd("r44/uboot.h"), []);
}

/// `cases/r76`: a manual whose fields and values have no marks.
#[test]
fn case_r76_manuals_with_blank_marks() {
    let map = map("r76/dev_demo.ref.txt");
    assert_eq!(
        registers(&map),
        [
            (0x22430, "DEMO_TOP_NUM_GPCS".to_owned()),
            (0x22700, "DEMO_TOP_INFO".to_owned())
        ]
    );
    assert_eq!(
        fields(&map, "DEMO_TOP_NUM_GPCS"),
        [("VALUE".to_owned(), 4, 0)]
    );
    assert_eq!(
        fields(&map, "DEMO_TOP_INFO"),
        [
            ("CHAIN".to_owned(), 31, 31),
            ("ENGINE_ENUM".to_owned(), 29, 26),
            ("TYPE_ENUM".to_owned(), 30, 2)
        ]
    );
    assert!(text(&map, "DEMO_TOP_INFO", 1 << 31).contains("CHAIN = ENABLE"));
    assert_eq!(in_bar(&map, 0), "?");
    assert_eq!(in_bar(&map, 0x13), "?");
}

/// `cases/d`: a header that was generated from an rnndb.
#[test]
fn case_d_headers_from_an_rnndb() {
    let map = map("d/rnn.xml.h");
    assert_eq!(
        registers(&map),
        [
            (0, "VIVS_HI_CLOCK".to_owned()),
            (4, "VIVS_HI_IDLE".to_owned())
        ]
    );
    assert_eq!(
        fields(&map, "VIVS_HI_CLOCK"),
        [("DIS".to_owned(), 0, 0), ("SCALE".to_owned(), 8, 2)]
    );
    assert_eq!(
        fields(&map, "VIVS_HI_IDLE"),
        [("FE".to_owned(), 0, 0), ("AXI".to_owned(), 31, 31)]
    );
    assert_eq!(
        names(&map, "d/eh.mmiotrace"),
        ["VIVS_HI_CLOCK", "VIVS_HI_IDLE", "?"]
    );
}
