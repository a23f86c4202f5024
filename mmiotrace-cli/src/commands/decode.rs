//! `mmiotrace decode`: what an instruction accesses, and how a capture can have it done.

mod code;
mod registers;

use crate::failure::{Failure, Outcome, Stop};
use crate::output::Output;
use code::CodeBytes;
use core::fmt::{self, Write};
use mmiotrace_decode::{
    Cpu, DecodeError, DecodeReport, Decoder, Explanation, KernelMistake, KernelView,
};
use registers::{Assignment, Given, Number};
use serde::Serialize;

/// Say what an instruction reads and writes, and how a capture carries it out
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace decode --code 894704 --reg rdi=0x1000 --reg rax=5
  mmiotrace decode --code 'f3 a5' --reg rcx=3 --reg rsi=0x8000 --reg rdi=0xfebc0000
  mmiotrace decode --code c4e2758e07 --reg rdi=0x1000 --reg ymm1=0x80000000 --json | jq .accesses
  mmiotrace decode --code 8b470889470c --all --reg rdi=0xfebc0000
  mmiotrace decode --code 666303 --cpu amd

A read's value is not known before the instruction is carried out. The ways are how the process and
the kernel backend do that: emulate, bounce (on a private buffer), alias (on a second mapping), step
(with another base register), none (no access), or cannot, with the reason.

Intel's and AMD's CPUs access different bytes for a few instructions. The answer is for the CPU that
runs this command, or for --cpu. For an unknown CPU it gives the least and the most bytes.

Exit status: 0 decoded; 2 the bytes are no instruction, or an argument does not fit.")]
pub(crate) struct Args {
    /// The instruction's bytes in hex, as they stand in memory; blanks and commas are skipped
    #[arg(long, value_name = "HEX")]
    code: CodeBytes,

    /// A register's value, decimal or hex with 0x: rax to r15 and their parts, rflags, fs_base,
    /// gs_base, mm0, xmm0, ymm0, zmm0, k0 and so on; what is not given is 0
    #[arg(long = "reg", value_name = "NAME=VALUE")]
    registers: Vec<Assignment>,

    /// The address of the instruction
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "0",
        hide_default_value = true
    )]
    rip: Number,

    /// The CPU to answer for: intel, amd, one of these with family and model (intel-6-207), or unknown
    /// [default: this machine's]
    #[arg(long, value_name = "CPU")]
    cpu: Option<Cpu>,

    /// Decode all instructions in the bytes, each with the registers given: none is carried out
    #[arg(long)]
    all: bool,

    /// Print one JSON object for each instruction
    #[arg(long)]
    json: bool,
}

/// What is printed of one instruction.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    report: &'a DecodeReport,
    /// Registers that the accesses depend on and that were not given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assumed_zero: Vec<&'static str>,
    /// Vector, MMX and mask registers that the accesses depend on and that were not given: what they
    /// decide is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_given: Vec<String>,
    /// What stands behind the instruction.
    #[serde(skip_serializing_if = "String::is_empty")]
    rest: String,
}

const PLACE: &str = "decode --code";

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let mut given = Given::new(args.rip.0);
    for assignment in &args.registers {
        given.assign(assignment);
    }
    let cpu = args.cpu.unwrap_or_else(Cpu::host);
    let mut decoder = Decoder::for_cpu(cpu);
    let mut output = Output::new()?;
    let mut rest = args.code.as_bytes();
    loop {
        let report = DecodeReport::new(&mut decoder, rest, &given)
            .map_err(|error| refuse(rest, args.code.as_bytes().len() - rest.len(), error, cpu))?;
        let (code, behind) = rest.split_at(usize::from(report.length).min(rest.len()));
        let printed = Printed {
            report: &report,
            assumed_zero: given.assumed(&mut decoder, code),
            not_given: given.missed(&mut decoder, code),
            rest: if args.all {
                String::new()
            } else {
                code::hex(behind)
            },
        };
        if args.json {
            output.json(&printed)?;
        } else {
            output.text(&text(&printed, code, given.rip()))?;
        }
        rest = behind;
        given.advance(code.len());
        if !args.all || rest.is_empty() {
            break;
        }
    }
    output.flush()?;
    Ok(Outcome::Clean)
}

/// Why there is no instruction at this offset; of one that is cut off, as much as is certain.
fn refuse(code: &[u8], offset: usize, error: DecodeError, cpu: Cpu) -> Failure {
    let at = if offset == 0 {
        String::new()
    } else {
        format!("byte {offset}: ")
    };
    match error {
        DecodeError::Truncated { have } if can_go_on(code, cpu) => {
            let known = Explanation::of(code).map_or_else(String::new, |known| {
                format!("; as far as it goes it is {}", known.text)
            });
            Failure::new(
                PLACE,
                format!("{at}the instruction does not end with the {have} bytes given"),
            )
            .advise(format!("give all of its bytes{known}"))
        }
        _ => Failure::new(PLACE, format!("{at}{}", DecodeError::Invalid))
            .advise("give the bytes in the order in which they stand in memory"),
    }
}

/// Whether any bytes make an instruction of this beginning.
fn can_go_on(code: &[u8], cpu: Cpu) -> bool {
    let mut decoder = Decoder::for_cpu(cpu);
    (0..=u8::MAX).any(|filling| {
        let mut bytes = [filling; 15];
        match bytes.get_mut(..code.len()) {
            Some(begin) => begin.copy_from_slice(code),
            None => return false,
        }
        decoder.decode_uncached(&bytes).is_ok()
    })
}

/// One instruction for people.
fn text(printed: &Printed<'_>, code: &[u8], rip: u64) -> String {
    let mut text = String::new();
    // Into memory: this does not fail.
    let _ = write_text(&mut text, printed, code, rip);
    text
}

fn write_text(out: &mut String, printed: &Printed<'_>, code: &[u8], rip: u64) -> fmt::Result {
    let report = printed.report;
    let length = report.length;
    writeln!(
        out,
        "{rip:#x}: {}  ({}, {length} bytes)",
        report.text,
        code::hex(code)
    )?;
    for access in &report.accesses {
        let value = match (&access.value, access.kind) {
            (Some(value), _) => format!("  value {value}"),
            (None, "read") => "  value from memory".to_owned(),
            (None, _) => "  value not known beforehand".to_owned(),
        };
        let condition = if access.conditional { "  perhaps" } else { "" };
        let (kind, width, address) = (access.kind, access.width, &access.address);
        let width = match access.least {
            Some(least) => format!("{least} to {width}"),
            None => format!("{width:>2}"),
        };
        writeln!(out, "  {kind:<5} {width} at {address}{value}{condition}")?;
    }
    if report.more {
        writeln!(
            out,
            "  … and more accesses than {}",
            DecodeReport::MOST_ACCESSES
        )?;
    } else if report.unknown {
        writeln!(
            out,
            "  its accesses are not known: only the state of the tiles tells them"
        )?;
    } else if report.accesses.is_empty() {
        writeln!(out, "  no access")?;
    }
    if let Some(makers) = &report.makers {
        writeln!(out, "  CPUs differ, and this is for {}:", makers.cpu)?;
        writeln!(out, "    Intel's: {}", makers.intel)?;
        writeln!(out, "    AMD's: {}", makers.amd)?;
    }
    let way = |way: &str, reason: Option<&str>| match reason {
        Some(reason) => format!("{way} ({reason})"),
        None => way.to_owned(),
    };
    writeln!(
        out,
        "  in a process: {}",
        way(report.way.process, report.reason.process)
    )?;
    writeln!(
        out,
        "  in the kernel: {}",
        way(report.way.kernel, report.reason.kernel)
    )?;
    if !report.accesses.is_empty()
        && let Some(told) = kernel_tracer(code)
    {
        writeln!(out, "  the kernel's own tracer: {told}")?;
    }
    if !printed.assumed_zero.is_empty() {
        writeln!(
            out,
            "  not given, taken for 0: {}",
            printed.assumed_zero.join(", ")
        )?;
    }
    if !printed.not_given.is_empty() {
        writeln!(
            out,
            "  not given, and so not known: {}",
            printed.not_given.join(", ")
        )?;
    }
    if !printed.rest.is_empty() {
        writeln!(
            out,
            "  behind it: {} (--all decodes that too)",
            printed.rest
        )?;
    }
    Ok(())
}

/// What the kernel's mmiotrace makes of it, where that is not the truth.
fn kernel_tracer(code: &[u8]) -> Option<&'static str> {
    match (KernelMistake::in_code(code), KernelView::of(code)) {
        (Some(mistake), _) => Some(mistake.as_str()),
        (None, Some(KernelView::Unknown)) => Some("an UNKNOWN record"),
        _ => None,
    }
}
