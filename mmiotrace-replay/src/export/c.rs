//! C: for the Linux kernel and for user space.

use super::call::Argument;
use super::ops::{Op, Part, Program};
use super::text::{CString, Comment};
use core::fmt::{self, Write};

/// What every exported file begins with: the accessors, the loop that waits, the comparison.
const HEAD: &str = include_str!("head.c");

pub(super) fn write(program: &Program, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "/* Replay of {}: accesses as they were recorded. Made by mmiotrace. */",
        Comment(&program.trace)
    )?;
    writeln!(
        out,
        "#define REPLAY_REGIONS {}",
        program.regions.len().max(1)
    )?;
    out.write_str(HEAD)?;
    for (index, (name, len)) in program.regions.iter().enumerate() {
        writeln!(out, "#define {name} {index} /* {len:#x} bytes */")?;
    }
    for (name, offset) in &program.registers {
        writeln!(out, "#define {name} {offset:#x}")?;
    }
    for (name, bytes) in &program.data {
        write!(
            out,
            "\nstatic const unsigned char {name}[{}] = {{",
            bytes.len().max(1)
        )?;
        for (index, byte) in bytes.iter().enumerate() {
            out.write_str(if index % 16 == 0 { "\n\t" } else { " " })?;
            write!(out, "{byte:#04x},")?;
        }
        out.write_str("\n};\n")?;
    }
    for (index, part) in program.sections.iter().enumerate() {
        section(index, part, out)?;
    }
    out.write_str(
        "\n/* All sections in order. 0, or a negative errno of the first that ended early. */\n",
    )?;
    out.write_str("REPLAY_FN int replay_all(struct replay *r)\n{\n")?;
    if program.sections.is_empty() {
        out.write_str("\t(void)r;\n")?;
    }
    for index in 0..program.sections.len() {
        writeln!(out, "\tREPLAY_TRY(replay_section_{index}(r));")?;
    }
    out.write_str("\treturn 0;\n}\n")
}

fn section(index: usize, part: &Part, out: &mut String) -> fmt::Result {
    writeln!(out, "\n/* {} (line {}) */", Comment(&part.name), part.line)?;
    writeln!(
        out,
        "REPLAY_FN int replay_section_{index}(struct replay *r)\n{{"
    )?;
    writeln!(out, "\treplay_mark(r, {});", CString(&part.name))?;
    for (line, op) in &part.ops {
        out.write_char('\t')?;
        statement(*line, op, out)?;
        out.write_char('\n')?;
    }
    out.write_str("\treturn 0;\n}\n")
}

fn argument(argument: Argument<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match argument {
        Argument::Bits(bits) => write!(f, "{bits:#x}ull"),
        Argument::Count(count) => write!(f, "{count}ul"),
        Argument::Stride(stride) => write!(f, "{stride}l"),
        Argument::Data(name) => f.write_str(name),
    }
}

/// An `unsigned long` has 32 bits on some machines: a long pause is made in pieces.
fn delay(micros: u64, out: &mut String) -> fmt::Result {
    const PIECE: u64 = 1_000_000_000;
    let (pieces, rest) = (micros / PIECE, micros % PIECE);
    if pieces > 0 {
        write!(
            out,
            "for (replay_u64 i = 0; i < {pieces}ull; i++)\n\t\treplay_delay(r, {PIECE}ul);\n\t"
        )?;
    }
    write!(out, "replay_delay(r, {rest}ul);")
}

fn statement(line: u64, op: &Op, out: &mut String) -> fmt::Result {
    if let Some(call) = op.call(line) {
        match op {
            Op::Read { times, .. } if *times != 1 => {
                write!(out, "for (unsigned long i = 0; i < {times}ul; i++)\n\t\t")?;
            }
            _ => {}
        }
        let (function, arguments) = (call.function, call.arguments(argument));
        return if call.can_fail {
            write!(out, "REPLAY_TRY(replay_{function}(r, {arguments}));")
        } else {
            write!(out, "replay_{function}(r, {arguments});")
        };
    }
    match op {
        Op::Write { at, value } => write!(
            out,
            "replay_write(r, {}, {}, {}, {value:#x}ull); /* line {line} */",
            at.region, at.offset, at.width
        ),
        Op::Delay { micros } => delay(*micros, out),
        Op::Mark(text) => write!(out, "replay_mark(r, {});", CString(text)),
        Op::Skip(why) => write!(out, "/* line {line}, left out: {} */", Comment(why)),
        Op::Stop(why) => write!(out, "REPLAY_TRY(replay_stop(r, {line}, {}));", CString(why)),
        _ => Ok(()),
    }
}
