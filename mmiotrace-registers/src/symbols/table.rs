//! A table of symbols.

use core::fmt;
use mmiotrace_core::VirtAddr;

/// Where an address lies: in which symbol of which module, how far from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Symbol<'s> {
    /// The symbol's name.
    pub name: &'s str,
    /// How many bytes after its start.
    pub offset: u64,
    /// The module; empty: the kernel itself, or a program.
    pub module: &'s str,
}

impl fmt::Display for Symbol<'_> {
    /// `name+0x1c [module]`, as the kernel prints it without the length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}", self.name, self.offset)?;
        if self.module.is_empty() {
            Ok(())
        } else {
            write!(f, " [{}]", self.module)
        }
    }
}

/// A file with symbols that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSymbols(pub(super) String);

/// Symbols by address, from the kernel's list, modules and programs.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// Sorted by address when `sorted` holds.
    entries: Vec<Entry>,
    modules: Vec<String>,
    /// All names, one after another.
    names: String,
    sorted: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    /// How many bytes; 0: up to the next symbol.
    len: u64,
    name: (u32, u32),
    module: u32,
}

/// Without a length of its own a symbol ends here: no function of a kernel is longer.
const MAX_GUESSED_LEN: u64 = 1 << 20;

impl Symbols {
    /// No symbols.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many symbols there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reads a file of any kind: `/proc/kallsyms` or `System.map`, an ELF program or `vmlinux`, or a
    /// kernel module.
    ///
    /// A module says nothing about where it was loaded; `sections` says it for each of its
    /// sections, as `/sys/module/NAME/sections/` has it (`.text` at least). A program that can be
    /// loaded anywhere needs its address as `.load`; else it is taken as linked. `module` is the
    /// name to show, as that of the file.
    ///
    /// # Errors
    /// Where the file is none of these, or a module's sections are not given.
    pub fn add(
        &mut self,
        bytes: &[u8],
        module: &str,
        sections: &[(&str, u64)],
    ) -> Result<(), InvalidSymbols> {
        if bytes.starts_with(b"\x7fELF") {
            #[cfg(feature = "symbols")]
            return super::elf::read(self, bytes, module, sections);
            #[cfg(not(feature = "symbols"))]
            {
                let _ = (module, sections);
                return Err(InvalidSymbols(
                    "built without the feature `symbols`".to_owned(),
                ));
            }
        }
        super::kallsyms::read(self, bytes)
    }

    /// Adds a symbol. `len` is its length in bytes, 0 where not known.
    pub fn push(&mut self, at: VirtAddr, len: u64, name: &str, module: &str) {
        let module = self.module(module);
        let from = self.names.len();
        let (Ok(from), Ok(to)) = (u32::try_from(from), u32::try_from(from + name.len())) else {
            return;
        };
        self.names.push_str(name);
        self.entries.push(Entry {
            at: at.0,
            len,
            name: (from, to),
            module,
        });
        self.sorted = false;
    }

    /// Sorts what was added; [`lookup`](Self::lookup) finds nothing before.
    pub fn sort(&mut self) {
        // Of symbols at one address the first that was added is shown.
        self.entries.sort_by_key(|entry| entry.at);
        self.entries.dedup_by_key(|entry| entry.at);
        self.sorted = true;
    }

    /// The symbol that holds an address. 0 is no address: the kernel prints it where it does not
    /// say the instruction.
    #[must_use]
    pub fn lookup(&self, pc: VirtAddr) -> Option<Symbol<'_>> {
        if pc.0 == 0 || !self.sorted {
            return None;
        }
        let after = self.entries.partition_point(|entry| entry.at <= pc.0);
        let entry = self.entries.get(after.checked_sub(1)?)?;
        let offset = pc.0 - entry.at;
        let len = if entry.len > 0 {
            entry.len
        } else {
            MAX_GUESSED_LEN
        };
        if offset >= len {
            return None;
        }
        Some(Symbol {
            name: self
                .names
                .get(entry.name.0 as usize..entry.name.1 as usize)?,
            offset,
            module: self.modules.get(entry.module as usize)?,
        })
    }

    fn module(&mut self, name: &str) -> u32 {
        let known = self.modules.iter().rposition(|known| known == name);
        let at = known.unwrap_or_else(|| {
            self.modules.push(name.to_owned());
            self.modules.len() - 1
        });
        at as u32
    }
}
