//! Counts a trace, record by record.

use super::rates::Clock;
use super::table::Table;
use super::{MappingStatistics, Region, RegionStatistics, RegisterStatistics, Statistics};
use crate::live::Live;
use crate::{Devices, RecordCounts, fused};
use core::cmp::Reverse;
use mmiotrace_core::{
    AccessKind, Event, EventKind, MapId, Mapping, PciDevice, PhysAddr, Timestamp, Width,
};
use mmiotrace_format::{Line, ParseError, Record};
use std::collections::HashMap;

/// At most so many registers are told apart.
const MAX_REGISTERS: usize = 65_536;

/// At most so many mappings, and so many regions.
const MAX_MAPPINGS: usize = 4_096;

/// Counts a trace, line by line.
///
/// Its memory does not grow with the trace: the first 65,536 registers and the first 4,096
/// mappings are told apart, accesses to others are counted together.
///
/// ```
/// use mmiotrace_analysis::StatisticsBuilder;
/// use mmiotrace_format::Reader;
///
/// let trace = "MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
///              R 4 6.063646 1 0xfebc0008 0x80080783 0x0 0\n\
///              R 4 6.063650 1 0xfebc0008 0x80080783 0x0 0\n";
/// let (mut builder, mut reader) = (StatisticsBuilder::new(), Reader::new(trace.as_bytes()));
/// while let Some(line) = reader.next_line()? {
///     builder.line(&line, true)?;
/// }
/// let statistics = builder.finish();
/// assert_eq!(statistics.registers[0].offset, 8);
/// assert_eq!(statistics.registers[0].accesses.reads, 2);
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
    mappings: Table<MapId>,
    regions: Table<Region>,
    registers: Table<(Region, u64)>,
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
        }
    }

    /// Takes the next line of the trace. One that is not `counted` still tells what mappings and
    /// devices there are: without it the others could not be placed.
    ///
    /// # Errors
    /// Where the line does not parse. It is counted by its keyword, and the next may be shown.
    pub fn line(&mut self, line: &Line<'_>, counted: bool) -> Result<(), ParseError> {
        if counted {
            self.records.add_line(line);
        }
        self.record(&line.parse()?, counted);
        for fused in fused::records(line) {
            self.record(&fused.parse()?, counted);
        }
        Ok(())
    }

    fn record(&mut self, record: &Record<'_>, counted: bool) {
        match record {
            Record::Event(event) => self.event(event, counted),
            Record::Marker(marker) if counted => self.clock.record(marker.time),
            Record::Lost(loss) if counted => {
                self.lost_events = self.lost_events.saturating_add(loss.count)
            }
            Record::Header(header) if self.devices.apply(header) => self.last_bar = None,
            _ => {}
        }
    }

    fn event(&mut self, event: &Event, counted: bool) {
        if counted {
            self.clock.record(event.time);
        }
        match &event.kind {
            EventKind::Map(mapping) => {
                self.live.map(*mapping);
                if counted {
                    self.mappings.list(mapping.id);
                }
                if self.maps.len() < MAX_MAPPINGS || self.maps.contains_key(&mapping.id) {
                    self.maps.insert(mapping.id, *mapping);
                }
            }
            EventKind::Unmap(id) => {
                self.live.unmap(*id);
            }
            EventKind::Access(access) if counted => {
                self.access(
                    event.time,
                    access.map_id,
                    access.phys,
                    Some((access.kind, access.width)),
                );
            }
            EventKind::UnknownOpcode(unknown) if counted => {
                self.access(event.time, unknown.map_id, unknown.phys, None);
            }
            _ => {}
        }
    }

    fn access(
        &mut self,
        time: Timestamp,
        map_id: MapId,
        phys: PhysAddr,
        access: Option<(AccessKind, Width)>,
    ) {
        self.clock.access(time);
        self.mappings.add(map_id, access);
        let (region, offset) = self.place(map_id, phys);
        self.regions.add(region, access);
        self.registers.add((region, offset), access);
    }

    fn place(&mut self, map_id: MapId, phys: PhysAddr) -> (Region, u64) {
        if let Some((region, device, bar)) = &self.last_bar {
            if let Some(offset) = device.bars.get(*bar).and_then(|bar| bar.offset_of(phys)) {
                return (*region, offset);
            }
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
        let Self {
            records,
            lost_events,
            clock,
            maps,
            mappings,
            regions,
            registers,
            ..
        } = self;
        let (mappings, accesses_of_other_mappings) = mappings.finish();
        let mappings = mappings.into_iter().map(|(map_id, accesses)| {
            let map = maps.get(&map_id);
            MappingStatistics {
                map_id,
                phys: map.map(|map| map.phys),
                len: map.map(|map| map.len),
                accesses,
            }
        });
        let regions = regions.finish().0.into_iter();
        let (mut registers, accesses_of_other_registers) = registers.finish();
        registers.sort_by_key(|((region, offset), accesses)| {
            (Reverse(accesses.total()), *region, *offset)
        });
        let registers = registers.into_iter();
        Statistics {
            records,
            lost_events,
            rates: clock.finish(),
            mappings: mappings.collect(),
            accesses_of_other_mappings,
            regions: regions
                .map(|(region, accesses)| RegionStatistics { region, accesses })
                .collect(),
            registers: registers
                .map(|((region, offset), accesses)| RegisterStatistics {
                    region,
                    offset,
                    accesses,
                })
                .collect(),
            accesses_of_other_registers,
        }
    }
}
