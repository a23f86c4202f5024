//! Map files, for every verb that shows registers.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{fixture, run};
use std::path::PathBuf;

/// CC of NVMe, under another name.
const MAP: &str = r#"
name = "mine"
match = ["class:0108", "1b36:0010"]
[[space]]
name = "BAR0"
bar = 0
registers = [{ at = 0x14, name = "MY_CONFIGURATION" }]
"#;

fn map_file(folder: &tempfile::TempDir, text: &str) -> String {
    let path: PathBuf = folder.path().join("mine.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_given_map_comes_before_the_bundled_ones() {
    let folder = tempfile::tempdir().unwrap();
    let map = map_file(&folder, MAP);
    let trace = fixture("nvme-6.1.mmiotrace");
    let changed = folder.path().join("changed");
    let text = String::from_utf8(trace.bytes.clone()).unwrap();
    std::fs::write(&changed, text.replacen("014 0x460061", "014 0x460060", 1)).unwrap();
    let changed = changed.to_str().unwrap();
    let bundled = run(&["diff", trace.path(), changed]).text();
    assert!(bundled.contains(" CC"), "{bundled}");
    for map in [map.as_str(), folder.path().to_str().unwrap()] {
        let mine = run(&["diff", "--map", map, trace.path(), changed]).text();
        assert!(mine.contains(" MY_CONFIGURATION"), "{mine}");
    }
    let none = run(&["diff", "--no-bundled", trace.path(), changed]).text();
    assert!(none.contains("+0x14"), "{none}");
}

#[test]
fn what_is_wrong_with_a_map_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let trace = fixture("nvme-6.1.mmiotrace");
    let map = map_file(&folder, &MAP.replace("at = 0x14,", "at = 0x14, wdith = 4,"));
    let refused = run(&["diff", "--map", &map, trace.path(), trace.path()]);
    refused.assert_refused(&format!("{map}:7: "));
    assert!(refused.stderr.contains("wdith"), "{}", refused.stderr);
    let missing = folder.path().join("missing.toml");
    run(&[
        "diff",
        "--map",
        missing.to_str().unwrap(),
        trace.path(),
        trace.path(),
    ])
    .assert_refused(missing.to_str().unwrap());
    run(&["diff", "--chip", "nv99x", trace.path(), trace.path()]).assert_refused("--chip");
}

fn case(file: &str) -> String {
    format!("{}/../fixtures/cases/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// `cases/r77`: manuals are many files; both the files and their folder are one map.
#[test]
fn case_r77_maps_of_one_device_are_one() {
    let for_device = |file: &str| format!("01:00.0={}", case(file));
    let a = for_device("r77/manuals/dev_a.ref.txt");
    let b = for_device("r77/manuals/dev_b.ref.txt");
    let folder = for_device("r77/manuals");
    let trace = case("r77/t.mmiotrace");
    for given in [
        vec!["--map", a.as_str(), "--map", b.as_str()],
        vec!["--map", folder.as_str()],
    ] {
        let mut args = vec!["name", "--no-bundled"];
        args.extend(given);
        args.push(&trace);
        let named = run(&args).text();
        assert!(
            named.contains("DEMO_A") && named.contains("DEMO_B"),
            "{named}"
        );
    }
    let found = run(&[
        "lookup",
        "--no-bundled",
        "--map",
        &case("r77/h"),
        "GOTG_CTL",
    ])
    .text();
    assert!(found.contains("GOTG_CTL"), "{found}");
}

/// `cases/r04`: an address of a system on a chip.
#[test]
fn case_r04_lookup_finds_absolute_addresses() {
    let map = case("r04/two.svd");
    let found = run(&["lookup", "--no-bundled", "--map", &map, "0x40058000"]).text();
    assert!(found.contains("WATCHDOG+0x0 WATCHDOG.CTRL"), "{found}");
}
