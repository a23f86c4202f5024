//! Maps that cannot be or mean harm, given to the command: told in one line with the place, in bounded
//! processor time and memory, by every verb that takes a map.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::bounded::Bounded;
use command::fixture;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Far above what the checks need in a build without optimisation, far below what the maps ask for.
const LIMITS: &str = "ulimit -v 524288 && ulimit -t 20 && exec \"$@\"";

fn limited(arguments: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", LIMITS, "sh", env!("CARGO_BIN_EXE_mmiotrace")])
        .args(arguments)
        .stdin(Stdio::null())
        .bounded_output()
}

/// A map file, where the error is in it (0: no line), and a part of what is told.
struct Broken {
    file: &'static str,
    text: String,
    line: usize,
    told: &'static str,
}

fn toml(registers: &str) -> String {
    format!("name = \"x\"\n[[space]]\nname = \"S\"\nbar = 0\nregisters = [\n{registers}\n]\n")
}

fn rnndb(inner: &str) -> String {
    format!("<database>\n{inner}\n</database>\n")
}

fn svd(peripheral: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<device><name>X</name><peripherals>\n<peripheral><name>P</name>\
         <baseAddress>0</baseAddress><registers>\n{peripheral}\n</registers></peripheral>\n\
         </peripherals></device>\n"
    )
}

/// Entities of which each is ten of the one before it.
fn laughing(root: &str) -> String {
    let entities: String = (1..12)
        .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
        .collect();
    format!("<!DOCTYPE {root} [<!ENTITY l0 \"ha\">{entities}]>\n<{root}>&l11;</{root}>\n")
}

fn register(name: &str, derived: &str, offset: u32) -> String {
    format!(
        "<register derivedFrom=\"{derived}\"><name>{name}</name><addressOffset>{offset}</addressOffset></register>"
    )
}

fn broken() -> Vec<Broken> {
    let one = |file, text, line, told| Broken {
        file,
        text,
        line,
        told,
    };
    let groups = "<group name=\"a\"><use-group name=\"b\"/></group>\n<group name=\"b\"><use-group name=\"a\"/></group>\n\
                  <domain name=\"D\"><use-group name=\"a\"/></domain>";
    let derived = [register("A", "B", 0), register("B", "A", 4)].join("\n");
    vec![
        one(
            "overlap.toml",
            toml("{ at = 0, name = \"A\" },\n{ at = 2, name = \"B\" },"),
            7,
            "B lies over A",
        ),
        one(
            "no-name.toml",
            toml("{ at = 0, name = \"\" },"),
            6,
            "the name of a register is empty",
        ),
        one(
            "group.toml",
            toml("{ at = 0, name = \"A\", group = \"none\" },"),
            6,
            "there is no group `none`",
        ),
        one(
            "past-the-end.toml",
            toml("{ at = \"0xfffffffffffffff0\", name = \"A\", count = 1000000000 },"),
            6,
            "A",
        ),
        one("groups.xml", rnndb(groups), 3, "uses itself"),
        one(
            "import.xml",
            rnndb("<import file=\"nowhere.xml\"/>"),
            2,
            "nowhere.xml",
        ),
        one("laughs.xml", laughing("database"), 1, "DTD"),
        one("laughs.svd", laughing("device"), 0, ""),
        one("derived.svd", svd(&derived), 0, "A"),
        one(
            "deep.xml",
            rnndb(&"<group name=\"a\">".repeat(100_000)),
            0,
            "",
        ),
        one("empty.xml", String::new(), 0, ""),
    ]
}

#[test]
fn every_verb_refuses_them_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let trace = fixture("edu-6.1.mmiotrace");
    for case in broken() {
        let path = folder.path().join(case.file);
        std::fs::write(&path, &case.text).unwrap();
        let map = path.to_str().unwrap();
        let verbs: [&[&str]; 5] = [
            &["name", "--map", map, trace.path()],
            &["cat", "--blocks", "--map", map, trace.path()],
            &["diff", "--map", map, trace.path(), trace.path()],
            &["lookup", "--map", map, "0x0"],
            &["replay", "plan", "--map", map, trace.path()],
        ];
        for verb in verbs {
            let output = limited(verb);
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{verb:?}: {stderr}");
            assert!(output.stdout.is_empty(), "{verb:?}");
            refused(&case, &path, &stderr);
        }
        let checked = limited(&["map", "check", map]);
        let stderr = String::from_utf8_lossy(&checked.stderr);
        assert_eq!(checked.status.code(), Some(1), "{map}: {stderr}");
        refused(&case, &path, &stderr);
    }
}

fn refused(case: &Broken, path: &Path, stderr: &str) {
    let mut place = format!("mmiotrace: {}:", path.display());
    if case.line > 0 {
        place += &format!("{}: ", case.line);
    }
    assert!(stderr.starts_with(&place), "{}: {stderr}", case.file);
    assert!(stderr.contains(case.told), "{}: {stderr}", case.file);
    assert_eq!(stderr.lines().count(), 1, "{}: {stderr}", case.file);
}

/// These are sound: arrays are kept as arrays, and asked for their last element.
#[test]
fn arrays_of_a_thousand_million_elements_can_be_asked() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |file: &str, text: &str, place: &str, name: &str| {
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        let output = limited(&["lookup", "--map", path.to_str().unwrap(), place]);
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{file}: {stderr}");
        assert!(stdout.contains(name), "{file}: {stdout}");
    };
    let registers = toml("{ at = 0, name = \"A\", count = 1000000000 },");
    ask("giant.toml", &registers, "0xee6b27fc", "A[999999999]");
    let domain = "<domain name=\"D\"><array name=\"A\" offset=\"0\" stride=\"0x10\" length=\"1000000000\">\
                  <reg32 name=\"R\" offset=\"4\" length=\"3\"/></array></domain>";
    ask(
        "giant.xml",
        &rnndb(domain),
        "0x3b9ac9ffc",
        "A[999999999].R[2]",
    );
}
