//! `doctor` and `bundle` as commands, on made-up machines.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../mmiotrace-capture/tests/support/mod.rs"]
mod support;

mod bounded;

use bounded::Bounded;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::{Machine, TRACING};

const TRACE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../fixtures/traces/e1000-6.1.mmiotrace.xz"
);

fn mmiotrace(machine: &Machine, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mmiotrace"))
        .args(arguments)
        .arg("--root")
        .arg(machine.path("/"))
        .current_dir(machine.path("/"))
        .stdin(Stdio::null())
        .bounded_output()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn doctor_tells_usable_from_broken() {
    let machine = Machine::new();
    let output = mmiotrace(&machine, &["doctor", "--backend", "tracefs"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).starts_with("tracefs: can be used\n"));

    machine.put(&format!("{TRACING}/current_tracer"), "function\n");
    let output = mmiotrace(&machine, &["doctor", "--backend", "tracefs"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("-> echo nop > /sys/kernel/tracing/current_tracer"));

    let output = mmiotrace(&machine, &["doctor", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["backends"]["tracefs"]["usable"], false);
    let checks = json["checks"].as_array().unwrap();
    let free = checks.iter().find(|check| check["name"] == "free").unwrap();
    assert_eq!(
        (&free["backend"], &free["status"]),
        (&"tracefs".into(), &"missing".into())
    );
}

/// The archive's files, unpacked by another program than the one that packed it.
fn unpack(archive: &Path) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("tar")
        .arg("-xJf")
        .arg(archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    assert!(status.unwrap().success());
    let mut files = BTreeMap::new();
    for top in std::fs::read_dir(folder.path()).unwrap() {
        let top = top.unwrap();
        for file in std::fs::read_dir(top.path()).unwrap() {
            let file = file.unwrap();
            let name = format!(
                "{}/{}",
                top.file_name().to_string_lossy(),
                file.file_name().to_string_lossy()
            );
            files.insert(name, std::fs::read(file.path()).unwrap());
        }
    }
    files
}

fn decompressed(path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    liblzma::read::XzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

fn machine_with_secrets() -> Machine {
    let machine = Machine::new();
    machine.put("/sys/class/dmi/id/product_serial", "PF2ABCDE\n");
    // QEMU's card in the trace has this address.
    machine.put("/sys/class/net/eth0/address", "52:54:00:12:34:56\n");
    machine.put("/sys/module/e1000/initstate", "live\n");
    machine.put("/sys/module/e1000/srcversion", "ABCDEF012\n");
    machine.put(
        "/dev/kmsg",
        "6,1,5140900,-;e1000 0000:00:02.0 eth0: (PCI:33MHz:32-bit) 52:54:00:12:34:56\n\
         6,2,5140901,-;usb 1-1: New USB device strings: Mfr=1, Product=2, SerialNumber=3\n\
         6,3,5140902,-;usb 1-1: SerialNumber: 0123SECRET\n\
         6,4,5140903,-;DMI: pf2abcde board; root=UUID=01234567-89ab-cdef-0123-456789abcdef\n",
    );
    machine
}

#[test]
fn a_bundle_has_what_driver_projects_ask_for() {
    let machine = machine_with_secrets();
    let output = mmiotrace(
        &machine,
        &[
            "bundle",
            TRACE,
            "--nick",
            "jane",
            "--describe",
            "load, ping, unload",
        ],
    );
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    let files = unpack(&machine.path("/8086100e-jane-mmiotrace.tar.xz"));
    let file = |name: &str| &files[&format!("8086100e-jane-mmiotrace/{name}")];
    assert!(*file("trace.mmiotrace") == decompressed(TRACE));
    let lspci = text(file("lspci.txt"));
    assert!(lspci.contains("[8086:100e]") && lspci.contains("Region 0: Memory at febc0000"));
    assert!(text(file("dmesg.txt")).contains("[    5.140900] e1000 0000:00:02.0 eth0"));
    let system = text(file("system.txt"));
    assert!(system.contains("Linux version 6.1.0-made-up"));
    assert!(system.contains("e1000 srcversion ABCDEF012"));
    let description = text(file("description.txt"));
    assert!(description.contains("load, ping, unload"));
    assert!(
        description.contains("rmmod e1000"),
        "the markers: {description}"
    );
    assert!(text(file("verdict.txt")).starts_with("trace.mmiotrace: complete"));
    let verdict: serde_json::Value = serde_json::from_slice(file("verdict.json")).unwrap();
    assert_eq!(verdict["complete"], true);
}

#[test]
fn redaction_takes_out_what_it_says_and_nothing_of_the_records() {
    let machine = machine_with_secrets();
    let trace = machine.path("/t.mmiotrace");
    let mut bytes = decompressed(TRACE);
    bytes.extend_from_slice(b"MARK 30.000000 station 52-54-00-12-34-56 is up\n");
    std::fs::write(&trace, &bytes).unwrap();
    let output = mmiotrace(&machine, &["bundle", "t.mmiotrace", "--redact"]);
    let told = text(&output.stdout);
    let files = unpack(&machine.path("/8086100e-anonymous-mmiotrace.tar.xz"));
    for (name, content) in &files {
        let content = text(content).to_lowercase();
        for secret in [
            "52:54:00:12:34:56",
            "52-54-00-12-34-56",
            "pf2abcde",
            "0123secret",
            "89ab-cdef",
        ] {
            assert!(!content.contains(secret), "{secret} is in {name}");
        }
    }
    let file = |name: &str| text(&files[&format!("8086100e-anonymous-mmiotrace/{name}")]);
    // The same thing is called the same everywhere.
    assert!(file("dmesg.txt").contains("32-bit) [MAC 1]"));
    assert!(file("trace.mmiotrace").ends_with("station [MAC 1] is up\n"));
    assert!(file("dmesg.txt").contains("SerialNumber=3"));
    let report = file("redacted.txt");
    assert!(report.contains("[MAC 1]: 1 time in dmesg.txt"), "{report}");
    assert!(
        report.contains("[MAC 1]: 1 time in trace.mmiotrace"),
        "{report}"
    );
    assert_eq!(report.matches("[serial ").count(), 2, "{report}");
    assert!(report.contains("[UUID 1]"), "{report}");
    assert!(told.ends_with(&report));
    // The card's address is in the registers that the driver wrote: named, not changed.
    assert!(report.contains("may hold a MAC address"), "{report}");
    let is_record = |line: &&str| !line.starts_with("MARK");
    let original = text(&bytes);
    let packed = file("trace.mmiotrace");
    assert!(
        packed
            .lines()
            .filter(is_record)
            .eq(original.lines().filter(is_record))
    );
    for line in report
        .lines()
        .filter_map(|line| line.strip_prefix("  line "))
    {
        let record = packed
            .lines()
            .nth(line.parse::<usize>().unwrap() - 1)
            .unwrap();
        assert!(record.contains("0x12005452"), "{record}");
    }
}

/// Everything of the trace that is no record of the device is text: lines that are not UTF-8 or no
/// records, and of a PCI device its driver. The lines are shown before and after.
#[test]
fn every_text_of_a_trace_is_redacted() {
    let machine = machine_with_secrets();
    let mut bytes = decompressed(TRACE);
    bytes.extend_from_slice(
        b"MARK 30.000000 caf\xe9 52:54:00:12:34:56\n\
          LSPCI 00:02.0 Serial Number: X4711 SECRET9\n\
          PCIDEV 0018 8086100e b 0 0 0 0 0 0 0 0 0 0 0 0 0 0 drv-52:54:00:12:34:56\n\
          R 4 not a record, S/N X4711Y\n\
          tail of a marker 5254.0012.3456 and UUID=1A2B-3C4D\n",
    );
    std::fs::write(machine.path("/t.mmiotrace"), &bytes).unwrap();
    let output = mmiotrace(&machine, &["bundle", "t.mmiotrace", "--redact=show"]);
    let told = text(&output.stdout);
    let files = unpack(&machine.path("/8086100e-anonymous-mmiotrace.tar.xz"));
    let packed = &files["8086100e-anonymous-mmiotrace/trace.mmiotrace"];
    let lines: Vec<&[u8]> = packed
        .split(|byte| *byte == b'\n')
        .rev()
        .skip(1)
        .take(5)
        .collect();
    let expected: [&[u8]; 5] = [
        b"tail of a marker [MAC 1] and UUID=[UUID 2]",
        b"R 4 not a record, S/N [serial 4]",
        b"PCIDEV 0018 8086100e b 0 0 0 0 0 0 0 0 0 0 0 0 0 0 drv-[MAC 1]",
        b"LSPCI 00:02.0 Serial Number: [serial 3]",
        b"MARK 30.000000 caf\xe9 [MAC 1]",
    ];
    let kinds = |line: &[u8]| -> String {
        let text = String::from_utf8_lossy(line).into_owned();
        text.chars().filter(|c| !c.is_ascii_digit()).collect()
    };
    for (line, expected) in lines.into_iter().zip(expected) {
        assert_eq!(kinds(line), kinds(expected));
    }
    assert!(
        told.contains("trace.mmiotrace: - LSPCI 00:02.0 Serial Number: X4711 SECRET9\n"),
        "{told}"
    );
    assert!(told.contains("trace.mmiotrace: + LSPCI 00:02.0 Serial Number: [serial "));
    let report = text(&files["8086100e-anonymous-mmiotrace/redacted.txt"]);
    assert!(!report.contains("SECRET9") && report.contains("MAC: 1 different, "));
}

#[test]
fn what_cannot_be_packed() {
    let machine = machine_with_secrets();
    for (arguments, status, what) in [
        (&["bundle", "-"][..], 2, "standard input"),
        (&["bundle", "no-such-trace"], 2, "no-such-trace"),
        (
            &["bundle", TRACE, "--device", "00:1f.7"],
            2,
            "no PCI device",
        ),
        (&["bundle", TRACE, "--nick", "a/b"], 2, "letters"),
        (&["bundle", TRACE, "-o", "/dev/full"], 2, "No space left"),
    ] {
        let output = mmiotrace(&machine, arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{told}");
        assert!(told.contains(what), "{told}");
    }
    // Without the kernel's log there is a bundle, and it says what is missing.
    machine.remove("/dev/kmsg");
    let output = mmiotrace(&machine, &["bundle", TRACE, "-o", "b.tar.xz"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("missing: the kernel's log"));
}
