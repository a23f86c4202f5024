//! What a plan may hold: every run of it ends, and stays in its regions and its folder.

use core::time::Duration;
use mmiotrace_core::{PhysAddr, Value, Width};
use mmiotrace_format::Reader;
use mmiotrace_replay::{
    Action, DryTarget, Ending, Language, MAX_STEP_ACCESSES, NoNames, Place, Plan, PlanOptions,
    Region, RegionId, RunOptions, Runner, Section, SideFiles, Silent, Step, Write, export,
    plan_trace,
};
use std::fs;

const HEAD: &str = "plan = 1\n[[region]]\nname = \"bar0\"\nrecorded_base = 0xfd000000\nlen = 0x1000\n\
                    [[section]]\nname = \"start\"\nsteps = [\n";

fn plan(steps: &str) -> Plan {
    Plan::from_toml(&format!("{HEAD}{steps}\n]\n")).unwrap()
}

fn refusal(steps: &str) -> String {
    Plan::from_toml(&format!("{HEAD}{steps}\n]\n"))
        .unwrap_err()
        .to_string()
}

fn files() -> SideFiles {
    let mut files = SideFiles::new();
    files.insert("up.bin", vec![0; 64]);
    files
}

/// What a run refuses, and what an export refuses: the same, with the same words.
#[test]
fn export_refuses_what_a_run_refuses() {
    for steps in [
        "{ write = \"bar0+0x1000\", value = 1 }",
        "{ write = \"bar0+0xffe\", value = 1 }",
        "{ read = \"bar0+0x1000\" }",
        "{ poll = \"bar0+0xffffffffffffffff\", mask = 1, value = 1 }",
        "{ fill = \"bar0+0x0\", value = 1, count = 1025 }",
        "{ upload = \"bar0+0x0\", file = \"up.bin\", count = 16, stride = 0x4000 }",
        "{ upload = \"bar0+0x0\", file = \"up.bin\", count = 16, stride = 9223372036854775807 }",
        "{ upload = \"bar0+0x0\", file = \"up.bin\", count = 16, stride = -4 }",
        "{ upload = \"bar0+0x0\", file = \"up.bin\", count = 17 }",
        "{ download = \"bar0+0x0\", file = \"up.bin\", count = 16, from = 9223372036854775807 }",
        "{ download = \"bar0+0x0\", file = \"other.bin\", count = 1 }",
    ] {
        let plan = plan(steps);
        let target = DryTarget::new(&plan, &files());
        let report = Runner::new(&plan, &files(), target).run(&RunOptions::default(), &mut Silent);
        let Ending::Refused(why) = &report.ending else {
            panic!("{steps}: {}", report.ending);
        };
        for language in [
            Language::C,
            Language::Rust,
            Language::Python,
            Language::Json,
        ] {
            let fault = export(&plan, &files(), language, &NoNames).unwrap_err();
            assert_eq!(fault.to_string(), *why, "{steps}");
        }
    }
    // At the end, and no further.
    for steps in [
        "{ write = \"bar0+0xffc\", value = 1 }",
        "{ fill = \"bar0+0x0\", value = 1, count = 1024 }",
        "{ upload = \"bar0+0x3c\", file = \"up.bin\", count = 16, stride = -4 }",
    ] {
        export(&plan(steps), &files(), Language::C, &NoNames).unwrap();
    }
}

#[test]
fn a_step_has_a_limit_of_accesses() {
    let over = MAX_STEP_ACCESSES + 1;
    for steps in [
        format!("{{ fill = \"bar0+0x0\", value = 1, stride = 0, count = {over} }}"),
        format!("{{ read = \"bar0+0x0\", times = {over} }}"),
        format!("{{ upload = \"bar0+0x0\", stride = 0, file = \"up.bin\", count = {over} }}"),
        format!("{{ poll = \"bar0+0x0\", mask = 1, value = 1, timed_out = true, reads = {over} }}"),
    ] {
        let why = refusal(&steps);
        assert!(
            why.starts_with("line 9: ") && why.contains("at most"),
            "{why}"
        );
    }
}

/// With the most that a step may do, a dry run ends.
#[test]
fn a_dry_run_ends() {
    let most = MAX_STEP_ACCESSES;
    let plan = plan(&format!(
        "{{ poll = \"bar0+0x0\", mask = 1, value = 1, timed_out = true, reads = {most}, interval_us = 1 }},\n\
         {{ delay_us = 9223372036854775807 }},\n{{ delay_us = 1.5e15 }},"
    ));
    let files = SideFiles::new();
    let target = DryTarget::new(&plan, &files);
    let report = Runner::new(&plan, &files, target).run(&RunOptions::default(), &mut Silent);
    assert!(
        matches!(report.ending, Ending::Complete),
        "{}",
        report.ending
    );
    assert_eq!(report.reads, most);
}

/// Whatever pause a trace can have, its plan has, and is read back.
#[test]
fn every_time_of_a_trace_is_read_back() {
    for (first, second) in [
        ("0.000001", "18446744073.709551"),
        ("1.000000", "1.000000"),
        ("1.000000", "32000001.000000"),
        ("5.000000", "9999999999.999999"),
    ] {
        let trace =
            format!("W 4 {first} 1 0xfd000000 0x1 0x0 0\nW 4 {second} 1 0xfd000000 0x2 0x0 0\n");
        let planned = plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default()).unwrap();
        let again = Plan::from_toml(&planned.plan.to_toml()).unwrap();
        assert!(again == planned.plan, "{second}");
    }
    for micros in [
        "0",
        "0.001",
        "1.500",
        "4294967295.999",
        "9223372036854775807",
    ] {
        let plan = plan(&format!("{{ delay_us = {micros} }}"));
        let text = plan.to_toml();
        assert!(text.contains(&format!("delay_us = {micros} ")), "{text}");
    }
    for wrong in ["-1", "-0.5", "nan", "inf", "1e300"] {
        let why = refusal(&format!("{{ delay_us = {wrong} }}"));
        assert!(why.contains("time"), "{wrong}: {why}");
    }
}

/// A marker's text is one marker, in plans from a file and in those that a program makes.
#[test]
fn marks_that_forge_records_are_refused() {
    for text in [
        "a\nW 4 1.000000 1 0xfd000000 0x1 0x0 0",
        "a\0W 4 1.000000 1 0xfd000000 0x1 0x0 0",
        "mmiotrace1 lost n=1",
    ] {
        let quoted = text.replace('\n', "\\n").replace('\0', "\\u0000");
        let why = refusal(&format!("{{ mark = \"{quoted}\" }}"));
        assert!(why.contains("a marker"), "{why}");
        let section = format!("plan = 1\n[[section]]\nname = \"{quoted}\"\n");
        assert!(Plan::from_toml(&section).is_err());

        let mut plan = plan("{ write = \"bar0+0x0\", value = 1 }");
        plan.sections[0]
            .steps
            .push(Step::new(Action::Mark(text.to_owned())));
        let files = SideFiles::new();
        let target = DryTarget::new(&plan, &files);
        let report = Runner::new(&plan, &files, target).run(&RunOptions::default(), &mut Silent);
        assert!(
            matches!(report.ending, Ending::Refused(_)),
            "{}",
            report.ending
        );
        assert!(export(&plan, &files, Language::Rust, &NoNames).is_err());
    }
    // A damaged annotation of a trace does not become the name of a section, and so a marker.
    let trace = "MARK 1.000000 mmiotrace1 lost n=7x\nW 4 1.000001 1 0xfd000000 0x1 0x0 0\n";
    let planned = plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default()).unwrap();
    assert_eq!(planned.plan.sections[0].name, "start");
}

#[test]
fn side_files_that_are_no_plain_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("plain.bin"), [0; 64]).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("device.bin")).unwrap();
    std::os::unix::fs::symlink(path("plain.bin"), path("link.bin")).unwrap();
    fs::create_dir(path("folder.bin")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(path("pipe.bin"))
        .status();
    assert!(made.unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(path("socket.bin")).unwrap();
    let read = |name: &str| {
        let steps = format!("{{ upload = \"bar0+0x0\", file = \"{name}\", count = 16 }}");
        SideFiles::read(&plan(&steps), folder.path())
    };
    assert_eq!(
        read("plain.bin").unwrap().get("plain.bin"),
        Some(&[0; 64][..])
    );
    for name in [
        "device.bin",
        "link.bin",
        "folder.bin",
        "pipe.bin",
        "socket.bin",
    ] {
        let error = read(name).unwrap_err().to_string();
        assert!(error.contains("not a plain file"), "{name}: {error}");
        let mut files = SideFiles::new();
        files.insert(name, vec![1]);
        assert!(files.write(folder.path()).is_err(), "{name}");
    }
    assert_eq!(fs::read(path("plain.bin")).unwrap(), [0; 64]);
    for name in ["../plain.bin", "/dev/zero", ".", ""] {
        assert!(read(name).is_err(), "{name}");
    }
}

/// A plan that a program makes is not read from a file: a run checks it all the same.
#[test]
fn a_plan_in_memory_is_checked() {
    let mut plan = Plan::new();
    plan.regions
        .push(Region::plain("bar0", PhysAddr(0xfd00_0000), 0x1000));
    let at = Place {
        region: RegionId(1),
        offset: 0,
    };
    let mut section = Section::new("start");
    let value = Value::from_u64(1, Width::W4).unwrap();
    section
        .steps
        .push(Step::new(Action::Write(Write::new(at, value))));
    section.steps.push(Step::new(Action::Delay(Duration::MAX)));
    plan.sections.push(section);
    assert!(plan.check(&SideFiles::new()).is_err());
}
