//! `mmiotrace record --backend kmod`: what is refused before a module is needed. What it captures is
//! judged in machines (`cargo xtask vm test`).

mod command;

use command::run;

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("trace");
    let output = output.to_str().unwrap();
    for (arguments, words) in [
        (
            &["--backend", "kmod"][..],
            "nothing to trace (give --device, --driver or --all)",
        ),
        (
            &["--backend", "kmod", "--device", "ffff:ff:1f.7"],
            "there is no PCI device ffff:ff:1f.7 (list them: lspci -D)",
        ),
        (
            &["--backend", "kmod", "--all", "--take-over"],
            "--take-over is for --backend tracefs",
        ),
        (
            &["--backend", "tracefs", "--all"],
            "--all is for --backend kmod",
        ),
        (
            &["--resume"],
            "--resume is for --backend kmod (add --backend kmod)",
        ),
        (
            &["--backend", "kmod", "--resume", "--all"],
            "cannot be used with",
        ),
    ] {
        let run = run(&[&["record", "-o", output], arguments].concat());
        assert_eq!(run.status, 2, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(words), "{arguments:?}: {}", run.stderr);
    }
    assert!(!folder.path().join("trace").exists());
}
