//! Symbols of programs and kernel modules through the command: files that a compiler made, and `nm` as
//! the judge.
#![allow(missing_docs, clippy::unwrap_used)]

mod command;

use command::run_on;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles two functions, and gives the file and where `nm` says that the second is.
fn compiled(folder: &Path, file: &str, options: &[&str]) -> (PathBuf, u64) {
    let source = folder.join("source.c");
    std::fs::write(
        &source,
        "int probe_it(int x) { return x + 1; }\nint poll_it(int x) { return probe_it(x) * 3; }\n\
         int main(void) { return poll_it(0); }\n",
    )
    .unwrap();
    let object = folder.join(file);
    let status = Command::new("cc")
        .args(["-O0", "-o"])
        .args([&object, &source])
        .args(options)
        .status()
        .unwrap();
    assert!(status.success());
    let nm = Command::new("nm").arg(&object).output().unwrap();
    let listed = String::from_utf8(nm.stdout).unwrap();
    let line = listed
        .lines()
        .find(|line| line.ends_with(" poll_it"))
        .unwrap();
    let at = u64::from_str_radix(line.split(' ').next().unwrap(), 16).unwrap();
    (object, at)
}

/// What `name`, `cat` and `stat` show for one byte behind that address.
fn shown(symbols: &str, pc: u64) -> [String; 3] {
    let input =
        format!("MAP 1.000000 1 0x1000 0xffa0 0x1000 0x0 0\nR 4 1.000001 1 0x1004 0x5 {pc:#x} 7\n");
    let stat: &[&str] = &["stat", "--by", "pc"];
    [&["name"][..], &["cat"], stat].map(|verb| {
        let run = run_on(&[verb, &["--symbols", symbols]].concat(), input.as_bytes());
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.text()
    })
}

#[test]
fn symbols_of_programs_and_modules_are_where_nm_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let (program, at) = compiled(folder.path(), "program", &["-no-pie"]);
    for text in shown(program.to_str().unwrap(), at + 1) {
        assert!(text.contains("poll_it+0x1"), "{text}");
    }
    // A module is an object whose sections are loaded anywhere.
    let (module, at) = compiled(folder.path(), "driver.ko", &["-c"]);
    let base = 0xffff_ffff_c000_0000;
    let given = format!("{}@{base:#x}", module.display());
    for text in shown(&given, base + at + 1) {
        assert!(text.contains("poll_it+0x1[driver]"), "{text}");
    }
    let torn = folder.path().join("torn.ko");
    let bytes = std::fs::read(&module).unwrap();
    std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    run_on(&["cat", "--symbols", torn.to_str().unwrap()], b"").assert_refused("");
}
