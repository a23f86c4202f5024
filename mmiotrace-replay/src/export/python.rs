//! Python: a module.

use super::call::Argument;
use super::ops::{Op, Part, Program};
use super::text::{Comment, PythonString};
use core::fmt::{self, Write};

const HEAD: &str = include_str!("head.py");

pub(super) fn write(program: &Program, out: &mut String) -> fmt::Result {
    // Python takes the encoding from a comment in the first two lines, and the first one counts.
    writeln!(
        out,
        "# -*- coding: utf-8 -*-\n# Replay of {}: accesses as they were recorded. Made by mmiotrace.",
        Comment(&program.trace)
    )?;
    out.write_str(HEAD)?;
    for (index, (name, len)) in program.regions.iter().enumerate() {
        writeln!(out, "{name} = {index}  # {len:#x} bytes")?;
    }
    for (name, offset) in &program.registers {
        writeln!(out, "{name} = {offset:#x}")?;
    }
    for (name, bytes) in &program.data {
        write!(out, "\n{name} = bytes.fromhex(")?;
        for line in bytes.chunks(32) {
            out.write_str("\n    \"")?;
            line.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
            out.write_char('"')?;
        }
        out.write_str(if bytes.is_empty() { "\"\")\n" } else { "\n)\n" })?;
    }
    for (index, part) in program.sections.iter().enumerate() {
        section(index, part, out)?;
    }
    out.write_str("\n\ndef all(m):\n    \"\"\"All sections in order.\"\"\"\n")?;
    for index in 0..program.sections.len() {
        writeln!(out, "    section_{index}(m)")?;
    }
    Ok(())
}

fn section(index: usize, part: &Part, out: &mut String) -> fmt::Result {
    write!(
        out,
        "\n\ndef section_{index}(m):\n    # {} (line {})\n",
        Comment(&part.name),
        part.line
    )?;
    writeln!(out, "    m.mark({})", PythonString(&part.name))?;
    for (line, op) in &part.ops {
        out.write_str("    ")?;
        statement(*line, op, out)?;
        out.write_char('\n')?;
    }
    Ok(())
}

fn argument(argument: Argument<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match argument {
        Argument::Bits(bits) => write!(f, "{bits:#x}"),
        Argument::Count(count) => write!(f, "{count}"),
        Argument::Stride(stride) => write!(f, "{stride}"),
        Argument::Data(name) => f.write_str(name),
    }
}

fn statement(line: u64, op: &Op, out: &mut String) -> fmt::Result {
    if let Some(call) = op.call(line) {
        match op {
            Op::Read { times, .. } if *times != 1 => {
                write!(out, "for _ in range({times}):\n        ")?;
            }
            _ => {}
        }
        return write!(out, "{}(m, {})", call.function, call.arguments(argument));
    }
    match op {
        Op::Write { at, value } => write!(
            out,
            "m.write({}, {}, {}, {value:#x})  # line {line}",
            at.region, at.offset, at.width
        ),
        Op::Delay { micros } => write!(out, "m.delay_us({micros})"),
        Op::Mark(text) => write!(out, "m.mark({})", PythonString(text)),
        Op::Skip(why) => write!(out, "# line {line}, left out: {}", Comment(why)),
        Op::Stop(why) => write!(out, "stop(m, {line}, {})", PythonString(why)),
        _ => Ok(()),
    }
}
