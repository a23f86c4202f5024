//! Documents that are broken at random, or nested without end: an error or a map, never a crash.

use mmiotrace_registers::{Format, Known, Loader, RegisterMap, bundled, model};

/// A generator of numbers that needs no seed from outside: a failure repeats.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }
}

/// Characters that mean something in one of the formats.
const ODD: &[&str] = &[
    "0",
    "9",
    "-",
    "\"",
    "<",
    ">",
    "/",
    "[",
    "]",
    "{",
    "}",
    "#",
    "=",
    "\n",
    "\\",
    "(",
    ")",
    "<<",
    "0xffffffffffffffff",
    "4294967296",
    ":",
    ",",
    "%s",
    "&",
    "\u{fe}",
    "99",
];

fn broken(text: &str, numbers: &mut Numbers) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for _ in 0..=numbers.below(4) {
        let place = numbers.below(text.len());
        let odd = ODD[numbers.below(ODD.len())].chars();
        match numbers.below(4) {
            0 => {
                text.splice(place..(place + 1).min(text.len()), odd);
            }
            1 => {
                text.splice(place..place, odd);
            }
            2 => {
                let end = (place + numbers.below(40)).min(text.len());
                text.drain(place..end);
            }
            _ => {
                let end = (place + numbers.below(400)).min(text.len());
                let copy: Vec<char> = text[place..end].to_vec();
                text.splice(place..place, copy);
            }
        }
    }
    text.into_iter().collect()
}

fn ask(map: RegisterMap) {
    let Ok(map) = map.compile() else { return };
    let selection = map.selection();
    for at in [0, 4, 0x10, 0x100, 0x4000_0000, u64::MAX] {
        let Some(located) = map.lookup(model::SpaceId(0), at, None, &selection) else {
            continue;
        };
        let Some(register) = located.register else {
            continue;
        };
        let value = Known::part(0xffff_0000_a5a5_5a5a, located.within, register.width);
        let _ = map.value_text(register, value, &selection).to_string();
    }
}

fn shake(format: Format, text: &str, rounds: usize) {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..rounds {
        match Loader::new().text(format, &broken(text, &mut numbers)) {
            Ok(loaded) => {
                read += 1;
                ask(loaded.map);
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(read > 0, "nothing was left to read of {format:?}");
    assert!(
        refused > 0 || format == Format::CHeader,
        "nothing was broken of {format:?}"
    );
}

#[test]
fn broken_toml() {
    let map = bundled::text("edu").expect("a bundled map");
    shake(Format::Toml, map, 400);
}

#[test]
fn broken_rnndb() {
    // Without its imports: what it takes from other files is defined in place instead.
    let text = include_str!("fixtures/rnndb/root.xml");
    let alone: String = text
        .lines()
        .filter(|line| !line.contains("<import"))
        .collect::<Vec<_>>()
        .join("\n");
    let part = include_str!("fixtures/rnndb/sub/more.xml");
    let inner = part
        .split_once("<database")
        .and_then(|(_, rest)| rest.split_once('>'))
        .and_then(|(_, rest)| rest.rsplit_once("</database>"))
        .expect("a database");
    let alone = alone.replace("</database>", &format!("{}</database>", inner.0));
    shake(Format::Rnndb, &alone, 400);
}

#[test]
fn broken_svd() {
    shake(Format::Svd, include_str!("fixtures/svd/small.svd"), 600);
}

#[test]
fn broken_headers() {
    shake(
        Format::CHeader,
        include_str!("fixtures/headers/driver.h"),
        400,
    );
    shake(
        Format::CHeader,
        include_str!("fixtures/headers/manual.ref.txt"),
        400,
    );
    shake(
        Format::CHeader,
        include_str!("fixtures/headers/unit_1_0_offset.h"),
        400,
    );
}

/// Nesting is refused before it can use up the stack.
#[test]
fn endless_nesting() {
    let deep = 200_000;
    let open = "<group name=\"a\">".repeat(deep);
    let cases = [
        (Format::Rnndb, format!("<database>{open}")),
        (
            Format::Rnndb,
            format!("<database>{open}{}</database>", "</group>".repeat(deep)),
        ),
        (Format::Toml, format!("name = {}", "[".repeat(deep))),
        (
            Format::Toml,
            format!("name = \"a\"\n{}x = 1", "a.".repeat(deep)),
        ),
        (Format::Toml, format!("[{}x]\ny = 1", "a.".repeat(deep))),
        (
            Format::CHeader,
            format!("#define A {}1{}\n", "(".repeat(deep), ")".repeat(deep)),
        ),
        (
            Format::CHeader,
            format!("#define A {}1\n", "~".repeat(deep)),
        ),
        (
            Format::CHeader,
            format!("#define A 1{}\n", "?1:1".repeat(deep)),
        ),
        (Format::Svd, format!("<device>{}", "<cluster>".repeat(deep))),
        (
            Format::Svd,
            format!(
                "<device>{}{}</device>",
                "<cluster>".repeat(deep),
                "</cluster>".repeat(deep)
            ),
        ),
    ];
    for (format, text) in cases {
        let started = std::time::Instant::now();
        let answer = Loader::new().text(format, &text);
        if format != Format::CHeader {
            assert!(answer.is_err(), "{format:?} {}", &text[..40]);
        }
        assert!(
            started.elapsed().as_secs() < 20,
            "{format:?} {}",
            &text[..40]
        );
    }
}
