//! Values that are addresses: of the recorded machine's memory, of its interrupt controller, or
//! of a BAR that may lie elsewhere now.

use super::regions::RegionFinder;
use super::unknowable::Sign;
use crate::plan::{Action, Place, Points, RegionId, Section, Step, UnknowableKind, Write};
use mmiotrace_analysis::blocks::{Location, Registers};
use mmiotrace_core::{MapId, PhysAddr, Width};
use std::collections::HashSet;

/// Where interrupt messages go on x86 (Intel SDM volume 3, "Message Address Register Format":
/// bits 31:20 are 0xFEE).
const INTERRUPTS: core::ops::Range<u64> = 0xfee0_0000..0xfef0_0000;
/// Drivers do not hand out the first megabyte, and no machine recorded has a terabyte.
const HOST_MEMORY: core::ops::Range<u64> = 0x10_0000..1 << 40;

/// Marks every write of an address, and gives the signs for the list of what is not known.
pub(super) fn mark(
    sections: &mut [Section],
    regions: &RegionFinder,
    registers: &Registers,
) -> Vec<Sign> {
    let finder = Finder { regions, registers };
    let mut holders = HashSet::new();
    for section in sections.iter_mut() {
        for index in 0..section.steps.len() {
            let Some(points) = finder.classify(&section.steps, index) else {
                continue;
            };
            let Action::Write(write) = &mut section.steps[index].action else {
                continue;
            };
            write.points = Some(points);
            if points == Points::HostMemory {
                holders.insert(write.place);
            }
        }
    }
    // A register that held one address holds addresses, also where they look less like it.
    let mut signs = Vec::new();
    for step in sections.iter_mut().flat_map(|section| &mut section.steps) {
        let Action::Write(write) = &mut step.action else {
            continue;
        };
        if write.points.is_none() && holders.contains(&write.place) && may_be_host_memory(write) {
            write.points = Some(Points::HostMemory);
        }
        signs.extend(sign(step));
    }
    signs
}

fn sign(step: &Step) -> Option<Sign> {
    let Action::Write(write) = &step.action else {
        return None;
    };
    let kind = match write.points? {
        Points::HostMemory => UnknowableKind::HostMemory,
        Points::Interrupt => UnknowableKind::Interrupts,
        Points::Region(_) => return None,
    };
    Some(Sign {
        kind,
        line: step.line,
        place: Some(write.place),
        value: Some(write.value),
        count: 1,
    })
}

/// Puts a stop before the first write for each device that hands out the recorded machine's
/// memory.
pub(super) fn stop_before(sections: &mut [Section], regions: &RegionFinder) {
    let mut stopped: HashSet<String> = HashSet::new();
    for section in sections {
        let mut index = 0;
        while let Some(step) = section.steps.get(index) {
            let owner = match &step.action {
                Action::Write(write) if write.points == Some(Points::HostMemory) => regions
                    .owner(write.place.region)
                    .map(|owner| (owner, write)),
                _ => None,
            };
            if let Some((owner, write)) = owner.filter(|(owner, _)| !stopped.contains(*owner)) {
                stopped.insert(owner.to_owned());
                let place = write.place.named(regions.regions());
                let why = format!(
                    "{place} gets an address in host memory ({}): the trace does not have what stands there",
                    write.value
                );
                let (line, stop) = (step.line, Step::new(Action::Stop(why)));
                section.steps.insert(index, stop.at_line(line));
                index += 1;
            }
            index += 1;
        }
    }
}

/// Tells addresses from other values.
struct Finder<'a> {
    regions: &'a RegionFinder,
    registers: &'a Registers,
}

impl Finder<'_> {
    fn classify(&self, steps: &[Step], index: usize) -> Option<Points> {
        let write = write_at(steps, index)?;
        let value = write.value.to_u64()?;
        if write.value.width() < Width::W4 {
            return None;
        }
        if INTERRUPTS.contains(&value) || is_message_data(steps, index) {
            return Some(Points::Interrupt);
        }
        if let Some(region) = self.in_region(value) {
            return Some(Points::Region(region));
        }
        self.is_host_memory(steps, index, write, value)
            .then_some(Points::HostMemory)
    }

    /// The BAR that holds an address. What belongs to no device may be host memory itself.
    fn in_region(&self, value: u64) -> Option<RegionId> {
        let place = self.regions.place(PhysAddr(value))?;
        self.regions.region(place.region)?.device.as_ref()?;
        Some(place.region)
    }

    fn is_host_memory(&self, steps: &[Step], index: usize, write: &Write, value: u64) -> bool {
        if !may_be_host_memory(write) {
            return false;
        }
        if write.value.width() == Width::W8 {
            return value.is_multiple_of(16) && !self.is_command(write);
        }
        // The upper half of an address of 64 bits beside it. The low bits of an aligned address
        // are flags to some devices.
        if other_half(steps, index, write.place).is_some_and(|high| high < 1 << 8) {
            return self.in_region(value & !0xf).is_none();
        }
        // Alone it must look very much like one: a page's address above the memory that kernels
        // keep for old devices, no few bits of a control register, and not a value that was read
        // and changed.
        let page = value.is_multiple_of(0x1000)
            && value.count_ones() >= 4
            && (0x100_0000..1 << 31).contains(&value);
        page && !was_read_before(steps, index, write) && !self.is_command(write)
    }

    /// Whether the register read back otherwise than written: an address stays.
    fn is_command(&self, write: &Write) -> bool {
        let phys = self.regions.phys(write.place);
        let location = phys.map(|phys| Location {
            map_id: MapId(0),
            phys,
            width: write.value.width(),
        });
        let facts = location.and_then(|location| self.registers.get(location));
        facts.is_some_and(|facts| facts.refused() & (HOST_MEMORY.end - HOST_MEMORY.start) != 0)
    }
}

/// Whether the value lies where memory is, and is no mask.
fn may_be_host_memory(write: &Write) -> bool {
    let Some(value) = write.value.to_u64() else {
        return false;
    };
    let mask = value.wrapping_add(1).is_power_of_two() || (value & !0xf).is_power_of_two();
    !mask && HOST_MEMORY.contains(&value)
}

fn write_at(steps: &[Step], index: usize) -> Option<&Write> {
    match &steps.get(index)?.action {
        Action::Write(write) => Some(write),
        _ => None,
    }
}

/// The data of a message stands eight bytes after its address (PCI 3.0, MSI-X table entry).
fn is_message_data(steps: &[Step], index: usize) -> bool {
    let Some(data) = write_at(steps, index) else {
        return false;
    };
    let from = index.saturating_sub(2);
    steps
        .get(from..index)
        .unwrap_or(&[])
        .iter()
        .any(|step| match &step.action {
            Action::Write(address) => {
                address.place.checked_add(8) == Some(data.place)
                    && address
                        .value
                        .to_u64()
                        .is_some_and(|value| INTERRUPTS.contains(&value))
            }
            _ => false,
        })
}

/// The value written next to it, four bytes higher, just before or after: the upper half of an
/// address of 64 bits.
fn other_half(steps: &[Step], index: usize, place: Place) -> Option<u64> {
    let high = place.checked_add(4)?;
    let near = [index.checked_add(1), index.checked_sub(1)];
    near.into_iter().flatten().find_map(|near| {
        let write = write_at(steps, near).filter(|write| write.place == high)?;
        write
            .value
            .to_u64()
            .filter(|_| write.value.width() == Width::W4)
    })
}

fn was_read_before(steps: &[Step], index: usize, write: &Write) -> bool {
    let before = index.checked_sub(1).and_then(|before| steps.get(before));
    before
        .is_some_and(|step| matches!(&step.action, Action::Read(read) if read.place == write.place))
}
