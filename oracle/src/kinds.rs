//! What is read and written, and with which values: the CPU against the decoder.

use crate::bytes::Bytes;
use crate::extent::extent;
use crate::machine::End;
use crate::mappings::{Protection, Region};
use crate::report::{Category, Report};
use crate::state::Memory;
use crate::trial::{Bench, Outcome, Setup, Trial};
use mmiotrace_core::AccessKind;
use mmiotrace_decode::{Context, DecodedAccess, Kind, RegisterFile, Way};

/// States that are tried for reads that have not mattered in the first ones.
const MORE_STATES: core::ops::Range<u64> = 16..48;

/// What is known of reads after all states.
#[derive(Default)]
pub(crate) struct Reads {
    /// The decoder says that it reads.
    said: bool,
    /// A change of what it reads changed what came out.
    seen: bool,
}

impl Reads {
    /// Looks harder for a read that has not mattered so far: with telling contents of memory, with
    /// all flags clear and set, with the x87 stack empty and full.
    pub(crate) fn conclude(
        &mut self,
        trial: &Trial<'_>,
        bench: &Bench,
        setups: &[&Setup],
        report: &mut Report,
    ) {
        if !self.said || self.seen || setups.iter().any(|setup| self.search(trial, bench, setup)) {
            return;
        }
        // Where indexes in a register choose between the operand and another register, only some
        // states choose the operand.
        let others = MORE_STATES.map(|number| trial.setup(bench, number, None));
        if others
            .filter(|setup| setup.is_inside(&bench.mappings))
            .any(|setup| self.search(trial, bench, &setup))
        {
            return;
        }
        report.problem(
            Category::ReadNotSeen,
            "no change of the memory read changed the outcome".into(),
        );
    }

    fn search(&self, trial: &Trial<'_>, bench: &Bench, setup: &Setup) -> bool {
        let read = Bytes::of(bench, setup, AccessKind::Read, true);
        let small = small_registers(trial, setup);
        for flags in [None, Some(0), Some(0x8d5), Some(0x80), Some(0x800)] {
            for tags in [None, Some(0), Some(0xff)] {
                let mut base = if tags.is_none() {
                    small.clone()
                } else {
                    setup.clone()
                };
                if let Some(flags) = flags {
                    base.state.registers.rflags = base.state.registers.rflags & !0x8d5 | flags;
                }
                if let Some(tags) = tags {
                    base.state.area.0[4] = tags;
                }
                // Elements that the mask leaves out tell nothing.
                base.state.set_opmasks(&bench.layout);
                base.accesses = trial.accesses(&base.state, &bench.layout);
                let all = Bytes::of(bench, &base, AccessKind::Read, true);
                if self.patterns_differ(trial, bench, &base, &read)
                    || self.patterns_differ(trial, bench, &base, &all)
                {
                    return true;
                }
            }
        }
        false
    }

    /// Whether any two contents of what is read make a difference.
    fn patterns_differ(
        &self,
        trial: &Trial<'_>,
        bench: &Bench,
        base: &Setup,
        read: &Bytes,
    ) -> bool {
        let mut first = None;
        for pattern in patterns(trial, bench, base) {
            let mut setup = base.clone();
            read.fill(&mut setup.memory, &pattern);
            let outcome = trial.run(bench, &setup);
            let Some((before, one)): &Option<(Memory, Outcome)> = &first else {
                first = Some((setup.memory, outcome));
                continue;
            };
            if outcome.end != one.end
                || crate::compare::registers(&one.state, &outcome.state, &bench.layout).is_some()
            {
                return true;
            }
            let written = Bytes::changed(before, &one.memory);
            let other = Bytes::changed(&setup.memory, &outcome.memory);
            if written != other {
                return true;
            }
        }
        false
    }
}

/// Register operands that are no part of the address small: a bit field from bit 4 on, 8 bits long.
fn small_registers(trial: &Trial<'_>, setup: &Setup) -> Setup {
    let mut small = setup.clone();
    for n in 0..trial.iced.op_count() {
        let register = trial.iced.op_register(n);
        let gpr = mmiotrace_decode::Gpr::from_number(register.full_register().number() as u8);
        if register.is_gpr() && !crate::aim::in_address(&trial.instruction, gpr) {
            small.state.registers.set(gpr, 0x0804);
        }
    }
    small
}

/// Contents of memory that make comparisons, shifts and selectors tell: zeros, ones, one, two, the
/// selectors of user code and data, and the value of the register operand.
fn patterns(trial: &Trial<'_>, bench: &Bench, setup: &Setup) -> Vec<Vec<u8>> {
    let cpu = setup.state.cpu(&bench.layout);
    let mut all = vec![vec![0], vec![0xff]];
    for number in [1u64, 2, 0x33, 0x2b, 0x3f80_0000, 0x3ff0_0000_0000_0000] {
        all.push(number.to_le_bytes().to_vec());
    }
    for n in 0..trial.iced.op_count() {
        let register = trial.iced.op_register(n);
        let number = register.number() as u8;
        if register.is_vector_register() {
            all.extend(cpu.vector(number).map(|bytes| bytes.to_vec()));
        } else if register.is_mm() {
            all.extend(cpu.mmx(number).map(|value| value.to_le_bytes().to_vec()));
        } else if register.is_gpr() {
            let gpr = mmiotrace_decode::Gpr::from_number(register.full_register().number() as u8);
            all.push(setup.state.registers.get(gpr).to_le_bytes().to_vec());
        }
    }
    all.push(setup.state.area.0[32..42].to_vec());
    all
}

/// All checks of one state that ran to its end.
pub(crate) fn check(
    trial: &Trial<'_>,
    bench: &Bench,
    number: u64,
    setup: &Setup,
    native: &Outcome,
    reads: &mut Reads,
    report: &mut Report,
) {
    protections(trial, bench, setup, report);
    if trial.instruction.has_unknown_extent() {
        return;
    }
    values(bench, setup, native, report);
    written(trial, bench, setup, native, report);
    data_flow(trial, bench, setup, native, reads, report);
    if number < 2 && setup.exact {
        for region in 0..2 {
            extent(trial, bench, number, region, report);
        }
    }
}

pub(crate) fn in_region<'a>(
    setup: &'a Setup,
    region: &'a Region,
) -> impl Iterator<Item = &'a DecodedAccess> {
    setup
        .accesses
        .iter()
        .filter(|access| region.contains(access.address.0, 1))
}

/// Takes the memory away: does it touch it? Makes it read-only: does it write?
fn protections(trial: &Trial<'_>, bench: &Bench, setup: &Setup, report: &mut Report) {
    // `clflush` faults, but moves no data.
    let only_touches =
        setup.accesses.is_empty() && trial.instruction.way(Context::Process) != Way::NoAccess;
    for (name, region) in ["A", "B"].into_iter().zip(bench.mappings.regions()) {
        let certain = |kind: Option<AccessKind>| {
            in_region(setup, region)
                .any(|access| !access.conditional && kind.is_none_or(|kind| access.kind == kind))
        };
        let possible = |kind: Option<AccessKind>| {
            in_region(setup, region).any(|access| kind.is_none_or(|kind| access.kind == kind))
        };
        for (protection, kind, what) in [
            (Protection::None, None, "touch"),
            (Protection::Read, Some(AccessKind::Write), "write"),
        ] {
            region.protect(protection);
            let end = trial.run(bench, setup).end;
            region.protect(Protection::ReadWrite);
            let done = match end {
                End::PageFault { address, write } => {
                    region.contains(address, 1) && (write || protection == Protection::None)
                }
                _ => false,
            };
            if trial.instruction.has_unknown_extent() {
                let writes = trial.instruction.kind() == Kind::Write;
                if region.base == bench.mappings.a.base && done != (kind.is_none() || writes) {
                    report.problem(Category::Kind, format!("{what}, {done}: {end:?}"));
                }
                continue;
            }
            if only_touches {
                continue;
            }
            report.checks += 1;
            if done && !possible(kind) {
                report.problem(Category::Kind, format!("the CPU does {what} region {name}"));
            } else if !done && certain(kind) {
                report.problem(
                    Category::Kind,
                    format!("the CPU does not {what} region {name}: {end:?}"),
                );
            }
        }
    }
}

/// Values that the decoder told beforehand.
fn values(bench: &Bench, setup: &Setup, native: &Outcome, report: &mut Report) {
    for (number, access) in setup.accesses.iter().enumerate() {
        let Some(value) = access.value else { continue };
        let later = setup
            .accesses
            .iter()
            .skip(number + 1)
            .any(|later| later.kind == AccessKind::Write && overlap(access, later));
        if later {
            continue;
        }
        report.checks += 1;
        let found = native
            .memory
            .at(&bench.mappings, access.address.0, access.width.as_usize());
        if found != Some(value.as_le_bytes()) {
            report.problem(
                Category::Value,
                format!("{access:?}: the CPU wrote {found:02x?}"),
            );
        }
    }
}

fn overlap(left: &DecodedAccess, right: &DecodedAccess) -> bool {
    let end = |access: &DecodedAccess| access.address.0 + u64::from(access.width.bytes());
    left.address.0 < end(right) && right.address.0 < end(left)
}

/// Bytes that change are bytes that are written; where nothing is read, every byte written changes
/// in one of two runs whose memory is each other's inverse.
fn written(trial: &Trial<'_>, bench: &Bench, setup: &Setup, native: &Outcome, report: &mut Report) {
    let possible = Bytes::of(bench, setup, AccessKind::Write, true);
    let mut seen = Bytes::changed(&setup.memory, &native.memory);
    report.checks += 1;
    if let Some(stray) = seen.first_beyond(bench, &possible) {
        report.problem(
            Category::Extent,
            format!("the CPU writes {stray:#x}, which the decoder does not"),
        );
    }
    let certain = Bytes::of(bench, setup, AccessKind::Write, false);
    if certain.is_empty() || Bytes::of(bench, setup, AccessKind::Read, true).meets(&certain) {
        return;
    }
    let mut inverse = setup.clone();
    possible.flip(&mut inverse.memory, 0xff);
    let other = trial.run(bench, &inverse);
    seen.add(&Bytes::changed(&inverse.memory, &other.memory));
    if let Some(missed) = certain.first_beyond(bench, &seen) {
        report.problem(
            Category::Extent,
            format!("the CPU does not write {missed:#x}"),
        );
    }
}

/// Changes what the decoder says is read: something else must come out, in one state at least.
/// Changes everything else: the same must come out.
fn data_flow(
    trial: &Trial<'_>,
    bench: &Bench,
    setup: &Setup,
    native: &Outcome,
    reads: &mut Reads,
    report: &mut Report,
) {
    let certain = Bytes::of(bench, setup, AccessKind::Read, false);
    for bits in [0xff, 0x01, 0x80, 0x55] {
        if certain.is_empty() || reads.seen {
            break;
        }
        reads.said = true;
        reads.seen |= differs(trial, bench, setup, native, &certain, bits);
    }
    report.checks += 1;
    let others = Bytes::of(bench, setup, AccessKind::Read, true).inverse();
    if differs(trial, bench, setup, native, &others, 0xa5) {
        report.problem(
            Category::Extent,
            "memory that the decoder does not read changes the outcome".into(),
        );
    }
}

/// Whether flipping bits of these bytes changes what comes out.
fn differs(
    trial: &Trial<'_>,
    bench: &Bench,
    setup: &Setup,
    native: &Outcome,
    flipped: &Bytes,
    bits: u8,
) -> bool {
    let mut other = setup.clone();
    flipped.flip(&mut other.memory, bits);
    let outcome = trial.run(bench, &other);
    if outcome.end != native.end
        || crate::compare::registers(&native.state, &outcome.state, &bench.layout).is_some()
    {
        return true;
    }
    let before = setup.memory.a.iter().chain(&setup.memory.b);
    let one = native.memory.a.iter().chain(&native.memory.b);
    let two = outcome.memory.a.iter().chain(&outcome.memory.b);
    before
        .zip(one.zip(two))
        .zip(flipped.each())
        .any(|((before, (one, two)), flipped)| {
            let untouched = one == before && flipped && *two == before ^ bits;
            one != two && !untouched
        })
}
