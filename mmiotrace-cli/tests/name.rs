//! `name`, `lookup` and `map`.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{Trace, fixture, fixtures, run, run_on};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

fn objects(bytes: &[u8]) -> Vec<Map<String, Value>> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn named(trace: &Trace, arguments: &[&str]) -> Vec<Map<String, Value>> {
    let all = [&["name", "--format", "jsonl"], arguments, &[trace.path()]].concat();
    objects(&run(&all).stdout)
}

/// Without the codes of ECMA-48.
fn without_color(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, code)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = code.split_once('m').unwrap().1;
    }
    plain + rest
}

const ACCESSES: [&str; 3] = ["read", "write", "unknown"];

#[test]
fn the_members_of_cat_and_four_more() {
    for trace in fixtures() {
        let plain = objects(&run(&["cat", "--format", "jsonl", trace.path()]).stdout);
        let named = named(&trace, &[]);
        assert_eq!(plain.len(), named.len(), "{}", trace.name);
        for (plain, named) in plain.iter().zip(&named) {
            let mut rest = named.clone();
            for (key, value) in plain {
                assert_eq!(rest.remove(key).as_ref(), Some(value), "{}", trace.name);
            }
            let kind = plain["kind"].as_str().unwrap();
            // What does not parse has a text only.
            if !ACCESSES.contains(&kind) || !plain.contains_key("phys") {
                assert!(rest.is_empty(), "{}: {rest:?}", trace.name);
                continue;
            }
            for key in ["inferred", "parts", "inner", "device", "bar"] {
                rest.remove(key);
            }
            let keys: Vec<_> = rest.keys().map(String::as_str).collect();
            let wanted = ["fields", "offset", "register", "remainder"];
            assert_eq!(keys, wanted, "{}", trace.name);
        }
    }
}

#[test]
fn fields_and_remainder_are_the_value() {
    for name in [
        "e1000-6.1.mmiotrace.xz",
        "nvme-6.1.mmiotrace",
        "xhci-6.1.mmiotrace",
    ] {
        let mut checked = 0;
        for access in named(&fixture(name), &["--kind", "read,write"]) {
            let fields = access["fields"].as_array().unwrap();
            if fields.is_empty() || access.contains_key("parts") {
                continue;
            }
            let number = |value: &Value| {
                let text = value.as_str().unwrap();
                u64::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap()
            };
            let mut all = match &access["remainder"] {
                Value::Null => 0,
                rest => number(rest),
            };
            for field in fields {
                let bits = field["bits"].as_str().unwrap();
                let low: u32 = bits.rsplit(':').next().unwrap().parse().unwrap();
                all |= number(&field["value"]) << low;
            }
            let value = number(&access["value"]);
            // A narrow access is in the register's place.
            let shifted = (0..8).any(|byte| value.checked_shl(8 * byte) == Some(all));
            assert!(shifted, "{name}: {access:?}");
            checked += 1;
        }
        assert!(checked > 50, "{name}: {checked}");
    }
}

#[test]
fn lookup_knows_the_place_of_every_name() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let places: BTreeMap<String, String> = named(&trace, &[])
        .iter()
        .filter_map(|access| {
            let name = access.get("register")?.as_str()?;
            Some((name.to_owned(), access["offset"].as_str()?.to_owned()))
        })
        .filter(|(name, _)| !name.contains(['+', ',']))
        .collect();
    assert!(places.len() > 100, "{}", places.len());
    let every = places.len() / 40;
    for (name, offset) in places.iter().step_by(every.max(1)) {
        let by_name = run(&["lookup", "--json", "--map", "e1000", name]).json();
        let found = by_name["found"].as_array().unwrap();
        assert!(
            found.iter().any(|one| one["offset"] == **offset),
            "{name}: {found:?}"
        );
        let by_place = run(&["lookup", "--json", "--map", "e1000", offset]).json();
        assert_eq!(by_place["found"][0]["name"], **name);
    }
}

#[test]
fn lookup_takes_values_apart_and_says_when_there_is_nothing() {
    let text = run(&["lookup", "--map", "nvme", "CC", "0x460061"]).text();
    assert!(text.contains("EN = TRUE"), "{text}");
    let trace = fixture("nvme-6.1.mmiotrace");
    let answer = run(&[
        "lookup",
        "--json",
        "--trace",
        trace.path(),
        "0xfebf4014",
        "0x460061",
    ]);
    let json = answer.json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["found"][0]["name"], "CC");
    let written = named(&trace, &["--value", "0x460061"]);
    assert_eq!(json["found"][0]["fields"], written[0]["fields"]);
    let nothing = run(&["lookup", "--map", "nvme", "NO_SUCH_REGISTER"]);
    assert_eq!((nothing.status, nothing.stdout.len()), (1, 0));
    assert_eq!(nothing.stderr.lines().count(), 1);
}

/// By name, at an offset, and at an address of a device: what does not fit is told, what fits is not.
#[test]
fn lookup_tells_the_bits_that_a_register_is_too_narrow_for() {
    let trace = fixture("nvme-6.1.mmiotrace");
    let ways: [&[&str]; 3] = [
        &["--map", "nvme", "CC"],
        &["--map", "nvme", "0x14"],
        &["--trace", trace.path(), "0xfebf4014"],
    ];
    for way in ways {
        let look = |value: &str| {
            let all = [&["lookup", "--json"], way, &[value]].concat();
            run(&all).json()["found"][0].clone()
        };
        let (wide, fits) = (look("0x5800000000460061"), look("0x460061"));
        assert_eq!(wide["beyond"], "0x5800000000000000", "{way:?}");
        assert_eq!(wide["fields"], fits["fields"], "{way:?}");
        assert!(fits.get("beyond").is_none(), "{way:?}: {fits}");
        assert_eq!(look("0xffffffff").get("beyond"), None, "{way:?}");
        let text = run(&[&["lookup"], way, &["0x100000001"]].concat()).text();
        assert!(
            text.contains("bits beyond the register, left out: 0x100000000"),
            "{text}"
        );
    }
    let whole = run(&[
        "lookup",
        "--json",
        "--map",
        "nvme",
        "CAP",
        "0xffffffffffffffff",
    ])
    .json();
    assert!(whole["found"][0].get("beyond").is_none(), "{whole}");
}

#[test]
fn columns_have_a_line_for_each_record_with_and_without_color() {
    for name in [
        "e1000-6.1.mmiotrace.xz",
        "edu-6.1.mmiotrace",
        "markers-6.1.mmiotrace.xz",
    ] {
        let trace = fixture(name);
        let plain = run(&["name", trace.path()]).text();
        let color = run(&["name", "--color", "always", trace.path()]).text();
        assert!(without_color(&color) == plain, "{name}");
        assert!(color.contains("\x1b[") && !plain.contains('\x1b'));
        let writes = run(&["name", "--kind", "write", trace.path()]).text();
        let lines = run(&["cat", "--kind", "write", trace.path()]).text();
        assert_eq!(writes.lines().count(), lines.lines().count(), "{name}");
    }
}

/// A drafted map knows every offset, and each register in one way only: what changed is what
/// differs from the last access there.
#[test]
fn a_draft_names_everything_and_changes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let map = folder.path().join("edu.toml");
    let map = map.to_str().unwrap();
    let trace = fixture("edu-6.1.mmiotrace");
    let drafted = run(&["map", "new", trace.path(), "-o", map]);
    assert_eq!(
        (drafted.status, drafted.stdout.len()),
        (0, 0),
        "{}",
        drafted.stderr
    );
    run(&["map", "new", trace.path(), "-o", map]).assert_refused(map);
    let checked = run(&["map", "check", map]);
    assert_eq!(checked.status, 0, "{}", checked.stderr);
    let accesses = named(&trace, &["--kind", "read,write", "--map", map]);
    let text = run(&["name", "--kind", "read,write", "--map", map, trace.path()]).text();
    assert_eq!(accesses.len(), text.lines().count());
    let mut last: HashMap<(String, String), u64> = HashMap::new();
    let mut changes = 0;
    for (access, line) in accesses.iter().zip(text.lines()) {
        let name = access["register"].as_str().unwrap();
        assert!(name.starts_with('R') && line.contains(name), "{line}");
        let value = access["value"].as_str().unwrap();
        let value = u64::from_str_radix(&value[2..], 16).unwrap();
        let key = (access["phys"].to_string(), access["width"].to_string());
        let changed = last.insert(key, value).map_or(0, |last| last ^ value);
        let told = line.split(" ^0x").nth(1);
        let told = told.map_or(0, |mask| u64::from_str_radix(mask, 16).unwrap());
        assert_eq!(told, changed, "{line}");
        changes += u32::from(changed != 0);
    }
    assert!(changes > 100, "{changes}");
}

#[test]
fn rules_say_how_much_is_shown() {
    let trace = fixture("nvme-6.1.mmiotrace");
    let count = |arguments: &[&str]| {
        named(&trace, arguments)
            .iter()
            .filter(|access| access.get("register").is_some_and(|name| name == "CSTS"))
            .count()
    };
    let all = count(&[]);
    assert!(all > 1);
    assert_eq!(count(&["--show", "CSTS=off"]), 0);
    assert!(count(&["--show", "CSTS=changes"]) < all);
    let names = named(&trace, &["--show", "*=name"]);
    let fields = |access: &Map<String, Value>| access.get("fields").cloned();
    assert!(
        names
            .iter()
            .filter_map(fields)
            .all(|fields| fields == Value::Array(vec![]))
    );
    run(&["name", "--show", "CSTS", trace.path()]).assert_refused("--show");
}

#[test]
fn bars_make_up_for_missing_pcidev_lines() {
    let trace = fixture("nvme-6.1.mmiotrace");
    let without: Vec<u8> = trace
        .lines()
        .filter(|line| !line.starts_with(b"PCIDEV"))
        .flatten()
        .copied()
        .collect();
    let names = |arguments: &[&str]| {
        let all = [&["name", "--format", "jsonl", "--kind", "read"], arguments].concat();
        objects(&run_on(&all, &without).stdout)
    };
    assert!(names(&[]).iter().all(|access| access["register"].is_null()));
    let spec = "00:02.0:0=0xfebf4000+0x4000,1b36:0010";
    assert_eq!(names(&["--bars", spec])[0]["register"], "CSTS");
    // Without any device the map that is given is for the first mapping, and that is marked.
    let guessed = &names(&["--map", "nvme"])[0];
    assert_eq!(guessed["register"], "CSTS");
    assert_eq!(guessed["inferred"], serde_json::json!(["device"]));
}

#[test]
fn instructions_as_symbols() {
    let folder = tempfile::tempdir().unwrap();
    let kallsyms = folder.path().join("kallsyms");
    std::fs::write(
        &kallsyms,
        "ffffffffc0000000 t probe\t[driver]\nffffffffc0000100 t poll\t[driver]\n",
    )
    .unwrap();
    let kallsyms = kallsyms.to_str().unwrap();
    let input = b"MAP 1.000000 1 0x1000 0xffa0 0x1000 0xffffffffc0000010 7\n\
                  R 4 1.000001 1 0x1004 0x5 0xffffffffc0000123 7\n\
                  R 4 1.000002 1 0x1004 0x5 0xffffffffc0000123 7\n";
    let json = run_on(&["name", "--format", "jsonl", "--symbols", kallsyms], input);
    let symbols: Vec<_> = objects(&json.stdout)
        .iter()
        .map(|record| record["symbol"].as_str().unwrap().to_owned())
        .collect();
    let poll = "poll+0x23[driver]";
    assert_eq!(symbols, ["probe+0x10[driver]", poll, poll]);
    let text = run_on(&["name", "--symbols", kallsyms], input).text();
    assert_eq!(text.matches(poll).count(), 2, "{text}");
    // `cat` has them in place of the addresses, and else the same.
    let cat = run_on(&["cat", "--symbols", kallsyms], input).text();
    let replaced = String::from_utf8(input.to_vec()).unwrap();
    let replaced = replaced
        .replace("0xffffffffc0000123", poll)
        .replace("0xffffffffc0000010", "probe+0x10[driver]");
    assert_eq!(cat, replaced);
    let json = run_on(&["cat", "--format", "jsonl", "--symbols", kallsyms], input);
    assert_eq!(objects(&json.stdout)[1]["symbol"], poll);
    let csv = run_on(&["cat", "--format", "csv", "--symbols", kallsyms], input).text();
    assert!(
        csv.lines().next().unwrap().ends_with(",bytes,symbol"),
        "{csv}"
    );
    assert!(
        csv.lines()
            .nth(2)
            .unwrap()
            .ends_with(&format!(",\"{poll}\"")),
        "{csv}"
    );
    let stat = run_on(&["stat", "--by", "pc", "--symbols", kallsyms], input).text();
    let line = stat.lines().find(|line| line.contains(poll)).unwrap();
    let words: Vec<_> = line.split_whitespace().take(3).collect();
    assert_eq!(words, [poll, "2", "0"], "{stat}");
    let json = run_on(&["stat", "--json", "--symbols", kallsyms], input).json();
    assert_eq!(json["pcs"][0]["symbol"], poll, "{json}");
    let missing = run_on(&["name", "--symbols", "no-such-file"], input);
    missing.assert_refused("no-such-file");
}

#[test]
fn blocks_have_the_names_too() {
    for trace in fixtures() {
        let named = run(&["name", "--blocks", trace.path()]);
        let plain = run(&["cat", "--blocks", trace.path()]);
        assert_eq!(named.stdout, plain.stdout, "{}", trace.path());
    }
    let edu = fixture("edu-6.1.mmiotrace");
    let text = run(&["name", "--blocks", edu.path()]).text();
    assert!(text.contains("STATUS (0xfea00020"), "{text}");
    let both = run(&["name", "--blocks", "--format", "jsonl", edu.path()]);
    assert_eq!(both.status, 2);
}

#[test]
fn wrong_maps_are_found_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    std::fs::write(&file, "name = \"x\"\n[[space]]\nname = \"a\"\nbar = 9\n").unwrap();
    let bad = run(&["map", "check", file.to_str().unwrap()]);
    assert_eq!(bad.status, 1, "{}", bad.stderr);
    let place = format!("mmiotrace: {}:4: ", file.display());
    assert!(bad.stderr.starts_with(&place), "{}", bad.stderr);
    assert!(bad.stderr.contains("column"), "{}", bad.stderr);
    assert_eq!(run(&["map", "check", "no-such-file"]).status, 2);
    let list = run(&["map", "list"]).text();
    for map in list
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
    {
        let shown = run(&["map", "show", map]);
        let copy = folder.path().join("copy.toml");
        std::fs::write(&copy, &shown.stdout).unwrap();
        let checked = run(&["map", "check", copy.to_str().unwrap()]);
        assert_eq!(checked.status, 0, "{map}: {}", checked.stderr);
    }
}
