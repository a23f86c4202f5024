//! Rust: a module.

use super::call::Argument;
use super::ops::{Op, Part, Program};
use super::text::{Comment, RustString};
use core::fmt::{self, Write};

const HEAD: &str = include_str!("head.rs.txt");

pub(super) fn write(program: &Program, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "// Replay of {}: accesses as they were recorded. Made by mmiotrace.",
        Comment(&program.trace)
    )?;
    out.write_str(HEAD)?;
    for (index, (name, len)) in program.regions.iter().enumerate() {
        writeln!(
            out,
            "/// Region {index}, {len:#x} bytes.\npub const {name}: usize = {index};"
        )?;
    }
    for (name, offset) in &program.registers {
        writeln!(out, "/// A register.\npub const {name}: u64 = {offset:#x};")?;
    }
    for (name, bytes) in &program.data {
        write!(out, "\nstatic {name}: [u8; {}] = [", bytes.len())?;
        for (index, byte) in bytes.iter().enumerate() {
            out.write_str(if index % 16 == 0 { "\n    " } else { " " })?;
            write!(out, "{byte:#04x},")?;
        }
        out.write_str("\n];\n")?;
    }
    for (index, part) in program.sections.iter().enumerate() {
        section(index, part, out)?;
    }
    out.write_str("\n/// All sections in order.\n///\n/// # Errors\n/// Where one ends early.\n")?;
    out.write_str("pub fn all<M: Mmio>(m: &mut M) -> Result<(), Fault> {\n")?;
    for index in 0..program.sections.len() {
        writeln!(out, "    section_{index}(m)?;")?;
    }
    if program.sections.is_empty() {
        out.write_str("    let _ = m;\n")?;
    }
    out.write_str("    Ok(())\n}\n")
}

fn section(index: usize, part: &Part, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "\n/// {} (line {})\n///\n/// # Errors\n/// Where it ends early.",
        Comment(&part.name),
        part.line
    )?;
    writeln!(
        out,
        "pub fn section_{index}<M: Mmio>(m: &mut M) -> Result<(), Fault> {{"
    )?;
    writeln!(out, "    m.mark({});", RustString(&part.name))?;
    for (line, op) in &part.ops {
        out.write_str("    ")?;
        statement(*line, op, out)?;
        out.write_char('\n')?;
    }
    out.write_str("    Ok(())\n}\n")
}

fn argument(argument: Argument<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match argument {
        Argument::Bits(bits) => write!(f, "{bits:#x}"),
        Argument::Count(count) => write!(f, "{count}"),
        Argument::Stride(stride) => write!(f, "{stride}"),
        Argument::Data(name) => write!(f, "&{name}"),
    }
}

fn statement(line: u64, op: &Op, out: &mut String) -> fmt::Result {
    if let Some(call) = op.call(line) {
        let (function, arguments) = (call.function, call.arguments(argument));
        let end = if call.can_fail { "?;" } else { ";" };
        return match op {
            Op::Read { times, .. } if *times != 1 => write!(
                out,
                "for _ in 0..{times}u64 {{ {function}(m, {arguments}){end} }}"
            ),
            _ => write!(out, "{function}(m, {arguments}){end}"),
        };
    }
    match op {
        Op::Write { at, value } => write!(
            out,
            "m.write({}, {}, {}, {value:#x}); // line {line}",
            at.region, at.offset, at.width
        ),
        Op::Delay { micros } => write!(out, "m.delay_us({micros});"),
        Op::Mark(text) => write!(out, "m.mark({});", RustString(text)),
        Op::Skip(why) => write!(out, "// line {line}, left out: {}", Comment(why)),
        Op::Stop(why) => write!(out, "stop(m, {line}, {})?;", RustString(why)),
        _ => Ok(()),
    }
}
