//! What instructions really were, by the code that made a trace: `check --code`.

mod report;
mod seen;
mod told;

use crate::failure::{Failure, Stop};
use crate::input;
use mmiotrace_core::{AccessKind, VirtAddr, Width};
use mmiotrace_decode::{CodeImage, CodePlace, Cpu, Decoder, KernelMistake};
pub(super) use report::CodeReport;
use report::Mismatch;
pub(super) use seen::Seen;
use seen::{Count, Logged};
use told::{Told, commas, hex};

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

impl Sources {
    /// Looks everything up.
    pub(super) fn explain(&mut self, seen: &Seen) -> CodeReport {
        self.guess(seen);
        // Which CPU made the trace, nobody says.
        let mut decoder = Decoder::for_cpu(Cpu::UNKNOWN);
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
        if told.accesses.iter().any(|told| told.is(kind, width)) {
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
