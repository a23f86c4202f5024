//! A driver's code, to look up what an `UNKNOWN` record's instruction was.

use crate::{Cpu, Decoder};
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use mmiotrace_core::{Code, VirtAddr};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionKind, SymbolKind};

/// A driver's code: an ELF file, as kernel modules and the kernel itself are, or a raw dump.
///
/// ```
/// use mmiotrace_core::VirtAddr;
/// use mmiotrace_decode::CodeImage;
///
/// // mov eax, [rdi]; rep movsd
/// let dump = CodeImage::from_bytes(&[0x8b, 0x07, 0xf3, 0xa5])?.with_base(VirtAddr(0xffff_ffff_c000_0000));
/// let place = dump.at(VirtAddr(0xffff_ffff_c000_0002)).unwrap();
/// assert_eq!(place.code.as_bytes(), [0xf3, 0xa5]);
/// # Ok::<(), mmiotrace_decode::ImageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CodeImage {
    sections: Vec<Section>,
    /// Where `.text` of a module, or the first byte of a dump, is loaded.
    base: Option<u64>,
}

#[derive(Clone, Debug)]
struct Section {
    name: String,
    /// Where it says it is loaded: 0 in a module, which goes wherever there is room.
    address: u64,
    bytes: Vec<u8>,
    /// Functions by their offset.
    functions: BTreeMap<u64, String>,
    /// Offsets at which an instruction begins.
    starts: Vec<u64>,
}

/// Why a file is no [`CodeImage`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// It begins as an ELF file does, and cannot be read as one.
    #[error("the ELF file cannot be read: {0}")]
    Elf(String),
    /// It is of another machine.
    #[error("the ELF file is not for x86-64")]
    Machine,
    /// It has no code.
    #[error("there is no code in the file")]
    Empty,
}

/// Where an instruction stands in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodePlace {
    /// The section, `.text` for most; empty in a raw dump.
    pub section: String,
    /// Bytes from the start of the section.
    pub offset: u64,
    /// The function and the distance from its start, where the file has symbols.
    pub function: Option<(String, u64)>,
    /// The instruction's bytes, as far as the section has them: at most 15, which may reach into
    /// the next instruction.
    pub code: Code,
}

impl CodeImage {
    /// The code in a file: ELF, or else taken as a raw dump of code bytes.
    ///
    /// # Errors
    /// Where an ELF file cannot be read, is for another machine, or there is no code.
    pub fn from_bytes(file: &[u8]) -> Result<Self, ImageError> {
        let mut sections = if file.starts_with(b"\x7fELF") {
            elf_sections(file)?
        } else {
            raw_section(file)
        };
        sections.retain(|section| !section.bytes.is_empty());
        if sections.is_empty() {
            return Err(ImageError::Empty);
        }
        let mut decoder = Decoder::for_cpu(Cpu::UNKNOWN);
        sections
            .iter_mut()
            .for_each(|section| section.sweep(&mut decoder));
        Ok(Self {
            sections,
            base: None,
        })
    }

    /// The same, with `.text` of a module, or the first byte of a dump, loaded at `base`: what
    /// `/sys/module/NAME/sections/.text` says. An image that names its own addresses keeps them.
    #[must_use]
    pub const fn with_base(mut self, base: VirtAddr) -> Self {
        self.base = Some(base.0);
        self
    }

    /// Where `.text` of a module, or the first byte of a dump, is loaded, if that is known.
    #[must_use]
    pub fn base(&self) -> Option<VirtAddr> {
        self.base.map(VirtAddr)
    }

    /// Every place whose instruction begins with `code`, the bytes that an `UNKNOWN` record has.
    ///
    /// `pc` is the record's, 0 where it has none. Where the image says what is at the pc, that is the
    /// only place, if its bytes are these. Else, a module being loaded at a page boundary, the low
    /// twelve bits of the pc are those of the place in `.text`: places that fit come alone.
    #[must_use]
    pub fn find(&self, pc: VirtAddr, code: &[u8]) -> Vec<CodePlace> {
        if let Some(place) = self.at(pc) {
            let fits = place.code.as_bytes().starts_with(code);
            return if fits { alloc::vec![place] } else { Vec::new() };
        }
        let all: Vec<(&Section, u64)> = self
            .sections
            .iter()
            .flat_map(|section| section.matches(code).map(move |offset| (section, offset)))
            .collect();
        let low = |(section, offset): &&(&Section, u64)| {
            section.is_movable_text() && (offset ^ pc.0) & 0xfff == 0
        };
        let place = |(section, offset): &(&Section, u64)| section.place(*offset);
        if pc.0 != 0 && self.base.is_none() {
            let chosen: Vec<_> = all.iter().filter(low).map(place).collect();
            if !chosen.is_empty() {
                return chosen;
            }
        }
        all.iter().map(place).collect()
    }

    /// Where `.text` must have been loaded, so that as many as possible of these records (pc, code
    /// bytes) fall on their bytes; `None` where none does, or where several bases explain as many.
    #[must_use]
    pub fn guess_base(&self, records: &[(VirtAddr, &[u8])]) -> Option<VirtAddr> {
        let text = self
            .sections
            .iter()
            .find(|section| section.is_movable_text())?;
        let mut votes: BTreeMap<u64, usize> = BTreeMap::new();
        for (pc, code) in records.iter().filter(|(pc, _)| pc.0 != 0) {
            for offset in text.matches(code) {
                let base = pc.0.wrapping_sub(offset);
                if base & 0xfff == 0 {
                    *votes.entry(base).or_default() += 1;
                }
            }
        }
        let most = *votes.values().max()?;
        let mut best = votes.into_iter().filter(|(_, count)| *count == most);
        let (base, _) = best.next()?;
        // Two bases that explain as much explain nothing.
        if best.next().is_some() {
            None
        } else {
            Some(VirtAddr(base))
        }
    }

    /// The instruction at `pc`, where the image says what is there: it names its own addresses (a
    /// `vmlinux`), or its base is known.
    #[must_use]
    pub fn at(&self, pc: VirtAddr) -> Option<CodePlace> {
        self.sections.iter().find_map(|section| {
            let start = match self.base {
                _ if section.address != 0 => section.address,
                Some(base) if section.is_movable_text() => base,
                _ => return None,
            };
            let offset = pc.0.checked_sub(start)?;
            (offset < section.bytes.len() as u64).then(|| section.place(offset))
        })
    }

    /// Every instruction in the image with a memory operand or not, section by section, found by
    /// going through the code from start to end.
    pub fn instructions(&self) -> impl Iterator<Item = &[u8]> {
        self.sections.iter().flat_map(|section| {
            section
                .starts
                .iter()
                .filter_map(|start| section.window(*start))
        })
    }
}

impl Section {
    /// Whether it is the code that a base is about: `.text` of a module, or all of a dump.
    fn is_movable_text(&self) -> bool {
        self.address == 0 && matches!(self.name.as_str(), ".text" | "")
    }

    /// Finds where instructions begin. Code has no gaps but padding, which decodes as well; after a
    /// byte that does not, and at every function, it begins anew.
    fn sweep(&mut self, decoder: &mut Decoder) {
        let mut at = 0;
        let mut starts = Vec::new();
        while let Some(window) = self.window(at) {
            let next = self
                .functions
                .range(at + 1..)
                .next()
                .map(|(offset, _)| *offset);
            let len = match decoder.decode_uncached(window) {
                Ok(instruction) => {
                    starts.push(at);
                    u64::from(instruction.len())
                }
                Err(_) => 1,
            };
            at = match next {
                Some(function) if function < at + len => function,
                _ => at + len,
            };
        }
        self.starts = starts;
    }

    /// At most 15 bytes from an offset; none behind the end.
    fn window(&self, offset: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset).ok()?;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        Some(rest.get(..15).unwrap_or(rest))
    }

    fn matches<'a>(&'a self, code: &'a [u8]) -> impl Iterator<Item = u64> + 'a {
        let begins = move |start: &u64| {
            self.window(*start)
                .is_some_and(|window| !code.is_empty() && window.starts_with(code))
        };
        self.starts.iter().copied().filter(begins)
    }

    fn place(&self, offset: u64) -> CodePlace {
        let function = self
            .functions
            .range(..=offset)
            .next_back()
            .map(|(start, name)| (name.clone(), offset - start));
        let code = Code::from_prefix(self.window(offset).unwrap_or(&[]));
        CodePlace {
            section: self.name.clone(),
            offset,
            function,
            code,
        }
    }
}

fn raw_section(file: &[u8]) -> Vec<Section> {
    alloc::vec![Section {
        name: String::new(),
        address: 0,
        bytes: file.to_owned(),
        functions: BTreeMap::new(),
        starts: Vec::new(),
    }]
}

fn elf_sections(file: &[u8]) -> Result<Vec<Section>, ImageError> {
    let unreadable = |error: object::Error| ImageError::Elf(alloc::format!("{error}"));
    let elf = object::File::parse(file).map_err(unreadable)?;
    if elf.architecture() != object::Architecture::X86_64 {
        return Err(ImageError::Machine);
    }
    let mut sections = Vec::new();
    for section in elf
        .sections()
        .filter(|section| section.kind() == SectionKind::Text)
    {
        let base = section.address();
        let functions = elf
            .symbols()
            .filter(|symbol| {
                symbol.kind() == SymbolKind::Text && symbol.section_index() == Some(section.index())
            })
            .filter_map(|symbol| {
                let name = symbol.name().ok().filter(|name| !name.is_empty())?;
                Some((symbol.address().wrapping_sub(base), name.to_owned()))
            })
            .collect();
        sections.push(Section {
            name: section.name().unwrap_or("").to_owned(),
            address: base,
            bytes: section.data().map_err(unreadable)?.to_owned(),
            functions,
            starts: Vec::new(),
        });
    }
    Ok(sections)
}
