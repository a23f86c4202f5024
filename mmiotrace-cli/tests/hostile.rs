//! Texts that would steer a terminal or become code (fixtures/hostile), in every place of a trace,
//! a map and a plan that has text.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;

use command::{Run, run};
use mmiotrace_core::{Marker, Printable};
use std::fs;
use std::path::Path;
use std::process::Command;

fn texts() -> Vec<String> {
    serde_json::from_str(include_str!("../../fixtures/hostile/texts.json")).unwrap()
}

/// Bytes that are not UTF-8, beside the texts.
const BYTES: [&[u8]; 3] = [b"\xff\xfe", b"\x9b2J", b"\xc2\xe2\x80"];

fn toml(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if Printable::shows(c) => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// A trace with every text as marker, driver, lspci line and line that is no record; and a map with
/// each as the name and documentation of a register, a field and a value.
fn files(folder: &Path) -> (String, String) {
    let mut trace = b"VERSION 20070824\n".to_vec();
    let line =
        |text: &[u8]| -> Vec<u8> { text.iter().copied().filter(|byte| *byte != b'\n').collect() };
    let all: Vec<Vec<u8>> = texts()
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .chain(BYTES.map(<[u8]>::to_vec))
        .collect();
    for (index, text) in all.iter().enumerate() {
        let mut driver = line(text);
        driver.retain(|byte| *byte != b' ');
        let place = 0x100 + 8 * index;
        let base = 0xe000_0000u64 + 0x1_0000 * index as u64;
        trace.extend(
            format!("PCIDEV {place:04x} 1234abcd b {base:x} 0 0 0 0 0 0 1000 0 0 0 0 0 0 ").bytes(),
        );
        trace.extend(driver);
        trace.extend(b"\nLSPCI ");
        trace.extend(line(text));
        trace.push(b'\n');
    }
    trace.extend(b"MAP 1.000000 1 0xe0000000 0x0 0x1000 0x0 0\n");
    for (index, text) in all.iter().enumerate() {
        let at = 0xe000_0000 + 4 * index;
        trace.extend(format!("MARK 1.{index:06} ").bytes());
        trace.extend(line(text));
        trace.push(b'\n');
        trace.extend(
            format!("W 4 2.{index:06} 1 {at:#x} 0x3 0x0 0\nR 4 3.{index:06} 1 {at:#x} 0x1 0x0 0\n")
                .bytes(),
        );
        trace.extend(line(text));
        trace.push(b'\n');
    }
    let mut map = String::from(
        "name = \"hostile\"\nmatch = [\"1234:abcd\"]\n\n[[space]]\nname = \"BAR0\"\nbar = 0\nsize = 0x1000\n",
    );
    for (index, text) in texts().iter().enumerate() {
        let (name, doc) = (toml(&format!("N{index}{text}")), toml(text));
        map.push_str(&format!(
            "\n[[space.registers]]\nat = {:#x}\nname = {name}\ndoc = {doc}\n[space.registers.fields]\n{name} = {{ bits = \"3:1\", doc = {doc} }}\n",
            4 * index
        ));
    }
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    fs::write(path("t.mmiotrace"), trace).unwrap();
    fs::write(path("m.toml"), map).unwrap();
    (path("t.mmiotrace"), path("m.toml"))
}

/// Whether text for people has only characters that are shown, and our own line feeds.
fn assert_shown(what: &str, text: &[u8]) {
    let text = core::str::from_utf8(text).unwrap_or_else(|error| panic!("{what}: {error}"));
    for (number, line) in text.split('\n').enumerate() {
        let hidden = line.chars().find(|c| !Printable::shows(*c));
        assert_eq!(hidden, None, "{what}: line {}: {line:?}", number + 1);
    }
}

fn shown(arguments: &[&str]) -> Run {
    let run = run(arguments);
    let what = arguments.join(" ");
    assert!(run.status < 2, "{what}: {}", run.stderr);
    assert_shown(&what, &run.stdout);
    assert_shown(&what, run.stderr.as_bytes());
    run
}

#[test]
fn no_text_of_a_trace_or_map_steers_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let (trace, map) = files(folder.path());
    for arguments in [
        &["check", &trace][..],
        &["stat", "--map", &map, &trace],
        &["name", "--map", &map, &trace],
        &["name", "--map", &map, "--blocks", &trace],
        &["name", "--map", &map, "--format", "jsonl", &trace],
        &["cat", "--blocks", &trace],
        &["cat", "--format", "jsonl", &trace],
        &["stat", "--json", "--map", &map, &trace],
        &["check", "--json", &trace],
        &[
            "watch",
            "--plain",
            "--stop-idle",
            "1",
            "--map",
            &map,
            &trace,
        ],
        &["diff", "--map", &map, &trace, &map],
        &["lookup", "--map", &map, "0x8"],
        &["map", "check", &map],
        &["map", "show", &map],
        &["replay", "plan", "--map", &map, &trace],
    ] {
        shown(arguments);
    }
    // A name of a file, in an error.
    let name = "\u{1b}[2J\u{202e}no\nfile";
    let refused = run(&["check", name]);
    assert_eq!(refused.status, 2);
    assert_shown("a file's name", refused.stderr.as_bytes());
    assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
}

/// A judge's program: `None`, said loudly, where it is not on this machine.
fn judged(test: &str, program: &str, arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(program).args(arguments).output() else {
        eprintln!("SKIPPED: {test}: no {program}");
        return None;
    };
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {told}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Python's csv and json readers give the markers' texts back.
#[test]
fn csv_and_jsonl_give_every_marker_back() {
    const PROGRAM: &str = "import csv, json, sys\n\
        rows = list(csv.DictReader(open(sys.argv[1], newline='', encoding='utf-8')))\n\
        lines = [json.loads(line) for line in open(sys.argv[2], encoding='utf-8', newline='\\n')]\n\
        one = [row['text'] for row in rows if row['kind'] == 'mark' and row['text']]\n\
        two = [line['text'] for line in lines if line['kind'] == 'mark' and line.get('text')]\n\
        print(json.dumps([one, two]))\n";
    let folder = tempfile::tempdir().unwrap();
    let (trace, _) = files(folder.path());
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    for format in ["csv", "jsonl"] {
        let run = run(&["cat", "--format", format, "--kind", "mark", &trace]);
        fs::write(path(format), run.stdout).unwrap();
    }
    let arguments = ["-c", PROGRAM, &path("csv"), &path("jsonl")];
    let test = "csv_and_jsonl_give_every_marker_back";
    let Some(found) = judged(test, "python3", &arguments) else {
        return;
    };
    let found: [Vec<String>; 2] = serde_json::from_str(&found).unwrap();
    let kept = |text: &&String| Marker::check_text(text.as_bytes()).is_ok() && !text.is_empty();
    let expected: Vec<String> = texts().iter().filter(kept).cloned().collect();
    for texts in found {
        for text in &expected {
            assert!(texts.contains(text), "{text:?}");
        }
    }
}

/// The picture is XML; the page's data are JSON in an element that nothing ends early.
#[test]
fn pictures_and_pages_are_well_formed() {
    const PROGRAM: &str = "import sys, xml.etree.ElementTree as tree, json\n\
        from html.parser import HTMLParser\n\
        tree.parse(sys.argv[1])\n\
        class Reader(HTMLParser):\n\
        \x20   names, head, inside = [], '', False\n\
        \x20   def handle_starttag(self, tag, attributes):\n\
        \x20       self.names.append(tag)\n\
        \x20       self.inside = dict(attributes).get('id') == 'head'\n\
        \x20   def handle_data(self, data):\n\
        \x20       self.head += data if self.inside else ''\n\
        \x20   def handle_endtag(self, tag):\n\
        \x20       self.inside = False\n\
        reader = Reader()\n\
        reader.feed(open(sys.argv[2], encoding='utf-8', newline='').read())\n\
        head = json.loads(reader.head)\n\
        print(json.dumps([sorted(set(reader.names)), [m['text'] for m in head['marks'] if m['kind'] == 'mark']]))\n";
    let folder = tempfile::tempdir().unwrap();
    let (trace, map) = files(folder.path());
    let odd = folder.path().join("<script>&\"'\u{1b}\u{202e}.mmiotrace");
    fs::copy(&trace, &odd).unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (svg, html) = (path("r.svg"), path("r.html"));
    let drawn = run(&[
        "report",
        &odd.to_string_lossy(),
        "-o",
        &html,
        "--svg",
        &svg,
        "--map",
        &map,
    ]);
    assert!(drawn.status < 2, "{}", drawn.stderr);
    let test = "pictures_and_pages_are_well_formed";
    let Some(found) = judged(test, "python3", &["-c", PROGRAM, &svg, &html]) else {
        return;
    };
    let (tags, marks): (Vec<String>, Vec<String>) = serde_json::from_str(&found).unwrap();
    let plain = folder.path().join("plain.mmiotrace");
    fs::write(&plain, "W 4 1.000000 1 0x10 0x1 0x0 0\n").unwrap();
    run(&["report", &plain.to_string_lossy(), "-o", &html]);
    let found = judged(test, "python3", &["-c", PROGRAM, &svg, &html]).unwrap();
    let (usual, _): (Vec<String>, Vec<String>) = serde_json::from_str(&found).unwrap();
    assert_eq!(tags, usual, "a text became an element");
    let kept = |text: &&String| Marker::check_text(text.as_bytes()).is_ok() && !text.is_empty();
    for text in texts().iter().filter(kept) {
        assert!(marks.contains(text), "{text:?}");
    }
}
