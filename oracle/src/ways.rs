//! Each way to carry an instruction out, against the instruction itself.

use crate::bus::{Logged, TestBus};
use crate::compare;
use crate::machine::End;
use crate::mappings::{Protection, REGION_LEN};
use crate::report::{Category, Report};
use crate::state::{Memory, State};
use crate::trial::{Bench, Outcome, Setup, Trial};
use core::ops::Range;
use mmiotrace_core::AccessKind;
use mmiotrace_decode::{Context, DecodedAccess, Progress, Stop, Way};

/// How many elements of a string instruction are done at once: few, so that it has to go on.
const CHUNK: u32 = 3;

/// What carrying out left.
struct Carried {
    result: Result<(), Stop>,
    state: State,
    memory: Memory,
    log: Vec<Logged>,
}

/// Both contexts, in one state.
pub(crate) fn check(
    trial: &Trial<'_>,
    bench: &mut Bench,
    number: u64,
    setup: &Setup,
    native: &Outcome,
    report: &mut Report,
) {
    let a = region_range(bench, 0);
    let b = region_range(bench, 1);
    let device = if number % 4 == 3 {
        vec![a.clone()]
    } else {
        vec![a.clone(), b]
    };
    for context in [Context::Process, Context::Kernel] {
        let way = trial.instruction.way(context);
        if matches!(way, Way::Cannot(_) | Way::NoAccess) {
            continue;
        }
        let carried = carry_out(trial, bench, setup, way, context, device.clone());
        judge(bench, setup, native, &carried, (context, way), report);
        if carried.result.is_ok() && native.end == End::Done {
            events(
                bench,
                setup,
                native,
                &carried.log,
                (context, way),
                &device,
                report,
            );
        }
    }
    if number == 0 {
        straddle(trial, bench, setup, native, report);
    }
}

fn region_range(bench: &Bench, which: usize) -> Range<u64> {
    let base = bench.mappings.regions()[which].base;
    base..base + REGION_LEN as u64
}

/// The device ends within the operand.
fn straddle(
    trial: &Trial<'_>,
    bench: &mut Bench,
    setup: &Setup,
    native: &Outcome,
    report: &mut Report,
) {
    let first = setup
        .accesses
        .first()
        .filter(|access| access.width.bytes() > 1);
    let Some(first) = first else { return };
    let cut = first.address.0 + u64::from(first.width.bytes() / 2);
    for context in [Context::Process, Context::Kernel] {
        let way = trial.instruction.way(context);
        if matches!(way, Way::Emulate | Way::Bounce | Way::Alias) {
            let base = bench.mappings.a.base;
            // Protection works by pages, so that this time nothing is protected.
            let below = base..cut;
            let carried = carry_out_unprotected(trial, bench, setup, way, context, vec![below]);
            judge(bench, setup, native, &carried, (context, way), report);
        }
    }
}

/// Carries the instruction out while the device is not there at its own address.
fn carry_out(
    trial: &Trial<'_>,
    bench: &mut Bench,
    setup: &Setup,
    way: Way,
    context: Context,
    device: Vec<Range<u64>>,
) -> Carried {
    for region in bench.mappings.regions() {
        if device.iter().any(|range| range.start == region.base) {
            region.protect(Protection::None);
        }
    }
    let carried = carry_out_unprotected(trial, bench, setup, way, context, device);
    for region in bench.mappings.regions() {
        region.protect(Protection::ReadWrite);
    }
    carried
}

fn carry_out_unprotected(
    trial: &Trial<'_>,
    bench: &mut Bench,
    setup: &Setup,
    way: Way,
    context: Context,
    device: Vec<Range<u64>>,
) -> Carried {
    setup.memory.store(&bench.mappings);
    let mut state = setup.state.clone();
    let mut bus = TestBus {
        map: &bench.mappings,
        device,
        log: Vec::new(),
    };
    let instruction = &trial.instruction;
    let result = if way == Way::Step {
        step(trial, bench, &mut state)
    } else {
        loop {
            let progress = match context {
                Context::Kernel => instruction.emulate(&mut state.registers, &mut bus, CHUNK),
                Context::Process => bench.native.execute(
                    instruction,
                    &mut state.registers,
                    Some(&mut state.area.0),
                    &mut bus,
                    CHUNK,
                ),
            };
            match progress {
                Ok(Progress::Again) => {}
                Ok(Progress::Done) => break Ok(()),
                Err(stop) => break Err(stop),
            }
        }
    };
    let log = bus.log;
    Carried {
        result,
        state,
        memory: Memory::load(&bench.mappings),
        log,
    }
}

/// The instruction itself with its base register moved; the breakpoint behind it stands for the
/// trap flag.
fn step(trial: &Trial<'_>, bench: &Bench, state: &mut State) -> Result<(), Stop> {
    let address = trial
        .instruction
        .address(&state.registers)
        .map_or(0, |address| address.0);
    let delta = bench
        .mappings
        .region_of(address, 1)
        .unwrap_or(&bench.mappings.a)
        .delta();
    let before = state.clone();
    let step = trial
        .instruction
        .step(&mut state.registers, delta)
        .map_err(Stop::from)?;
    if crate::machine::run(state) != End::Done {
        *state = before;
        return Err(Stop::Exception(mmiotrace_decode::Exception::Native));
    }
    step.finish(&mut state.registers);
    Ok(())
}

/// Whether what came out is what comes out natively.
fn judge(
    bench: &Bench,
    setup: &Setup,
    native: &Outcome,
    carried: &Carried,
    (context, way): (Context, Way),
    report: &mut Report,
) {
    let category = Category::Way(context);
    report.checks += 1;
    let difference = match (native.end, carried.result) {
        (_, Err(Stop::Cannot(reason))) => {
            report.cannot_at_run_time(context, reason);
            untouched(bench, setup, carried)
        }
        (End::Done, Ok(())) => {
            let difference = compare::registers(&native.state, &carried.state, &bench.layout)
                .or_else(|| compare::memory(&native.memory, &carried.memory));
            report.carried_out(context);
            difference
        }
        (End::Exception { .. }, Err(Stop::Exception(_))) => {
            report.exceptions += 1;
            untouched(bench, setup, carried)
        }
        // A page fault natively: it goes somewhere else, which is none of our business.
        (End::PageFault { .. }, _) => None,
        (end, result) => Some(format!("{result:?}, natively {end:?}")),
    };
    if let Some(difference) = difference {
        report.problem(category, format!("{way}: {difference}"));
    }
}

/// After a refusal or an exception everything is as before.
fn untouched(bench: &Bench, setup: &Setup, carried: &Carried) -> Option<String> {
    compare::registers(&setup.state, &carried.state, &bench.layout)
        .or_else(|| compare::memory(&setup.memory, &carried.memory))
        .map(|difference| format!("refused, and yet {difference}"))
}

/// The accesses that an engine has recorded, or would have, against those the decoder told and the memory.
pub(crate) fn events(
    bench: &Bench,
    setup: &Setup,
    native: &Outcome,
    log: &[Logged],
    (context, way): (Context, Way),
    device: &[Range<u64>],
    report: &mut Report,
) {
    if way == Way::Step {
        return;
    }
    let category = Category::Events(context);
    report.checks += 1;
    let expected: Vec<&DecodedAccess> = setup
        .accesses
        .iter()
        .filter(|access| device.iter().any(|range| range.contains(&access.address.0)))
        .collect();
    let certain = expected.iter().all(|access| !access.conditional);
    let same = |access: &&DecodedAccess, logged: &Logged| {
        (access.kind, access.address.0, access.width.as_usize())
            == (logged.kind, logged.address, logged.width)
    };
    let equal = expected.len() == log.len()
        && expected
            .iter()
            .zip(log)
            .all(|(access, logged)| same(access, logged));
    // Blocks are recorded as the runs of bytes that were written.
    let blocks = expected.iter().any(|access| access.width.bytes() == 64) && expected.len() > 1;
    if certain && !blocks && !equal {
        report.problem(
            category,
            format!("{way}: recorded {log:x?}, told {expected:x?}"),
        );
    }
    for (number, logged) in log.iter().enumerate() {
        report.events += 1;
        let Some(value) = logged.value else {
            report.events_without_value += 1;
            continue;
        };
        let (others, memory) = match logged.kind {
            AccessKind::Read => (&log[..number], &setup.memory),
            AccessKind::Write => (&log[number + 1..], &native.memory),
        };
        let hidden = others.iter().any(|other| {
            other.kind == AccessKind::Write
                && other.address < logged.address + logged.width as u64
                && logged.address < other.address + other.width as u64
        });
        let found = memory.at(&bench.mappings, logged.address, logged.width);
        if !hidden && found != Some(value.as_le_bytes()) {
            report.problem(
                category,
                format!("{way}: recorded {logged:x?}, memory has {found:02x?}"),
            );
        }
    }
}
