//! Counts a trace, record by record.

use super::phases::Phases;
use super::rates::Clock;
use super::table::Table;
use super::timeline::{GapsBuilder, TimelineBuilder};
use super::{
    AccessCounts, MappingStatistics, PcStatistics, PidStatistics, Region, RegionStatistics,
    RegisterStatistics, Statistics, ValueHistogram,
};
use crate::live::Live;
use crate::{Devices, RecordCounts};
use core::cmp::Reverse;
use mmiotrace_core::{
    Access, AccessKind, Event, EventKind, MapId, Mapping, PciDevice, PhysAddr, VirtAddr, Width,
};
use mmiotrace_format::{Entry, ParseError, Record};
use std::collections::HashMap;

/// At most so many registers are told apart. (A hash table of this many still fits 65,536 places.)
const MAX_REGISTERS: usize = 50_000;

/// At most so many program counters.
const MAX_PCS: usize = 4_096;

/// At most so many histograms of values.
const MAX_HISTOGRAMS: usize = 8_192;

/// At most so many mappings, regions, and threads.
const MAX_MAPPINGS: usize = 4_096;

/// Counts a trace, entry by entry.
///
/// Its memory does not grow with the trace: the first 50,000 registers and the first 4,096
/// mappings are told apart, and so on (see [`Statistics`]); accesses to others are counted
/// together.
///
/// ```
/// use mmiotrace_analysis::StatisticsBuilder;
/// use mmiotrace_format::Reader;
///
/// let trace = "MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
///              R 4 6.063646 1 0xfebc0008 0x80080783 0x0 0\n\
///              R 4 6.063650 1 0xfebc0008 0x80080783 0x0 0\n";
/// let (mut builder, mut entries) = (StatisticsBuilder::new(), Reader::new(trace.as_bytes()).entries());
/// while let Some(entry) = entries.next_entry()? {
///     builder.count(&entry)?;
/// }
/// let statistics = builder.finish();
/// assert_eq!(statistics.registers[0].offset, 8);
/// assert_eq!(statistics.registers[0].accesses.reads, 2);
/// let values = statistics.registers[0].read_values.as_ref().unwrap();
/// assert_eq!((values.values[0].value, values.values[0].count), (0x8008_0783, 2));
/// assert_eq!(statistics.gaps.longest[0].nanos, 4_000);
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug)]
pub struct StatisticsBuilder {
    records: RecordCounts,
    lost_events: u64,
    clock: Clock,
    live: Live,
    /// The newest `MAP` of each mapping that is listed.
    maps: HashMap<MapId, Mapping>,
    devices: Devices,
    /// The range in which the last access was found.
    last_bar: Option<(Region, PciDevice, usize)>,
    mappings: Table<MapId, AccessCounts>,
    regions: Table<Region, AccessCounts>,
    registers: Table<(Region, u64), RegisterRow>,
    /// Histograms of values that may still be made.
    histograms_left: usize,
    pcs: Table<VirtAddr, AccessCounts>,
    pids: Table<i32, AccessCounts>,
    accesses: AccessCounts,
    phases: Phases,
    timeline: TimelineBuilder,
    gaps: GapsBuilder,
}

/// A register being counted.
#[derive(Debug, Default)]
struct RegisterRow {
    name: Option<Box<str>>,
    accesses: AccessCounts,
    read: Option<Box<ValueHistogram>>,
    written: Option<Box<ValueHistogram>>,
}

/// Where a line stands, and who knows the name of the register that it accesses.
struct Context<'a> {
    line: u64,
    counted: bool,
    name_of: &'a mut dyn FnMut() -> Option<String>,
}

impl Default for StatisticsBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl StatisticsBuilder {
    /// A builder at the beginning of a trace.
    #[must_use]
    pub fn new() -> Self {
        Self {
            records: RecordCounts::default(),
            lost_events: 0,
            clock: Clock::default(),
            live: Live::default(),
            maps: HashMap::new(),
            devices: Devices::new(),
            last_bar: None,
            mappings: Table::with_limit(MAX_MAPPINGS),
            regions: Table::with_limit(MAX_MAPPINGS),
            registers: Table::with_limit(MAX_REGISTERS),
            histograms_left: MAX_HISTOGRAMS,
            pcs: Table::with_limit(MAX_PCS),
            pids: Table::with_limit(MAX_MAPPINGS),
            accesses: AccessCounts::default(),
            phases: Phases::default(),
            timeline: TimelineBuilder::default(),
            gaps: GapsBuilder::default(),
        }
    }

    /// Counts the next entry of the trace.
    ///
    /// # Errors
    /// If the line does not parse. It is counted by its keyword, and the next may be shown.
    pub fn count(&mut self, entry: &Entry<'_>) -> Result<(), ParseError> {
        self.count_named(entry, || None)
    }

    /// The same, and asks for the name of the register that the entry accesses, if it is the first
    /// access to it.
    ///
    /// # Errors
    /// If the line does not parse.
    #[inline]
    pub fn count_named(
        &mut self,
        entry: &Entry<'_>,
        mut name_of: impl FnMut() -> Option<String>,
    ) -> Result<(), ParseError> {
        if !entry.is_fused() {
            self.records.add_line(entry.line());
        }
        self.take(entry, true, &mut name_of)
    }

    /// Takes the next entry of the trace without counting it, for what it says of the others: which
    /// mappings and devices there are.
    ///
    /// # Errors
    /// If the line does not parse.
    #[inline]
    pub fn context(&mut self, entry: &Entry<'_>) -> Result<(), ParseError> {
        self.take(entry, false, &mut || None)
    }

    #[inline]
    fn take(
        &mut self,
        entry: &Entry<'_>,
        counted: bool,
        name_of: &mut dyn FnMut() -> Option<String>,
    ) -> Result<(), ParseError> {
        let mut context = Context {
            line: entry.line().position().line(),
            counted,
            name_of,
        };
        self.record(entry.record()?, &mut context);
        Ok(())
    }

    fn record(&mut self, record: &Record<'_>, context: &mut Context<'_>) {
        match record {
            Record::Event(event) => self.event(event, context),
            Record::Marker(marker) => {
                if context.counted {
                    self.clock.record(marker.time);
                }
                if !marker.is_reserved() {
                    self.phases.mark(marker, context.line, context.counted);
                }
            }
            Record::Lost(loss) if context.counted => {
                self.lost_events = self.lost_events.saturating_add(loss.count)
            }
            Record::Header(header) if self.devices.apply(header) => self.last_bar = None,
            _ => {}
        }
    }

    fn event(&mut self, event: &Event, context: &mut Context<'_>) {
        if context.counted {
            self.clock.record(event.time);
        }
        match &event.kind {
            EventKind::Map(mapping) => {
                self.live.map(*mapping);
                if context.counted {
                    self.mappings.list(mapping.id, AccessCounts::default);
                }
                if self.maps.len() < MAX_MAPPINGS || self.maps.contains_key(&mapping.id) {
                    self.maps.insert(mapping.id, *mapping);
                }
            }
            EventKind::Unmap(id) => {
                self.live.unmap(*id);
            }
            EventKind::Access(access) if context.counted => {
                let place = (access.map_id, access.phys);
                self.access(event, place, Some(access), context);
            }
            EventKind::UnknownOpcode(unknown) if context.counted => {
                self.access(event, (unknown.map_id, unknown.phys), None, context);
            }
            _ => {}
        }
    }

    fn access(
        &mut self,
        event: &Event,
        (map_id, phys): (MapId, PhysAddr),
        access: Option<&Access>,
        context: &mut Context<'_>,
    ) {
        let kind: Option<(AccessKind, Width)> = access.map(|access| (access.kind, access.width));
        self.accesses.add(kind);
        self.clock.access(event.time);
        self.timeline.add(event.time, kind.map(|(kind, _)| kind));
        self.gaps.add(event.time, context.line);
        self.phases.access(event.time, kind);
        let (region, offset) = self.place(map_id, phys);
        let new = AccessCounts::default;
        for row in [
            self.mappings.row(map_id, new),
            self.regions.row(region, new),
            self.pcs.row(event.pc, new),
            self.pids.row(event.pid, new),
        ]
        .into_iter()
        .flatten()
        {
            row.add(kind);
        }
        let register = self.registers.row((region, offset), || RegisterRow {
            name: (context.name_of)().map(String::into_boxed_str),
            ..RegisterRow::default()
        });
        let Some(register) = register else { return };
        register.accesses.add(kind);
        if let Some(access) = access {
            let values = match access.kind {
                AccessKind::Read => &mut register.read,
                AccessKind::Write => &mut register.written,
            };
            if values.is_none() && self.histograms_left > 0 {
                self.histograms_left -= 1;
                *values = Some(Box::default());
            }
            if let Some(values) = values {
                values.add(access.value.and_then(|value| value.to_u64()));
            }
        }
    }

    fn place(&mut self, map_id: MapId, phys: PhysAddr) -> (Region, u64) {
        if let Some((region, device, bar)) = &self.last_bar
            && let Some(offset) = device.bars.get(*bar).and_then(|bar| bar.offset_of(phys))
        {
            return (*region, offset);
        }
        if let Some(place) = self.devices.locate(phys) {
            let region = Region::Bar {
                bus: place.bus,
                devfn: place.devfn,
                bar: place.bar,
            };
            let device = self.devices.get(place.bus, place.devfn);
            self.last_bar = device.map(|device| (region, device.pci, place.bar.into()));
            return (region, place.offset);
        }
        match self
            .live
            .get(map_id)
            .and_then(|mapping| Some((mapping, mapping.offset_of(phys)?)))
        {
            Some((mapping, offset)) => (Region::Mapping { phys: mapping.phys }, offset),
            None => (Region::Unmapped, phys.0),
        }
    }

    /// The statistics.
    #[must_use]
    pub fn finish(self) -> Statistics {
        let (mappings, accesses_of_other_mappings) = self.mappings.finish();
        let mappings = mappings.into_iter().map(|(map_id, accesses)| {
            let map = self.maps.get(&map_id);
            MappingStatistics {
                map_id,
                phys: map.map(|map| map.phys),
                len: map.map(|map| map.len),
                accesses,
            }
        });
        let regions = self.regions.finish().0.into_iter();
        let (registers, accesses_of_other_registers) = self.registers.finish();
        let (pcs, accesses_of_other_pcs) = self.pcs.finish();
        let pcs = sorted(pcs).into_iter();
        let (pids, accesses_of_other_pids) = self.pids.finish();
        let pids = sorted(pids).into_iter();
        let (phases, accesses_of_other_phases) = self.phases.finish();
        Statistics {
            records: self.records,
            lost_events: self.lost_events,
            accesses: self.accesses,
            reads_per_write: self.accesses.reads_per_write(),
            rates: self.clock.finish(),
            timeline: self.timeline.finish(),
            gaps: self.gaps.finish(),
            mappings: mappings.collect(),
            accesses_of_other_mappings,
            regions: regions
                .map(|(region, accesses)| RegionStatistics { region, accesses })
                .collect(),
            registers: register_rows(registers),
            accesses_of_other_registers,
            pcs: pcs
                .map(|(pc, accesses)| PcStatistics {
                    pc,
                    symbol: None,
                    accesses,
                })
                .collect(),
            accesses_of_other_pcs,
            pids: pids
                .map(|(pid, accesses)| PidStatistics { pid, accesses })
                .collect(),
            accesses_of_other_pids,
            phases,
            accesses_of_other_phases,
        }
    }
}

/// Those with most accesses first.
fn sorted<K: Ord + Copy>(mut rows: Vec<(K, AccessCounts)>) -> Vec<(K, AccessCounts)> {
    rows.sort_unstable_by_key(|(key, accesses)| (Reverse(accesses.total()), *key));
    rows
}

fn register_rows(mut rows: Vec<((Region, u64), RegisterRow)>) -> Vec<RegisterStatistics> {
    rows.sort_unstable_by_key(|((region, offset), row)| {
        (Reverse(row.accesses.total()), *region, *offset)
    });
    let rows = rows.into_iter();
    rows.map(|((region, offset), mut row)| {
        for values in [&mut row.read, &mut row.written].into_iter().flatten() {
            values.sort();
        }
        RegisterStatistics {
            region,
            offset,
            name: row.name,
            accesses: row.accesses,
            read_values: row.read,
            written_values: row.written,
        }
    })
    .collect()
}
