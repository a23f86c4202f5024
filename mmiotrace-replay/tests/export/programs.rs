//! Every language, on several traces.

use crate::accesses::accesses;
use crate::{fixtures, harness};
use mmiotrace_core::{Access, PhysAddr, Width};
use mmiotrace_format::Reader;
use mmiotrace_replay::{
    Effect, Fault, Language, Model, ModelBuilder, Place, PlaceNames, Plan, PlanNames, PlanOptions,
    Planned, Recorder, RunOptions, Runner, Silent, Target, Trigger, export, plan_trace,
};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Three drivers' start-ups, one with accesses of eight bytes, and one with uploads and downloads.
const TRACES: &[&str] = &[
    "nvme-6.1",
    "edu-6.1",
    "xhci-6.12",
    "testmmiotrace-printk-6.1",
    "intel-hda-6.1",
];

const HARNESS_C: &str = include_str!("harness.c");
const HARNESS_RS: &str = include_str!("harness.rs.txt");
const HARNESS_PY: &str = include_str!("harness.py");

struct Subject {
    name: &'static str,
    planned: Planned,
    model: Model,
}

impl Subject {
    fn new(name: &'static str) -> Self {
        let trace = fixtures::trace(name);
        let mut planned = plan_trace(Reader::new(&trace[..]), PlanOptions::default()).unwrap();
        // Exported code does not read what must hold before.
        planned.plan.preconditions.clear();
        let model = ModelBuilder::from_trace(Reader::new(&trace[..]))
            .unwrap()
            .build();
        Self {
            name,
            planned,
            model,
        }
    }

    /// What a run of the plan itself does.
    fn expected(&self) -> Vec<Access> {
        let target = Recorder::new(self.model.clone(), Vec::new());
        let mut runner = Runner::new(&self.planned.plan, &self.planned.files, target);
        assert!(runner.run(&RunOptions::default(), &mut Silent).is_clean());
        accesses(&runner.into_target().into_parts().unwrap().1)
    }

    /// What the program does, to its end.
    fn done_by(&self, command: &mut Command) -> Vec<Access> {
        let mut target = Recorder::new(self.model.clone(), Vec::new());
        let end = harness::serve(
            command.arg("through-stops"),
            &self.planned.plan,
            &mut target,
        );
        assert_eq!(end, (0, 0), "{}", self.name);
        accesses(&target.into_parts().unwrap().1)
    }

    fn check(&self, language: &str, command: &mut Command) {
        let (expected, done) = (self.expected(), self.done_by(command));
        assert_eq!(done.len(), expected.len(), "{language} {}", self.name);
        for (index, (done, expected)) in done.iter().zip(&expected).enumerate() {
            assert_eq!(done, expected, "{language} {} access {index}", self.name);
        }
        assert!(
            done.len() > 300,
            "{}: only {} accesses",
            self.name,
            done.len()
        );
    }
}

/// Whether a program is there; says loudly where it is not.
pub(crate) fn have(test: &str, program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: {test}: no {program} on this machine");
    }
    found
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    assert!(text.is_empty(), "{command:?} warns: {text}");
}

pub(crate) fn code(plan: &Planned, language: Language) -> String {
    export(&plan.plan, &plan.files, language, &PlanNames).unwrap()
}

fn build_c(planned: &Planned, folder: &Path) -> Command {
    build_c_with(planned, folder, &["-std=c11"])
}

pub(crate) fn build_c_with(planned: &Planned, folder: &Path, more: &[&str]) -> Command {
    fs::write(folder.join("replay.c"), code(planned, Language::C)).unwrap();
    fs::write(folder.join("harness.c"), HARNESS_C).unwrap();
    let flags = [
        "-D_POSIX_C_SOURCE=199309L",
        "-O0",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-o",
        "harness",
        "harness.c",
    ];
    run(Command::new("gcc")
        .args(flags)
        .args(more)
        .current_dir(folder));
    Command::new(folder.join("harness"))
}

fn build_rust(planned: &Planned, folder: &Path) -> Command {
    build_rust_with(planned, folder, &[])
}

pub(crate) fn build_rust_with(planned: &Planned, folder: &Path, more: &[&str]) -> Command {
    fs::write(folder.join("replay.rs"), code(planned, Language::Rust)).unwrap();
    fs::write(folder.join("harness.rs"), HARNESS_RS).unwrap();
    let flags = [
        "--edition=2021",
        "-Copt-level=0",
        "-Dwarnings",
        "-o",
        "harness",
        "harness.rs",
    ];
    run(Command::new("rustc")
        .args(flags)
        .args(more)
        .current_dir(folder));
    Command::new(folder.join("harness"))
}

pub(crate) fn build_python(planned: &Planned, folder: &Path) -> Command {
    fs::write(folder.join("replay.py"), code(planned, Language::Python)).unwrap();
    fs::write(folder.join("harness.py"), HARNESS_PY).unwrap();
    let mut command = Command::new("python3");
    command.arg("harness.py").current_dir(folder);
    command
}

#[test]
fn c_does_what_the_plan_does() {
    if !have("c_does_what_the_plan_does", "gcc") {
        return;
    }
    for name in TRACES {
        let (subject, folder) = (Subject::new(name), tempfile::tempdir().unwrap());
        subject.check("c", &mut build_c(&subject.planned, folder.path()));
    }
}

#[test]
fn rust_does_what_the_plan_does() {
    if !have("rust_does_what_the_plan_does", "rustc") {
        return;
    }
    for name in TRACES.iter().take(3) {
        let (subject, folder) = (Subject::new(name), tempfile::tempdir().unwrap());
        subject.check("rust", &mut build_rust(&subject.planned, folder.path()));
    }
}

#[test]
fn python_does_what_the_plan_does() {
    if !have("python_does_what_the_plan_does", "python3") {
        return;
    }
    for name in TRACES {
        let (subject, folder) = (Subject::new(name), tempfile::tempdir().unwrap());
        subject.check("python", &mut build_python(&subject.planned, folder.path()));
    }
}

/// What ends early ends in all languages at the same line, for the same reason: at the stop, at a
/// value that differs, at a wait that takes too long.
#[test]
fn all_languages_end_where_the_plan_ends() {
    if !["gcc", "rustc", "python3"]
        .iter()
        .all(|program| have("all_languages_end_where_the_plan_ends", program))
    {
        return;
    }
    let subject = Subject::new("nvme-6.1");
    let (c, rust, python) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    let mut commands = [
        build_c(&subject.planned, c.path()),
        build_rust(&subject.planned, rust.path()),
        build_python(&subject.planned, python.path()),
    ];
    let mut end = |fault: Option<Fault>, through: bool| {
        let mut ends = Vec::new();
        for command in &mut commands {
            let mut model = subject.model.clone();
            if let Some(fault) = fault {
                model.add_fault(fault);
            }
            let mut again = Command::new(command.get_program());
            again.args(command.get_args().filter(|arg| *arg == "harness.py"));
            if let Some(folder) = command.get_current_dir() {
                again.current_dir(folder);
            }
            if through {
                again.arg("through-stops");
            }
            ends.push(harness::serve(
                &mut again,
                &subject.planned.plan,
                &mut model,
            ));
        }
        assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
        ends[0]
    };
    // ECANCELED, at the first address of host memory.
    assert_eq!(end(None, false), (125, 89));
    // EIO: the device is removed after 60 accesses.
    assert_eq!(
        end(
            Some(Fault::new(Trigger::Accesses(60), Effect::Removed)),
            true
        )
        .0,
        5
    );
    // ETIMEDOUT: the write that enables the controller kills it, and it never gets ready.
    let enable = Trigger::NthWrite(PhysAddr(0xfebf_4014), 3);
    assert_eq!(
        end(Some(Fault::new(enable, Effect::Dead)), true),
        (110, 100)
    );
}

struct SomeNames;

impl PlaceNames for SomeNames {
    fn name(&self, _: &Plan, place: Place, _: Width) -> Option<String> {
        match place.offset {
            0x0 => Some("ID".to_owned()),
            0x4 => Some("LIVE".to_owned()),
            // A name that is no identifier, and one that collides with another.
            0x20 => Some("busy/irq status".to_owned()),
            0x24 => Some("Live".to_owned()),
            _ => None,
        }
    }
}

#[test]
fn names_become_constants_that_differ() {
    let subject = Subject::new("edu-6.1");
    let Planned { plan, files, .. } = &subject.planned;
    let c = export(plan, files, Language::C, &SomeNames).unwrap();
    for define in [
        "#define ID 0x0",
        "#define LIVE 0x4",
        "#define BUSY_IRQ_STATUS 0x20",
        "#define LIVE_2 0x24",
    ] {
        assert!(c.contains(define), "{define}");
    }
    assert!(
        c.contains("REPLAY_TRY(replay_expect(r, 10, BAR0, ID, 4, 0x10000edull, 0xffffffffull));")
    );
    if have("names_become_constants_that_differ", "gcc") {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("replay.c"), c).unwrap();
        fs::write(folder.path().join("harness.c"), HARNESS_C).unwrap();
        let flags = [
            "-std=c11",
            "-D_POSIX_C_SOURCE=199309L",
            "-Wall",
            "-Werror",
            "-o",
            "harness",
            "harness.c",
        ];
        run(Command::new("gcc").args(flags).current_dir(folder.path()));
        subject.check("c", &mut Command::new(folder.path().join("harness")));
    }
}

/// As a fragment of a kernel module: against the declarations that it uses, as the kernel's
/// headers have them.
#[test]
fn c_compiles_as_kernel_code() {
    if !have("c_compiles_as_kernel_code", "gcc") {
        return;
    }
    let stubs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export/stubs");
    for name in ["edu-6.1", "nvme-6.1", "testmmiotrace-printk-6.1"] {
        let (subject, folder) = (Subject::new(name), tempfile::tempdir().unwrap());
        let file = folder.path().join("replay.c");
        let mut text = code(&subject.planned, Language::C);
        text.push_str("\nint probe(struct replay *r);\nint probe(struct replay *r)\n{\n\treturn replay_all(r);\n}\n");
        fs::write(&file, text).unwrap();
        let flags = [
            "-std=gnu11",
            "-O1",
            "-ffreestanding",
            "-nostdinc",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-D__KERNEL__",
            "-c",
        ];
        run(Command::new("gcc")
            .args(flags)
            .arg("-I")
            .arg(&stubs)
            .arg(&file)
            .current_dir(folder.path()));
    }
}

#[test]
fn json_has_every_step() {
    for name in TRACES {
        let subject = Subject::new(name);
        let json: serde_json::Value =
            serde_json::from_str(&code(&subject.planned, Language::Json)).unwrap();
        assert_eq!(json["schema"], 1);
        let steps: usize = json["sections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["steps"].as_array().unwrap().len())
            .sum();
        assert_eq!(steps, subject.planned.plan.len(), "{name}");
        let first = &json["sections"][0]["steps"];
        assert!(
            first
                .as_array()
                .unwrap()
                .iter()
                .all(|step| step["do"].is_string())
        );
    }
}

/// Markers hold any bytes; none of them may end a string or a comment.
#[test]
fn hostile_names_stay_text() {
    let trace = "MARK 1.000000 */ \" \\ ''' ?? \u{7f} \u{1b}[0m // ${x} {x}\nW 4 1.000001 1 0xfd000000 0x1 0x0 0\n\
                 UNKNOWN 1.000002 1 0xfd000004 f3,a5,48 0x0 0\nR 4 1.000003 1 0xfd000000 0x1 0x0 0\n";
    let planned = plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default()).unwrap();
    let model = ModelBuilder::from_trace(Reader::new(trace.as_bytes()))
        .unwrap()
        .build();
    let folder = tempfile::tempdir().unwrap();
    let mut commands = Vec::new();
    if have("hostile_names_stay_text", "gcc") {
        commands.push(build_c(&planned, folder.path()));
    }
    if have("hostile_names_stay_text", "python3") {
        commands.push(build_python(&planned, folder.path()));
    }
    for mut command in commands {
        let mut target = model.clone();
        assert_eq!(
            harness::serve(&mut command, &planned.plan, &mut target),
            (0, 0)
        );
        assert!(!target.is_real());
    }
}
