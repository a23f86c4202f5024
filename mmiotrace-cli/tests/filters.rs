//! Filters against a plain reading of the same lines: split at blanks, compare, keep or not.
#![allow(clippy::unwrap_used, missing_docs)]

mod command;

use command::{Trace, fixture, fixtures, large, run, run_on};

/// A line as `awk` sees it.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        Self(line.split_ascii_whitespace().collect())
    }

    fn at(&self, field: usize) -> Option<&'a str> {
        self.0.get(field).copied()
    }

    fn is(&self, keywords: &[&str]) -> bool {
        self.at(0).is_some_and(|word| keywords.contains(&word))
    }

    fn is_access(&self) -> bool {
        self.is(&["R", "W"])
    }

    fn hex(&self, field: usize) -> u64 {
        u64::from_str_radix(self.at(field).unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    fn phys(&self) -> Option<u64> {
        match self.at(0)? {
            "R" | "W" => Some(self.hex(4)),
            "UNKNOWN" | "MAP" => Some(self.hex(3)),
            _ => None,
        }
    }

    fn micros(&self) -> Option<u64> {
        let field = match self.at(0)? {
            "R" | "W" => 2,
            "MAP" | "UNMAP" | "MARK" | "UNKNOWN" => 1,
            _ => return None,
        };
        let (seconds, micros) = self.at(field)?.split_once('.')?;
        Some(seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?)
    }

    fn map_id(&self) -> Option<i32> {
        let field = match self.at(0)? {
            "R" | "W" => 3,
            "MAP" | "UNMAP" | "UNKNOWN" => 2,
            _ => return None,
        };
        self.at(field)?.parse().ok()
    }
}

fn plain(trace: &Trace, keep: impl Fn(&Words<'_>) -> bool) -> Vec<u8> {
    let mut kept = Vec::new();
    for line in trace.lines() {
        let text = String::from_utf8_lossy(line);
        if keep(&Words::of(&text)) {
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// Traces whose lines mean what they look like: markers that forge records do not.
fn honest() -> Vec<Trace> {
    fixtures()
        .into_iter()
        .filter(|trace| !trace.name.starts_with("markers"))
        .collect()
}

fn compare(arguments: &[&str], keep: impl Fn(&Words<'_>) -> bool) {
    compare_on(&honest(), arguments, keep);
}

fn compare_on(traces: &[Trace], arguments: &[&str], keep: impl Fn(&Words<'_>) -> bool) {
    let mut kept = 0;
    for trace in traces {
        let run = run(&[&["cat"], arguments, &[trace.path()]].concat());
        assert_eq!(run.status, 0, "{}: {}", trace.name, run.stderr);
        let expected = plain(trace, &keep);
        assert!(run.stdout == expected, "{}: {arguments:?}", trace.name);
        kept += expected.len();
    }
    assert!(kept > 0, "{arguments:?} keeps nothing anywhere");
}

#[test]
fn by_kind() {
    compare(&["--kind", "read"], |words| words.is(&["R"]));
    compare(&["--kind", "map,unmap"], |words| {
        words.is(&["MAP", "UNMAP"])
    });
    compare(&["--kind", "unknown,mark"], |words| {
        words.is(&["UNKNOWN", "MARK"])
    });
    compare(&["--kind", "read,write,unknown,map"], |words| {
        words.is(&["R", "W", "UNKNOWN", "MAP"])
    });
    compare(&["--kind", "version,pcidev"], |words| {
        words.is(&["VERSION", "PCIDEV"])
    });
}

/// Millions of lines, most of them UNKNOWN.
#[test]
fn of_large_traces() {
    let traces = large("of_large_traces");
    if !traces.is_empty() {
        compare_on(
            &traces,
            &["--kind", "write", "--phys", "0xfd000000..0xfd000100"],
            |words| words.is(&["W"]) && (0xfd00_0000..0xfd00_0100).contains(&words.phys().unwrap()),
        );
    }
}

/// The example of the kernel's documentation.
#[test]
fn by_kind_width_and_address() {
    let traces = honest();
    for (start, end) in [
        (0xfebc_0000u64, 0xfebc_1000u64),
        (0xfd00_0000, 0xfd00_0100),
        (0, u64::MAX),
    ] {
        let range = format!("{start:#x}..{end}");
        for width in ["1", "2", "4", "8"] {
            let arguments = ["--kind", "write", "--width", width, "--phys", &range];
            for trace in &traces {
                let run = run(&[&["cat"], &arguments[..], &[trace.path()]].concat());
                let expected = plain(trace, |words| {
                    words.is(&["W"])
                        && words.at(1) == Some(width)
                        && (start..end).contains(&words.phys().unwrap())
                });
                assert!(run.stdout == expected, "{}: {arguments:?}", trace.name);
            }
        }
    }
}

#[test]
fn by_address() {
    compare(&["--phys", "0xfebc0008"], |words| match words.at(0) {
        Some("R" | "W" | "UNKNOWN") => words.phys() == Some(0xfebc_0008),
        // A mapping is kept where the address lies in it.
        Some("MAP") => (words.hex(3)..words.hex(3) + words.hex(5)).contains(&0xfebc_0008),
        _ => false,
    });
}

#[test]
fn by_mapping() {
    compare(&["--map-id", "2"], |words| words.map_id() == Some(2));
    compare(&["--map-id", "-1"], |words| words.map_id() == Some(-1));
}

#[test]
fn by_instruction() {
    let arguments = ["--pc", "0xffffffffc0000000..", "--kind", "read,write"];
    compare(&arguments, |words| {
        words.is_access() && words.hex(6) >= 0xffff_ffff_c000_0000
    });
}

#[test]
fn by_thread() {
    compare(&["--pid", "0", "--width", "2"], |words| {
        words.is_access() && words.at(1) == Some("2")
    });
    let trace = b"R 4 1.000000 1 0x10 0x0 0x0 7\nW 4 1.000001 1 0x10 0x0 0x0 8\n";
    assert_eq!(
        run_on(&["cat", "--pid", "7"], trace).text(),
        "R 4 1.000000 1 0x10 0x0 0x0 7\n"
    );
}

#[test]
fn by_value() {
    compare(&["--value", "0xffffffff"], |words| {
        words.is_access() && words.hex(5) == 0xffff_ffff
    });
    compare(&["--value", "0x80/0x80"], |words| {
        words.is_access() && words.hex(5) & 0x80 != 0
    });
    compare(&["--value", "0/1", "--kind", "write"], |words| {
        words.is(&["W"]) && words.hex(5) & 1 == 0
    });
}

#[test]
fn by_time() {
    compare(&["--time", "10.5..12.25"], |words| {
        words
            .micros()
            .is_some_and(|micros| (10_500_000..12_250_000).contains(&micros))
    });
    compare(&["--time", "..10.795467"], |words| {
        words.micros().is_some_and(|micros| micros < 10_795_467)
    });
}

#[test]
fn by_markers() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let text = String::from_utf8_lossy(&trace.bytes).into_owned();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let marks: Vec<usize> = (0..lines.len())
        .filter(|at| lines[*at].starts_with("MARK "))
        .collect();
    let (from, to) = (marks[2], marks[5]);
    let pattern = |at: usize| {
        let text = lines[at].trim_end().splitn(3, ' ').nth(2).unwrap();
        format!("^{}$", regex::escape(text))
    };
    let first = |pattern: &str| {
        let pattern = regex::Regex::new(pattern).unwrap();
        marks
            .iter()
            .copied()
            .find(|at| pattern.is_match(lines[*at].trim_end().splitn(3, ' ').nth(2).unwrap()))
            .unwrap()
    };
    let begin = first(&pattern(from));
    let end = marks
        .iter()
        .copied()
        .find(|at| *at > begin && pattern(*at) == pattern(to))
        .unwrap();
    let arguments = [
        "cat",
        "--from-mark",
        &pattern(from),
        "--to-mark",
        &pattern(to),
        trace.path(),
    ];
    assert_eq!(run(&arguments).text(), lines[begin..=end].concat());
    let arguments = [
        "cat",
        "--from-mark",
        &pattern(from),
        "--kind",
        "write",
        trace.path(),
    ];
    let writes: String = lines[begin..]
        .iter()
        .copied()
        .filter(|line| line.starts_with("W "))
        .collect();
    assert_eq!(run(&arguments).text(), writes);
}

#[test]
fn with_context() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let run = run(&["cat", "--context", "--value", "0x188", trace.path()]);
    let expected = plain(&trace, |words| {
        words.is(&["VERSION", "PCIDEV", "MAP", "UNMAP"])
            || words.is_access() && words.hex(5) == 0x188
    });
    assert!(run.stdout == expected);
}

#[test]
fn by_device() {
    let trace = fixture("four-devices-6.1.mmiotrace.xz");
    let text = String::from_utf8_lossy(&trace.bytes).into_owned();
    let mut devices = 0;
    for device in text.lines().filter(|line| line.starts_with("PCIDEV ")) {
        let words = Words::of(device);
        let place = words.hex(1);
        let bars: Vec<(u64, u64)> = (0..7)
            .map(|bar| (words.hex(4 + bar), words.hex(11 + bar)))
            .filter(|(start, len)| *len > 0 && start & 1 == 0)
            .map(|(start, len)| (start & !0xf, len))
            .collect();
        let name = format!(
            "{:02x}:{:02x}.{}",
            place >> 8,
            (place & 0xff) >> 3,
            place & 7
        );
        let run = run(&[
            "cat",
            "--kind",
            "read,write,unknown",
            "--device",
            &name,
            trace.path(),
        ]);
        let expected = plain(&trace, |words| {
            words.is(&["R", "W", "UNKNOWN"])
                && bars
                    .iter()
                    .any(|(start, len)| (*start..start + len).contains(&words.phys().unwrap()))
        });
        assert!(run.stdout == expected, "{name}: {}", run.stderr);
        devices += usize::from(!expected.is_empty());
    }
    assert_eq!(devices, 4);
}

#[test]
fn by_device_with_its_mappings() {
    let trace = fixture("four-devices-6.1.mmiotrace.xz");
    let maps = run(&[
        "cat",
        "--kind",
        "map,unmap",
        "--device",
        "0000:00:02.0",
        trace.path(),
    ])
    .text();
    let ids: Vec<&str> = maps
        .lines()
        .map(|line| line.split(' ').nth(2).unwrap())
        .collect();
    assert!(ids.len() >= 2 && maps.contains("UNMAP"), "{maps}");
    for id in &ids {
        assert_eq!(ids.iter().filter(|other| *other == id).count(), 2, "{maps}");
    }
}

#[test]
fn by_device_that_the_trace_does_not_name() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    run(&["cat", "--device", "00:1f.6", trace.path()]).assert_refused(trace.path());
    let stderr = run(&["cat", "--device", "00:1f.6", trace.path()]).stderr;
    assert!(
        stderr.contains("no PCIDEV line of 00:1f.6; it names 00:00.0, ")
            && stderr.contains("--phys"),
        "{stderr}"
    );
    run(&["stat", "--device", "00:02.0:5", trace.path()]).assert_refused(trace.path());
    let headerless = fixture("snapshot-trace-file-6.1.mmiotrace.xz");
    let refused = run(&["cat", "--device", "00:02.0", headerless.path()]);
    refused.assert_refused(headerless.path());
    assert!(
        refused.stderr.contains("it has none at all"),
        "{}",
        refused.stderr
    );
}

#[test]
fn by_cpu() {
    let trace = "R 4 1.000000 1 0x10 0x0 0x0 0\n\
                 MARK 1.000001 mmiotrace1 cpu cpu=3\n\
                 R 4 1.000001 1 0x14 0x0 0x0 0\n\
                 MARK 1.000002 mmiotrace1 cpu cpu=0\n\
                 R 4 1.000002 1 0x18 0x0 0x0 0\n";
    let on = |cpu: &str| run_on(&["cat", "--kind", "read", "--cpu", cpu], trace.as_bytes()).text();
    assert_eq!(on("3"), "R 4 1.000001 1 0x14 0x0 0x0 0\n");
    assert_eq!(on("0"), "R 4 1.000002 1 0x18 0x0 0x0 0\n");
    assert_eq!(on("1"), "");
    let context = run_on(
        &["cat", "--kind", "read", "--cpu", "3", "--context"],
        trace.as_bytes(),
    )
    .text();
    assert_eq!(
        context.lines().count(),
        3,
        "the markers that tell the CPU are context: {context}"
    );
}

#[test]
fn fused_records_are_found() {
    let trace = "MARK 1.000000 nulW 4 1.000001 1 0x10 0x5 0x0 0\nR 4 1.000002 1 0x10 0x5 0x0 0\n";
    let line = trace.lines().next().unwrap();
    assert_eq!(
        run_on(&["cat", "--kind", "write"], trace.as_bytes()).text(),
        format!("{line}\n")
    );
    assert_eq!(
        run_on(
            &["cat", "--value", "5", "--kind", "write"],
            trace.as_bytes()
        )
        .text(),
        format!("{line}\n")
    );
    assert_eq!(
        run_on(
            &["cat", "--value", "6", "--kind", "write"],
            trace.as_bytes()
        )
        .text(),
        ""
    );
}

/// Lenient spellings are found as the kernel's own are, and what cannot be read is told.
#[test]
fn spellings_and_wrong_lines() {
    let trace = "W\t4 1.000000 1 0x10 0x5 0x0 0\n\
                 W 4  1.000001  1 0x0000000000000010 0x5 0x0 0\r\n\
                 W 4 1.000002 1 0xzz 0x5 0x0 0\n\
                 W 4 1.000003\n\
                 R 4 1.000004 1 0x10 0x5 0x0 0\n\
                 W 4 1.000005 1 0x10 0x5 0x0 0";
    let run = run_on(
        &["cat", "--kind", "write", "--width", "4", "--phys", "0x10"],
        trace.as_bytes(),
    );
    let lines: Vec<&str> = trace.split_inclusive('\n').collect();
    assert_eq!(run.text(), [lines[0], lines[1], lines[5]].concat());
    assert_eq!(run.status, 1);
    let told: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("mmiotrace: standard input:3: invalid physical address"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("mmiotrace: standard input:4: no map id"),
        "{told:?}"
    );
}

#[test]
fn criteria_that_are_none() {
    let trace = fixture("e1000-6.1.mmiotrace.xz");
    let wrong = [
        ["--kind", "reads"],
        ["--width", "3x"],
        ["--width", "65"],
        ["--phys", "febc0000..febd0000"],
        ["--phys", "5..5"],
        ["--value", "2/1"],
        ["--time", "5"],
        ["--device", "2"],
        ["--pid", "x"],
    ];
    for arguments in wrong {
        run(&[&["cat"], &arguments[..], &[trace.path()]].concat()).assert_refused("usage: ");
    }
    run(&["cat", "--from-mark", "(", trace.path()]).assert_refused("--from-mark: ");
}
