//! Every recorded trace, planned and run on the model made from it.

use crate::accesses::accesses;
use crate::fixtures;
use mmiotrace_analysis::blocks::{Blocks, Unfolded};
use mmiotrace_core::{Access, AccessKind, PhysAddr, Value, Width};
use mmiotrace_format::Reader;
use mmiotrace_replay::{
    DryTarget, Ending, Model, ModelBuilder, OnMismatch, Outcome, PlanOptions, Planned, Recorder,
    RunOptions, Runner, Silent, plan_trace,
};

fn plan_of(trace: &[u8]) -> Planned {
    plan_trace(Reader::new(trace), PlanOptions::default()).unwrap()
}

fn model_of(trace: &[u8]) -> Model {
    ModelBuilder::from_trace(Reader::new(trace))
        .unwrap()
        .build()
}

/// What of an access must come again: all but the time and the mapping's number.
fn what(access: &Access) -> (AccessKind, PhysAddr, Width, Option<Value>) {
    (access.kind, access.phys, access.width, access.value)
}

#[test]
fn every_write_is_issued_and_every_read_matches() {
    let traces = fixtures::traces();
    assert!(traces.len() > 40, "only {} traces found", traces.len());
    let (mut all_writes, mut all_matched) = (0, 0);
    for (name, trace) in &traces {
        let recorded: Vec<Access> = accesses(trace);
        // What the tracer decoded wrongly is left out of a plan, and the plan says so.
        let certain = |access: &&Access| access.kind == AccessKind::Read || !access.is_suspicious();
        let expected: Vec<Access> = recorded.iter().filter(certain).copied().collect();
        let Planned { plan, files, .. } = plan_of(trace);

        let target = Recorder::new(model_of(trace), Vec::new());
        let mut runner = Runner::new(&plan, &files, target);
        let report = runner.run(&RunOptions::default(), &mut Silent);
        assert!(
            report.is_clean(),
            "{name}: {} at step {}: {:?}",
            report.ending,
            report.steps,
            report.first_divergence
        );

        let writes = expected
            .iter()
            .filter(|access| access.kind == AccessKind::Write)
            .count() as u64;
        let reads = expected.len() as u64 - writes;
        assert_eq!(report.writes, writes, "{name}: writes");
        assert_eq!(
            report.reads,
            reads + plan.preconditions.len() as u64,
            "{name}: reads"
        );
        assert_eq!(
            report.masked + report.mismatched,
            0,
            "{name}: the model gives what was recorded"
        );
        (all_writes, all_matched) = (all_writes + report.writes, all_matched + report.matched);

        // The second opinion: the trace of the run has the accesses of the trace, in order.
        let (_, done) = runner.into_target().into_parts().unwrap();
        let done = accesses(&done);
        let done = &done[plan.preconditions.len()..];
        assert_eq!(done.len(), expected.len(), "{name}");
        for (done, recorded) in done.iter().zip(&expected) {
            let (done, mut recorded) = (what(done), what(recorded));
            if let Some(value) = recorded.3 {
                // A sign-extended read is printed wider than it was.
                recorded.3 = Value::from_le_bytes(&value.as_le_bytes()[..recorded.2.as_usize()]);
            }
            assert_eq!(done, recorded, "{name}");
        }
    }
    assert!(
        all_writes > 100_000 && all_matched > 100_000,
        "{all_writes} writes, {all_matched} matched"
    );
}

#[test]
fn a_dry_run_does_every_step_and_matches() {
    for name in ["e1000-6.1", "edu-6.1", "nvme-6.1", "testmmiotrace-6.1"] {
        let Planned { plan, files, .. } = plan_of(&fixtures::trace(name));
        let mut runner = Runner::new(&plan, &files, DryTarget::new(&plan, &files));
        let report = runner.run(&RunOptions::default(), &mut Silent);
        assert!(report.is_clean(), "{name}: {}", report.ending);
        assert_eq!(report.steps, plan.len(), "{name}");
        assert_eq!(report.masked, 0, "{name}");
    }
}

/// A trace in which one answer was changed: the run on the device as it was recorded says where,
/// and goes no further. Where the plan takes the changed bit for one that changes by itself (it
/// does, once, in the doctored trace), the difference is masked, and named all the same.
#[test]
fn the_first_divergence_of_a_doctored_trace_is_named() {
    let trace = String::from_utf8(fixtures::trace("xhci-6.1")).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let model = model_of(trace.as_bytes());
    let (mut ended, mut masked) = (0, 0);
    for number in [17, 36, 52, 56, 115, 150, 3000, 3543] {
        let line = lines[number - 1];
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] != "R" {
            continue;
        }
        let value = u64::from_str_radix(words[5].trim_start_matches("0x"), 16).unwrap();
        let changed = line.replacen(words[5], &format!("{:#x}", value ^ 0x4000_0000), 1);
        let mut doctored: Vec<&str> = lines.clone();
        doctored[number - 1] = &changed;
        let doctored = doctored.join("\n") + "\n";

        let Planned {
            mut plan, files, ..
        } = plan_of(doctored.as_bytes());
        plan.preconditions.clear();
        let mut runner = Runner::new(&plan, &files, model.clone());
        let report = runner.run(&RunOptions::default(), &mut Silent);
        let divergence = match &report.first_divergence {
            Some(divergence) => {
                assert!(!report.ending.is_good(), "line {number}: {}", report.ending);
                ended += 1;
                divergence
            }
            None => {
                masked += 1;
                report
                    .first_masked
                    .as_ref()
                    .unwrap_or_else(|| panic!("line {number}: {line}: {}", report.ending))
            }
        };
        assert_eq!(divergence.line, number as u64);
        assert_eq!(divergence.actual.to_u64(), Some(value), "line {number}");
        assert_eq!(divergence.expected.to_u64(), Some(value ^ 0x4000_0000));
        let text = report.describe(&plan, divergence);
        assert!(text.contains(&format!("line {number}: bar0+")), "{text}");
    }
    assert!(
        ended >= 3 && ended + masked >= 5,
        "{ended} ended, {masked} masked"
    );
}

/// All that is wrong is found where the run goes on.
#[test]
fn mismatches_are_counted_by_register() {
    let trace = b"R 4 1.000000 1 0xfd000000 0x1 0x0 0\nW 4 1.000010 1 0xfd000000 0x2 0x0 0\n\
                  R 4 1.000020 1 0xfd000000 0x2 0x0 0\nR 4 1.000030 1 0xfd000004 0x7 0x0 0\n";
    let Planned { plan, files, .. } = plan_of(trace);
    let other = b"R 4 1.000000 1 0xfd000000 0x1 0x0 0\nR 4 1.000001 1 0xfd000004 0x9 0x0 0\n";
    let mut options = RunOptions::default();
    options.on_mismatch = OnMismatch::Continue;
    let mut watched = Watch::default();
    let report = Runner::new(&plan, &files, model_of(other)).run(&options, &mut watched);
    assert!(matches!(report.ending, Ending::Complete));
    assert_eq!((report.matched, report.mismatched), (2, 1));
    assert_eq!(report.registers.len(), 2);
    assert_eq!(
        (
            report.registers[1].place.offset,
            report.registers[1].mismatched
        ),
        (4, 1)
    );
    assert_eq!(watched.0.len(), 4);
    assert!(matches!(watched.0[3], Outcome::Mismatched(_)));
}

#[derive(Default)]
struct Watch(Vec<Outcome>);

impl mmiotrace_replay::Observer for Watch {
    fn after(&mut self, _: mmiotrace_replay::StepView<'_>, outcome: &Outcome) {
        self.0.push(outcome.clone());
    }
}

/// As a test double the model answers a driver that does other things than the recorded one.
#[test]
fn a_driver_may_do_otherwise() {
    let mut model = model_of(&fixtures::trace("e1000-6.1"));
    let mut write =
        |phys, value| model.write_phys(PhysAddr(phys), &Value::from_u64(value, Width::W4).unwrap());
    // A register that stores.
    write(0xfebc_0038, 0xabcd).unwrap();
    // PHY register 1 is read through the management data register, later than ever recorded.
    for _ in 0..100 {
        write(0xfebc_0020, 0x0821_0000).unwrap();
    }
    let mut read = |phys| {
        model
            .read_phys(PhysAddr(phys), Width::W4)
            .unwrap()
            .to_u64()
            .unwrap()
    };
    let answer = read(0xfebc_0020);
    assert_eq!(answer & 0x1fff_0000, 0x1821_0000, "{answer:#x}");
    assert_eq!(read(0xfebc_0038), 0xabcd);
}

#[test]
fn what_a_model_took_the_registers_for() {
    let builder = ModelBuilder::from_trace(Reader::new(&fixtures::trace("xhci-6.1")[..])).unwrap();
    let registers = builder.registers();
    let at = |phys| {
        *registers
            .iter()
            .find(|register| register.phys == PhysAddr(phys))
            .unwrap()
    };
    // USBSTS: event interrupt is acknowledged by writing 1 (xHCI 1.2, 5.4.2, RW1C).
    assert_eq!(at(0xfebf_4044).acknowledged & 0x8, 0x8);
    // HCIVERSION and CAPLENGTH never change.
    assert_eq!(at(0xfebf_4000).constant, 0xffff_ffff);
    // USBCMD.HCRST clears itself; run/stop is stored.
    assert_eq!(at(0xfebf_4040).stored & 0x3, 0x1);
}

#[test]
fn transfers_keep_their_bytes() {
    let trace = fixtures::trace("testmmiotrace-6.1");
    let Planned { plan, files, .. } = plan_of(&trace);
    let uploaded: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(uploaded > 10_000, "{uploaded} bytes in side files");
    assert!(plan.len() < 1000, "{} steps", plan.len());
    let blocks: u64 = Blocks::new(Reader::new(&trace[..]))
        .map(|block| {
            let mut count = 0;
            block
                .unwrap()
                .unfold(&mut |item| count += u64::from(matches!(item, Unfolded::Access(_))));
            count
        })
        .sum();
    assert_eq!(
        plan.steps().map(|(_, step)| step.accesses()).sum::<u64>(),
        blocks
    );
}
