//! Devices are kept apart: two cards of one kind have registers of one name.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;

use command::run;
use std::collections::BTreeMap;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/");

fn case(path: &str) -> String {
    format!("{ROOT}cases/{path}")
}

/// The last value of each variable of a dump, by its scopes.
fn last_values(dump: &str) -> BTreeMap<String, u64> {
    let (mut scopes, mut names, mut values) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for line in dump.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["$scope", _, name, _] => scopes.push(name.to_owned()),
            ["$upscope", _] => drop(scopes.pop()),
            ["$var", "wire", _, id, name, _] => {
                names.insert(id.to_owned(), format!("{}/{name}", scopes[1..].join("/")));
            }
            [value, id] if value.starts_with('b') => {
                if let (Some(name), Ok(value)) =
                    (names.get(id), u64::from_str_radix(&value[1..], 2))
                {
                    values.insert(name.clone(), value);
                }
            }
            _ => {}
        }
    }
    values
}

fn exported(format: &str, arguments: &[&str]) -> String {
    let run = run(&[&["export", "--to", format, "-o", "-"], arguments].concat());
    assert_eq!(run.status, 0, "{}", run.stderr);
    run.text()
}

/// The rows of a page, as its script has them.
fn page(arguments: &[&str]) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.html").to_string_lossy().into_owned();
    let run = run(&[&["report", "-o", &path], arguments].concat());
    assert_eq!(run.status, 0, "{}", run.stderr);
    let page = std::fs::read_to_string(&path).unwrap();
    let (_, after) = page.split_once("id=\"head\">").unwrap();
    serde_json::from_str(after.split_once("</script>").unwrap().0).unwrap()
}

/// cases/r60
#[test]
fn case_r60_two_cards_have_two_signals() {
    let trace = case("r60/two-cards.mmiotrace");
    let dump = exported("vcd", &[&trace]);
    let expected = [("dev_00_02_0/bar0/CTRL", 1), ("dev_00_03_0/bar0/CTRL", 2)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(last_values(&dump), BTreeMap::from(expected));
    let head = page(&[&trace]);
    let rows = head["rows"].as_array().unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["device"].as_str(),
                row["name"].as_str(),
                row["last"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (Some("00:02.0"), Some("CTRL"), Some("0x1")),
            (Some("00:03.0"), Some("CTRL"), Some("0x2")),
        ]
    );
    assert_eq!(head["labels"][1], "00:03.0 BAR0 CTRL");
}

/// cases/n1: the card at 00:02.0 never read 0xdddddddd.
#[test]
fn case_n1_every_view_keeps_two_cards_apart() {
    let trace = case("n1/two.mt");
    let dump = exported("vcd", &[&trace]);
    let values = last_values(&dump);
    assert_eq!(values["dev_00_02_0/bar0/LIVENESS"], 0xeeee_eeee);
    assert_eq!(values["dev_00_03_0/bar0/LIVENESS"], 0xdddd_dddd);
    let rows = page(&[&trace])["rows"].clone();
    assert_eq!(rows[0]["last"], "0xeeeeeeee");
    assert_eq!(rows[1]["last"], "0xdddddddd");
    let named = run(&["name", "--format", "jsonl", &trace]);
    let last = named.text();
    let last: serde_json::Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!(last["register"], "LIVENESS");
    assert_eq!(
        (&last["device"], &last["bar"]),
        (&"00:03.0".into(), &0.into())
    );
    let watched = run(&["watch", "--plain", "--stop-idle", "1", &trace]);
    let lines = watched.stderr.lines();
    let rows: Vec<&str> = lines.filter(|line| line.contains("LIVENESS")).collect();
    assert_eq!(rows.len(), 2, "{}", watched.stderr);
    let same = run(&["diff", "--device", "00:02.0", &trace, &trace]);
    assert_eq!(same.status, 0, "{}", same.text());
}

/// The last value at every address of every device, counted here with a plain split, is in the dump
/// at the same device, BAR and offset.
#[test]
fn four_devices_keep_their_last_values() {
    let trace = format!("{ROOT}traces/four-devices-6.1.mmiotrace.xz");
    let text = run(&["cat", &trace]).text();
    let hex = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).unwrap();
    let mut bars = Vec::new();
    let mut expected = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "PCIDEV" => {
                let place = hex(words[1]);
                for bar in 0..6 {
                    let (start, len) = (hex(words[4 + bar]) & !0xf, hex(words[11 + bar]));
                    let scope = format!(
                        "dev_{:02x}_{:02x}_{}/bar{bar}",
                        place >> 8,
                        place >> 3 & 0x1f,
                        place & 7
                    );
                    bars.push((start..start + len, scope));
                }
            }
            "R" | "W" => {
                let phys = hex(words[4]);
                if let Some((range, scope)) = bars.iter().find(|(range, _)| range.contains(&phys)) {
                    let name = format!("{scope}/+{:#x}", phys - range.start);
                    expected.insert(name, hex(words[5]));
                }
            }
            _ => {}
        }
    }
    let devices = |name: &String| name.split('/').next().map(str::to_owned);
    let count = expected
        .keys()
        .map(devices)
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(count.len(), 4, "{count:?}");
    let dump = exported("vcd", &["--no-bundled", &trace]);
    let found: BTreeMap<String, u64> = last_values(&dump)
        .into_iter()
        .filter(|(name, _)| name.starts_with("dev_"))
        .collect();
    assert_eq!(found, expected);
}

/// cases/n2: the first access after a MAP has its name, its fields and its treatment.
#[test]
fn case_n2_the_first_access_after_a_map_is_named() {
    let (one, two) = (case("n2/m1.mmiotrace"), case("n2/m2.mmiotrace"));
    let different = run(&["diff", &one, &two]);
    assert_eq!(different.status, 1);
    let text = different.text();
    let first = text.lines().next().unwrap();
    assert!(
        first.contains(" ID/4 ") && first.contains("MAJOR 0x1 -> 0x2"),
        "{text}"
    );
    let ignored = run(&["diff", "--ignore", "ID", &one, &two]);
    assert_eq!(ignored.status, 0, "{}", ignored.text());
}
