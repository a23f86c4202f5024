//! What must hold before a device is touched.

use super::regions::RegionFinder;
use crate::plan::{Action, Expect, Place, Read, Section, Step};
use mmiotrace_analysis::blocks::{Location, RegisterFacts, Registers};
use mmiotrace_core::{MapId, Value, Width};
use std::collections::HashSet;

/// State reads besides those that the driver itself made first.
const MAX: usize = 8;

/// Marks the reads that come before the first write to their device: they must hold. Gives the
/// reads that must hold before anything is done: of registers that the driver left otherwise than
/// it found them, so that a device that is already initialised is told from one that is not.
pub(super) fn find(
    sections: &mut [Section],
    regions: &RegionFinder,
    registers: &Registers,
) -> Vec<Read> {
    let first = mark_first_reads(sections, regions);
    let undisturbed = undisturbed(sections, regions, registers);
    let mut found: Vec<(u64, Read)> = registers
        .iter()
        .filter_map(|(phys, width, facts)| {
            let place = regions.place(phys)?;
            // Without a device there is nothing to compare it with.
            regions.region(place.region)?.device.as_ref()?;
            if first.contains(&(place, width)) || !undisturbed.contains(&(place, width)) {
                return None;
            }
            let (value, mask) = changed_state(facts)?;
            let value = Value::from_u64(value, width)?;
            let expect =
                Expect::masked(value, mask, "the driver found it so, and left it otherwise")?;
            Some((
                phys.0,
                Read {
                    must: true,
                    ..Read::new(place, width).expecting(expect)
                },
            ))
        })
        .collect();
    found.sort_by_key(|(phys, _)| *phys);
    found.into_iter().map(|(_, read)| read).take(MAX).collect()
}

/// What a register read at first, in the bits that it stores and that the driver left otherwise.
/// Only registers of which the trace shows that a read does nothing.
fn changed_state(facts: &RegisterFacts) -> Option<(u64, u64)> {
    if !facts.begins_with_read() || facts.writes() == 0 || facts.reads() < 2 {
        return None;
    }
    if facts.falling() != 0 || facts.is_counter() || facts.acknowledged() != 0 {
        return None;
    }
    let (first, (last, _)) = (facts.first_read()?, facts.last()?);
    let mask = (first ^ last) & facts.stored() & !facts.drifting();
    (mask != 0).then_some((first, mask))
}

type Registered = HashSet<(Place, Width)>;

/// The registers whose first read shows what the driver found: before it, nothing was written of
/// which the device kept something else. What does not stay is a command, a reset among them, and
/// what is read behind that may be its work.
fn undisturbed(sections: &[Section], regions: &RegionFinder, registers: &Registers) -> Registered {
    let mut disturbed: HashSet<&str> = HashSet::new();
    let mut found = Registered::new();
    for step in sections.iter().flat_map(|section| &section.steps) {
        let Some((place, width)) = step.place() else {
            continue;
        };
        let Some(owner) = regions.owner(place.region) else {
            continue;
        };
        if !step.writes() {
            if !disturbed.contains(owner) {
                found.insert((place, width));
            }
        } else if is_command(step, regions, registers) {
            disturbed.insert(owner);
        }
    }
    found
}

/// Whether a write sets bits that its register was seen not to keep.
fn is_command(step: &Step, regions: &RegionFinder, registers: &Registers) -> bool {
    let Action::Write(write) = &step.action else {
        return false;
    };
    let location = regions.phys(write.place).map(|phys| Location {
        map_id: MapId(0),
        phys,
        width: write.value.width(),
    });
    let facts = location.and_then(|location| registers.get(location));
    facts.is_some_and(|facts| facts.refused() & write.value.to_u64().unwrap_or(0) != 0)
}

fn mark_first_reads(sections: &mut [Section], regions: &RegionFinder) -> Registered {
    let mut written: HashSet<String> = HashSet::new();
    let mut marked = Registered::new();
    for step in sections.iter_mut().flat_map(|section| &mut section.steps) {
        let Some((place, width)) = step.place() else {
            continue;
        };
        let Some(owner) = regions.owner(place.region) else {
            continue;
        };
        if step.writes() {
            written.insert(owner.to_owned());
        } else if let Action::Read(read) = &mut step.action
            && !written.contains(owner)
            && read.expect.is_some()
        {
            read.must = true;
            marked.insert((place, width));
        }
    }
    marked
}
