//! The TOML form: reading, writing, and what is said about mistakes.

use mmiotrace_registers::{LoadErrorKind, RegisterMap};

const EVERYTHING: &str = r#"
name = "everything"
doc = "all that a map can say"
source = "nothing"
match = ["8086:100e", "8086:1000-10ff", "10de:*", "driver:e1000", "class:0108", "name:NVMe"]

[variants.chip]
names = ["A0", "A1", "B0"]
ids = [0x10, 0x11, ""]
pci = ["8086:1234", "", "8086:2000-20ff"]
detect = "BAR0/ID:STEP"

[variants.board]
names = ["SMALL", "LARGE"]
detect = { field = "BAR0/STATUS", rules = [{ mask = 0x80, equals = 0x80, id = "7:4" }, { mask = 0, equals = 0, variant = "LARGE" }] }

[types.speed]
values = { 0 = "SLOW", 1 = "FAST" }

[types.lanes]
values = [{ name = "LEFT", value = 0 }, { name = "RIGHT", value = 1, on = "chip: A0", doc = "one" }, { name = "NONE" }]

[types.pair]
fields = { X = "15:0", Y = "31:16" }

[groups.channel]
registers = [
  { at = 0, name = "CONTROL", fields = { GO = { bits = 0, write = "trigger" }, MODE = { bits = "3:2", type = "speed" } } },
  { at = 4, name = "VALUE", type = "fixed", radix = 8 },
]

[[space]]
name = "BAR0"
bar = 0
size = 0x10000
registers = [
  { at = 0x0, name = "ID", access = "r", spec = "1.2", doc = "what it is", fields = { STEP = "7:0", VENDOR = { bits = "31:16", type = "hex" } } },
  { at = 0x4, name = "STATUS", write = "1-to-clear", read = "clear", volatile = true, reset = 0xffffffff, reserved = ["31:24", 3] },
  { at = 0x8, name = "BYTES", width = 1, count = 4 },
  { at = 0x10, name = "OLD", on = "chip: A0-A1; board: LARGE" },
  { at = 0x10, name = "NEW", on = "chip: B0" },
  { at = 0x14, name = "PAIR", type = "pair" },
  { at = 0x18, name = "WIDE", width = 8, reset = "0xffffffffffffffff", shr = 12, align = 0x1000 },
  { at = 0x20, name = "RX", access = "r", read = "pop" },
  { at = 0x20, name = "TX", access = "w", write = "push" },
  { at = 0x24, name = "INDEX" },
  { at = 0x28, name = "DATA" },
  { at = 0x2c, name = "COMMAND", fields = { DATA = "15:0", ADDRESS = "20:16", OP = "27:26", READY = 28 } },
  { at = 0x100, name = "CHANNEL", group = "channel", count = 8, stride = 0x20, index = "lanes" },
  { at = 0x400, group = "channel", count = 2, stride = 8, stripe = true },
  { offsets = [0x500, 0x540], name = "ODD", stride = 0x10, registers = [{ at = 0, name = "R" }] },
  { at = 0x8000, name = "VRAM", memory = 0x8000 },
]

[[space]]
name = "DYNAMIC"
inside = "BAR0"
base = { from = "ID:STEP", times = 4, plus = 8, mapped_lengths = [0x38, 0x3c], default = 0x1000 }
spread = { from = "ID:STEP", shifted = 4, default = 4 }
len = { from = "ID:VENDOR", times = 2, default = 0x400 }
registers = [{ at = 0, name = "BELL", count = 0, stride = 8 }]

[[space]]
name = "TABLE"
inside = "BAR0"
base = { mapped_multiple = 16, default = 0x2000 }
group = "channel"

[[space]]
name = "INDEXED"
cell = 4
window = { outer = "BAR0", select = "INDEX", data = "DATA", unit = 1, step_on_read = 1, step_on_write = 1 }
registers = [{ at = 5, name = "FIFTH" }]

[[space]]
name = "PHY"
cell = 2
width = 2
command = { register = "BAR0/COMMAND", address = "ADDRESS", data = "DATA", operation = "OP", write_is = 1, read_is = 2, done = "READY" }
registers = [{ at = 0, name = "CTRL" }]

[[space]]
name = "SOC"
physical = 0xfe000000
registers = [{ at = 0, name = "UART" }]
"#;

#[test]
fn everything_survives_a_round_trip() {
    let map = RegisterMap::from_toml(EVERYTHING).unwrap();
    let text = map.to_toml();
    let back = RegisterMap::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(map, back, "{text}");
    assert_eq!(back.to_toml(), text);
}

/// A mistake, the kind of error, its line and column, and a part of its text.
const MISTAKES: &[(&str, LoadErrorKind, u32, u32, &str)] = &[
    (
        "name = \"x\"\nname = \"y\"\n",
        LoadErrorKind::Syntax,
        2,
        1,
        "duplicate",
    ),
    ("nam = \"x\"\n", LoadErrorKind::Missing, 1, 1, "`name`"),
    (
        "name = \"x\"\ncolour = 3\n",
        LoadErrorKind::Unknown,
        2,
        1,
        "`colour` is not known here",
    ),
    (
        "name = \"x\"\nmatch = [\"8086\"]\n",
        LoadErrorKind::Invalid,
        2,
        10,
        "is no device",
    ),
    (
        "name = 3\n",
        LoadErrorKind::Invalid,
        1,
        8,
        "expected a string",
    ),
    (
        "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\nregisters = [\n  { name = \"A\" },\n]\n",
        LoadErrorKind::Missing,
        6,
        3,
        "`at` is missing",
    ),
    (
        "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\nregisters = [\n  { at = 0, name = \"A\", widht = 4 },\n]\n",
        LoadErrorKind::Unknown,
        6,
        25,
        "`widht` is not known here; known are: ",
    ),
    (
        "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\nregisters = [\n  { at = 0, name = \"A\" },\n  { at = 2, name = \"B\" },\n]\n",
        LoadErrorKind::Overlap,
        7,
        3,
        "B lies over A of line 6",
    ),
    (
        "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\nregisters = [{ at = 0, name = \"A\", fields = { F = \"3:4\" } }]\n",
        LoadErrorKind::Invalid,
        5,
        51,
        "`3:4` is no bit",
    ),
    (
        "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\nregisters = [{ at = 0, name = \"A\", type = \"spede\" }]\n",
        LoadErrorKind::Dangling,
        5,
        43,
        "there is no type `spede`",
    ),
    (
        "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\n[[space]]\nname = \"T\"\ninside = \"S\"\nbase = { from = \"A\", default = 0 }\n",
        LoadErrorKind::Dangling,
        5,
        1,
        "there is no register A",
    ),
    (
        "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 7\n",
        LoadErrorKind::Invalid,
        4,
        7,
        "must be below 7",
    ),
    (
        "name = \"x\"\n[types.a]\ntype = \"b\"\n[types.b]\ntype = \"a\"\n",
        LoadErrorKind::Cycle,
        0,
        0,
        "refers to itself",
    ),
    (
        "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\nregisters = [\n  { at = 0, name = \"\" },\n]\n",
        LoadErrorKind::Invalid,
        6,
        3,
        "the name of a register is empty",
    ),
    (
        "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\nregisters = [\n  { at = 0, name = \"A\", fields = { \"\" = 0 } },\n]\n",
        LoadErrorKind::Invalid,
        6,
        3,
        "the name of a field is empty",
    ),
    (
        "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\nregisters = [\n  { at = 0, name = \"A\", values = { 0 = \"\" } },\n]\n",
        LoadErrorKind::Invalid,
        6,
        3,
        "the name of a value is empty",
    ),
];

#[test]
fn mistakes_are_told_with_their_place() {
    for (text, kind, line, column, part) in MISTAKES {
        let error = RegisterMap::from_toml(text).expect_err(text);
        assert_eq!(error.kind(), *kind, "{text}\n{error}");
        assert!(error.text().contains(part), "{text}\n{error}");
        let place = error.position().map_or((0, 0), |at| (at.line, at.column));
        assert_eq!(place, (*line, *column), "{text}\n{error}");
    }
}

#[test]
fn arrays_of_a_thousand_million_elements_cost_nothing() {
    let text = "name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\nregisters = [{ at = 0, name = \"A\", count = 1000000000 },\n { at = 0x100000000, name = \"B\", count = 1000000000, stride = 64, registers = [{ at = 0, name = \"C\", count = 4 }] }]\n";
    let map = RegisterMap::from_toml(text).unwrap().compile().unwrap();
    let selection = map.selection();
    let space = map.map().space_named("S").unwrap();
    let name = |at| {
        map.lookup(space, at, None, &selection)
            .map(|located| located.name)
    };
    assert_eq!(name(4 * 999_999_999).as_deref(), Some("A[999999999]"));
    assert_eq!(name(4 * 1_000_000_000), None);
    assert_eq!(
        name(0x1_0000_0000 + 64 * 999_999_999 + 9).as_deref(),
        Some("B[999999999].C[2]+0x1")
    );
    assert_eq!(name(0x1_0000_0000 + 16).as_deref(), Some("B[0]+0x10"));
}

/// What the description shows is read, and is as short as it says.
#[test]
fn the_described_device_is_a_map() {
    let text = include_str!("../../docs/register-map.md");
    let (_, rest) = text.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    assert!(example.lines().filter(|line| !line.is_empty()).count() <= 10);
    let map = RegisterMap::from_toml(example).expect("a map");
    let map = map.compile().expect("a sound map");
    assert!(!map.find("PERIOD[3]").is_empty());
}
