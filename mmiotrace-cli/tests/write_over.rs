//! What is read is not written over, by whatever name it goes.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::bounded::Bounded as _;
use command::{command, fixture, run};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with a file in it that must stay as it is, and the names that it has.
struct Kept {
    folder: TempDir,
    path: PathBuf,
    bytes: Vec<u8>,
    names: [String; 3],
}

impl Kept {
    fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let (kept, hard, soft) = (path("kept.toml"), path("hard.toml"), path("soft.toml"));
        fs::write(&kept, bytes).unwrap();
        fs::hard_link(&kept, &hard).unwrap();
        symlink("kept.toml", &soft).unwrap();
        let names = [&kept, &hard, &soft].map(|path| text(path));
        let (path, bytes) = (kept, bytes.to_vec());
        Self {
            folder,
            path,
            bytes,
            names,
        }
    }

    /// The verb with each name of the file for `OUT` and the first for `IN` is refused, and nothing
    /// changes. `NEW` is a file that is not there, and is not made.
    fn survives(&self, verb: &str) {
        let new = text(&self.folder.path().join("new"));
        for name in &self.names {
            let words = verb.replace("OUT", name).replace("IN", &self.names[0]);
            let words = words.replace("NEW", &new);
            let words: Vec<_> = words.split(' ').collect();
            let before = self.listed();
            let refused = run(&words);
            refused.assert_refused(name);
            let told = refused.stderr.contains("is what is read");
            assert!(told, "{words:?}: {}", refused.stderr);
            assert_eq!(fs::read(&self.path).unwrap(), self.bytes, "{words:?}");
            assert_eq!(self.listed(), before, "{words:?}");
        }
    }

    fn listed(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_trace() {
    let kept = Kept::new(&fixture("edu-6.1.mmiotrace").bytes);
    for verb in [
        "merge -o OUT /dev/null IN",
        "export --to vcd -o OUT IN",
        "export --to perfetto -o OUT IN",
        "report -o OUT IN",
        "report -o NEW --svg OUT IN",
        "replay plan -o OUT IN",
        "bundle -o OUT IN",
    ] {
        kept.survives(verb);
    }
}

/// What comes by standard input is known where it is a file, under both of its names.
#[test]
fn standard_input() {
    let kept = Kept::new(&fixture("edu-6.1.mmiotrace").bytes);
    for input in ["-", "/dev/stdin"] {
        for verb in [
            "merge -o OUT /dev/null IN",
            "export --to vcd -o OUT IN",
            "report -o OUT IN",
            "replay plan -o OUT IN",
        ] {
            let words = verb.replace("IN", input).replace("OUT", &kept.names[1]);
            let words: Vec<_> = words.split(' ').collect();
            let stdin = fs::File::open(&kept.path).unwrap();
            let refused = command(&words).stdin(stdin).bounded_output();
            assert_eq!(refused.status.code(), Some(2), "{words:?}");
            let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(stderr.contains("is what is read"), "{words:?}: {stderr}");
            assert_eq!(fs::read(&kept.path).unwrap(), kept.bytes, "{words:?}");
        }
    }
}

/// A trace that is not there to its end is not read before the refusal.
#[test]
fn a_report_is_refused_before_the_trace_is_read() {
    let mut bytes = fixture("edu-6.1.mmiotrace").bytes;
    bytes.extend_from_slice(b"no line of a trace\n");
    let kept = Kept::new(&bytes);
    // One line of error: none about that line.
    kept.survives("report -o OUT IN");
    kept.survives("report -o NEW --svg OUT IN");
}

#[test]
fn a_map() {
    let kept = Kept::new(run(&["map", "show", "edu"]).text().as_bytes());
    let trace = text(&fixture("edu-6.1.mmiotrace").path);
    for verb in [
        "export --to vcd --map IN -o OUT",
        "report --map IN -o OUT",
        "replay plan --map 00:02.0=IN -o OUT",
    ] {
        kept.survives(&format!("{verb} {trace}"));
    }
}

#[test]
fn a_plan_and_what_it_runs_on() {
    let trace = text(&fixture("edu-6.1.mmiotrace").path);
    let plan = run(&["replay", "plan", &trace]);
    let kept = Kept::new(&plan.stdout);
    kept.survives("replay export --lang c IN -o OUT");
    kept.survives("replay run IN --record OUT");
    kept.survives("replay run IN --breadcrumbs OUT");
    kept.survives(&format!(
        "replay bisect IN --target model:{trace} --state OUT"
    ));

    let plan = kept.folder.path().join("plan");
    fs::copy(&kept.path, &plan).unwrap();
    let model = Kept::new(&fixture("edu-6.1.mmiotrace").bytes);
    let plan = text(&plan);
    model.survives(&format!("replay run {plan} --target model:IN --record OUT"));
    let again = format!("replay bisect {plan} --target model:IN --state");
    // What stands beside the state: its next version, and notes of each step.
    for beside in ["state.new", "state.crumbs"] {
        let beside = model.folder.path().join(beside);
        fs::hard_link(&model.path, &beside).unwrap();
        let state = text(&model.folder.path().join("state"));
        let words = format!("{again} {state}").replace("IN", &model.names[0]);
        run(&words.split(' ').collect::<Vec<_>>()).assert_refused(&text(&beside));
        assert_eq!(fs::read(&model.path).unwrap(), model.bytes);
        fs::remove_file(&beside).unwrap();
    }
}

/// A copy of a trace with transfers that go into files.
fn large() -> (Kept, String) {
    let kept = Kept::new(&fixture("testmmiotrace-6.1.mmiotrace.xz").bytes);
    let name = kept.names[0].clone();
    (kept, name)
}

/// Files beside a plan are written before it.
#[test]
fn what_stands_beside_a_plan() {
    let (_kept, trace) = large();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let plan = text(&path("plan.toml"));
    let made = run(&["replay", "plan", &trace, "-o", &plan]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let beside = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "bin"));
    let beside = beside.expect("the plan has a file beside it");
    let bytes = fs::read(&beside).unwrap();

    // Read by whoever reads the plan, and no name for what comes of that.
    for verb in ["export --lang c -o", "run --record"] {
        let mut words = vec!["replay"];
        words.extend(verb.split(' '));
        let out = text(&beside);
        words.extend([out.as_str(), &plan]);
        let refused = run(&words);
        refused.assert_refused(&out);
        assert_eq!(fs::read(&beside).unwrap(), bytes, "{words:?}");
    }
    // The trace under that name, and the plan.
    let of_a_trace = run(&["replay", "plan", &trace, "-o", &text(&beside)]);
    of_a_trace.assert_refused(&text(&beside));
    fs::remove_file(&beside).unwrap();
    symlink(&trace, &beside).unwrap();
    let again = text(&path("again.toml"));
    run(&["replay", "plan", &trace, "-o", &again]).assert_refused(&text(&beside));
    assert!(!Path::new(&again).exists());
}

/// A file that is written once more is none that is read.
#[test]
fn what_is_not_read_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let out = text(&folder.path().join("out"));
    let trace = text(&fixture("edu-6.1.mmiotrace").path);
    for _ in 0..2 {
        for verb in ["export --to vcd", "report", "replay plan", "merge"] {
            let words = format!("{verb} -o {out} {trace}");
            let done = run(&words.split(' ').collect::<Vec<_>>());
            assert_eq!(done.status, 0, "{words}: {}", done.stderr);
        }
    }
}

#[test]
fn what_is_extracted() {
    let (_kept, trace) = large();
    let folder = tempfile::tempdir().unwrap();
    let into = text(folder.path());
    let extract = || run(&["cat", "--blocks", "--extract", &into, &trace]);
    assert_eq!(extract().status, 0);
    let first = fs::read_dir(folder.path()).unwrap().next();
    let first = first.expect("something is extracted").unwrap().path();
    fs::remove_file(&first).unwrap();
    symlink(&trace, &first).unwrap();
    extract().assert_refused(&text(&first));
}

/// Nor is a file emptied for what cannot be read.
#[test]
fn a_map_that_is_broken() {
    let kept = Kept::new(b"name = 3\n");
    let trace = fixture("edu-6.1.mmiotrace");
    let words = ["export", "--to", "vcd", "--map", &kept.names[0], "-o"];
    let out = text(&kept.folder.path().join("out"));
    fs::write(&out, "of old").unwrap();
    let words = [&words[..], &[&out, trace.path()]].concat();
    run(&words).assert_refused(&kept.names[0]);
    assert_eq!(fs::read_to_string(&out).unwrap(), "of old");
}
