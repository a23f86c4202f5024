//! What a namer learns from a trace, and what it says of what it did not see.

use mmiotrace_core::{
    Access, AccessKind, Event, EventKind, EventSink, Loss, MapId, Mapping, PciDevice, PhysAddr,
    Timestamp, Value, VirtAddr, Width,
};
use mmiotrace_registers::{
    DeviceAddress, Inference, NamedBuf, Namer, RegisterMap, Verbosity, VerbosityRules,
};
use std::sync::Arc;

const MAP: &str = r#"
name = "test"
match = ["1234:0001"]

[variants.chip]
names = ["A", "B"]
ids = [1, 2]
detect = "BAR0/ID:CHIP"

[[space]]
name = "BAR0"
bar = 0
size = 0x1000
registers = [
  { at = 0x00, name = "ID", access = "r", fields = { CHIP = "3:0", STRIDE = "7:4", PLACE = "15:8" } },
  { at = 0x04, name = "OLD", on = "A" },
  { at = 0x04, name = "NEW", on = "B" },
  { at = 0x08, name = "STATUS", write = "1-to-clear", volatile = true, fields = { BUSY = 0, MODE = { bits = "5:4", values = { 0 = "IDLE", 2 = "RUN" } } } },
  { at = 0x0c, name = "CONTROL" },
  { at = 0x10, name = "INDEX", fields = { AT = "15:0", AUTO = 31 } },
  { at = 0x14, name = "DATA" },
  { at = 0x18, name = "PORTS", width = 1, count = 2 },
  { at = 0x1c, name = "BANK", width = 1 },
  { at = 0x20, name = "MDIO", fields = { DATA = "15:0", ADDRESS = "20:16", OP = "27:26", DONE = 28 } },
  { at = 0x24, name = "RX", access = "r", read = "pop" },
  { at = 0x24, name = "TX", access = "w", write = "push" },
  { at = 0x30, name = "BYTES", width = 1, count = 4 },
  { at = 0x34, name = "LONG", width = 8 },
  { at = 0x100, name = "WINDOW", memory = 0x100 },
]

[[space]]
name = "BELLS"
inside = "BAR0"
base = { from = "ID:PLACE", times = 0x10, default = 0x400 }
spread = { from = "ID:STRIDE", shifted = 4, default = 4 }
cell = 4
size = 4
registers = [{ at = 0, name = "BELL", count = 4 }]

[[space]]
name = "TABLE"
inside = "BAR0"
base = { mapped_lengths = [0x30], default = 0x800 }
size = 0x30
registers = [{ at = 0, name = "ENTRY", count = 12 }]

[[space]]
name = "INDEXED"
cell = 4
window = { outer = "BAR0", select = "INDEX:AT", data = "DATA", step_on_read = 1, step_on_write = 1 }
registers = [{ at = 0, name = "FIRST" }, { at = 1, name = "SECOND", fields = { GO = 0 } }, { at = 2, name = "THIRD" }]

[[space]]
name = "VGA"
window = { outer = "BAR0", select = "PORTS[0]", data = "PORTS[1]" }
registers = [{ at = 5, name = "FIFTH", width = 1 }]

[[space]]
name = "BANKED"
window = { outer = "BAR0", select = "BANK", data = { at = 0x100, len = 0x100 }, unit = 0x100 }
registers = [{ at = 0x310, name = "DEEP" }]

[[space]]
name = "PHY"
cell = 2
width = 2
command = { register = "MDIO", address = "ADDRESS", data = "DATA", operation = "OP", write_is = 1, read_is = 2, done = "DONE" }
registers = [{ at = 1, name = "PHY_STATUS", fields = { LINK = 2 } }]
"#;

const BASE: u64 = 0xfe00_0000;

fn device() -> PciDevice {
    let mut device = PciDevice {
        bus: 1,
        devfn: 0x10,
        vendor: 0x1234,
        device: 1,
        ..PciDevice::default()
    };
    device.bars[0].start_and_flags = BASE;
    device.bars[0].len = 0x1000;
    device
}

struct Rig {
    namer: Namer,
}

impl Rig {
    fn new() -> Self {
        let map = RegisterMap::from_toml(MAP)
            .expect("a map")
            .compile()
            .expect("a sound map");
        let mut namer = Namer::builder().map(Arc::new(map)).bundled(false).build();
        namer.header(&mmiotrace_core::Header::PciDev {
            device: device(),
            driver: b"",
            line: b"",
        });
        Self { namer }
    }

    fn event(&mut self, kind: AccessKind, offset: u64, width: u8, value: u64) -> NamedBuf {
        let width = Width::from_bytes(width).expect("a width");
        let access = Access {
            kind,
            width,
            map_id: MapId(1),
            phys: PhysAddr(BASE + offset),
            value: Value::from_u64(value, width),
        };
        NamedBuf::from(&self.namer.access(&access))
    }

    fn read(&mut self, offset: u64, value: u64) -> NamedBuf {
        self.event(AccessKind::Read, offset, 4, value)
    }

    fn write(&mut self, offset: u64, value: u64) -> NamedBuf {
        self.event(AccessKind::Write, offset, 4, value)
    }

    fn map(&mut self, offset: u64, len: u64) {
        self.namer.mapping(&Mapping {
            id: MapId(2),
            phys: PhysAddr(BASE + offset),
            virt: VirtAddr(0),
            len,
        });
    }
}

fn inner(named: &NamedBuf) -> (String, Option<u64>, String, u64) {
    let inner = named.inner.as_ref().expect("an access behind registers");
    let register = inner.register.clone().unwrap_or("?".to_owned());
    (inner.space.clone(), inner.offset, register, inner.value)
}

#[test]
fn a_name_has_offset_fields_and_remainder() {
    let named = Rig::new().read(8, 0x121);
    assert_eq!(named.register.as_deref(), Some("STATUS"));
    assert_eq!(named.offset, Some(8));
    assert_eq!(named.remainder, Some(0x100));
    let fields: Vec<_> = named
        .fields
        .iter()
        .map(|f| (f.name.as_str(), f.bits.as_str(), f.value, f.text.as_str()))
        .collect();
    assert_eq!(
        fields,
        [("BUSY", "0", 1, "TRUE"), ("MODE", "5:4", 2, "RUN")]
    );
    assert_eq!(named.device.as_deref(), Some("01:02.0"));
}

#[cfg(feature = "serde")]
#[test]
fn as_json() {
    let named = Rig::new().read(8, 0x121);
    let json = serde_json::to_value(&named).expect("JSON");
    let expected = serde_json::json!({
        "register": "STATUS", "offset": "0x8", "remainder": "0x100", "device": "01:02.0", "bar": 0,
        "fields": [
            {"name": "BUSY", "bits": "0", "value": "0x1", "text": "TRUE"},
            {"name": "MODE", "bits": "5:4", "value": "0x2", "text": "RUN"},
        ],
    });
    assert_eq!(json, expected);
    let unnamed = serde_json::to_value(Rig::new().read(0xf00, 0)).expect("JSON");
    assert_eq!(unnamed["register"], serde_json::Value::Null);
    assert_eq!(unnamed["remainder"], serde_json::Value::Null);
    assert_eq!(unnamed["offset"], "0xf00");
}

#[test]
fn the_variant_is_told_by_a_read_and_doubtful_before() {
    let mut rig = Rig::new();
    let before = rig.read(4, 0);
    assert_eq!(
        (before.register.as_deref(), before.inferred.as_slice()),
        (Some("OLD"), &["variant".to_owned()][..])
    );
    rig.read(0, 0x2);
    let after = rig.read(4, 0);
    assert_eq!(
        (after.register.as_deref(), after.inferred.len()),
        (Some("NEW"), 0)
    );
    // A value that is no chip (the device fell off the bus) changes nothing.
    rig.read(0, 0xffff_ffff);
    assert_eq!(rig.read(4, 0).register.as_deref(), Some("NEW"));
}

#[test]
fn a_variant_can_be_given() {
    let map = RegisterMap::from_toml(MAP)
        .expect("a map")
        .compile()
        .expect("a sound map");
    let mut namer = Namer::builder()
        .map(Arc::new(map))
        .bundled(false)
        .variant("chip", "b")
        .build();
    namer.header(&mmiotrace_core::Header::PciDev {
        device: device(),
        driver: b"",
        line: b"",
    });
    let named = namer.address(PhysAddr(BASE + 4));
    assert_eq!(
        (named.name(), named.inference()),
        (Some("NEW"), Inference::NONE)
    );
}

#[test]
fn a_space_lies_where_a_register_says() {
    let mut rig = Rig::new();
    let guess = rig.write(0x404, 1);
    assert_eq!(
        (guess.register.as_deref(), guess.inferred.as_slice()),
        (Some("BELL[1]"), &["place".to_owned()][..])
    );
    // PLACE = 0x30: at 0x300; STRIDE = 2: 16 bytes apart.
    rig.read(0, 0x3021);
    let told = rig.write(0x310, 1);
    assert_eq!(
        (told.register.as_deref(), told.inferred.len()),
        (Some("BELL[1]"), 0)
    );
    assert_eq!(
        rig.write(0x314, 1).register,
        None,
        "between the cells there is nothing"
    );
    assert_eq!(rig.write(0x404, 1).register, None);
}

#[test]
fn a_mapping_hints_at_a_place() {
    let mut rig = Rig::new();
    assert_eq!(rig.read(0x808, 0).register.as_deref(), Some("ENTRY[2]"));
    rig.map(0x900, 0x30);
    let named = rig.read(0x908, 0);
    assert_eq!(
        (named.register.as_deref(), named.inferred.as_slice()),
        (Some("ENTRY[2]"), &["place".to_owned()][..])
    );
    assert_eq!(rig.read(0x808, 0).register, None);
}

#[test]
fn index_and_data() {
    let mut rig = Rig::new();
    let unseen = rig.read(0x14, 7);
    assert_eq!(
        inner(&unseen),
        ("INDEXED".to_owned(), None, "?".to_owned(), 7)
    );
    assert_eq!(
        unseen.inner.as_ref().map(|inner| inner.inferred.clone()),
        Some(vec!["unseen".to_owned()])
    );
    rig.write(0x10, 0x8000_0001);
    let second = rig.write(0x14, 1);
    assert_eq!(
        inner(&second),
        ("INDEXED".to_owned(), Some(4), "SECOND".to_owned(), 1)
    );
    assert_eq!(
        second
            .inner
            .as_ref()
            .map(|inner| inner.text.clone())
            .as_deref(),
        Some("{ GO }")
    );
    // It advances by itself, until it is written again.
    assert_eq!(
        inner(&rig.read(0x14, 9)),
        ("INDEXED".to_owned(), Some(8), "THIRD".to_owned(), 9)
    );
    assert_eq!(
        inner(&rig.read(0x14, 9)),
        ("INDEXED".to_owned(), Some(12), "?".to_owned(), 9)
    );
    rig.write(0x10, 0);
    assert_eq!(inner(&rig.read(0x14, 9)).2, "FIRST");
}

#[test]
fn what_a_window_shows_is_doubtful_after_a_loss() {
    let mut rig = Rig::new();
    rig.write(0x10, 1);
    rig.namer
        .sink(|_, _| {})
        .lost(&Loss::new(Timestamp::ZERO, 5));
    let stale = rig.read(0x14, 1);
    assert_eq!(inner(&stale).2, "SECOND");
    assert_eq!(
        stale.inner.as_ref().map(|inner| inner.inferred.clone()),
        Some(vec!["stale".to_owned()])
    );
    rig.write(0x10, 0);
    let sure = rig.read(0x14, 1);
    assert_eq!(
        sure.inner.as_ref().map(|inner| inner.inferred.len()),
        Some(0)
    );
}

#[test]
fn index_and_data_in_one_access() {
    let mut rig = Rig::new();
    let both = rig.event(AccessKind::Write, 0x18, 2, 0x7705);
    assert_eq!(both.register.as_deref(), Some("PORTS[0],PORTS[1]"));
    assert_eq!(
        inner(&both),
        ("VGA".to_owned(), Some(5), "FIFTH".to_owned(), 0x77)
    );
}

#[test]
fn banked_windows() {
    let mut rig = Rig::new();
    rig.event(AccessKind::Write, 0x1c, 1, 3);
    let named = rig.write(0x110, 5);
    assert_eq!(named.register.as_deref(), Some("WINDOW+0x10"));
    assert_eq!(
        inner(&named),
        ("BANKED".to_owned(), Some(0x310), "DEEP".to_owned(), 5)
    );
    assert_eq!(inner(&rig.write(0x114, 5)).1, Some(0x314));
}

#[test]
fn command_registers() {
    let mut rig = Rig::new();
    assert!(
        rig.read(0x20, 1 << 28 | 7).inner.is_none(),
        "no command was seen"
    );
    assert!(
        rig.write(0x20, 2 << 26 | 1 << 16).inner.is_none(),
        "a read only begins"
    );
    assert!(rig.read(0x20, 0).inner.is_none(), "not done yet");
    let done = rig.read(0x20, 1 << 28 | 1 << 16 | 4);
    assert_eq!(
        inner(&done),
        ("PHY".to_owned(), Some(2), "PHY_STATUS".to_owned(), 4)
    );
    assert_eq!(
        done.inner
            .as_ref()
            .map(|inner| (inner.kind, inner.text.as_str())),
        Some((AccessKind::Read, "{ LINK }"))
    );
    assert!(
        rig.read(0x20, 1 << 28 | 4).inner.is_none(),
        "one answer for one command"
    );
    let write = rig.write(0x20, 1 << 26 | 1 << 16 | 9);
    assert_eq!(
        write.inner.as_ref().map(|inner| (inner.kind, inner.value)),
        Some((AccessKind::Write, 9))
    );
}

#[test]
fn directions_tell_registers_apart() {
    let mut rig = Rig::new();
    assert_eq!(rig.read(0x24, 1).register.as_deref(), Some("RX"));
    assert_eq!(rig.write(0x24, 1).register.as_deref(), Some("TX"));
    // A register that cannot be written is the best name for a write all the same.
    assert_eq!(rig.write(0, 1).register.as_deref(), Some("ID"));
}

#[test]
fn accesses_are_divided_among_registers() {
    let mut rig = Rig::new();
    let four = rig.read(0x30, 0x0403_0201);
    assert_eq!(
        four.register.as_deref(),
        Some("BYTES[0],BYTES[1],BYTES[2],BYTES[3]")
    );
    assert_eq!(
        four.parts.iter().map(|part| part.value).collect::<Vec<_>>(),
        [Some(1), Some(2), Some(3), Some(4)]
    );
    let high = rig.read(0x38, 5);
    assert_eq!(high.register.as_deref(), Some("LONG+0x4"));
    let byte = rig.event(AccessKind::Read, 8, 1, 0x21);
    assert_eq!(
        byte.fields
            .iter()
            .map(|field| field.name.as_str())
            .collect::<Vec<_>>(),
        ["BUSY", "MODE"]
    );
    let upper = rig.event(AccessKind::Read, 9, 1, 0x21);
    assert_eq!(
        (upper.register.as_deref(), upper.remainder),
        (Some("STATUS+0x1"), Some(0x2100))
    );
}

#[test]
fn changed_bits_are_those_since_the_last_value() {
    let mut rig = Rig::new();
    assert_eq!(
        rig.read(0xc, 1).changed,
        None,
        "the first value changes nothing"
    );
    assert_eq!(rig.write(0xc, 5).changed, Some(4));
    assert_eq!(rig.read(0xc, 5).changed, Some(0));
    // Where a write means something else, only the same direction is compared.
    assert_eq!(rig.read(8, 1).changed, None);
    assert_eq!(rig.write(8, 0xff).changed, None);
    assert_eq!(rig.read(8, 3).changed, Some(2));
    rig.namer.invalidate_values();
    assert_eq!(rig.read(0xc, 0).changed, None, "accesses may be missing");
}

#[test]
fn verbosity_by_register() {
    let mut rig = Rig::new();
    let mut rules = VerbosityRules::new();
    for rule in ["*=name", "STATUS=changes", "CONTROL=off"] {
        rules.add(rule).expect("a rule");
    }
    rig.namer.set_verbosity(rules);
    let mut shown = |offset, value| {
        let access = Access {
            kind: AccessKind::Read,
            width: Width::W4,
            map_id: MapId(1),
            phys: PhysAddr(BASE + offset),
            value: Value::from_u64(value, Width::W4),
        };
        let named = rig.namer.access(&access);
        (named.verbosity(), named.is_shown())
    };
    assert_eq!(shown(0, 0), (Verbosity::Name, true));
    assert_eq!(shown(8, 1), (Verbosity::Changes, true));
    assert_eq!(shown(8, 1), (Verbosity::Changes, false));
    assert_eq!(shown(8, 2), (Verbosity::Changes, true));
    assert_eq!(shown(0xc, 2), (Verbosity::Off, false));
}

#[test]
fn hot_registers_are_counted() {
    let mut rig = Rig::new();
    for value in 0..10 {
        rig.read(8, value);
        rig.write(8, value);
    }
    rig.write(0xc, 1);
    rig.read(0xf00, 1);
    let (hot, untracked) = rig.namer.hot_registers(2);
    assert_eq!(untracked, 0);
    assert_eq!(
        (hot[0].name.as_str(), hot[0].reads, hot[0].writes),
        ("STATUS", 10, 10)
    );
    assert_eq!(hot.len(), 2);
    let (all, _) = rig.namer.hot_registers(10);
    assert!(
        all.iter().any(|register| register.name == "+0xf00"),
        "{all:?}"
    );
}

/// New rules and edited maps change what is shown, and not what happened.
#[test]
fn counts_are_of_the_whole_run() {
    let mut rig = Rig::new();
    let count = |rig: &Rig, name: &str| {
        let (hot, untracked) = rig.namer.hot_registers(usize::MAX);
        assert_eq!(untracked, 0);
        let of_name = hot.into_iter().filter(|register| register.name == name);
        of_name
            .map(|register| (register.reads, register.writes))
            .collect::<Vec<_>>()
    };
    for value in 0..3 {
        rig.read(8, value);
    }
    let mut rules = VerbosityRules::new();
    rules.add("STATUS=changes").expect("a rule");
    rig.namer.set_verbosity(rules);
    // The last value is known as before.
    assert_eq!(rig.read(8, 2).changed, Some(0));
    assert_eq!(count(&rig, "STATUS"), [(4, 0)]);
    let edited = MAP.replace("\"STATUS\"", "\"STATE\"");
    let map = RegisterMap::from_toml(&edited).expect("a map").compile();
    let map = Arc::new(map.expect("a sound map"));
    rig.namer.replace_maps(vec![(map, None)]);
    rig.write(8, 1);
    rig.write(0xc, 1);
    assert_eq!(count(&rig, "STATUS"), [(4, 0)]);
    assert_eq!(count(&rig, "STATE"), [(0, 1)]);
    // What decides names is looked at twice, and counted once.
    rig.read(0, 0x1201);
    rig.read(0, 0x3402);
    assert_eq!(count(&rig, "ID"), [(2, 0)]);
    assert_eq!(count(&rig, "CONTROL"), [(0, 1)]);
}

#[test]
fn maps_are_found_by_device_and_can_be_given() {
    let map = || {
        Arc::new(
            RegisterMap::from_toml(MAP)
                .expect("a map")
                .compile()
                .expect("a sound map"),
        )
    };
    let other = PciDevice {
        device: 2,
        ..device()
    };
    let header = |namer: &mut Namer, device| {
        namer.header(&mmiotrace_core::Header::PciDev {
            device,
            driver: b"drv",
            line: b"",
        });
    };
    let mut namer = Namer::builder().map(map()).bundled(false).build();
    header(&mut namer, other);
    assert_eq!(
        namer.address(PhysAddr(BASE)).name(),
        None,
        "the map is for another device"
    );
    assert_eq!(namer.unused_maps(), ["test"]);
    let address = DeviceAddress::parse("01:02.0").expect("an address");
    let mut namer = Namer::builder()
        .map_for(map(), address)
        .bundled(false)
        .build();
    header(&mut namer, other);
    assert_eq!(namer.address(PhysAddr(BASE)).name(), Some("ID"));
    // A map for no device in particular goes to the first that is mapped, and that is marked.
    let anything =
        RegisterMap::from_toml(&MAP.replace("match = [\"1234:0001\"]", "")).expect("a map");
    let anything = Arc::new(anything.compile().expect("a sound map"));
    let mut namer = Namer::builder()
        .map(anything.clone())
        .bundled(false)
        .build();
    header(&mut namer, other);
    assert_eq!(namer.address(PhysAddr(BASE)).name(), None);
    namer.mapping(&Mapping {
        id: MapId(1),
        phys: PhysAddr(BASE),
        virt: VirtAddr(0),
        len: 0x1000,
    });
    let named = namer.address(PhysAddr(BASE));
    assert_eq!(
        (named.name(), named.inference()),
        (Some("ID"), Inference::DEVICE)
    );
    // Without PCIDEV lines the mapping itself is taken.
    let mut namer = Namer::builder().map(anything).bundled(false).build();
    namer.mapping(&Mapping {
        id: MapId(1),
        phys: PhysAddr(0x7000_0000),
        virt: VirtAddr(0),
        len: 0x1000,
    });
    assert_eq!(namer.address(PhysAddr(0x7000_000c)).name(), Some("CONTROL"));
    // Or the user says where the device is.
    let mut namer = Namer::builder().map(map()).bundled(false).build();
    namer.bar(
        &"01:02.0:0=0x60000000+0x1000,1234:0001"
            .parse()
            .expect("a range"),
    );
    assert_eq!(namer.address(PhysAddr(0x6000_000c)).name(), Some("CONTROL"));
    header(&mut namer, device());
    assert_eq!(
        namer.address(PhysAddr(0x6000_000c)).name(),
        Some("CONTROL"),
        "what the user says stays"
    );
}

#[test]
fn several_cards_of_one_kind() {
    let mut rig = Rig::new();
    let mut second = PciDevice {
        devfn: 0x18,
        ..device()
    };
    second.bars[0].start_and_flags = 0xfd00_0000;
    rig.namer.header(&mmiotrace_core::Header::PciDev {
        device: second,
        driver: b"",
        line: b"",
    });
    rig.read(0, 2);
    let other = rig.namer.address(PhysAddr(0xfd00_0004));
    assert_eq!(
        (other.name(), other.inference()),
        (Some("OLD"), Inference::VARIANT),
        "each learns for itself"
    );
    assert_eq!(
        other
            .device_facts()
            .map(|device| device.address.to_string())
            .as_deref(),
        Some("01:03.0")
    );
    assert_eq!(rig.read(4, 0).register.as_deref(), Some("NEW"));
}

#[test]
fn edited_maps_take_over() {
    let mut rig = Rig::new();
    rig.read(0xc, 1);
    let edited = RegisterMap::from_toml(&MAP.replace("CONTROL", "BETTER_NAME")).expect("a map");
    rig.namer.replace_maps(vec![(
        Arc::new(edited.compile().expect("a sound map")),
        None,
    )]);
    assert_eq!(rig.read(0xc, 1).register.as_deref(), Some("BETTER_NAME"));
}

#[test]
fn addresses_beyond_the_table_are_named_all_the_same() {
    let map = RegisterMap::from_toml(MAP)
        .expect("a map")
        .compile()
        .expect("a sound map");
    let mut namer = Namer::builder()
        .map(Arc::new(map))
        .bundled(false)
        .max_slots(2)
        .build();
    namer.header(&mmiotrace_core::Header::PciDev {
        device: device(),
        driver: b"",
        line: b"",
    });
    let mut rig = Rig { namer };
    for _ in 0..3 {
        for (offset, name) in [
            (8, "STATUS"),
            (0xc, "CONTROL"),
            (0x14, "DATA"),
            (0x30, "BYTES[0],BYTES[1],BYTES[2],BYTES[3]"),
        ] {
            let named = rig.read(offset, 3);
            assert_eq!(named.register.as_deref(), Some(name));
        }
    }
    rig.write(0x10, 1);
    assert_eq!(
        inner(&rig.read(0x14, 9)).2,
        "SECOND",
        "also what lies behind"
    );
    assert!(rig.namer.hot_registers(1).1 > 0);
}

#[test]
fn text_is_the_same_the_second_time() {
    let mut rig = Rig::new();
    let mut text = |value| {
        let access = Access {
            kind: AccessKind::Read,
            width: Width::W4,
            map_id: MapId(1),
            phys: PhysAddr(BASE + 8),
            value: Value::from_u64(value, Width::W4),
        };
        rig.namer.access(&access).text().to_owned()
    };
    for value in [0, 1, 0x20, 0x121, 0, 0x121] {
        assert_eq!(text(value), text(value));
    }
    assert_eq!(text(0x121), "{ BUSY | MODE = RUN | 0x100 }");
}

#[test]
fn events_that_are_no_accesses_have_no_name() {
    let mut rig = Rig::new();
    assert!(
        rig.namer
            .event(&Event::new(Timestamp::ZERO, EventKind::Unmap(MapId(1))))
            .is_none()
    );
}
