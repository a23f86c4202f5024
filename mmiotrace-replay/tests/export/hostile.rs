//! Texts that try to become code (fixtures/hostile), judged by the compilers themselves.

use crate::programs::{build_c_with, build_python, build_rust_with, code, have};
use mmiotrace_core::{Marker, PhysAddr, Value, Width};
use mmiotrace_replay::{
    Action, Expect, Forbidden, Language, Place, Plan, Planned, Read, Region, RegionId, Section,
    SideFiles, Skip, Step, Write, export,
};
use mmiotrace_replay::{PlaceNames, PlanNames};
use std::process::Command;

fn texts() -> Vec<String> {
    serde_json::from_str(include_str!("../../../fixtures/hostile/texts.json")).unwrap()
}

/// The texts that a marker may be, as the harness can print them: one to a line.
fn marks() -> Vec<String> {
    let mut texts = texts();
    texts.retain(|text| Marker::check_text(text.as_bytes()).is_ok());
    texts
}

const fn at(offset: u64) -> Place {
    Place {
        region: RegionId(0),
        offset,
    }
}

/// Every text in every place of a plan that has text.
fn plan() -> Planned {
    let mut plan = Plan::new();
    plan.trace = texts().concat();
    for (index, text) in texts().iter().enumerate() {
        let name = format!("{}{index}", text.replace('+', ""));
        let base = PhysAddr(0xfd00_0000 + 0x1000 * index as u64);
        plan.regions.push(Region::plain(name, base, 0x1000));
        plan.names.insert(at(4 * index as u64), text.clone());
    }
    let value = Value::from_u64(1, Width::W4).unwrap();
    let mut section = Section::new("start");
    for (index, text) in texts().iter().enumerate() {
        let mut skip = Step::new(Action::Skip(Skip::new(None, 0, text))).at_line(index as u64);
        section.steps.push(skip.clone());
        skip.action = Action::Write(Write::new(at(4 * index as u64), value));
        section.steps.push(skip);
    }
    plan.forbidden
        .push(Forbidden::new(at(0xf00), 4, texts().concat()));
    let mut read = Read::new(at(0xf00), Width::W4);
    read.expect = Expect::masked(value, 1, texts().concat());
    section.steps.push(Step::new(Action::Read(read)));
    plan.sections.push(section);
    for text in marks() {
        let mut section = Section::new(&text);
        section.steps.push(Step::new(Action::Mark(text.clone())));
        plan.sections.push(section);
    }
    let mut last = Section::new("stops");
    for text in texts() {
        last.steps.push(Step::new(Action::Stop(text)));
    }
    plan.sections.push(last);
    let mut planned = Planned::default();
    planned.plan = plan;
    planned
}

/// The marks that a program makes, as it prints them.
fn printed(command: &mut Command) -> Vec<String> {
    let output = command.arg("through-stops").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.ends_with("E 0 0\n"), "{text:?}");
    let lines = text.split('\n').filter_map(|line| line.strip_prefix("M "));
    lines.map(str::to_owned).collect()
}

fn expected() -> Vec<String> {
    let mut all = vec!["start".to_owned()];
    // A section's name is a mark, too.
    all.extend(marks().into_iter().flat_map(|text| [text.clone(), text]));
    all.push("stops".to_owned());
    all
}

#[test]
fn hostile_texts_stay_text_in_c99_with_trigraphs() {
    if !have("hostile_texts_stay_text_in_c99_with_trigraphs", "gcc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let flags = ["-std=c99", "-trigraphs", "-Wno-trigraphs", "-Wno-unused"];
    let mut command = build_c_with(&plan(), folder.path(), &flags);
    assert_eq!(printed(&mut command), expected());
}

#[test]
fn hostile_texts_stay_text_in_rust() {
    if !have("hostile_texts_stay_text_in_rust", "rustc") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        printed(&mut build_rust_with(
            &plan(),
            folder.path(),
            &["-Adead-code"]
        )),
        expected()
    );
}

#[test]
fn hostile_texts_stay_text_in_python() {
    if !have("hostile_texts_stay_text_in_python", "python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        printed(&mut build_python(&plan(), folder.path())),
        expected()
    );
}

#[test]
fn hostile_texts_come_back_from_json_and_toml() {
    let planned = plan();
    let json: serde_json::Value = serde_json::from_str(&code(&planned, Language::Json)).unwrap();
    assert_eq!(json["trace"], planned.plan.trace);
    let steps = &json["sections"][0]["steps"];
    let why: Vec<&str> = (0..texts().len())
        .map(|index| steps[2 * index]["why"].as_str().unwrap())
        .collect();
    let skipped = texts()
        .into_iter()
        .map(|text| format!("0 accesses: {text}"));
    assert!(why.into_iter().eq(skipped));

    let text = planned.plan.to_toml();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["trace"].as_str(), Some(&planned.plan.trace[..]));
    let again = Plan::from_toml(&text).unwrap();
    assert!(again == planned.plan, "another plan came back");
    // Shown on a terminal, it is text, too.
    assert!(
        text.chars()
            .all(|c| c == '\n' || mmiotrace_core::Printable::shows(c))
    );
}

/// Names of registers become constants: identifiers that take nothing from the head of the file.
#[test]
fn hostile_names_become_identifiers() {
    let planned = plan();
    let name = PlanNames.name(&planned.plan, at(0), Width::W4).unwrap();
    assert_eq!(name, texts()[0]);
    for language in [Language::C, Language::Rust, Language::Python] {
        let code = export(&planned.plan, &SideFiles::new(), language, &PlanNames).unwrap();
        for taken in ["NULL", "EIO", "DATA_0", "REPLAY_TRY"] {
            let constant = code.contains(&format!("define {taken} 0x"))
                || code.contains(&format!("const {taken}: u64"))
                || code.contains(&format!("\n{taken} = 0x"));
            assert!(!constant, "{language:?} {taken}");
        }
    }
}
