//! CMSIS-SVD: every way of deriving, arrays, and documents that mean harm.

use mmiotrace_registers::{CompiledMap, Format, Known, LoadErrorKind, Loader, model};
use std::path::Path;

const SMALL: &str = include_str!("fixtures/svd/small.svd");

fn small() -> CompiledMap {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/svd/small.svd");
    let loaded = Loader::new().load(&path).expect("a map");
    loaded.map.compile().expect("a sound map")
}

/// What lies at an offset of a peripheral.
fn name_at(map: &CompiledMap, space: &str, at: u64) -> Option<String> {
    let index = map
        .map()
        .spaces
        .iter()
        .position(|known| known.name == space);
    let id = model::SpaceId(u32::try_from(index?).expect("few spaces"));
    let located = map.lookup(id, at, None, &map.selection())?;
    located.register?;
    Some(located.name.to_string())
}

fn text_at(map: &CompiledMap, at: u64, value: u64) -> String {
    let selection = map.selection();
    let located = map
        .lookup(model::SpaceId(0), at, None, &selection)
        .expect("a place");
    let register = located.register.expect("a register");
    map.value_text(register, Known::part(value, 0, register.width), &selection)
        .to_string()
}

#[test]
fn derives_and_repeats() {
    let map = small();
    for space in ["TIMER0", "TIMER1"] {
        let name = |at| name_at(&map, space, at).unwrap_or_default();
        assert!(name(0).ends_with("CTRL"), "{}", name(0));
        assert!(name(4).ends_with("CTRL2"), "{}", name(4));
        assert!(name(0x1c).ends_with("MATCH[3]"), "{}", name(0x1c));
        assert!(
            name(0x48).ends_with("CHAN_B") || name(0x48).ends_with("CHAN_[B]"),
            "{}",
            name(0x48)
        );
        assert!(name(0x120).ends_with("DMA[1].SRC"), "{}", name(0x120));
        assert!(name(0x12c).ends_with("DMA[1].DST[1]"), "{}", name(0x12c));
        assert_eq!(name_at(&map, space, 0x20), None);
    }
    // What CTRL2 derives are CTRL's fields, and their values' names with them.
    assert_eq!(text_at(&map, 0, 0x21), text_at(&map, 4, 0x21));
    assert!(
        text_at(&map, 4, 0x21).contains("ONCE"),
        "{}",
        text_at(&map, 4, 0x21)
    );
}

#[test]
fn effects_widths_and_resets_come_along() {
    let map = small();
    let selection = map.selection();
    let register = |at| {
        let located = map.lookup(model::SpaceId(0), at, None, &selection);
        located
            .and_then(|located| located.register)
            .expect("a register")
    };
    assert_eq!(register(8).width, 2);
    assert_eq!(register(8).access, model::AccessMode::Read);
    assert_eq!(register(8).read_effect, model::ReadEffect::Clear);
    assert_eq!(register(0xc).write_effect, model::WriteEffect::OneToClear);
    assert_eq!(register(0).reset, Some(4));
}

#[test]
fn peripherals_are_physical_unless_a_bar_is_given() {
    let physical = Loader::new().text(Format::Svd, SMALL).expect("a map");
    assert!(matches!(
        physical.map.spaces[0].place,
        model::SpaceLocation::Physical(0x4000_0000)
    ));
    let in_bar = Loader::new()
        .bar(2)
        .text(Format::Svd, SMALL)
        .expect("a map");
    assert!(!in_bar.map.spaces.is_empty());
    assert!(matches!(
        in_bar.map.spaces[0].place,
        model::SpaceLocation::Bar(2)
    ));
}

#[test]
fn a_map_survives_the_way_through_toml() {
    let map = Loader::new().text(Format::Svd, SMALL).expect("a map").map;
    let written = map.to_toml();
    let back = model::RegisterMap::from_toml(&written).expect("what was written");
    assert_eq!(back.to_toml(), written);
}

fn refused(text: &str) -> mmiotrace_registers::LoadError {
    match Loader::new().text(Format::Svd, text) {
        Err(error) => error,
        Ok(loaded) => match loaded.map.compile() {
            Ok(_) => panic!("accepted:\n{text}"),
            Err(error) => panic!("refused only when compiled: {error}"),
        },
    }
}

#[test]
fn cycles_are_errors() {
    let cycle = SMALL.replace(
        "<register>\n          <name>CTRL</name>",
        "<register derivedFrom=\"CTRL2\">\n          <name>CTRL</name>",
    );
    assert_ne!(cycle, SMALL);
    let error = refused(&cycle);
    assert!(error.to_string().contains("CTRL"), "{error}");
    let itself = SMALL.replace("derivedFrom=\"TIMER0\"", "derivedFrom=\"TIMER1\"");
    refused(&itself);
}

/// One wrong name must not cost the rest of a vendor's file.
#[test]
fn a_base_that_does_not_exist_is_told() {
    let missing = SMALL.replace(
        "<register derivedFrom=\"CTRL\">",
        "<register derivedFrom=\"NOBODY\">",
    );
    assert_ne!(missing, SMALL);
    let loaded = Loader::new().text(Format::Svd, &missing).expect("a map");
    let told: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("NOBODY") && told[0].contains("line 36"),
        "{told:?}"
    );
    let map = loaded.map.compile().expect("a sound map");
    assert_eq!(name_at(&map, "TIMER0", 4).as_deref(), Some("TIMER0.CTRL2"));
}

fn chain(length: usize) -> String {
    let mut text = String::from(
        "<device><name>D</name><peripherals><peripheral><name>P0</name><baseAddress>0</baseAddress>\
         <registers><register><name>R</name><addressOffset>4</addressOffset></register></registers></peripheral>",
    );
    for number in 1..=length {
        let base = number - 1;
        let at = number * 0x1000;
        text += &format!(
            "<peripheral derivedFrom=\"P{base}\"><name>P{number}</name><baseAddress>{at}</baseAddress></peripheral>"
        );
    }
    text + "</peripherals></device>"
}

#[test]
fn long_chains_of_derived_from() {
    let map = Loader::new()
        .text(Format::Svd, &chain(65))
        .expect("a map")
        .map;
    let map = map.compile().expect("a sound map");
    assert_eq!(name_at(&map, "P65", 4).as_deref(), Some("P65.R"));
    let error = refused(&chain(1100));
    assert_eq!(error.kind(), LoadErrorKind::TooLarge, "{error}");
    assert!(error.text().contains("more than"), "{error}");
}

#[test]
fn a_giant_array_costs_nothing() {
    let giant = SMALL.replace("<dim>4</dim>", "<dim>1000000000</dim>");
    let started = std::time::Instant::now();
    // Refused (it lies over what follows) or kept as an array: but at once.
    if let Ok(loaded) = Loader::new().text(Format::Svd, &giant) {
        let _ = loaded.map.compile();
    }
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn entities_are_refused() {
    let mut laughs =
        String::from("<?xml version=\"1.0\"?>\n<!DOCTYPE device [\n<!ENTITY l0 \"ha\">\n");
    for level in 1..30 {
        let below = level - 1;
        laughs += &format!("<!ENTITY l{level} \"&l{below};&l{below};\">\n");
    }
    laughs += "]>\n<device><name>&l29;</name></device>\n";
    refused(&laughs);
}

#[test]
fn an_error_says_where() {
    let broken = SMALL.replace("<name>STATUS</name>", "<name>STATUS</nome>");
    let error = refused(&broken);
    assert!(
        error.position().is_some() || error.to_string().contains(':'),
        "{error}"
    );
    assert_ne!(error.kind(), LoadErrorKind::Io);
    refused("");
    refused("<device/>");
}
