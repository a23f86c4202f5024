//! What rnndb means, point by point: on small databases written for that, and on envytools' own.

use mmiotrace_registers::{
    CompiledMap, Inference, Known, LoadErrorKind, Loaded, Loader, Selection,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(path)
}

struct Small {
    map: CompiledMap,
    selection: Selection,
    domain: String,
}

impl Small {
    fn new(loaded: Loaded, domain: &str, variants: &[(&str, &str)]) -> Self {
        let map = loaded.map.compile().expect("a sound map");
        let mut selection = map.selection();
        for (family, variant) in variants {
            map.choose(&mut selection, family, variant)
                .expect("a variant");
        }
        Self {
            map,
            selection,
            domain: domain.to_owned(),
        }
    }

    fn load(variants: &[(&str, &str)]) -> Self {
        let loaded = Loader::new()
            .domain("MMIO")
            .load(&fixture("rnndb/root.xml"))
            .expect("a database");
        Self::new(loaded, "MMIO", variants)
    }

    /// The name at a byte.
    fn name(&self, at: u64) -> String {
        let space = self
            .map
            .map()
            .space_named(&self.domain)
            .expect("the domain");
        self.map
            .lookup(space, at, None, &self.selection)
            .map_or("?".to_owned(), |located| located.name)
    }

    /// The value's text at a byte.
    fn text(&self, at: u64, value: u64) -> String {
        let space = self
            .map
            .map()
            .space_named(&self.domain)
            .expect("the domain");
        let located = self
            .map
            .lookup(space, at, None, &self.selection)
            .expect("a register");
        let register = located.register.expect("a register");
        let value = Known::part(value, located.within, register.width);
        self.map
            .value_text(register, value, &self.selection)
            .to_string()
    }
}

#[test]
fn variants_in_all_their_forms() {
    let on = |chip| Small::load(&[("chip", chip), ("class", "SMALL")]);
    assert_eq!(on("A1").name(4), "OLD");
    assert_eq!(on("A2").name(4), "OLD", "A:B has no B");
    assert_eq!(on("B1").name(4), "NEW", "B- has B");
    assert_eq!(on("A2").name(0xc), "UP_TO", "-A2 has A2");
    assert_eq!(on("B1").name(0xc), "BEFORE_END", ":B2 has no B2");
    assert_eq!(on("B2").name(0xc), "JUST");
    assert_eq!(on("b2").name(0xc), "JUST", "users need not know the case");
}

#[test]
fn several_varsets_at_once() {
    let on = |chip, class| Small::load(&[("chip", chip), ("class", class)]);
    assert_eq!(on("A1", "SMALL").name(0x538), "?");
    assert_eq!(on("A1", "LARGE").name(0x538), "BOTH_SETS");
    assert_eq!(
        on("B1", "SMALL").name(0x550),
        "SMALL_AND_B",
        "the outer and the inner must hold"
    );
    assert_eq!(on("A1", "SMALL").name(0x550), "?");
    assert_eq!(on("B1", "LARGE").name(0x550), "?");
    assert_eq!(
        on("B1", "SMALL").name(0x554),
        "INSTEAD",
        "what no chip has is not there"
    );
}

#[test]
fn an_unknown_variant_is_no_variant_in_particular() {
    let small = Small::load(&[]);
    let space = small.map.map().space_named("MMIO").expect("the domain");
    let located = small
        .map
        .lookup(space, 4, None, &small.selection)
        .expect("a register");
    assert_eq!(
        (located.name.as_str(), located.assumed),
        ("OLD", true),
        "the first in the file, marked"
    );
    let located = small
        .map
        .lookup(space, 0, None, &small.selection)
        .expect("a register");
    assert_eq!((located.name.as_str(), located.assumed), ("ID", false));
}

#[test]
fn the_first_in_the_file_wins_and_imports_stand_where_they_are() {
    assert_eq!(Small::load(&[("chip", "A1")]).name(8), "FIRST");
    // `more.xml` is imported before the domain goes on, and the domains of one name are one.
    assert_eq!(Small::load(&[("chip", "B2")]).name(8), "MERGED_FIRST");
}

#[test]
fn registers_with_length_and_stride() {
    let small = Small::load(&[("chip", "A1")]);
    assert_eq!(small.name(0x10), "CELLS[0]");
    assert_eq!(
        small.name(0x1c),
        "CELLS[3]",
        "the default stride is the width"
    );
    assert_eq!(small.name(0x1e), "CELLS[3]+0x2");
    assert_eq!(small.name(0x20), "SPREAD[0]");
    assert_eq!(
        small.name(0x24),
        "?",
        "between the elements there is nothing"
    );
    assert_eq!(small.name(0x30), "SPREAD[1]");
    assert_eq!(small.name(0x28), "WIDE");
    assert_eq!(small.name(0x2c), "WIDE+0x4");
    assert_eq!(small.name(0x47), "BYTES[7]");
}

#[test]
fn arrays_reserve_their_place() {
    let small = Small::load(&[("chip", "A1")]);
    assert_eq!(small.name(0x100), "ARRAY[0].A");
    assert_eq!(small.name(0x134), "ARRAY[1].INNER[1].B");
    assert_eq!(
        small.name(0x128),
        "ARRAY[1]+0x8",
        "a miss says where in the element"
    );
    assert_eq!(small.name(0x180), "?");
    assert_eq!(
        small.name(0x204),
        "ONE.STATUS",
        "an array of one has no index; the group is in it"
    );
    assert_eq!(small.name(0x208), "ONE+0x8");
}

#[test]
fn stripes_fall_through() {
    let small = Small::load(&[("chip", "A1")]);
    assert_eq!(small.name(0x300), "STRIPE[0].C");
    assert_eq!(small.name(0x310), "STRIPE[1].C");
    assert_eq!(small.name(0x304), "BETWEEN");
    assert_eq!(small.name(0x308), "?");
    // Items may lie beyond the stride, and a stripe without a name gives them its index.
    assert_eq!(small.name(0x340), "BASE[0]");
    assert_eq!(small.name(0x344), "BASE[1]");
    assert_eq!(small.name(0x348), "LIMIT[0]");
    assert_eq!(small.name(0x34c), "LIMIT[1]");
    assert_eq!(small.name(0x360), "TWICE[0][0]");
    assert_eq!(small.name(0x374), "TWICE[1][1]");
}

#[test]
fn length_zero_is_an_unknown_length() {
    let small = Small::load(&[("chip", "B2")]);
    assert_eq!(small.name(0x400), "OPEN[0].D");
    assert_eq!(small.name(0xfff8), "OPEN[8063].D");
    assert_eq!(small.name(0x1_0000), "?", "the domain ends");
    assert_eq!(Small::load(&[("chip", "A1")]).name(0x400), "AFTER_OPEN");
}

#[test]
fn values_in_every_type() {
    let small = Small::load(&[("chip", "B1")]);
    assert_eq!(small.text(0x500, 0x1234), "0x1234000", "shr");
    assert_eq!(small.text(0x504, 5), "261", "add");
    assert_eq!(small.text(0x508, 0xffff_fffe), "-2");
    assert_eq!(small.text(0x50c, 0x3fc0_0000), "1.500000");
    assert_eq!(small.text(0x510, 0xffff_fe80), "-1.500000");
    assert_eq!(small.text(0x514, 0x180), "1.500000");
    assert_eq!(small.text(0x518, 1), "TRUE");
    assert_eq!(small.text(0x518, 0), "FALSE");
    assert_eq!(small.text(0x518, 7), "0x7", "a boolean that is neither");
    assert_eq!(small.text(0x540, 0x3e00), "1.500000");
    assert_eq!(small.text(0x548, 0x3ff8_0000_0000_0000), "1.500000");
    assert_eq!(small.text(0x528, 5), "FIVE");
    assert_eq!(small.text(0x528, 6), "0x6");
    assert_eq!(
        small.text(0x52c, 4),
        "0x4",
        "a domain's name is an offset in it"
    );
    assert_eq!(small.text(0x530, 6), "1.500000", "a spectype");
    assert_eq!(
        small.text(0, 3),
        "{ CHIP = B1 }",
        "the enum of the variants is an enum"
    );
}

#[test]
fn fields_and_what_they_leave() {
    let small = Small::load(&[("chip", "B1")]);
    assert_eq!(small.text(0x51c, 0x151), "{ GO | COUNT = 5 | ONLY_B }");
    assert_eq!(small.text(0x51c, 0x8000_0000), "{ COUNT = 0 | 0x80000000 }");
    // In a shared bitset its own varset counts, and on other chips the bit is unknown.
    assert_eq!(
        Small::load(&[("chip", "A1")]).text(0x51c, 0x100),
        "{ COUNT = 0 | 0x100 }"
    );
    assert_eq!(small.text(0x520, 0xfffe_0003), "{ X = 0x3 | Y = -2 }");
    assert_eq!(small.text(0x524, 1), "ON");
    assert_eq!(
        Small::load(&[("chip", "A1")]).text(0x524, 1),
        "0x1",
        "an inline enum takes the place's varset"
    );
    assert_eq!(
        small.text(0x534, 0x8013_8011),
        "{ ONE = { GO | COUNT = 1 | 0x8000 } | SHIFTED = 0x30 | CHOICE = LEFT | FLAG }"
    );
    let space = small.map.map().space_named("MMIO").expect("the domain");
    let located = small
        .map
        .lookup(space, 0x534, None, &small.selection)
        .expect("a register");
    let register = located.register.expect("a register");
    assert_eq!(
        small
            .map
            .remainder(register, Known::whole(0x4000_0000, 4), &small.selection),
        0x4000_0000
    );
    let fields: Vec<_> = small
        .map
        .fields(register, Known::whole(0x8013_0011, 4), &small.selection)
        .map(|field| {
            (
                field.name().to_owned(),
                field.bits().to_string(),
                field.value,
            )
        })
        .collect();
    let expected = [
        ("ONE", "15:0", 0x11),
        ("SHIFTED", "19:16", 3),
        ("CHOICE", "21:20", 1),
        ("FLAG", "31", 1),
    ];
    assert_eq!(
        fields,
        expected.map(|(name, bits, value)| (name.to_owned(), bits.to_owned(), value))
    );
}

#[test]
fn cells_wider_than_a_byte() {
    let loaded = Loader::new()
        .domain("MMIO")
        .load(&fixture("rnndb/root.xml"))
        .expect("a database");
    assert!(
        loaded
            .warnings
            .iter()
            .any(|warning| warning.text.contains("TOO_NARROW")),
        "{:?}",
        loaded.warnings
    );
    let small = Small::new(loaded, "INNER_SPACE", &[]);
    assert_eq!(small.name(0), "STATUS");
    assert_eq!(small.name(4), "CHANNEL");
    assert_eq!(small.name(8), "PAIR");
    assert_eq!(small.name(12), "PAIR+0x1");
    assert_eq!(small.name(24), "?", "six cells");
}

#[test]
fn documentation_is_kept_in_one_line() {
    let small = Small::load(&[]);
    assert_eq!(
        small.map.find("ID")[0].register.expect("a register").doc,
        "which chip"
    );
}

#[test]
fn names_lead_back_to_offsets() {
    let small = Small::load(&[]);
    let at = |name: &str| small.map.find(name).first().map(|found| found.at);
    assert_eq!(at("ARRAY[2].INNER[1].B"), Some(0x100 + 2 * 0x20 + 0x10 + 4));
    assert_eq!(
        at("array_inner_b"),
        Some(0x110),
        "as generated headers call it"
    );
    let found = &small.map.find("ARRAY.INNER.B")[0];
    assert_eq!(found.arrays, [(4, 0x20), (2, 4)]);
    assert_eq!(found.name, "ARRAY[i].INNER[i].B");
    assert_eq!(at("TWICE[1][0]"), Some(0x340 + 4 + 0x20));
    assert_eq!(at("NOTHING"), None);
    assert_eq!(small.map.find("NEW")[0].variants, "chip: B1-B2");
}

#[test]
fn the_dialect_of_freedreno() {
    let path = fixture("freedreno/adreno/small.xml");
    let load = |chip| {
        let loaded = Loader::new().load(&path).expect("a database");
        Small::new(loaded, "GPU", &[("chip", chip)])
    };
    let small = load("A6XX");
    assert_eq!(small.name(0x40), "CNTL");
    assert_eq!(
        small.text(0x40, 0x0513),
        "{ ENABLE | MODE = BUSY | UNK4 | REG = r1.y }"
    );
    assert_eq!(small.name(0x80), "ADDR");
    assert_eq!(small.name(0x84), "ADDR+0x1");
    assert_eq!(small.name(0xc0), "OLD");
    assert_eq!(
        load("A7XX").name(0xc0),
        "NEW",
        "a prefix that is no enum leaves the varset"
    );
    assert_eq!(small.name(0x60 * 4), "SCATTERED[1].R");
    assert_eq!(small.name(0x48 * 4), "SCATTERED[2].R");
    assert_eq!(small.name(0x44 * 4), "?");
    assert_eq!(
        small.name(0x85 * 4),
        "STATE[BUSY].EXTRA",
        "elements have names; groups are referred to by ref"
    );
    assert_eq!(small.name(0x103 * 4), "NAMELESS[3]");
    let warnings = Loader::new().load(&path).expect("a database").warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.text.contains("only known when the device runs")),
        "{warnings:?}"
    );
}

fn from_text(text: &str) -> Result<Loaded, mmiotrace_registers::LoadError> {
    let files = HashMap::from([("root.xml".to_owned(), text.to_owned())]);
    Loader::new().rnndb_files("root.xml", &files)
}

#[test]
fn broken_databases_are_told_in_bounded_time() {
    let database = |inner: &str| format!("<database>\n{inner}\n</database>");
    let cycle = "<group name=\"a\"><use-group name=\"b\"/></group><group name=\"b\"><use-group name=\"a\"/></group>\n\
                 <domain name=\"D\"><use-group name=\"a\"/></domain>";
    let error = from_text(&database(cycle)).expect_err("a circle");
    assert_eq!(error.kind(), LoadErrorKind::Cycle, "{error}");
    assert!(error.position().is_some(), "{error}");

    let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]><database>&b;</database>";
    assert_eq!(
        from_text(laughs).expect_err("a DTD").kind(),
        LoadErrorKind::Syntax
    );

    // Each group uses the next twice: 2^40 registers, in a few kilobytes.
    let mut groups = String::new();
    for level in 0..40 {
        let next = level + 1;
        groups.push_str(&format!(
            "<group name=\"g{level}\"><stripe offset=\"0\"><use-group name=\"g{next}\"/></stripe>\
             <stripe offset=\"0x{next}0\"><use-group name=\"g{next}\"/></stripe></group>\n"
        ));
    }
    groups.push_str("<group name=\"g40\"><reg32 offset=\"0\" name=\"R\"/></group><domain name=\"D\"><use-group name=\"g0\"/></domain>");
    let kind = match from_text(&database(&groups)) {
        Err(error) => error.kind(),
        Ok(loaded) => loaded.map.compile().expect_err("too large").kind,
    };
    assert_eq!(kind, LoadErrorKind::TooLarge);

    let missing = from_text(&database("<import file=\"nowhere.xml\"/>")).expect_err("no such file");
    assert_eq!(
        (missing.kind(), missing.position().map(|at| at.line)),
        (LoadErrorKind::Missing, Some(2)),
        "{missing}"
    );

    let deep = format!(
        "{}{}",
        "<array name=\"x\" offset=\"0\" stride=\"4\" length=\"1\">".repeat(5000),
        "</array>".repeat(5000)
    );
    let deep =
        from_text(&database(&format!("<domain name=\"D\">{deep}</domain>"))).expect_err("too deep");
    assert_eq!(deep.kind(), LoadErrorKind::TooLarge);

    let stride = from_text(&database(
        "<domain name=\"D\">\n<array name=\"x\" offset=\"0\" length=\"2\"/></domain>",
    ));
    let stride = stride.expect_err("no stride");
    assert_eq!(
        (stride.kind(), stride.position().map(|at| at.line)),
        (LoadErrorKind::Invalid, Some(3))
    );

    let giant = "<domain name=\"D\"><reg32 offset=\"0\" name=\"R\" length=\"1000000000\"/>\
                 <array name=\"A\" offset=\"0x100000000\" stride=\"0x100\" length=\"1000000000\">\
                 <stripe offset=\"0\" stride=\"4\" length=\"1000000000\"><reg32 offset=\"0\" name=\"R\"/></stripe></array></domain>";
    let map = from_text(&database(giant))
        .expect("large but sound")
        .map
        .compile()
        .expect("sound");
    let space = map.map().space_named("D").expect("the domain");
    let located = map.lookup(
        space,
        0x1_0000_0000 + 0x100 * 999_999_999 + 8,
        None,
        &map.selection(),
    );
    assert_eq!(
        located.map(|located| located.name).as_deref(),
        Some("A[999999999].R[2]")
    );

    let endless = "<domain name=\"D\"><reg32 offset=\"0xfffffffffffffff0\" name=\"R\" length=\"100\"/></domain>";
    let endless = from_text(&database(endless))
        .expect("an array")
        .map
        .compile()
        .expect_err("past the end");
    assert_eq!(endless.kind, LoadErrorKind::Invalid);
}

/// A name that is there and empty names as little as one that is not there.
#[test]
fn elements_with_empty_names_are_left_out_with_a_warning() {
    let text = "<database><domain name=\"D\">\n<reg32 offset=\"0\" name=\"\"/>\n\
                <reg32 offset=\"4\" name=\"R\"><bitfield low=\"0\" high=\"0\" name=\"\"/></reg32>\n</domain></database>";
    let loaded = from_text(text).expect("a database");
    let lines: Vec<_> = loaded
        .warnings
        .iter()
        .map(|warning| warning.to_string())
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let small = Small::new(loaded, "D", &[]);
    assert_eq!(small.name(0), "?");
    assert_eq!(small.text(4, 1), "0x1");
}

#[test]
fn files_outside_the_folder_are_not_read() {
    let folder = std::env::temp_dir().join(format!("mmiotrace-rnndb-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("up/db")).expect("a folder");
    let load = |import: &str| {
        let root = folder.join("up/db/root.xml");
        std::fs::write(
            &root,
            format!("<database><import file=\"{import}\"/></database>"),
        )
        .expect("a file");
        Loader::new().load(&root).expect_err("outside").kind()
    };
    let secret = folder.join("secret.xml");
    std::fs::write(&secret, "<database/>").expect("a file");
    assert_eq!(load("../../secret.xml"), LoadErrorKind::OutsideRoot);
    assert_eq!(load(&secret.to_string_lossy()), LoadErrorKind::OutsideRoot);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, folder.join("up/db/link.xml")).expect("a link");
        assert_eq!(load("link.xml"), LoadErrorKind::OutsideRoot);
    }
    std::fs::remove_dir_all(folder).expect("cleaned up");
}

/// envytools' database, where it is at hand.
fn envytools() -> Option<CompiledMap> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/rnndb-envytools/root.xml");
    if !root.exists() {
        eprintln!("SKIPPED: rnndb: there is no {}", root.display());
        return None;
    }
    let loaded = Loader::new()
        .domain("NV_MMIO")
        .load(&root)
        .expect("envytools' database");
    Some(loaded.map.compile().expect("a sound map"))
}

#[test]
fn envytools_database_is_read_whole() {
    let Some(map) = envytools() else { return };
    let registers: usize = map
        .map()
        .lists
        .iter()
        .flat_map(|list| &list.items)
        .filter(|item| matches!(item, mmiotrace_registers::model::Item::Register(_)))
        .count();
    assert!(registers > 6000, "{registers}");
    let chipset = map
        .map()
        .varset_named("chipset")
        .and_then(|id| map.map().varset(id))
        .expect("the chipsets");
    assert_eq!(chipset.variants.first().map(String::as_str), Some("NV1"));
    assert_eq!(chipset.variants.last().map(String::as_str), Some("TU117"));
    let mut selection = map.selection();
    map.choose(&mut selection, "chipset", "GF119")
        .expect("a chipset");
    let space = map.map().space_named("NV_MMIO").expect("the domain");
    let located = map
        .lookup(space, 0xd66c, None, &selection)
        .expect("a register");
    assert_eq!(
        (located.name.as_str(), located.assumed),
        ("PGPIO.GPIO[23]", false)
    );
    let register = located.register.expect("a register");
    let value = Known::whole(0x91c8_0380, 4);
    assert_eq!(map.remainder(register, value, &selection), 0x91c8_0300);
    let mode = map
        .fields(register, value, &selection)
        .find(|field| field.name() == "MODE")
        .expect("MODE");
    assert_eq!(
        (mode.value, mode.text().to_string()),
        (2, "SPECIAL_SOR".to_owned())
    );
    assert_eq!(map.find("PGPIO.GPIO[23]")[0].at, 0xd66c);
}

#[test]
fn the_chip_is_told_by_its_first_register() {
    use mmiotrace_core::{
        Access, AccessKind, Event, EventKind, MapId, PhysAddr, Timestamp, Value, Width,
    };
    let Some(map) = envytools() else { return };
    let map = std::sync::Arc::new(map);
    let header = "PCIDEV 0100 10de1040 10 fb000000 c000000c 0 d000000c 0 e001 0 1000000 8000000 0 2000000 0 80 80000 nvidia\n\
                  PCIDEV 0101 10de0e08 11 fc080000 0 0 0 0 0 0 4000 0 0 0 0 0 0 snd_hda_intel\n";
    let mut namer = mmiotrace_registers::Namer::builder().map(map).build();
    let mut reader = mmiotrace_format::Reader::new(header.as_bytes());
    while let Some(record) = reader.next_record().expect("headers") {
        if let mmiotrace_format::Record::Header(header) = record {
            namer.header(&header);
        }
    }
    let mut name = |phys, value| {
        let access = Access {
            kind: AccessKind::Read,
            width: Width::W4,
            map_id: MapId(1),
            phys: PhysAddr(phys),
            value: Value::from_u64(value, Width::W4),
        };
        let mut named = namer
            .event(&Event::new(Timestamp::ZERO, EventKind::Access(access)))
            .expect("an access");
        let name = named.name().unwrap_or("?").to_owned();
        (name, named.inference(), named.text().to_owned())
    };
    assert_eq!(
        name(0xfb00_d66c, 0).1,
        Inference::VARIANT,
        "nobody has said which chip it is"
    );
    let (id, inference, text) = name(0xfb00_0000, 0x0d90_00a1);
    assert_eq!((id.as_str(), inference), ("PMC.ID", Inference::NONE));
    assert!(text.contains("CHIPSET = GF119"), "{text}");
    let (gpio, inference, _) = name(0xfb00_d66c, 0x91c8_0380);
    assert_eq!(
        (gpio.as_str(), inference),
        ("PGPIO.GPIO[23]", Inference::NONE)
    );
    // Four byte registers under one access of four bytes.
    let (split, _, text) = name(0xfb30_0000, 0x0102_03aa);
    assert_eq!(split, "PROM[0],PROM[1],PROM[2],PROM[3]");
    assert_eq!(text, "0xaa, 0x3, 0x2, 0x1");
    // The card's sound function is another device, and too small for this map.
    assert_eq!(name(0xfc08_0000, 0).0, "GCAP,VMIN,VMAJ");
    let bindings = namer.bindings();
    assert_eq!(
        bindings[0].variants,
        [("chipset".to_owned(), "GF119".to_owned())]
    );
}
