//! `check --code`: what instructions really were. The judge is the assembler: a module is made of the
//! instructions that, by its markers, the traced module had, at the addresses that the trace names.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{fixtures_dir, run};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Where the traced module's `.text` was.
const BASE: &str = "0xffffffffc0207000";

/// The instruction catalogue of `mmioops`, as its markers name it: offset, and what stands there.
const CATALOGUE: &[(u32, &str)] = &[
    (0x07e, "mov byte ptr [rax], dl"),
    (0x085, "mov word ptr [rax+8], dx"),
    (0x0a7, "mov cl, [rax]"),
    (0x0b1, "mov rcx, [rax]"),
    (0x12e, "mov dword ptr [rax+16], 0xdeadbeef"),
    (0x13b, "mov qword ptr [rdx], -2"),
    (0x142, "mov qword ptr [rax+32], 0x7fffffff"),
    (0x14a, "mov dword ptr [rbx+0x1000], 0x11223344"),
    (0x159, "mov dword ptr [rbx+rax*4], 0x55667788"),
    (0x178, "movsx ecx, byte ptr [rax]"),
    (0x18a, "movsxd rax, dword ptr [rax]"),
    (0x1cd, "rep stosb"),
    (0x20d, "rep movsb; mov eax, 1"),
    (0x221, "rep movsd; mov rax, rbx"),
    (0x230, "rep movsq"),
    (0x249, "rep movsb; mov rax, rbx"),
    (0x25c, "or dword ptr [r8], 8"),
    (0x264, "add byte ptr [rax], 1"),
    (0x26b, "inc word ptr [rax]"),
    (0x26e, "lock xadd [r8], r8d"),
    (0x27b, "xchg [r8], edx"),
    (0x27e, "lock cmpxchg [r8], edx"),
    (0x283, "lock bts dword ptr [r8], 3"),
    (0x29d, "test byte ptr [r8], 1"),
    (0x2a1, "cmp dword ptr [r8], 5"),
    (0x2a5, "cmp [r8], eax"),
    (0x2b4, "push [r14]"),
    (0x2b7, "pop [r14+8]"),
    (0x2cb, "movnti [rax], ebp"),
    (0x2f4, "movups xmm0, [rax]"),
    (0x2f7, "movups [rax+16], xmm0"),
    (0x2fb, "movd [rax+64], xmm0"),
    (0x300, "movntdq [rax+48], xmm0"),
    (0x3ff, "nop"),
];

/// A relocatable file with that catalogue, or a dump of its code; `None` where there is no assembler.
fn module(folder: &Path, test: &str) -> Option<String> {
    let mut source =
        String::from(".intel_syntax noprefix\n.text\n.type catalogue, @function\ncatalogue:\n");
    for (offset, instruction) in CATALOGUE {
        source += &format!(".org {offset:#x}, 0x90\n{instruction}\n");
    }
    source += ".size catalogue, . - catalogue\n";
    let (from, to) = (folder.join("mmioops.s"), folder.join("mmioops.ko"));
    fs::write(&from, source).unwrap();
    match Command::new("gcc")
        .arg("-c")
        .arg(&from)
        .arg("-o")
        .arg(&to)
        .status()
    {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            let line = format!("SKIPPED: {test}: gcc: {error}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return None;
        }
    }
    Some(to.to_str().unwrap().to_owned())
}

fn trace() -> String {
    let path = fixtures_dir().join("traces/mmioops-printk-6.1.mmiotrace");
    path.to_str().unwrap().to_owned()
}

/// Four bytes of the device, as the guest found them at the end.
fn in_the_device(address: u32) -> u64 {
    let log = fixtures_dir().join("traces/mmioops-printk-6.1.guest.log");
    let log = fs::read_to_string(log).unwrap();
    let mark = format!("{address:#x} = 0x");
    let digits = log
        .lines()
        .find_map(|line| line.split_once(&mark))
        .unwrap()
        .1;
    u64::from_str_radix(digits.trim(), 16).unwrap()
}

/// Accesses in short: `read 4, write 4`.
fn accesses(told: &Value) -> String {
    let all = told["accesses"].as_array().unwrap().iter();
    let words =
        all.map(|access| format!("{} {}", access["kind"].as_str().unwrap(), access["width"]));
    words.collect::<Vec<_>>().join(", ")
}

fn at<'a>(report: &'a Value, pc: &str) -> &'a Value {
    let all = report["code"]["instructions"].as_array().unwrap();
    all.iter()
        .find(|told| told["pc"] == pc)
        .unwrap_or_else(|| panic!("nothing at {pc}: {report:#}"))
}

fn check_catalogue(report: &Value) {
    for (pc, text, kinds) in [
        ("0xffffffffc020718a", "movsxd rax,[rax]", "read 4"),
        (
            "0xffffffffc020720d",
            "rep movsb [rdi],[rsi]",
            "read 1, write 1",
        ),
        (
            "0xffffffffc0207221",
            "rep movsd [rdi],[rsi]",
            "read 4, write 4",
        ),
        (
            "0xffffffffc0207230",
            "rep movsq [rdi],[rsi]",
            "read 8, write 8",
        ),
        (
            "0xffffffffc020725c",
            "or dword ptr [r8],8",
            "read 4, write 4",
        ),
        (
            "0xffffffffc020726b",
            "inc word ptr [rax]",
            "read 2, write 2",
        ),
        (
            "0xffffffffc020726e",
            "lock xadd [r8],r8d",
            "read 4, write 4",
        ),
        (
            "0xffffffffc0207283",
            "lock bts dword ptr [r8],3",
            "read 4, write 4",
        ),
        ("0xffffffffc020729d", "test byte ptr [r8],1", "read 1"),
        (
            "0xffffffffc02072b7",
            "pop qword ptr [r14+8]",
            "read 8, write 8",
        ),
        ("0xffffffffc02072f4", "movups xmm0,[rax]", "read 16"),
        ("0xffffffffc0207300", "movntdq [rax+0x30],xmm0", "write 16"),
    ] {
        let told = at(report, pc);
        assert_eq!(
            (told["text"].as_str(), accesses(told)),
            (Some(text), kinds.to_owned()),
            "{told}"
        );
        assert!(
            told["logged"].as_str().unwrap().starts_with("UNKNOWN "),
            "{told}"
        );
    }
    assert_eq!(at(report, "0xffffffffc020720d")["count"], 5);
}

#[test]
fn a_module_at_a_given_address() {
    let folder = tempfile::tempdir().unwrap();
    let Some(module) = module(folder.path(), "a_module_at_a_given_address") else {
        return;
    };
    let code = format!("{module}@{BASE}");
    let run = run(&["check", "--json", "--code", &code, &trace()]);
    assert_eq!(run.status, 1);
    let report = run.json();
    check_catalogue(&report);
    let place = at(&report, "0xffffffffc0207283")["place"].as_str().unwrap();
    assert_eq!(place, "catalogue+0x283 (.text+0x283)");
    // What looks right and is wrong: the width of the one, the value of the other. The memory of the
    // device, read back afterwards, has what was written.
    let wide = at(&report, "0xffffffffc0207142");
    let sib = at(&report, "0xffffffffc0207159");
    assert_eq!(
        (accesses(wide), accesses(sib)),
        ("write 8".into(), "write 4".into())
    );
    assert_eq!(
        (&sib["logged"], &wide["logged"]),
        (&"W 4".into(), &"W 4".into())
    );
    let value = |told: &Value| {
        let text = told["value"].as_str().unwrap();
        u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
    };
    assert_eq!(value(sib), in_the_device(0xfd00_0080));
    assert_eq!(
        value(wide),
        in_the_device(0xfd00_00a4) << 32 | in_the_device(0xfd00_00a0)
    );
    let negative = at(&report, "0xffffffffc020713b");
    assert_eq!(
        value(negative),
        in_the_device(0xfd00_009c) << 32 | in_the_device(0xfd00_0098)
    );
    // What the kernel's memcpy did stands in its own code, which is not here: three bytes tell.
    let kernel = at(&report, "0xffffffff8157a34d");
    assert_eq!(kernel["text"], "rep movsd [rdi],[rsi]");
    assert_eq!(
        kernel["note"],
        "told by its first bytes: it is in none of the files given"
    );
    // An instruction that the kernel decodes rightly is not told of.
    let all = report["code"]["instructions"].as_array().unwrap();
    assert!(
        all.iter().all(|told| told["pc"] != "0xffffffffc020707e"),
        "{report:#}"
    );
}

#[test]
fn a_module_whose_address_the_records_tell() {
    let folder = tempfile::tempdir().unwrap();
    let Some(module) = module(folder.path(), "a_module_whose_address_the_records_tell") else {
        return;
    };
    let run = run(&["check", "--json", "--code", &module, &trace()]);
    let report = run.json();
    check_catalogue(&report);
    let told = report["code"]["images"][0].as_str().unwrap();
    assert!(
        told.ends_with(&format!("{BASE}, as its records tell")),
        "{told}"
    );
}

#[test]
fn a_dump_and_a_compressed_module() {
    let folder = tempfile::tempdir().unwrap();
    let Some(module) = module(folder.path(), "a_dump_and_a_compressed_module") else {
        return;
    };
    let dump = folder.path().join("code.bin");
    let made = Command::new("objcopy")
        .args(["-O", "binary", "--only-section=.text", &module])
        .arg(&dump)
        .status();
    assert!(made.unwrap().success());
    let code = format!("{}@{BASE}", dump.to_str().unwrap());
    check_catalogue(&run(&["check", "--json", "--code", &code, &trace()]).json());
    let packed = folder.path().join("mmioops.ko.xz");
    let mut encoder = liblzma::write::XzEncoder::new(fs::File::create(&packed).unwrap(), 1);
    encoder.write_all(&fs::read(&module).unwrap()).unwrap();
    encoder.finish().unwrap();
    let code = format!("{}@{BASE}", packed.to_str().unwrap());
    check_catalogue(&run(&["check", "--json", "--code", &code, &trace()]).json());
}

#[test]
fn the_wrong_address_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(module) = module(folder.path(), "the_wrong_address_is_noticed") else {
        return;
    };
    let run = run(&[
        "check",
        "--json",
        "--code",
        &format!("{module}@0xffffffffc0207010"),
        &trace(),
    ]);
    let report = run.json();
    assert!(
        report["code"]["mismatch"]["count"].as_u64().unwrap() > 10,
        "{report:#}"
    );
    let note = at(&report, "0xffffffffc0207283")["note"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(note.contains("another address"), "{note}");
}

#[test]
fn people_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let Some(module) = module(folder.path(), "people_can_read_it") else {
        return;
    };
    let run = run(&["check", "--code", &format!("{module}@{BASE}"), &trace()]);
    let text = run.text();
    assert!(
        text.contains("3 times, first in line 75: UNKNOWN f3,a5,48 at 0xffffffffc0207221"),
        "{text}"
    );
    assert!(
        text.contains("reads 4, writes 4 for each element"),
        "{text}"
    );
}

#[test]
fn files_that_are_no_code() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.ko");
    fs::write(&broken, b"\x7fELFnonsense").unwrap();
    let empty = folder.path().join("empty.bin");
    fs::write(&empty, b"").unwrap();
    for path in [&broken, &empty, &folder.path().join("absent.ko")] {
        let path = path.to_str().unwrap();
        run(&["check", "--code", path, &trace()]).assert_refused(path);
    }
}
