//! `oracle`: every encoding against the CPU at hand; `oracle HEX…`: these instructions, in detail;
//! `oracle --results [FILE]`: every encoding, and the figures into a file, `oracle/results/CPU.md`.
//! `oracle --engine [HEX…]`: through the engine of the process backend.
//! Exit status 1 where the decoder disagrees with the CPU; on a CPU without checked-in results only
//! where carrying out leaves something else than the instruction. The rest is printed as findings.

use oracle::encodings::{self, Encoding};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    let results = match wanted.as_slice() {
        [option, file] if option == "--results" => Some(file.clone()),
        [option] if option == "--results" => Some(oracle::results_path(oracle::host())),
        _ => None,
    };
    if results.is_some() {
        wanted.clear();
    }
    let through_engine = wanted.first().is_some_and(|first| first == "--engine");
    if through_engine {
        wanted.remove(0);
    }
    let all = encodings::all();
    let chosen: Vec<&Encoding> = all
        .iter()
        .filter(|encoding| is_wanted(encoding, &wanted))
        .collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    if through_engine {
        return match oracle::engine::run(&chosen, workers) {
            Ok(tally) => {
                print!("{tally}");
                ExitCode::from(u8::from(tally.failures(oracle::host()) > 0))
            }
            Err(error) => {
                eprintln!("oracle: {error}");
                ExitCode::from(2)
            }
        };
    }
    let tally = match oracle::run(&chosen, workers) {
        Ok(tally) => tally,
        Err(error) => {
            eprintln!("oracle: {error}");
            return ExitCode::from(2);
        }
    };
    print!("{tally}");
    if let Some(file) = results
        && let Err(error) = std::fs::write(&file, oracle::results(&tally))
    {
        eprintln!("oracle: {file}: {error}");
        return ExitCode::from(2);
    }
    const SHOWN: usize = 2000;
    for (name, lines) in &tally.problems {
        println!("\n{name}: {}", lines.len());
        for line in lines
            .iter()
            .take(if wanted.is_empty() { SHOWN } else { usize::MAX })
        {
            println!("  {line}");
        }
    }
    for (why, lines) in &tally.not_executed {
        println!("\nnot executed, {why}: {}", lines.len());
        lines
            .iter()
            .take(if wanted.is_empty() { SHOWN } else { usize::MAX })
            .for_each(|line| println!("  {line}"));
    }
    if !oracle::is_recorded(oracle::host()) {
        for finding in tally.findings(oracle::host()) {
            println!("finding: {finding}");
        }
    }
    ExitCode::from(u8::from(tally.failures(oracle::host()) > 0))
}

/// By bytes in hex, or by a part of iced's name.
fn is_wanted(encoding: &Encoding, wanted: &[String]) -> bool {
    let hex: String = encoding
        .bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = format!("{:?}", encoding.code).to_lowercase();
    wanted.is_empty()
        || wanted
            .iter()
            .any(|want| hex == *want || name.contains(&want.to_lowercase()))
}
