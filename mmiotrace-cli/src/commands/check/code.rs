//! What instructions really were, by the code that made a trace: `check --code`.

use crate::failure::{Failure, Stop};
use crate::input;
use core::fmt::{self, Write};
use mmiotrace_core::{AccessKind, Code, Event, EventKind, VirtAddr, Width};
use mmiotrace_decode::{
    CodeImage, CodePlace, Data, DecodedInstruction, Decoder, Explanation, KernelMistake, Kind,
    Registers, Repeat,
};
use mmiotrace_format::{Line, LineKind, Record};
use serde::Serialize;
use std::collections::BTreeMap;

/// Sorts of records that are kept apart; what comes beyond is counted.
const MOST_SORTS: usize = 65_536;

/// The files given with `--code`.
pub(super) struct Sources {
    sources: Vec<Source>,
}

struct Source {
    name: String,
    image: CodeImage,
    /// The base was not given but found.
    guessed: bool,
}

impl Sources {
    /// Opens `FILE` or `FILE@ADDRESS` each.
    pub(super) fn open(arguments: &[String]) -> Result<Self, Stop> {
        let sources = arguments.iter().map(|argument| Source::open(argument));
        Ok(Self {
            sources: sources.collect::<Result<_, Failure>>()?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }
}

impl Source {
    fn open(argument: &str) -> Result<Self, Failure> {
        let (file, base) = match argument.rsplit_once('@') {
            Some((file, address)) => match number(address) {
                Some(address) => (file, Some(VirtAddr(address))),
                None => (argument, None),
            },
            None => (argument, None),
        };
        let bytes = input::read_whole(file)?;
        let image = CodeImage::from_bytes(&bytes).map_err(|error| {
            Failure::new(file, error)
                .advise("give a kernel module, a vmlinux, or a dump of code bytes")
        })?;
        Ok(Self {
            name: file.to_owned(),
            image: match base {
                Some(base) => image.with_base(base),
                None => image,
            },
            guessed: false,
        })
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Records that one instruction has made, all of a sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sort {
    pc: u64,
    logged: Logged,
}

/// What a record says of the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Logged {
    /// `UNKNOWN` with the first bytes of code, and how many they are.
    Unknown([u8; 15], usize),
    Access(AccessKind, Width),
}

#[derive(Clone, Copy, Debug)]
struct Count {
    line: u64,
    count: u64,
}

/// What a trace says of instructions.
#[derive(Default)]
pub(super) struct Seen {
    sorts: BTreeMap<Sort, Count>,
    /// Records that no room was left for.
    more: u64,
}

impl Seen {
    /// Takes a line in.
    pub(super) fn line(&mut self, line: &Line<'_>) {
        if !matches!(
            line.kind(),
            LineKind::Read | LineKind::Write | LineKind::Unknown
        ) {
            return;
        }
        // What is malformed, the checker tells.
        let Ok(Record::Event(event)) = line.parse() else {
            return;
        };
        let Some(sort) = Sort::of(&event) else { return };
        let number = line.position().line();
        if let Some(known) = self.sorts.get_mut(&sort) {
            known.count += 1;
        } else if self.sorts.len() < MOST_SORTS {
            self.sorts.insert(
                sort,
                Count {
                    line: number,
                    count: 1,
                },
            );
        } else {
            self.more += 1;
        }
    }
}

impl Sort {
    fn of(event: &Event) -> Option<Self> {
        let logged = match event.kind {
            EventKind::UnknownOpcode(unknown) => {
                let mut code = [0; 15];
                let bytes = unknown.code.as_bytes();
                code.get_mut(..bytes.len())?.copy_from_slice(bytes);
                Logged::Unknown(code, bytes.len())
            }
            // Without its address nothing is known of an instruction that was decoded.
            EventKind::Access(access) if event.pc.0 != 0 => {
                Logged::Access(access.kind, access.width)
            }
            _ => return None,
        };
        Some(Self {
            pc: event.pc.0,
            logged,
        })
    }
}

/// What the code says of the records of one sort.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    /// The first line.
    line: u64,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pc: Option<String>,
    /// What the trace says.
    logged: String,
    /// The instruction's bytes in hex, as many as are known.
    code: String,
    text: String,
    accesses: Vec<ToldAccess>,
    /// How often string instructions repeat is not known: once for each record.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    repeated: bool,
    /// The value that was written, where the instruction holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct ToldAccess {
    kind: AccessKind,
    width: u8,
}

/// What the code says of a whole trace.
#[derive(Debug, Default, Serialize)]
pub(super) struct CodeReport {
    /// Files, and where they were loaded.
    images: Vec<String>,
    instructions: Vec<Told>,
    /// Records that do not fit the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    mismatch: Option<Mismatch>,
    /// Records that there was no room for.
    #[serde(skip_serializing_if = "is_zero")]
    more: u64,
}

/// Decoded accesses whose instruction, by the code, does something else.
#[derive(Clone, Debug, Serialize)]
struct Mismatch {
    /// The first line.
    line: u64,
    /// How many records.
    count: u64,
    text: String,
}

impl Mismatch {
    /// Adds one to what is known.
    fn join(self, known: Option<Self>) -> Self {
        match known {
            None => self,
            Some(known) => Self {
                count: known.count + self.count,
                ..if known.line <= self.line { known } else { self }
            },
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl CodeReport {
    /// Whether a record that looks right is wrong.
    pub(super) fn finds_something(&self) -> bool {
        !self.instructions.is_empty() || self.mismatch.is_some()
    }
}

impl Sources {
    /// Looks everything up.
    pub(super) fn explain(&mut self, seen: &Seen) -> CodeReport {
        self.guess(seen);
        let mut decoder = Decoder::new();
        let mut report = CodeReport {
            images: self.sources.iter().map(Source::describe).collect(),
            more: seen.more,
            ..CodeReport::default()
        };
        for (sort, count) in &seen.sorts {
            let told = match sort.logged {
                Logged::Unknown(code, len) => {
                    let code = code.get(..len).unwrap_or_default();
                    Some(self.unknown(sort.pc, code, &mut decoder))
                }
                Logged::Access(kind, width) => {
                    match self.access(sort.pc, kind, width, &mut decoder) {
                        Ok(told) => told,
                        Err(text) => {
                            let Count { line, count } = *count;
                            let found = Mismatch { line, count, text };
                            report.mismatch = Some(found.join(report.mismatch.take()));
                            None
                        }
                    }
                }
            };
            report.instructions.extend(told.map(|told| Told {
                line: count.line,
                count: count.count,
                pc: (sort.pc != 0).then(|| format!("{:#x}", sort.pc)),
                ..told
            }));
        }
        report.instructions.sort_by_key(|told| told.line);
        report
    }

    /// Where a module was loaded, if its records tell.
    fn guess(&mut self, seen: &Seen) {
        let unknown = seen.sorts.keys().filter_map(|sort| match &sort.logged {
            Logged::Unknown(code, len) => Some((VirtAddr(sort.pc), code.get(..*len)?)),
            Logged::Access(..) => None,
        });
        let unknown: Vec<(VirtAddr, &[u8])> = unknown.collect();
        for source in &mut self.sources {
            if source.image.base().is_none() || source.guessed {
                let base = source.image.guess_base(&unknown);
                source.guessed = base.is_some();
                if let Some(base) = base {
                    source.image = source.image.clone().with_base(base);
                }
            }
        }
    }

    /// The place that holds the instruction at `pc`, if a file says so.
    fn at(&self, pc: u64) -> Option<(&Source, CodePlace)> {
        let place = |source| Source::at(source, pc).map(|place| (source, place));
        self.sources.iter().find_map(place)
    }

    fn unknown(&self, pc: u64, code: &[u8], decoder: &mut Decoder) -> Told {
        let logged = format!("UNKNOWN {}", commas(code));
        let mut places = Vec::new();
        for source in &self.sources {
            for place in source.image.find(VirtAddr(pc), code) {
                places.push((source, place));
            }
        }
        let mut known = places.iter().filter_map(|(source, place)| {
            let instruction = decoder.decode_uncached(place.code.as_bytes()).ok()?;
            Some((source, place, instruction))
        });
        if let Some((source, place, instruction)) = known.next() {
            let others: Vec<_> = known.collect();
            if others.iter().all(|(_, _, other)| *other == instruction) {
                let note = (!others.is_empty())
                    .then(|| format!("the same instruction stands in {} places", others.len() + 1));
                return Told {
                    note,
                    ..Told::of(logged, &instruction, pc, source, place)
                };
            }
            let note = format!("{} different instructions begin so", others.len() + 1);
            return Told::partly(logged, code, Some(note));
        }
        let note = match self.at(pc) {
            Some((source, place)) => format!(
                "{} has {} there: another version, another address, or code patched since",
                source.name,
                hex(place.code.as_bytes().get(..code.len()).unwrap_or_default())
            ),
            None => "told by its first bytes: it is in none of the files given".to_owned(),
        };
        Told::partly(logged, code, Some(note))
    }

    /// A record that was decoded: nothing to tell where it is right.
    ///
    /// # Errors
    /// Where the instruction does something else.
    fn access(
        &self,
        pc: u64,
        kind: AccessKind,
        width: Width,
        decoder: &mut Decoder,
    ) -> Result<Option<Told>, String> {
        let Some((source, place)) = self.at(pc) else {
            return Ok(None);
        };
        let letter = match kind {
            AccessKind::Read => 'R',
            AccessKind::Write => 'W',
        };
        let logged = format!("{letter} {}", width.bytes());
        let code = place.code.as_bytes();
        let name = &source.name;
        let Ok(instruction) = decoder.decode_uncached(code) else {
            return Err(format!(
                "{logged} at {pc:#x}, where {name} has no instruction"
            ));
        };
        let told = Told::of(logged, &instruction, pc, source, &place);
        if let Some(mistake) = KernelMistake::in_code(instruction.code().as_bytes()) {
            let note = Some(mistake.as_str().to_owned());
            return Ok(Some(Told { note, ..told }));
        }
        let width = width.bytes();
        if told.accesses.contains(&ToldAccess { kind, width }) {
            return Ok(None);
        }
        Err(format!(
            "{} at {pc:#x}, where {name} has {}",
            told.logged, told.text
        ))
    }
}

impl Source {
    fn at(&self, pc: u64) -> Option<CodePlace> {
        self.image.at(VirtAddr(pc))
    }

    fn describe(&self) -> String {
        match (self.image.base(), self.guessed) {
            (Some(base), true) => format!("{} at {:#x}, as its records tell", self.name, base.0),
            (Some(base), false) => format!("{} at {:#x}", self.name, base.0),
            (None, _) => format!("{} at its own addresses, or nowhere known", self.name),
        }
    }
}

impl Told {
    fn of(
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
    fn partly(logged: String, code: &[u8], note: Option<String>) -> Self {
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
    kinds
        .iter()
        .filter_map(|kind| width.map(|width| ToldAccess { kind: *kind, width }))
        .collect()
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

fn hex(bytes: &[u8]) -> String {
    format!("{:x}", Code::from_prefix(bytes))
}

/// As `UNKNOWN` records print code.
fn commas(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(",")
}

/// For people.
impl fmt::Display for CodeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  By the code in {}:", self.images.join(" and "))?;
        if self.instructions.is_empty() {
            writeln!(
                f,
                "    nothing is unknown, and nothing that could be looked up is wrong"
            )?;
        }
        for told in &self.instructions {
            write!(f, "{told}")?;
        }
        if let Some(Mismatch { line, count, text }) = &self.mismatch {
            writeln!(
                f,
                "    ! {count} records do not fit, first in line {line}: {text}\n      \
                 is it this version, at this address?"
            )?;
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(f, "    and {more} records more, of too many sorts"),
        }
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
            write!(f, "{and}{}s {}", access.kind, access.width)?;
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
