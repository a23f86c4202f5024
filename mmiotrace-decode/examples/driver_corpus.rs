//! The instructions of drivers that may touch a device, with their counts: what the benchmarks and
//! tests of the decoder are fed with.
//!
//! `cargo run --release --example driver_corpus --features elf -- SAMPLE MODULE.ko… > list` goes
//! through the code of Linux kernel modules (decompressed), takes the instructions with an explicit
//! memory operand whose base is neither the stack pointer nor the instruction pointer and that has
//! no segment, or that are string instructions, and draws SAMPLE of them by equal chance. A line is
//! the bytes in hex, a space, and how often they were drawn; most frequent first.

use mmiotrace_decode::{Base, CodeImage, Decoder, Gpr, Kind};
use std::collections::HashMap;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(sample) = arguments
        .next()
        .and_then(|number| number.parse::<usize>().ok())
    else {
        eprintln!("usage: driver_corpus SAMPLE MODULE.ko...");
        return ExitCode::from(2);
    };
    let mut all = Vec::new();
    for path in arguments {
        let file = match std::fs::read(&path) {
            Ok(file) => file,
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        };
        match CodeImage::from_bytes(&file) {
            Ok(image) => collect(&image, &mut all),
            Err(error) => eprintln!("{path}: {error}"),
        }
    }
    eprintln!("{} instructions", all.len());
    for (code, count) in draw(&all, sample) {
        let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{hex} {count}");
    }
    ExitCode::SUCCESS
}

fn collect(image: &CodeImage, all: &mut Vec<Vec<u8>>) {
    let mut decoder = Decoder::new();
    for code in image.instructions() {
        let Ok(instruction) = decoder.decode_uncached(code) else {
            continue;
        };
        let reachable = match instruction.operand() {
            Some(operand) => {
                let by_register = matches!(operand.base(), Some(Base::Gpr(gpr)) if gpr != Gpr::Rsp);
                by_register && operand.segment().is_none() && instruction.kind() != Kind::NoAccess
            }
            None => instruction.is_string(),
        };
        if reachable {
            all.push(code[..usize::from(instruction.len())].to_vec());
        }
    }
}

/// Every `all.len() / sample`th of the instructions in a random order that is the same every time.
fn draw(all: &[Vec<u8>], sample: usize) -> Vec<(&[u8], usize)> {
    let mut order: Vec<(u64, &[u8])> = (0u64..)
        .zip(all)
        .map(|(n, code)| {
            (
                n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .rotate_left(31)
                    .wrapping_mul(0xbf58_476d_1ce4_e5b9),
                &code[..],
            )
        })
        .collect();
    order.sort_unstable();
    let mut counts: HashMap<&[u8], usize> = HashMap::new();
    for (_, code) in order.into_iter().take(sample) {
        *counts.entry(code).or_default() += 1;
    }
    let mut list: Vec<(&[u8], usize)> = counts.into_iter().collect();
    list.sort_unstable_by_key(|(code, count)| (usize::MAX - count, *code));
    list
}
