//! Says what instructions do: `cargo run --example explain --features text -- 488b4708 f3a5`.
//!
//! Registers are all 1, so that repeated instructions do their work once.

use mmiotrace_decode::{DecodeReport, Decoder, Registers};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut decoder = Decoder::new();
    let registers = Registers {
        gpr: [1; 16],
        ..Registers::default()
    };
    for argument in std::env::args().skip(1) {
        let Some(code) = bytes(&argument) else {
            eprintln!("{argument}: not an even number of hex digits");
            return ExitCode::from(2);
        };
        match DecodeReport::new(&mut decoder, &code, &registers) {
            Ok(report) => print(&report),
            Err(error) => println!("{argument}: {error}"),
        }
    }
    ExitCode::SUCCESS
}

fn print(report: &DecodeReport) {
    println!("{} ({} bytes)", report.text, report.length);
    for access in &report.accesses {
        let value = access.value.as_deref().unwrap_or("?");
        println!(
            "  {} {} at {}: {value}",
            access.kind, access.width, access.address
        );
    }
    println!(
        "  process: {}, kernel: {}",
        report.way.process, report.way.kernel
    );
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex
        .chars()
        .map(|digit| digit.to_digit(16).map(|value| value as u8))
        .collect();
    let digits = digits?;
    (digits.len() % 2 == 0).then(|| {
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    })
}
