//! Plans from traces.

mod masks;
mod pointers;
mod preconditions;
mod regions;
mod steps;
mod unknowable;

use crate::plan::{Pacing, Plan, SideFiles};
use core::time::Duration;
use mmiotrace_analysis::blocks::{Block, LineFolder};
use mmiotrace_core::PhysAddr;
use mmiotrace_format::{Entry, Error, Line, ParseError, Reader};
use regions::RegionFinder;
use std::collections::BTreeMap;
use std::io::Read;
use steps::StepMaker;

/// How a plan is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlanOptions {
    /// The name of the trace, which the plan mentions and side files begin with.
    pub trace: String,
    /// The pace of every section.
    pub pacing: Pacing,
    /// From how many accesses on a transfer goes to a side file.
    pub min_side_file: u64,
    /// The shortest time-out of a wait. Recorded devices, emulated ones above all, answer faster
    /// than others may.
    pub min_timeout: Duration,
    /// Whether to stop before the first step that hands memory of the recorded machine to the
    /// device.
    pub stops: bool,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            trace: String::new(),
            pacing: Pacing::Recorded,
            min_side_file: 64,
            min_timeout: Duration::from_secs(1),
            stops: true,
        }
    }
}

/// A plan and the files that belong beside it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Its side files.
    pub files: SideFiles,
}

/// Makes a plan from the lines of a trace.
///
/// The whole plan is held in memory: about a hundred bytes an access.
///
/// ```
/// use mmiotrace_replay::{PlanBuilder, PlanOptions};
/// use mmiotrace_format::Reader;
///
/// let trace = "PCIDEV 0018 8086100e b febc0000 c041 0 0 0 0 feb80000 20000 40 0 0 0 0 40000 e1000\n\
///              MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
///              R 4 6.063646 1 0xfebc0008 0x80080783 0x0 0\n\
///              W 4 6.066783 1 0xfebc00d8 0xffffffff 0x0 0\n";
/// let mut builder = PlanBuilder::new(PlanOptions::default());
/// let mut reader = Reader::new(trace.as_bytes());
/// while let Some(line) = reader.next_line()? {
///     let _ = builder.push_line(&line);
/// }
/// let planned = builder.finish();
/// assert_eq!(planned.plan.regions[0].name, "bar0");
/// assert_eq!(planned.plan.len(), 2);
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug)]
pub struct PlanBuilder {
    options: PlanOptions,
    folder: LineFolder,
    blocks: Vec<Block>,
    names: BTreeMap<PhysAddr, String>,
}

impl PlanBuilder {
    /// A builder at the beginning of a trace.
    #[must_use]
    pub fn new(options: PlanOptions) -> Self {
        Self {
            options,
            folder: LineFolder::new(),
            blocks: Vec::new(),
            names: BTreeMap::new(),
        }
    }

    /// Gives the register at a recorded address a name. The first one counts.
    pub fn name(&mut self, phys: PhysAddr, name: impl Into<String>) {
        self.names.entry(phys).or_insert_with(|| name.into());
    }

    /// Takes the next line. Lines may be left out; the plan is then of what remains.
    ///
    /// # Errors
    /// Where the line begins like a record and is none. It is passed over.
    pub fn push_line(&mut self, line: &Line<'_>) -> Result<(), ParseError> {
        let result = self.folder.push_line(line);
        self.blocks
            .extend(core::iter::from_fn(|| self.folder.pop()));
        result
    }

    /// Takes the next entry: see [`push_line`](Self::push_line).
    ///
    /// # Errors
    /// If the line begins like a record and is none. It is passed over.
    pub fn push_entry(&mut self, entry: &Entry<'_>) -> Result<(), ParseError> {
        let result = self.folder.push_entry(entry);
        self.blocks
            .extend(core::iter::from_fn(|| self.folder.pop()));
        result
    }

    /// The plan.
    #[must_use]
    pub fn finish(mut self) -> Planned {
        self.folder.finish();
        self.blocks
            .extend(core::iter::from_fn(|| self.folder.pop()));
        let regions = RegionFinder::find(&self.blocks, self.folder.devices());
        let mut maker = StepMaker::new(&self.options, &regions, self.folder.registers());
        for block in &self.blocks {
            maker.add(block);
        }
        let (mut sections, files, mut found) = maker.finish();
        let signs = pointers::mark(&mut sections, &regions, self.folder.registers());
        found.extend(signs);
        let mut plan = Plan {
            trace: self.options.trace.clone(),
            sections,
            ..Plan::default()
        };
        let named = self.names.into_iter();
        plan.names = named
            .filter_map(|(phys, name)| Some((regions.place(phys)?, name)))
            .collect();
        plan.unknowable = unknowable::list(found, &regions);
        plan.preconditions =
            preconditions::find(&mut plan.sections, &regions, self.folder.registers());
        if self.options.stops {
            pointers::stop_before(&mut plan.sections, &regions);
        }
        (plan.devices, plan.regions) = regions.into_parts();
        Planned { plan, files }
    }
}

/// Makes a plan from a whole trace. Lines that cannot be read are passed over.
///
/// # Errors
/// Where the source fails.
pub fn plan_trace<R: Read>(mut reader: Reader<R>, options: PlanOptions) -> Result<Planned, Error> {
    let mut builder = PlanBuilder::new(options);
    loop {
        match reader.next_line() {
            Ok(Some(line)) => {
                // Passed over, as the builder says.
                let _ = builder.push_line(&line);
            }
            Ok(None) => return Ok(builder.finish()),
            Err(Error::Io(error)) => return Err(error.into()),
            Err(_) => {}
        }
    }
}
