//! The devices' logs beside the fixture traces: what is imported from them against a plain count.

use mmiotrace_import::{Format, ImportReader, Options};
use std::io::{BufReader, Read};
use std::path::Path;

#[test]
fn every_line_of_every_log_becomes_the_access_it_tells() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/traces");
    let mut logs = 0;
    for entry in std::fs::read_dir(folder).expect("the fixtures are part of the project") {
        let path = entry.expect("a readable folder").path();
        if !path.to_string_lossy().ends_with(".qemu.log.xz") {
            continue;
        }
        let mut log = String::new();
        let file = std::fs::File::open(&path).expect("a readable file");
        liblzma::read::XzDecoder::new(file)
            .read_to_string(&mut log)
            .expect("an xz file of text");
        let format = Format::detect(log.as_bytes());
        assert_eq!(format, Some(Format::QemuMemoryRegion), "{}", path.display());
        let mut trace = String::new();
        let mut reader = ImportReader::new(
            BufReader::new(log.as_bytes()),
            Format::QemuMemoryRegion,
            Options::default(),
        );
        reader
            .read_to_string(&mut trace)
            .expect("memory does not fail");
        assert_eq!(reader.errors(), [], "{}", path.display());

        // The second path: words of the line by their place.
        let expected: Vec<String> = log
            .lines()
            .filter(|line| line.contains("memory_region_ops_"))
            .map(|line| {
                let words: Vec<&str> = line[line.find("memory_region_ops_").expect("filtered")..]
                    .split(' ')
                    .collect();
                let kind = if words[0].ends_with("read") { "R" } else { "W" };
                // I/O ports are kept apart from memory: far above it, in the first window.
                let number =
                    u64::from_str_radix(words[6].trim_start_matches("0x"), 16).expect("hex");
                let address = if number < 0x1_0000 {
                    1 << 40 | number
                } else {
                    number
                };
                format!("{kind} {} {address:#x} {}", words[10], words[8])
            })
            .collect();
        let found: Vec<String> = trace
            .lines()
            .filter(|line| line.starts_with("R ") || line.starts_with("W "))
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                format!("{} {} {} {}", words[0], words[1], words[4], words[5])
            })
            .collect();
        assert_eq!(found, expected, "{}", path.display());
        logs += 1;
    }
    assert!(logs >= 17, "only {logs} logs");
}
