//! `replay plan`, `run`, `bisect`, `export`, and `cat --blocks`.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{fixtures, run, run_on, spawn};
use core::time::Duration;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn fixture(name: &str) -> String {
    let all = fixtures();
    let found = all
        .iter()
        .find(|trace| trace.name.starts_with(&format!("{name}.mmiotrace")));
    found.unwrap().path.display().to_string()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A folder with the plan of a fixture.
fn planned(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    let run = run(&["replay", "plan", &fixture(name), "-o", &text(&plan)]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    (folder, plan)
}

#[test]
fn plan_run_and_check_the_record() {
    let (folder, plan) = planned("xhci-6.1");
    let (record, model) = (
        folder.path().join("record"),
        format!("model:{}", fixture("xhci-6.1")),
    );
    let done = run(&[
        "replay",
        "run",
        &text(&plan),
        "--target",
        &model,
        "--record",
        &text(&record),
        "--json",
    ]);
    assert_eq!(done.status, 0, "{}", done.stderr);
    let json = done.json();
    assert_eq!(
        (json["schema"].as_u64(), json["ending"].as_str()),
        (Some(1), Some("complete"))
    );
    assert_eq!(
        (json["mismatched"].as_u64(), json["masked"].as_u64()),
        (Some(0), Some(0))
    );
    assert_eq!(json["writes"].as_u64(), Some(1693));

    // The recorded run is a whole trace, and does what the recorded driver did.
    assert_eq!(run(&["check", &text(&record)]).status, 0);
    let again = folder.path().join("again.toml");
    assert_eq!(
        run(&["replay", "plan", &text(&record), "-o", &text(&again)]).status,
        0
    );
    let writes = |plan: &Path| {
        fs::read_to_string(plan)
            .unwrap()
            .matches("write = \"bar0+")
            .count()
    };
    assert_eq!(writes(&plan), writes(&again));
}

/// A map of one's own counts for the plan as for `name`; a broken one stops before a file is written.
#[test]
fn a_plan_has_the_names_of_the_given_map() {
    let folder = tempfile::tempdir().unwrap();
    let (map, plan) = (
        folder.path().join("own.toml"),
        folder.path().join("plan.toml"),
    );
    let trace = fixture("edu-6.1");
    let shown = run(&["map", "show", "edu"]).text();
    let own = shown.replace("\"STATUS\"", "\"OWN_STATUS\"");
    assert_ne!(own, shown);
    fs::write(&map, own).unwrap();
    let plain = run(&["replay", "plan", &trace]);
    assert!(!plain.text().contains("OWN_"));
    let given = run(&[
        "replay",
        "plan",
        "--map",
        &text(&map),
        &trace,
        "-o",
        &text(&plan),
    ]);
    assert_eq!(given.status, 0, "{}", given.stderr);
    assert!(fs::read_to_string(&plan).unwrap().contains("OWN_"));

    let broken = folder.path().join("broken.toml");
    let never = folder.path().join("never.toml");
    fs::write(&broken, "name = \"x\"\n[[space]]\nname = 3\n").unwrap();
    let refused = run(&[
        "replay",
        "plan",
        "--map",
        &text(&broken),
        &trace,
        "-o",
        &text(&never),
    ]);
    refused.assert_refused(&format!("{}:3", text(&broken)));
    assert!(!never.exists());
}

#[test]
fn without_yes_nothing_is_touched() {
    let (_folder, plan) = planned("edu-6.1");
    // There is no such device; a dry run does not look.
    let shown = run(&["replay", "run", &text(&plan), "--target", "pci:ff:1f.7"]);
    assert_eq!(shown.status, 0, "{}", shown.stderr);
    assert!(
        shown.text().contains("nothing was done"),
        "{}",
        shown.text()
    );
    assert!(shown.text().contains("write"));
    let refused = run(&[
        "replay",
        "run",
        &text(&plan),
        "--target",
        "pci:ff:1f.7",
        "--yes",
        "--json",
    ]);
    assert_eq!(refused.status, 2);
    assert!(
        refused.stderr.contains("there is no such device"),
        "{}",
        refused.stderr
    );
    assert_eq!(refused.json()["writes"].as_u64(), Some(0));
}

#[test]
fn a_frozen_device_a_dead_one_and_a_removed_one() {
    let (folder, plan) = planned("e1000e-q35-6.1");
    let model = format!("model:{}", fixture("e1000e-q35-6.1"));
    let crumbs = text(&folder.path().join("crumbs"));
    let go = |fault: &str| {
        let quick = [
            "--pacing",
            "none",
            "--access-timeout",
            "300",
            "--breadcrumbs",
            &crumbs,
            "--fault",
            fault,
        ];
        let mut arguments = vec!["replay", "run", plan.to_str().unwrap(), "--target", &model];
        arguments.extend(quick);
        run(&arguments)
    };
    let frozen = go("frozen@30");
    assert_eq!(frozen.status, 2, "{}", frozen.text());
    assert!(
        frozen.stderr.contains("no answer from the device"),
        "{}",
        frozen.stderr
    );
    let notes = fs::read_to_string(&crumbs).unwrap();
    let last = notes
        .lines()
        .rev()
        .find(|line| line.starts_with("step "))
        .unwrap();
    assert!(last.contains("bar"), "{last}");

    // The management data register answers no more: a wait ends by its time-out, or a value differs.
    let dead = go("dead@44");
    assert_eq!(dead.status, 1, "{}{}", dead.text(), dead.stderr);
    let removed = go("removed@0");
    assert_eq!(removed.status, 2, "{}", removed.text());
    assert!(removed.stderr.contains("all ones"), "{}", removed.stderr);
}

#[test]
fn a_run_is_resumed_behind_its_last_note() {
    let (folder, plan) = planned("edu-6.1");
    let (model, crumbs) = (
        format!("model:{}", fixture("edu-6.1")),
        text(&folder.path().join("crumbs")),
    );
    let plan = text(&plan);
    let first = run(&[
        "replay",
        "run",
        &plan,
        "--target",
        &model,
        "--steps",
        "30",
        "--breadcrumbs",
        &crumbs,
    ]);
    assert_eq!(first.status, 0, "{}", first.stderr);
    // Another device, fresh: it is not in the middle, so its answers differ from there on.
    let second = run(&[
        "replay",
        "run",
        &plan,
        "--target",
        &model,
        "--resume",
        &crumbs,
        "--keep-going",
        "--json",
    ]);
    assert!(
        second.stderr.contains("begins behind step 29"),
        "{}",
        second.stderr
    );
    let (steps, planned) = (
        second.json()["steps"].as_u64(),
        second.json()["steps_planned"].as_u64(),
    );
    assert_eq!(steps.map(|steps| steps + 30), planned);
}

#[test]
fn bisect_finds_the_step_within_the_promised_runs() {
    let (folder, plan) = planned("edu-6.1");
    let (model, state) = (
        format!("model:{}", fixture("edu-6.1")),
        text(&folder.path().join("state")),
    );
    let plan = text(&plan);
    // The device is dead after any run with more than 321 steps.
    let alive = "test $MMIOTRACE_STEPS -le 321";
    let found = run(&[
        "replay", "bisect", &plan, "--target", &model, "--state", &state, "--test", alive,
        "--pacing", "none",
    ]);
    assert_eq!(found.status, 1, "{}{}", found.text(), found.stderr);
    let text = found.text();
    let culprit: usize = text
        .lines()
        .last()
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!((321..326).contains(&culprit), "{text}");
    let runs = text.lines().filter(|line| line.starts_with("run ")).count();
    assert!(runs <= 11, "{text}");
}

/// Each call one run; the machine restarts in the middle of those that do harm.
#[test]
fn bisect_goes_on_after_restarts() {
    let (folder, plan) = planned("edu-6.1");
    let state = folder.path().join("state");
    let model = format!("model:{}", fixture("edu-6.1"));
    let call = || {
        run(&[
            "replay",
            "bisect",
            &text(&plan),
            "--target",
            &model,
            "--state",
            &text(&state),
            "--pacing",
            "none",
        ])
    };
    // As after a run that began and never ended.
    fs::write(
        &state,
        r#"{"survived":0,"harmed":null,"pending":700,"runs":0,"harmless":false}"#,
    )
    .unwrap();
    let ended = call();
    assert!(
        ended.text().starts_with("the last run never ended: harm"),
        "{}",
        ended.text()
    );
    // No other run does harm, so that the last candidate of the first run is to blame.
    assert_eq!(ended.status, 1, "{}", ended.stderr);
    fs::write(&state, "nonsense").unwrap();
    call().assert_refused(&text(&state));
}

#[test]
fn exported_code_has_names_and_waits() {
    let (_folder, plan) = planned("e1000-6.1");
    let c = run(&["replay", "export", &text(&plan), "--lang", "c"]);
    assert_eq!(c.status, 0, "{}", c.stderr);
    for piece in [
        "#define EECD 0x10",
        "replay_poll(r, ",
        "static __attribute__",
    ] {
        assert!(c.text().contains(piece), "{piece}");
    }
    let python = run(&["replay", "export", &text(&plan), "--lang", "python"]);
    assert!(python.text().contains("def section_0(m):"));
    assert_eq!(
        run(&["replay", "export", &text(&plan), "--lang", "json"]).json()["schema"].as_u64(),
        Some(1)
    );
    run(&["replay", "export", &text(&plan), "--lang", "cobol"]).assert_refused("usage");
}

#[test]
fn a_broken_plan_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.toml");
    fs::write(&path, "plan = 1\n\n[[section]]\nname = \"a\"\nsteps = [\n  { write = \"bar0+0\", value = 1 },\n]\n").unwrap();
    let refused = run(&["replay", "run", &text(&path)]);
    refused.assert_refused(&format!("{}:6: ", text(&path)));
    run(&["replay", "run", "/nowhere/plan.toml"]).assert_refused("/nowhere/plan.toml: ");
}

#[test]
fn blocks_are_printed_with_their_lines_and_names() {
    let blocks = run(&["cat", "--blocks", &fixture("nvme-6.1")]);
    assert_eq!(blocks.status, 0, "{}", blocks.stderr);
    let text = blocks.text();
    let wait = text.lines().find(|line| line.starts_with("100 ")).unwrap();
    assert!(
        wait.starts_with("100 poll CSTS (0xfebf401c/4) until & 0x1 == 0x1"),
        "{wait}"
    );
    assert!(text.lines().count() < 400);
    let filtered = run(&[
        "cat",
        "--blocks",
        "--kind",
        "write",
        "--phys",
        "0xfebf4014",
        &fixture("nvme-6.1"),
    ]);
    assert!(
        filtered.text().starts_with("86-471 repeat 4 x 1 block, "),
        "{}",
        filtered.text()
    );
    assert!(filtered.text().lines().count() < 10);
    run(&["cat", "--blocks", "--format", "csv", &fixture("nvme-6.1")]).assert_refused("usage");
}

#[test]
fn uploads_are_extracted() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let firmware: Vec<u32> = (0..5000u32)
        .map(|i| i.wrapping_mul(2_654_435_761))
        .collect();
    let lines: Vec<String> = firmware
        .iter()
        .enumerate()
        .map(|(i, word)| format!("W 4 1.{:06} 1 0xfd000040 {word:#x} 0x0 0\n", i * 2))
        .collect();
    fs::write(&trace, lines.concat()).unwrap();
    let run = run(&[
        "cat",
        "--blocks",
        "--extract",
        &text(folder.path()),
        &text(&trace),
    ]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let bytes = fs::read(folder.path().join("upload-1-0xfd000040.bin")).unwrap();
    let expected: Vec<u8> = firmware
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    assert!(
        bytes == expected,
        "{} of {} bytes",
        bytes.len(),
        expected.len()
    );
}

/// A plan for memory that nobody knows, and an empty trace to make a model of.
fn by_hand(steps: &str) -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let (plan, trace) = (folder.path().join("plan.toml"), folder.path().join("empty"));
    fs::write(&trace, "VERSION 20070824\n").unwrap();
    let head = "plan = 1\non_abort = [{ write = \"m+0xd8\", value = 0xffffffff }]\n\
                [[region]]\nname = \"m\"\nrecorded_base = 0xfd000000\nlen = 0x1000\n";
    fs::write(&plan, format!("{head}{steps}")).unwrap();
    let model = format!("model:{}", text(&trace));
    (folder, text(&plan), model)
}

/// The writes of a recorded run: offset and value.
fn writes(record: &Path) -> Vec<(u64, u64)> {
    let text = fs::read_to_string(record).unwrap();
    let hex = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).unwrap();
    text.lines()
        .filter(|line| line.starts_with("W "))
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (hex(words[4]) - 0xfd00_0000, hex(words[5]))
        })
        .collect()
}

/// Ctrl-C in the middle of a wait for a dead device: the plan says how the device is left.
#[test]
fn an_interrupt_leaves_the_device_as_the_plan_says() {
    let (folder, plan, model) = by_hand(
        "[[section]]\nname = \"a\"\nsteps = [\n{ write = \"m+0x0\", value = 1 },\n\
         { read = \"m+0x8\", times = 60000000 },\n{ write = \"m+0x4\", value = 2 },\n]\n",
    );
    let (record, crumbs) = (folder.path().join("record"), folder.path().join("crumbs"));
    let (record_name, crumbs_name) = (text(&record), text(&crumbs));
    let mut child = spawn(&[
        "replay",
        "run",
        &plan,
        "--target",
        &model,
        "--breadcrumbs",
        &crumbs_name,
        "--record",
        &record_name,
        "--json",
    ]);
    // It has come to the endless read.
    let begun = Instant::now();
    while !fs::read_to_string(&crumbs).is_ok_and(|notes| notes.contains("step 1 ")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let mut stdout = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{stdout}");
    assert!(stdout.contains("broken off"), "{stdout}");
    assert_eq!(writes(&record), [(0, 1), (0xd8, 0xffff_ffff)]);
    assert!(
        fs::read_to_string(&crumbs)
            .unwrap()
            .ends_with("end broken off\n")
    );
}

#[test]
fn single_steps_are_asked_for() {
    let (folder, plan, model) = by_hand(
        "[[section]]\nname = \"a\"\nsteps = [\n{ write = \"m+0x0\", value = 1 },\n\
         { write = \"m+0x4\", value = 2 },\n{ write = \"m+0x8\", value = 3 },\n\
         { write = \"m+0xc\", value = 4 },\n]\n",
    );
    let record = folder.path().join("record");
    let record_name = text(&record);
    let step = |answers: &[u8]| {
        let arguments = ["replay", "run", &plan, "--target", &model, "--step"];
        run_on(
            &[&arguments[..], &["--record", &record_name]].concat(),
            answers,
        )
    };
    // One done, one left out, the rest without asking.
    let all = step(b"\ns\nc\n");
    assert_eq!(all.status, 0, "{}", all.stderr);
    assert_eq!(writes(&record), [(0, 1), (8, 3), (0xc, 4)]);
    assert_eq!(all.stderr.matches("[Enter: do it").count(), 3);
    // One done, and no more: the device is left as the plan says. The same where the input ends.
    for answers in [&b"\nq\n"[..], b"\n"] {
        let one = step(answers);
        assert_eq!(one.status, 130, "{}", one.stderr);
        assert_eq!(writes(&record), [(0, 1), (0xd8, 0xffff_ffff)]);
    }
}

/// The device that stops answering at a planted write, found over all runs in one call, each with a
/// device that was reset; by the breadcrumb of the last run, too.
#[test]
fn bisect_finds_a_write_that_freezes_the_model() {
    let steps: String = (0..1000)
        .map(|step| {
            format!(
                "{{ write = \"m+{:#x}\", value = {step} }},\n",
                step % 64 * 4
            )
        })
        .collect();
    let (folder, plan, model) =
        by_hand(&format!("[[section]]\nname = \"a\"\nsteps = [\n{steps}]\n"));
    let state = text(&folder.path().join("state"));
    let found = run(&[
        "replay",
        "bisect",
        &plan,
        "--target",
        &model,
        "--state",
        &state,
        "--fault",
        "frozen@617",
        "--access-timeout",
        "200",
        "--pacing",
        "none",
    ]);
    assert_eq!(found.status, 1, "{}{}", found.text(), found.stderr);
    let told = found.text();
    let last = told.lines().last().unwrap();
    assert!(last.trim_start().starts_with("617 "), "{told}");
    let runs = told.lines().filter(|line| line.starts_with("run ")).count();
    // log2(1000) + 1, rounded up.
    assert!(runs <= 11, "{told}");
}

/// fixtures/cases/r65: against a device whose PHY answers otherwise, the waits end all the same; and
/// a wait that does not end is told with its line, register, and values.
#[test]
fn case_r65_a_plan_waits_for_the_ready_bit_alone() {
    let folder = tempfile::tempdir().unwrap();
    let case = |name: &str| {
        format!(
            "{}/../fixtures/cases/r65/{name}",
            env!("CARGO_MANIFEST_DIR")
        )
    };
    let plan = folder
        .path()
        .join("plan.toml")
        .to_string_lossy()
        .into_owned();
    let planned = run(&["replay", "plan", &case("mdic.mmiotrace"), "-o", &plan]);
    assert_eq!(planned.status, 0, "{}", planned.stderr);
    let text = std::fs::read_to_string(&plan).unwrap();
    assert_eq!(
        text.matches("mask = 0x10000000, value = 0x10000000")
            .count(),
        2,
        "{text}"
    );
    let other = format!("model:{}", case("other-phy.mmiotrace"));
    let replayed = run(&[
        "replay",
        "run",
        &plan,
        "--target",
        &other,
        "--keep-going",
        "--json",
    ]);
    assert_eq!(replayed.json()["timed_out"], 0, "{}", replayed.text());
    // The plan as it was made once: it waits for bits of the data.
    let old = run(&[
        "replay",
        "run",
        &case("plan.toml"),
        "--target",
        &other,
        "--json",
    ]);
    let timeout = &old.json()["first_timeout"];
    assert_eq!(
        (&timeout["line"], &timeout["name"], &timeout["mask"]),
        (&5.into(), &"MDIC".into(), &"0x10002800".into())
    );
    assert_eq!(timeout["actual"], "0x18215140");
}

/// fixtures/cases/r85: the machine's uptime is no pause.
#[test]
fn case_r85_no_plan_waits_for_the_uptime() {
    for name in ["mark0.txt", "nohdr.txt"] {
        let log = format!(
            "{}/../fixtures/cases/r85/{name}",
            env!("CARGO_MANIFEST_DIR")
        );
        let planned = run(&["replay", "plan", &log]);
        if name == "nohdr.txt" {
            assert_eq!(planned.status, 0, "{}", planned.stderr);
        }
        assert!(
            !planned.text().contains("delay_us = "),
            "{}",
            planned.text()
        );
    }
}
