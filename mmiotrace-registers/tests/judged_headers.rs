//! Headers of Linux' drivers: what is a register, and where, against the C preprocessor's own
//! answer for definitions drawn at random.
//!
//! `MMIOTRACE_LINUX_SOURCE` is an unpacked kernel source. `MMIOTRACE_JUDGE_ALL=1` draws 500
//! definitions of each header, else 60. `MMIOTRACE_JUDGE_TABLE` is a file to write the table to.

use core::fmt::Write as _;
use mmiotrace_registers::model::{Item, RegisterMap};
use mmiotrace_registers::{Format, Loader};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A header, what must be defined before it, and which of its definitions are registers.
struct Judged {
    file: &'static str,
    is_register: fn(&Define) -> bool,
}

struct Define {
    name: String,
    /// How many arguments it takes; `None`: it is no macro with arguments.
    arguments: Option<usize>,
    body: String,
    /// Blanks before its name, and whether there are some before `define`.
    indent: usize,
    nested: bool,
}

fn typed(define: &Define) -> bool {
    define.body.starts_with("_MMIO")
}

fn wrapped(define: &Define) -> bool {
    let head = define.body.split('(').next().unwrap_or("");
    let is_type = head == "HSOTG_REG" || head.starts_with("MT_") && !head.contains("MASK");
    define.body.contains('(') && is_type
}

fn hex(define: &Define) -> Option<&str> {
    let digits = define.body.strip_prefix("0x")?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (plain && define.arguments.is_none()).then_some(digits)
}

fn full_width(define: &Define) -> bool {
    define.indent == 1 && hex(define).is_some_and(|digits| digits.len() == 8)
}

fn in_the_first_column(define: &Define) -> bool {
    let is_long = hex(define).is_some_and(|digits| (3..8).contains(&digits.len()));
    !define.nested && define.indent == 1 && is_long
}

const HEADERS: [Judged; 8] = [
    Judged {
        file: "drivers/gpu/drm/i915/i915_reg.h",
        is_register: typed,
    },
    Judged {
        file: "drivers/gpu/drm/i915/gt/intel_gt_regs.h",
        is_register: typed,
    },
    Judged {
        file: "drivers/usb/dwc2/hw.h",
        is_register: wrapped,
    },
    Judged {
        file: "drivers/net/wireless/mediatek/mt76/mt7915/regs.h",
        is_register: wrapped,
    },
    Judged {
        file: "drivers/net/ethernet/broadcom/tg3.h",
        is_register: full_width,
    },
    Judged {
        file: "drivers/gpu/drm/radeon/r600d.h",
        is_register: in_the_first_column,
    },
    Judged {
        file: "drivers/gpu/drm/radeon/evergreend.h",
        is_register: in_the_first_column,
    },
    Judged {
        file: "drivers/gpu/drm/panfrost/panfrost_regs.h",
        is_register: in_the_first_column,
    },
];

/// What the kernel's own headers define, as plain numbers, so that nothing but the header itself
/// is asked.
const PRELUDE: &str = "#define BIT(n) (1u << (n))\n#define GENMASK(h, l) 0\n\
    #define _PICK_EVEN(i, a, b) ((a) + (i) * ((b) - (a)))\n#define _MMIO(r) (r)\n";

fn skipped(reason: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "SKIPPED: judged_headers: {reason}");
}

fn defines(text: &str) -> Vec<Define> {
    let joined = text.replace("\\\n", " ");
    let mut defines = Vec::new();
    for line in joined.lines() {
        let Some(rest) = line.trim_start().strip_prefix('#') else {
            continue;
        };
        let Some(after) = rest.trim_start().strip_prefix("define") else {
            continue;
        };
        let name_at = after.trim_start();
        let end = name_at
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(name_at.len());
        let (name, tail) = name_at.split_at(end);
        let (arguments, body) = match tail.strip_prefix('(').and_then(|tail| tail.split_once(')')) {
            Some((arguments, body)) => (Some(arguments.split(',').count()), body),
            None => (None, tail),
        };
        let body = body
            .split("/*")
            .next()
            .unwrap_or("")
            .split("//")
            .next()
            .unwrap_or("")
            .trim();
        defines.push(Define {
            name: name.to_owned(),
            arguments,
            body: body.to_owned(),
            indent: after.len() - name_at.len(),
            nested: rest.starts_with([' ', '\t']),
        });
    }
    defines
}

/// The places of all registers of a header: of arrays the first element.
fn places(map: &RegisterMap) -> BTreeMap<String, u64> {
    let mut places = BTreeMap::new();
    for space in map.spaces.iter().filter(|space| space.name == "REGISTERS") {
        for item in map.items(space.items) {
            match item {
                Item::Register(register) => {
                    places.insert(register.name.clone(), register.at);
                }
                Item::Block(block) => {
                    for inner in map.items(block.items) {
                        if let Item::Register(register) = inner {
                            places.insert(register.name.clone(), block.at + register.at);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    places
}

/// What the preprocessor makes of each definition, for arguments 0, as the compiler counts it.
/// Definitions that depend on what no header says are left out.
fn answers(header: &Path, drawn: &[&Define], folder: &Path) -> BTreeMap<String, u64> {
    let own = std::fs::read(header).expect("a header");
    // Only the header's own definitions: what it includes is not asked.
    let own: String = String::from_utf8_lossy(&own)
        .lines()
        .filter(|line| !line.trim_start().starts_with("#include"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut text = String::new();
    let _ = writeln!(text, "{PRELUDE}\n{own}");
    for (number, define) in drawn.iter().enumerate() {
        let zeros = define.arguments.map(|count| vec!["0"; count].join(", "));
        let arguments = zeros.map(|zeros| format!("({zeros})")).unwrap_or_default();
        let _ = writeln!(text, "\nASKED {number} : {}{arguments}", define.name);
    }
    let source = folder.join("asked.c");
    std::fs::write(&source, text).expect("a writable folder");
    let output = Command::new("cc")
        .args(["-E", "-P"])
        .arg(&source)
        .output()
        .expect("a C compiler");
    let expanded = String::from_utf8_lossy(&output.stdout);
    let is_number = |text: &str| {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
            let end = rest[at..]
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .map_or(rest.len(), |end| at + end);
            let is_digits = at > 0 && rest.as_bytes()[at - 1].is_ascii_digit();
            if !is_digits {
                return false;
            }
            rest = &rest[end..];
        }
        !text.trim().is_empty() && !text.contains(['"', '{', ';', '\''])
    };
    let mut program = String::from("#include <stdio.h>\nint main(void) {\n");
    for line in expanded.lines() {
        let asked = line
            .trim()
            .strip_prefix("ASKED ")
            .and_then(|rest| rest.split_once(':'));
        if let Some((number, expression)) = asked.filter(|(_, expression)| is_number(expression)) {
            let _ = writeln!(
                program,
                "printf(\"{} %llx\\n\", (unsigned long long)({expression}));",
                number.trim()
            );
        }
    }
    program.push_str("return 0; }\n");
    let (source, binary) = (folder.join("answer.c"), folder.join("answer"));
    std::fs::write(&source, program).expect("a writable folder");
    let built = Command::new("cc")
        .args(["-w", "-O0", "-o"])
        .arg(&binary)
        .arg(&source)
        .output()
        .expect("a C compiler");
    assert!(
        built.status.success(),
        "{}: {}",
        header.display(),
        String::from_utf8_lossy(&built.stderr)
    );
    let output = Command::new(&binary).output().expect("the program runs");
    let answers = String::from_utf8_lossy(&output.stdout).into_owned();
    answers
        .lines()
        .filter_map(|line| {
            let (number, value) = line.split_once(' ')?;
            let define = drawn.get(number.parse::<usize>().ok()?)?;
            Some((define.name.clone(), u64::from_str_radix(value, 16).ok()?))
        })
        .collect()
}

fn draw(defines: &[Define], count: usize) -> Vec<&Define> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut left: Vec<&Define> = defines
        .iter()
        .filter(|define| !define.body.is_empty())
        .collect();
    let mut drawn = Vec::new();
    while drawn.len() < count && !left.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        drawn.push(left.swap_remove((state >> 11) as usize % left.len()));
    }
    drawn
}

#[test]
fn registers_of_linux_headers_are_where_c_says() {
    let source = std::env::var_os("MMIOTRACE_LINUX_SOURCE").map(PathBuf::from);
    let Some(source) = source.filter(|source| source.join(HEADERS[0].file).is_file()) else {
        return skipped(
            "MMIOTRACE_LINUX_SOURCE has no drivers/gpu/drm/i915 (unpack the newest linux-source package of Debian)",
        );
    };
    if Command::new("cc").arg("--version").output().is_err() {
        return skipped("there is no C compiler");
    }
    let count = if std::env::var_os("MMIOTRACE_JUDGE_ALL").is_some() {
        500
    } else {
        60
    };
    let mut table = String::from(
        "| header | drawn | registers | right | wrong | left out | no register, taken for one |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut wrong = Vec::new();
    for judged in &HEADERS {
        let path = source.join(judged.file);
        let bytes =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let loaded = Loader::new().text(Format::CHeader, &text).expect("a map");
        let places = places(&loaded.map);
        let defines = defines(&text);
        let drawn = draw(&defines, count);
        let folder = std::env::temp_dir().join(format!("mmiotrace-judged-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a writable folder");
        let answers = answers(&path, &drawn, &folder);
        let _ = std::fs::remove_dir_all(&folder);
        let (mut registers, mut right, mut left_out, mut taken) = (0, 0, Vec::new(), Vec::new());
        let before = wrong.len();
        for define in &drawn {
            let found = places.get(&define.name);
            // A place that the header does not tell is no place.
            let expected = answers
                .get(&define.name)
                .filter(|_| (judged.is_register)(define));
            registers += usize::from(expected.is_some());
            match (found, expected) {
                (Some(found), Some(expected)) if found == expected => right += 1,
                (Some(found), Some(expected)) => {
                    wrong.push(format!(
                        "{}: {} is at {expected:#x}, not {found:#x}",
                        judged.file, define.name
                    ));
                }
                (None, Some(_)) => left_out.push(define.name.as_str()),
                (Some(_), None) => taken.push(define.name.as_str()),
                (None, None) => {}
            }
        }
        let name = judged.file.rsplit('/').next().unwrap_or(judged.file);
        let _ = writeln!(
            table,
            "| {name} | {} | {registers} | {right} | {} | {} | {} |",
            drawn.len(),
            wrong.len() - before,
            left_out.len(),
            taken.len()
        );
        println!("{name}: left out: {left_out:?}\n{name}: taken for registers: {taken:?}");
    }
    println!("{table}");
    if let Some(path) = std::env::var_os("MMIOTRACE_JUDGE_TABLE") {
        std::fs::write(path, &table).expect("a writable file");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
