//! What the code says of the records of one instruction.

use super::Source;
use core::fmt::{self, Write};
use mmiotrace_core::{AccessKind, Code};
use mmiotrace_decode::{CodePlace, Data, DecodedInstruction, Explanation, Kind, Registers, Repeat};
use serde::Serialize;

/// What the code says of the records of one sort.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    /// The first line.
    pub(super) line: u64,
    pub(super) count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pc: Option<String>,
    /// What the trace says.
    pub(super) logged: String,
    /// The instruction's bytes in hex, as many as are known.
    pub(super) code: String,
    pub(super) text: String,
    pub(super) accesses: Vec<ToldAccess>,
    /// How often string instructions repeat is not known: once for each record.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub(super) repeated: bool,
    /// The value that was written, where the instruction holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ToldAccess {
    pub(super) kind: AccessKind,
    pub(super) width: u8,
    /// Fewer bytes, which are all that some makers' CPUs access.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) least: Option<u8>,
}

impl ToldAccess {
    /// Whether a CPU of any maker makes this access of it.
    pub(super) fn is(&self, kind: AccessKind, width: u8) -> bool {
        self.kind == kind && (self.width == width || self.least == Some(width))
    }
}

impl Told {
    pub(super) fn of(
        logged: String,
        instruction: &DecodedInstruction,
        pc: u64,
        source: &Source,
        place: &CodePlace,
    ) -> Self {
        // Registers that make each string and mask have an element.
        let registers = Registers {
            gpr: [1; 16],
            rip: pc,
            ..Registers::default()
        };
        let accesses = instruction.accesses(&registers).take(64);
        let width = instruction.width().map_or(8, |width| width.bytes());
        let value = match instruction.data() {
            Data::Immediate(value) if instruction.kind() == Kind::Write => {
                let bits = 8 * u32::from(width.min(8));
                Some(format!("{:#x}", value as u64 & (u64::MAX >> (64 - bits))))
            }
            _ => None,
        };
        Self {
            line: 0,
            count: 0,
            pc: None,
            logged,
            code: hex(instruction.code().as_bytes()),
            text: instruction.to_text(pc),
            accesses: accesses
                .map(|access| ToldAccess {
                    kind: access.kind,
                    width: access.width.bytes(),
                    least: (access.least != access.width).then(|| access.least.bytes()),
                })
                .collect(),
            repeated: instruction.repeat() != Repeat::Once,
            value,
            file: Some(source.name.clone()),
            place: Some(in_words(place)),
            note: None,
        }
    }

    /// What the first bytes alone tell.
    pub(super) fn partly(logged: String, code: &[u8], note: Option<String>) -> Self {
        let known = Explanation::of(code);
        let whole = known.as_ref().filter(|known| known.is_whole);
        let bytes = whole.map_or(code, |known| known.code.as_bytes());
        Self {
            line: 0,
            count: 0,
            pc: None,
            logged,
            code: hex(bytes),
            text: known
                .as_ref()
                .map_or_else(|| "not known".to_owned(), |known| known.text.clone()),
            accesses: known.as_ref().map_or_else(Vec::new, by_kind),
            repeated: false,
            value: None,
            file: None,
            place: None,
            note,
        }
    }
}

/// The accesses of an instruction of which only the kind is known.
fn by_kind(known: &Explanation) -> Vec<ToldAccess> {
    let kinds: &[AccessKind] = match known.kind {
        Kind::Read => &[AccessKind::Read],
        Kind::Write => &[AccessKind::Write],
        Kind::ReadModifyWrite | Kind::ReadAndWrite => &[AccessKind::Read, AccessKind::Write],
        _ => &[],
    };
    let width = known.width.map(|width| width.bytes());
    let least = known.least.map(|least| least.bytes());
    let least = least.filter(|least| Some(*least) != width);
    let access = |kind: &AccessKind| {
        width.map(|width| ToldAccess {
            kind: *kind,
            width,
            least,
        })
    };
    kinds.iter().filter_map(access).collect()
}

/// `e1000_probe+0x12 (.text+0x340)`.
fn in_words(place: &CodePlace) -> String {
    let section = if place.section.is_empty() {
        format!("+{:#x}", place.offset)
    } else {
        format!("{}+{:#x}", place.section, place.offset)
    };
    match &place.function {
        Some((function, distance)) => format!("{function}+{distance:#x} ({section})"),
        None => section,
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            logged,
            text,
            code,
            ..
        } = self;
        match self.count {
            1 => write!(f, "    line {line}: {logged}")?,
            count => write!(f, "    {count} times, first in line {line}: {logged}")?,
        }
        if let Some(pc) = &self.pc {
            write!(f, " at {pc}")?;
        }
        write!(f, "\n      is {text}  ({code})")?;
        if let (Some(file), Some(place)) = (&self.file, &self.place) {
            write!(f, " in {file}: {place}")?;
        }
        if !self.accesses.is_empty() {
            f.write_str("\n      ")?;
        }
        for (number, access) in self.accesses.iter().enumerate() {
            let and = if number == 0 { "" } else { ", " };
            write!(f, "{and}{}s ", access.kind)?;
            if let Some(least) = access.least {
                write!(f, "{least} (on some CPUs) to ")?;
            }
            write!(f, "{}", access.width)?;
        }
        if self.repeated && !self.accesses.is_empty() {
            f.write_str(" for each element")?;
        }
        if let Some(value) = &self.value {
            write!(f, ", the constant {value}")?;
        }
        f.write_char('\n')?;
        match &self.note {
            Some(note) => writeln!(f, "      ! {note}"),
            None => Ok(()),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    format!("{:x}", Code::from_prefix(bytes))
}

/// As `UNKNOWN` records print code.
pub(super) fn commas(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(",")
}
