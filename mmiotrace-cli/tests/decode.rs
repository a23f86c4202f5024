//! `mmiotrace decode`.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::run;
use serde_json::json;

#[test]
fn the_shape_of_the_json() {
    let run = run(&[
        "decode",
        "--json",
        "--code",
        "894704",
        "--reg",
        "rdi=0x1000",
        "--reg",
        "rax=5",
    ]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(
        run.json(),
        json!({"schema": 1, "length": 3, "text": "mov [rdi+4],eax",
            "accesses": [{"kind": "write", "width": 4, "address": "0x1004", "value": "0x5"}],
            "way": {"process": "emulate", "kernel": "emulate"}})
    );
}

#[test]
fn accesses_come_in_order_with_what_is_known() {
    let run = run(&[
        "decode",
        "--json",
        "--code",
        "f3 48 a5",
        "--reg",
        "rcx=2",
        "--reg",
        "rsi=0x8000",
        "--reg",
        "rdi=0xfebc0010",
        "--reg",
        "rflags=0x400",
    ]);
    let report = run.json();
    assert_eq!(
        report["accesses"],
        json!([
            {"kind": "read", "width": 8, "address": "0x8000", "value": null},
            {"kind": "write", "width": 8, "address": "0xfebc0010", "value": null},
            {"kind": "read", "width": 8, "address": "0x7ff8", "value": null},
            {"kind": "write", "width": 8, "address": "0xfebc0008", "value": null},
        ])
    );
    assert!(report.get("assumed_zero").is_none(), "{report}");
}

#[test]
fn a_read_modify_write_is_two_accesses_and_bits_are_far() {
    // lock bts [rdi], rax with bit -1: in the quadword below
    let run = run(&[
        "decode",
        "--json",
        "--code",
        "f0480fab07",
        "--reg",
        "rdi=0x1000",
        "--reg",
        "rax=0xffffffffffffffff",
    ]);
    let report = run.json();
    assert_eq!(
        report["accesses"][0],
        json!({"kind": "read", "width": 8, "address": "0xff8", "value": null})
    );
    assert_eq!(
        report["accesses"][1],
        json!({"kind": "write", "width": 8, "address": "0xff8", "value": null})
    );
}

#[test]
fn registers_by_every_name() {
    // mov [rip+0x10], ah
    let run_ = run(&[
        "decode",
        "--json",
        "--code",
        "882510000000",
        "--rip",
        "0x1000",
        "--reg",
        "AH=0x7f",
    ]);
    assert_eq!(
        run_.json()["accesses"][0],
        json!({"kind": "write", "width": 1, "address": "0x1016", "value": "0x7f"})
    );
    // mov gs:[r8], rax
    let run_ = run(&[
        "decode",
        "--json",
        "--code",
        "65498900",
        "--reg",
        "gs_base=0x10000",
        "--reg",
        "r8=8",
        "--reg",
        "eax=9",
    ]);
    assert_eq!(run_.json()["accesses"][0]["address"], "0x10008");
    // vpmaskmovd [rdi], ymm1, ymm0: elements 0 and 7
    let mask = format!("ymm1=0x80000000{:048}80000000", 0);
    let run_ = run(&[
        "decode",
        "--json",
        "--code",
        "c4e2758e07",
        "--reg",
        "rdi=0x1000",
        "--reg",
        &mask,
        "--reg",
        "ymm0=0x1234",
    ]);
    assert_eq!(
        run_.json()["accesses"],
        json!([
            {"kind": "write", "width": 4, "address": "0x1000", "value": "0x1234"},
            {"kind": "write", "width": 4, "address": "0x101c", "value": "0x0"},
        ])
    );
    // vmovdqu32 [rdi]{k1}, zmm0: element 3
    let run_ = run(&[
        "decode",
        "--json",
        "--code",
        "62f17e497f07",
        "--reg",
        "rdi=0x1000",
        "--reg",
        "k1=8",
    ]);
    let report = run_.json();
    assert_eq!(
        report["accesses"],
        json!([{"kind": "write", "width": 4, "address": "0x100c", "value": null}])
    );
    assert_eq!(report["not_given"], json!(["zmm0"]));
}

#[test]
fn what_was_not_given_is_said() {
    let run = run(&[
        "decode",
        "--json",
        "--code",
        "89448f04",
        "--reg",
        "rdi=0x1000",
    ]);
    assert_eq!(run.json()["assumed_zero"], json!(["rax", "rcx"]));
}

#[test]
fn a_way_that_cannot_has_a_reason() {
    // mov rax, gs:[…] of no base: the kernel cannot step it, and need not; ldmxcsr [rip+0] can it not.
    let run = run(&["decode", "--json", "--code", "0fae1500000000"]);
    let report = run.json();
    assert_eq!(report["way"]["kernel"], "cannot");
    assert_eq!(report["reason"], json!({"kernel": "no-base-register"}));
}

#[test]
fn several_instructions() {
    let code = [
        "decode",
        "--code",
        "8b470889470c",
        "--reg",
        "rdi=0xfebc0000",
        "--rip",
        "0x40",
    ];
    let one = run(&[&code[..], &["--json"]].concat());
    assert_eq!(one.json()["rest"], "89470c");
    let all = run(&[&code[..], &["--json", "--all"]].concat());
    let texts: Vec<String> = all
        .text()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].to_string())
        .collect();
    assert_eq!(texts, ["\"mov eax,[rdi+8]\"", "\"mov [rdi+0xc],eax\""]);
    let people = run(&[&code[..], &["--all"]].concat()).text();
    assert!(
        people.contains("0x43: mov [rdi+0xc],eax  (89470c, 3 bytes)"),
        "{people}"
    );
    assert!(
        people.contains("read   4 at 0xfebc0008  value from memory"),
        "{people}"
    );
}

#[test]
fn people_read_of_the_kernels_tracer() {
    let known = run(&["decode", "--code", "8b07"]).text();
    assert!(!known.contains("tracer"), "{known}");
    let unknown = run(&["decode", "--code", "f3a5", "--reg", "rcx=1"]).text();
    assert!(
        unknown.contains("the kernel's own tracer: an UNKNOWN record"),
        "{unknown}"
    );
    let wrong = run(&["decode", "--code", "c70408efbeadde"]).text();
    assert!(wrong.contains("value 0xdeadbeef"), "{wrong}");
    assert!(wrong.contains("takes the SIB byte"), "{wrong}");
}

#[test]
fn what_cannot_be_done() {
    // The three bytes that UNKNOWN records have.
    let cut = run(&["decode", "--code", "41,83,08"]);
    cut.assert_refused("decode --code: the instruction does not end");
    assert!(
        cut.stderr.contains("as far as it goes it is or, 4 bytes"),
        "{}",
        cut.stderr
    );
    run(&["decode", "--code", "06"]).assert_refused("decode --code: the bytes are no instruction");
    run(&["decode", "--code", "9006", "--all"])
        .assert_refused("decode --code: byte 1: the bytes are no");
    for arguments in [
        &["decode"][..],
        &["decode", "--code", ""],
        &["decode", "--code", "4g"],
        &["decode", "--code", "90", "--reg", "rax"],
        &["decode", "--code", "90", "--reg", "rxx=1"],
        &["decode", "--code", "90", "--reg", "al=256"],
        &["decode", "--code", "90", "--rip", "here"],
    ] {
        run(arguments).assert_refused("usage: ");
    }
}

/// The accesses of `code` as (kind, width, least) for a CPU.
fn accesses(cpu: &str, code: &str) -> Vec<(String, u64, Option<u64>)> {
    let report = run(&["decode", "--json", "--cpu", cpu, "--code", code]).json();
    let list = report["accesses"].as_array().unwrap();
    list.iter()
        .map(|access| {
            (
                access["kind"].as_str().unwrap().to_owned(),
                access["width"].as_u64().unwrap(),
                access["least"].as_u64(),
            )
        })
        .collect()
}

#[test]
fn answers_are_for_the_cpu_named() {
    let read = |width, least| vec![("read".to_owned(), width, least)];
    for (code, intel, amd) in [
        ("666303", 2, 4),    // movsxd ax, [rbx]
        ("0fa1", 2, 8),      // pop fs
        ("480fb403", 10, 6), // lfs rax, [rbx]
        ("48ff2b", 10, 6),   // jmp far [rbx]
        ("66ff23", 8, 2),    // jmp [rbx]
        ("66c3", 8, 2),      // ret
    ] {
        assert_eq!(accesses("intel", code), read(intel, None), "{code}");
        assert_eq!(accesses("intel-6-207", code), read(intel, None), "{code}");
        assert_eq!(accesses("amd-26-2", code), read(amd, None), "{code}");
        let (least, most) = (intel.min(amd), intel.max(amd));
        assert_eq!(accesses("unknown", code), read(most, Some(least)), "{code}");
    }
    // iretq: slots of 8 bytes, of which two hold selectors
    let widths = |cpu| {
        accesses(cpu, "48cf")
            .iter()
            .map(|access| access.1)
            .collect::<Vec<_>>()
    };
    assert_eq!(widths("intel"), [8, 2, 8, 8, 2]);
    assert_eq!(widths("amd"), [8; 5]);
    let text = run(&["decode", "--cpu", "unknown", "--code", "666303"]).text();
    assert!(text.contains("read  2 to 4 at"), "{text}");
    assert!(text.contains("Intel's: reads 2 bytes"), "{text}");
    // Without the option it is this machine's CPU, which is known unless its maker is neither.
    let host = run(&["decode", "--json", "--code", "666303"]).json();
    let named = host["makers"]["cpu"].as_str().unwrap().to_owned();
    let again = run(&["decode", "--json", "--cpu", &named, "--code", "666303"]).json();
    assert_eq!(host, again);
    run(&["decode", "--cpu", "via", "--code", "90"]).assert_refused("usage: ");
}
