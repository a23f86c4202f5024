//! What the driver did, instead of each access: `--blocks` of `cat` and `name`.

use crate::failure::{Failure, Outcome, Stop, plain};
use crate::filter_args::{FilterArgs, does_not_fit};
use crate::input::{InputArgs, LineOutcome};
use crate::naming::{Names, NamingArgs};
use crate::output::{Output, printable, spare};
use core::fmt;
use core::ops::ControlFlow;
use mmiotrace_analysis::blocks::{self, Block, BlockKind, LineFolder, Location, Transfer};
use mmiotrace_core::{PhysAddr, Width};
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// At most so many registers are remembered with their names.
const MAX_NAMES: usize = 65_536;

/// The names that registers have had so far.
#[derive(Default)]
struct Known(HashMap<(PhysAddr, Width), String>);

impl blocks::Names for Known {
    fn location(&self, at: Location, out: &mut dyn fmt::Write) -> fmt::Result {
        match self.0.get(&(at.phys, at.width)) {
            Some(name) => write!(out, "{} ({at})", printable(name)),
            None => write!(out, "{at}"),
        }
    }
}

/// What a verb was asked for.
pub(super) struct Wanted<'a> {
    pub(super) input: &'a InputArgs,
    pub(super) filter: &'a FilterArgs,
    pub(super) naming: &'a NamingArgs,
    /// The folder for what was moved.
    pub(super) extract: Option<&'a Path>,
}

pub(super) fn run(wanted: &Wanted<'_>) -> Result<Outcome, Stop> {
    let filter = wanted.filter.filter()?;
    let input = wanted.input.open_to_print()?;
    let (name, mut selector) = (input.name().to_owned(), filter.selector());
    let mut folder = LineFolder::new();
    let (mut names, mut known) = (Names::new(wanted.naming.namer()?), Known::default());
    let mut printer = Printer {
        output: Output::new()?,
        text: String::new(),
        extract: wanted.extract,
        read: wanted.naming.and_files(wanted.input.file()),
        last: None,
    };
    let walked = input.entries().walk(|entry| {
        let wanted = selector.selects(entry)?;
        let named = names.see(entry);
        let access = entry.event().and_then(|event| event.as_access());
        if let (Some(name), Some(access)) = (named, access)
            && known.0.len() < MAX_NAMES
        {
            known.0.entry((access.phys, access.width)).or_insert(name);
        }
        if wanted {
            folder.push_entry(entry)?;
            while let Some(block) = folder.pop() {
                printer.block(&block, &known).map_err(LineOutcome::Stop)?;
            }
        } else {
            entry.record()?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    folder.finish();
    while let Some(block) = folder.pop() {
        printer.block(&block, &known)?;
    }
    printer.output.flush()?;
    let outcome = walked.finish()?;
    selector
        .finish()
        .map_err(|error| does_not_fit(&name, &error))?;
    Ok(outcome)
}

struct Printer<'a> {
    output: Output,
    text: String,
    extract: Option<&'a Path>,
    /// What is not written over.
    read: Vec<PathBuf>,
    /// The file to which a transfer that goes on is written.
    last: Option<PathBuf>,
}

impl Printer<'_> {
    fn block(&mut self, block: &Block, known: &Known) -> Result<(), Stop> {
        self.text.clear();
        // Into memory: this does not fail.
        let _ = block.print(known, &mut self.text);
        self.text.push('\n');
        let _ = block.print_inside(known, &mut self.text);
        self.output.text(&self.text)?;
        self.extract(block)
    }

    /// Writes what was moved into files, where that is wanted.
    fn extract(&mut self, block: &Block) -> Result<(), Stop> {
        let Some(folder) = self.extract else {
            return Ok(());
        };
        let goes_on = self.last.take();
        match &block.kind {
            BlockKind::Upload(transfer) => self.write(folder, "upload", block, transfer, goes_on),
            BlockKind::Download(transfer) => {
                self.write(folder, "download", block, transfer, goes_on)
            }
            BlockKind::Repeat(repeat) => repeat
                .blocks
                .iter()
                .try_for_each(|block| self.extract(block)),
            _ => Ok(()),
        }
    }

    fn write(
        &mut self,
        folder: &Path,
        way: &str,
        block: &Block,
        transfer: &Transfer,
        goes_on: Option<PathBuf>,
    ) -> Result<(), Stop> {
        let append = goes_on.is_some();
        let path = goes_on.unwrap_or_else(|| {
            folder.join(format!(
                "{way}-{}-{:#x}.bin",
                block.lines.first(),
                transfer.location.phys.0
            ))
        });
        spare(&path, &self.read)?;
        let mut options = OpenOptions::new();
        let options = if append {
            options.append(true)
        } else {
            options.write(true).create(true).truncate(true)
        };
        let written = options
            .open(&path)
            .and_then(|mut file| file.write_all(&transfer.values.to_bytes()));
        written.map_err(|error| Failure::new(path.display().to_string(), plain(&error)))?;
        if block.continued {
            self.last = Some(path);
        }
        Ok(())
    }
}
