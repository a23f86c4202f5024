//! C headers in the three forms: drivers', NVIDIA's manuals, AMD's generated ones.

use mmiotrace_registers::{
    CompiledMap, Format, HeaderValue, Known, Loader, header_constants, model,
};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/headers")
        .join(name)
}

fn load(name: &str) -> CompiledMap {
    let loaded = Loader::new().load(&fixture(name)).expect("a map");
    loaded.map.compile().expect("a sound map")
}

/// The name at an offset, and the text of a value there.
fn at(map: &CompiledMap, at: u64, value: u64) -> (String, String) {
    let selection = map.selection();
    let Some(located) = map.lookup(model::SpaceId(0), at, None, &selection) else {
        return Default::default();
    };
    let Some(register) = located.register else {
        return Default::default();
    };
    let value = Known::part(value, 0, register.width);
    let text = map.value_text(register, value, &selection).to_string();
    (located.name.to_string(), text)
}

#[test]
fn a_drivers_header() {
    let map = load("driver.h");
    let (name, text) = at(&map, 0, 0x21);
    assert_eq!(name, "DEV_CTRL");
    assert!(text.contains("ENABLE") && text.contains("SPEED"), "{text}");
    assert_eq!(at(&map, 4, 0).0, "DEV_STATUS");
    assert_eq!(at(&map, 0x1040 + 0x10, 0).0, "DEV_RING_HEAD[1]");
}

#[test]
fn a_manual_of_nvidia() {
    let map = load("manual.ref.txt");
    let (name, text) = at(&map, 0x40_0010, 0x8000_0002);
    assert!(name.ends_with("PUNIT_CTRL"), "{name}");
    assert!(text.contains("FAST") && text.contains("READY"), "{text}");
    assert!(at(&map, 0x40_0170, 0).0.ends_with("SLOT[7]"));
    assert_eq!(at(&map, 0x40_0180, 0).0, "");
}

#[test]
fn offsets_and_bits_of_amd() {
    let map = load("unit_1_0_offset.h");
    let (name, text) = at(&map, 0x12 * 4, 0x31);
    assert!(name.ends_with("UNIT_CNTL"), "{name}");
    assert!(text.contains("ENABLE") && text.contains("MODE"), "{text}");
    assert!(at(&map, 0x13 * 4, 0).0.ends_with("UNIT_STATUS"));
}

#[test]
fn constants_that_never_end_are_left_out() {
    let text = std::fs::read_to_string(fixture("driver.h")).expect("a fixture");
    let constants = header_constants(&text).expect("constants");
    assert!(
        constants
            .iter()
            .any(|constant| constant.name == "DEV_STATUS"
                && matches!(constant.value, HeaderValue::Number(4)))
    );
    assert!(
        constants
            .iter()
            .all(|constant| !constant.name.starts_with("LOOP"))
    );
}

#[test]
fn macros_that_double_are_bounded() {
    let mut text = String::from("#define A0(n) ((n) + 1)\n");
    for level in 1..200 {
        let below = level - 1;
        text += &format!("#define A{level}(n) (A{below}(A{below}(n)) + A{below}(n))\n");
    }
    text += "#define REG A199(0)\n";
    let started = std::time::Instant::now();
    let _ = header_constants(&text);
    let _ = Loader::new().text(Format::CHeader, &text);
    // Without a bound this takes longer than the machine lasts.
    assert!(started.elapsed().as_secs() < 120, "{:?}", started.elapsed());
}

/// The arithmetic of the macros wraps as C's does: here the elements lie so far apart that the third is
/// past the top of the address space.
#[test]
fn an_array_ends_at_the_top_of_the_address_space() {
    let text = "#define DEV_CTRL 0x10\n#define DEV_FAR(n) (0x20 + (0 - (n)) * 0x40)\n";
    let loaded = Loader::new().text(Format::CHeader, text).expect("a map");
    let map = loaded.map.compile().expect("a sound map");
    assert_eq!(at(&map, 0x10, 0).0, "DEV_CTRL");
    assert_eq!(at(&map, 0x20, 0).0, "DEV_FAR[0]");
}
