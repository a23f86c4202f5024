//! Symbols on the command line.

use crate::failure::{Failure, plain};
use core::str::FromStr;
use mmiotrace_core::VirtAddr;
use mmiotrace_registers::Symbols;
use std::io;
use std::path::{Path, PathBuf};

/// Where the names of instructions come from.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Symbols")]
pub(crate) struct SymbolArgs {
    /// Show instructions as symbol and offset: kallsyms, System.map, an ELF program, or a kernel
    /// module with the address of its .text, of each section (.text=0x…,.init.text=0x…), or the
    /// folder /sys/module/NAME/sections; may be given more than once
    #[arg(long = "symbols", value_name = "FILE[@ADDRESS|@SECTIONS]")]
    files: Vec<SymbolFile>,
}

/// A file with symbols, and where its sections were loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SymbolFile {
    path: PathBuf,
    sections: Sections,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Sections {
    Given(Vec<(String, u64)>),
    Folder(PathBuf),
}

impl FromStr for SymbolFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = || Self {
            path: PathBuf::from(text),
            sections: Sections::Given(Vec::new()),
        };
        let Some((path, sections)) = text.rsplit_once('@') else {
            return Ok(whole());
        };
        if Path::new(text).exists() {
            return Ok(whole());
        }
        let path = PathBuf::from(path);
        if sections.starts_with('/') {
            let sections = Sections::Folder(PathBuf::from(sections));
            return Ok(Self { path, sections });
        }
        let given = sections.split(',').map(|section| {
            let (name, at) = section.split_once('=').unwrap_or(("", section));
            let at = at.strip_prefix("0x").unwrap_or(at);
            u64::from_str_radix(at, 16)
                .map(|at| (name.to_owned(), at))
                .map_err(|_| format!("`{section}` is no address and no SECTION=ADDRESS"))
        });
        let mut sections: Vec<_> = given.collect::<Result<_, _>>()?;
        // One address alone is that of a module's code, or of a program.
        if let [(name, at)] = &sections[..]
            && name.is_empty()
        {
            sections = vec![(".text".to_owned(), *at), (".load".to_owned(), *at)];
        }
        let sections = Sections::Given(sections);
        Ok(Self { path, sections })
    }
}

impl SymbolArgs {
    /// The symbols; `None` where none were asked for.
    pub(crate) fn symbols(&self) -> Result<Option<Symbols>, Failure> {
        if self.files.is_empty() {
            return Ok(None);
        }
        let mut symbols = Symbols::new();
        for file in &self.files {
            let name = file.path.display().to_string();
            let failed = |error: io::Error| Failure::new(&name, plain(&error));
            let bytes = std::fs::read(&file.path).map_err(failed)?;
            let sections = match &file.sections {
                Sections::Given(sections) => sections.clone(),
                Sections::Folder(folder) => read_sections(folder)?,
            };
            let sections: Vec<_> = sections
                .iter()
                .map(|(name, at)| (name.as_str(), *at))
                .collect();
            symbols
                .add(&bytes, &module_name(&file.path, &bytes), &sections)
                .map_err(|error| Failure::new(&name, error))?;
        }
        symbols.sort();
        Ok(Some(symbols))
    }
}

/// `e1000` for `e1000.ko` and `e1000.ko.debug`; of a program or `vmlinux` nothing is shown.
fn module_name(path: &Path, bytes: &[u8]) -> String {
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    match name.split_once(".ko") {
        Some((module, _)) if bytes.starts_with(b"\x7fELF") => module.replace('-', "_"),
        _ => String::new(),
    }
}

/// One file for each section, with its address in it.
fn read_sections(folder: &Path) -> Result<Vec<(String, u64)>, Failure> {
    let name = folder.display().to_string();
    let failed = |error: io::Error| {
        Failure::new(&name, plain(&error)).advise("run as a user who may read it")
    };
    let mut sections = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(text) = std::fs::read_to_string(entry.path()) else {
            continue;
        };
        let digits = text.trim();
        if let Ok(at) = u64::from_str_radix(digits.trim_start_matches("0x"), 16)
            && at != 0
        {
            sections.push((entry.file_name().to_string_lossy().into_owned(), at));
        }
    }
    if sections.is_empty() {
        return Err(Failure::new(name, "tells no address").advise("read it as root"));
    }
    Ok(sections)
}

/// `symbol+0x1c[module]`, without a blank, so that it is one column.
pub(crate) fn symbol_text(symbols: &Symbols, pc: u64) -> Option<String> {
    let symbol = symbols.lookup(VirtAddr(pc))?;
    let mut text = format!("{}+{:#x}", symbol.name, symbol.offset);
    if !symbol.module.is_empty() {
        text.push_str(&format!("[{}]", symbol.module));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let file: SymbolFile = "e1000.ko@0xffffffffc0000000".parse().unwrap();
        assert_eq!(file.path, Path::new("e1000.ko"));
        let at = 0xffff_ffff_c000_0000;
        let both = vec![(".text".to_owned(), at), (".load".to_owned(), at)];
        assert_eq!(file.sections, Sections::Given(both));
        let file: SymbolFile = "e.ko@.text=10,.init.text=0x20".parse().unwrap();
        let two = vec![(".text".to_owned(), 0x10), (".init.text".to_owned(), 0x20)];
        assert_eq!(file.sections, Sections::Given(two));
        let file: SymbolFile = "e.ko@/sys/module/e/sections".parse().unwrap();
        let folder = PathBuf::from("/sys/module/e/sections");
        assert_eq!(file.sections, Sections::Folder(folder));
        assert!("e.ko@nowhere".parse::<SymbolFile>().is_err());
        let plain: SymbolFile = "/proc/kallsyms".parse().unwrap();
        assert_eq!(plain.sections, Sections::Given(Vec::new()));
        assert_eq!(
            module_name(Path::new("a/snd-hda.ko"), b"\x7fELF"),
            "snd_hda"
        );
        assert_eq!(module_name(Path::new("vmlinux"), b"\x7fELF"), "");
    }
}
