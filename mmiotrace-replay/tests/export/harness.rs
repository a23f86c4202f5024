//! Runs a program whose accesses come in over its standard output, as lines:
//! `R region offset width` (answered by a number), `W region offset width value`, `D micros`,
//! `N` (answered by the clock in microseconds), `M text`, and at the end `E status line`.
//! Numbers are hex without prefix.

use core::time::Duration;
use mmiotrace_core::{Value, Width};
use mmiotrace_replay::{Place, Plan, RegionId, Target};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Serves a program until it ends; gives its status and the line of the trace where it stopped.
pub(crate) fn serve(command: &mut Command, plan: &Plan, target: &mut impl Target) -> (i64, u64) {
    for (index, region) in plan.regions.iter().enumerate() {
        target
            .open(plan.device_of(region), RegionId(index as u16), region)
            .unwrap();
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = child.stdin.take().unwrap();
    let mut end = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let (what, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let number =
            |word: &str| u64::from_str_radix(word, 16).unwrap_or_else(|_| panic!("{line}"));
        let words: Vec<&str> = rest.split(' ').collect();
        let place = || Place {
            region: RegionId(number(words[0]) as u16),
            offset: number(words[1]),
        };
        let width = || Width::from_bytes(number(words[2]) as u8).unwrap();
        match what {
            "R" => {
                let value = target.read(place(), width()).unwrap().to_u64().unwrap();
                writeln!(answers, "{value:x}").unwrap();
                answers.flush().unwrap();
            }
            "W" => {
                let value = Value::from_u64(number(words[3]), width()).unwrap();
                target.write(place(), &value).unwrap();
            }
            "D" => target.delay(Duration::from_micros(number(words[0]))),
            "N" => {
                let now = target.clock().unwrap().as_micros();
                writeln!(answers, "{now:x}").unwrap();
                answers.flush().unwrap();
            }
            "M" => target.mark(rest),
            "E" => end = Some((i64::from_str_radix(words[0], 16).unwrap(), number(words[1]))),
            _ => panic!("{line}"),
        }
    }
    assert!(child.wait().unwrap().success());
    end.unwrap()
}
