//! Rust: a module.

use super::ops::{At, Op, Part, Program, Want};
use super::{Comment, Quoted};
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
    writeln!(out, "    m.mark({});", Quoted(&part.name))?;
    for (line, op) in &part.ops {
        out.write_str("    ")?;
        statement(*line, op, out)?;
        out.write_char('\n')?;
    }
    out.write_str("    Ok(())\n}\n")
}

/// `m, line, REGION, OFFSET, width`.
struct Args<'a>(u64, &'a At);

impl fmt::Display for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "m, {}, {}, {}, {}",
            self.0, self.1.region, self.1.offset, self.1.width
        )
    }
}

fn statement(line: u64, op: &Op, out: &mut String) -> fmt::Result {
    match op {
        Op::Write { at, value } => {
            write!(
                out,
                "m.write({}, {}, {}, {value:#x}); // line {line}",
                at.region, at.offset, at.width
            )
        }
        Op::Read { at, times, want } => {
            let Want { value, mask } = Want::or_nothing(*want);
            let call = format!("expect({}, {value:#x}, {mask:#x})?;", Args(line, at));
            if *times == 1 {
                out.write_str(&call)
            } else {
                write!(out, "for _ in 0..{times}u64 {{ {call} }}")
            }
        }
        Op::Poll {
            at,
            mask,
            value,
            timeout_us,
            interval_us,
            tries,
            want,
        } => {
            let want = Want::or_nothing(*want);
            write!(out, "poll({}, ({mask:#x}, {value:#x}), ", Args(line, at))?;
            write!(
                out,
                "({interval_us}, {timeout_us}, {tries}), ({:#x}, {:#x}))?;",
                want.value, want.mask
            )
        }
        Op::Upload {
            at,
            stride,
            data,
            count,
        } => {
            write!(
                out,
                "upload({}, {stride}, &{data}, {count});",
                Args(line, at)
            )
        }
        Op::Download {
            at,
            stride,
            data,
            count,
        } => {
            write!(
                out,
                "download({}, {stride}, &{data}, {count})?;",
                Args(line, at)
            )
        }
        Op::Fill {
            at,
            stride,
            value,
            count,
        } => {
            write!(
                out,
                "fill({}, {stride}, {value:#x}, {count});",
                Args(line, at)
            )
        }
        Op::Delay { micros } => write!(out, "m.delay_us({micros});"),
        Op::Mark(text) => write!(out, "m.mark({});", Quoted(text)),
        Op::Skip(why) => write!(out, "// line {line}, left out: {}", Comment(why)),
        Op::Stop(why) => write!(out, "stop(m, {line}, {})?;", Quoted(why)),
    }
}
