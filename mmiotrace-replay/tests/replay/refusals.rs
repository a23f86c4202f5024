//! What is refused, and what is left behind when a run ends early.

use crate::fixtures;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use mmiotrace_core::{PhysAddr, Value, Width};
use mmiotrace_format::Reader;
use mmiotrace_replay::{
    Breadcrumbs, Decision, Effect, Ending, Fault, Forbidden, Guarded, Model, ModelBuilder,
    Observer, Outcome, Pacing, Place, PlanOptions, Planned, RegionId, Report, RunOptions, Runner,
    Silent, SkipReason, Step, StepView, Trigger, plan_trace,
};
use std::sync::Arc;
use std::time::Instant;

fn planned(name: &str) -> Planned {
    plan_trace(
        Reader::new(&fixtures::trace(name)[..]),
        PlanOptions::default(),
    )
    .unwrap()
}

fn model(name: &str) -> Model {
    ModelBuilder::from_trace(Reader::new(&fixtures::trace(name)[..]))
        .unwrap()
        .build()
}

fn run(planned: &Planned, model: Model) -> Report {
    Runner::new(&planned.plan, &planned.files, model).run(&RunOptions::default(), &mut Silent)
}

fn refused(report: &Report) -> &str {
    assert_eq!(report.writes, 0, "written before the preconditions held");
    match &report.ending {
        Ending::Refused(why) => why,
        other => panic!("{other}"),
    }
}

#[test]
fn another_device_is_refused() {
    // The plan of an NVMe controller on a USB controller at the same address.
    let report = run(&planned("nvme-6.1"), model("xhci-6.1"));
    assert!(
        refused(&report).contains("another device, or not in the state"),
        "{}",
        report.ending
    );
}

#[test]
fn an_initialised_device_is_refused() {
    for name in ["xhci-6.1", "nvme-6.1", "e1000e-q35-6.1"] {
        let planned = planned(name);
        let mut runner = Runner::new(&planned.plan, &planned.files, model(name));
        // Up to the middle of the first start-up, where it is running.
        let mut options = RunOptions::default();
        options.max_steps = Some(planned.plan.len() / 3);
        assert!(runner.run(&options, &mut Silent).ending.is_good(), "{name}");
        let report = runner.run(&RunOptions::default(), &mut Silent);
        assert!(
            refused(&report).contains("not in the state"),
            "{name}: {}",
            report.ending
        );
    }
}

#[test]
fn a_removed_device_is_refused() {
    let mut model = model("e1000-6.1");
    model.add_fault(Fault::new(Trigger::Accesses(0), Effect::Removed));
    let report = run(&planned("e1000-6.1"), model);
    assert!(refused(&report).contains("all ones"), "{}", report.ending);
}

#[test]
fn a_device_that_goes_away_stops_the_run_there() {
    let mut model = model("e1000-6.1");
    model.add_fault(Fault::new(Trigger::Accesses(1000), Effect::Removed));
    let report = run(&planned("e1000-6.1"), model);
    assert!(
        matches!(report.ending, Ending::Mismatched),
        "{}",
        report.ending
    );
    let divergence = report.first_divergence.unwrap();
    assert_eq!(divergence.actual.to_u64(), Some(0xffff_ffff));
}

/// A device that stops answering questions: the wait ends by its time-out, on the model's own
/// clock, and the last note says where.
#[test]
fn a_dead_device_times_out_and_leaves_its_breadcrumb() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crumbs");
    let planned = planned("e1000e-q35-6.1");
    let first_poll = planned
        .plan
        .steps()
        .position(|(_, step)| matches!(step.action, mmiotrace_replay::Action::Poll(_)));
    let first_poll = first_poll.unwrap();
    let mut model = model("e1000e-q35-6.1");
    // The write before the wait, that of the management data register, kills it.
    let mdic = Value::from_u64(0x0822_0000, Width::W4).unwrap();
    model.add_fault(Fault::new(
        Trigger::Write(PhysAddr(0xfeb8_0020), mdic),
        Effect::Dead,
    ));

    let mut options = RunOptions::default();
    options.breadcrumbs = Some(Breadcrumbs::create(&path).unwrap());
    let mut runner = Runner::new(&planned.plan, &planned.files, model);
    let report = runner.run(&options, &mut Silent);
    assert!(
        matches!(report.ending, Ending::TimedOut),
        "{}",
        report.ending
    );
    assert_eq!((report.timed_out, report.is_clean()), (1, false));

    let last = Breadcrumbs::last(&path).unwrap();
    assert_eq!(last.step, Some(first_poll));
    assert!(
        last.ended && last.text.contains("poll bar0+0x20 until & 0x10000000"),
        "{last:?}"
    );
}

/// A device that does not even end an access: only a guard comes back from it, and the note was
/// on the disk before.
#[test]
fn a_frozen_device_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crumbs");
    let planned = planned("edu-6.1");
    let mut model = model("edu-6.1");
    model.add_fault(Fault::new(Trigger::Accesses(40), Effect::Frozen));
    let guarded = Guarded::new(model, Duration::from_millis(200));
    let mut options = RunOptions::default();
    options.pacing = Some(Pacing::None);
    options.breadcrumbs = Some(Breadcrumbs::create(&path).unwrap());
    let begun = Instant::now();
    let report = Runner::new(&planned.plan, &planned.files, guarded).run(&options, &mut Silent);
    assert!(begun.elapsed() < Duration::from_secs(20));
    let Ending::Failed(error) = &report.ending else {
        panic!("{}", report.ending)
    };
    assert!(error.to_string().contains("no answer"), "{error}");
    assert_eq!(report.reads + report.writes, 40);
    let last = Breadcrumbs::last(&path).unwrap();
    assert!(last.step.is_some_and(|step| step > 20), "{last:?}");
}

#[test]
fn a_run_goes_on_where_the_last_one_stopped() {
    let planned = planned("edu-6.1");
    let mut runner = Runner::new(&planned.plan, &planned.files, model("edu-6.1"));
    let mut options = RunOptions::default();
    options.max_steps = Some(100);
    let first = runner.run(&options, &mut Silent);
    assert!(matches!(first.ending, Ending::Limit));
    let mut options = RunOptions::default();
    options.first_step = 100;
    options.ignore_preconditions = true;
    let second = runner.run(&options, &mut Silent);
    assert!(
        second.is_clean(),
        "{}: {:?}",
        second.ending,
        second.first_divergence
    );
    assert_eq!(first.steps + second.steps, planned.plan.len());
}

#[test]
fn forbidden_places_are_never_touched() {
    let mut planned = planned("edu-6.1");
    let place = Place {
        region: RegionId(0),
        offset: 0x80,
    };
    planned
        .plan
        .forbidden
        .push(Forbidden::new(place, 0x20, "no DMA here"));

    struct Never(u64);
    impl Observer for Never {
        fn after(&mut self, view: StepView<'_>, outcome: &Outcome) {
            let Some((place, _)) = view.step.place() else {
                return;
            };
            if (0x80..0xa0).contains(&place.offset) {
                assert_eq!(*outcome, Outcome::Skipped(SkipReason::Forbidden));
                self.0 += 1;
            }
        }
    }
    let mut never = Never(0);
    let mut options = RunOptions::default();
    options.on_mismatch = mmiotrace_replay::OnMismatch::Continue;
    let report =
        Runner::new(&planned.plan, &planned.files, model("edu-6.1")).run(&options, &mut never);
    assert!(never.0 > 10, "{}", never.0);
    assert!(report.skipped >= never.0);
}

#[test]
fn breaking_off_leaves_the_device_as_the_plan_says() {
    let mut planned = planned("edu-6.1");
    let place = Place {
        region: RegionId(0),
        offset: 0x20,
    };
    let quiet = mmiotrace_replay::Write::new(place, Value::from_u64(0, Width::W4).unwrap());
    planned
        .plan
        .on_abort
        .push(Step::new(mmiotrace_replay::Action::Write(quiet)));

    let flag = Arc::new(AtomicBool::new(false));
    struct After(Arc<AtomicBool>);
    impl Observer for After {
        fn before(&mut self, view: StepView<'_>) -> Decision {
            if view.index == 50 {
                self.0.store(true, Ordering::Relaxed);
            }
            Decision::Do
        }
    }
    let mut options = RunOptions::default();
    options.abort = Some(Arc::clone(&flag));
    let mut runner = Runner::new(&planned.plan, &planned.files, model("edu-6.1"));
    let report = runner.run(&options, &mut After(flag));
    assert!(
        matches!(report.ending, Ending::Aborted),
        "{}",
        report.ending
    );
    assert!(report.steps <= 52);
    let status = runner
        .target_mut()
        .read_phys(PhysAddr(0xfea0_0020), Width::W4)
        .unwrap();
    assert_eq!(status.to_u64(), Some(0));
}

/// The times between accesses are those of the trace, each section at its own pace.
#[test]
fn every_section_has_its_pace() {
    let trace = "MARK 1.000000 slow\nW 4 1.000000 1 0xfd000000 0x1 0x0 0\nW 4 1.003000 1 0xfd000004 0x1 0x0 0\n\
                 MARK 1.004000 fast\nW 4 1.004000 1 0xfd000008 0x1 0x0 0\nW 4 1.104000 1 0xfd00000c 0x1 0x0 0\n";
    let mut planned = plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default()).unwrap();
    planned.plan.sections[1].pacing = Pacing::Scaled(0.1);
    let time = |planned: &Planned, pacing| {
        let mut options = RunOptions::default();
        options.pacing = pacing;
        let model = ModelBuilder::from_trace(Reader::new(trace.as_bytes()))
            .unwrap()
            .build();
        let mut runner = Runner::new(&planned.plan, &planned.files, model);
        assert!(runner.run(&options, &mut Silent).is_clean());
        mmiotrace_replay::Target::clock(runner.target())
            .unwrap()
            .as_micros()
    };
    assert_eq!(time(&planned, None), 3_000 + 10_000);
    assert_eq!(time(&planned, Some(Pacing::Recorded)), 103_000);
    assert_eq!(time(&planned, Some(Pacing::Scaled(0.5))), 51_500);
    assert_eq!(time(&planned, Some(Pacing::None)), 0);
}

/// A value that points into a BAR moves with the BAR.
#[test]
fn addresses_of_a_moved_bar_move() {
    let trace = "PCIDEV 0018 8086100e b febc0000 0 0 0 0 0 0 20000 0 0 0 0 0 0 x\n\
                 W 4 1.000000 1 0xfebc0010 0xfebc1230 0x0 0\nW 4 1.000010 1 0xfebc0014 0xdeadbeef 0x0 0\n";
    let planned = plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default()).unwrap();
    let mut model = ModelBuilder::new().build();
    model.move_region(RegionId(0), PhysAddr(0xc000_0000));
    let mut runner = Runner::new(&planned.plan, &planned.files, model);
    assert!(runner.run(&RunOptions::default(), &mut Silent).is_clean());
    let mut read = |phys| {
        runner
            .target_mut()
            .read_phys(PhysAddr(phys), Width::W4)
            .unwrap()
            .to_u64()
            .unwrap()
    };
    assert_eq!(
        (read(0xfebc_0010), read(0xfebc_0014)),
        (0xc000_1230, 0xdead_beef)
    );
}

#[test]
fn a_plan_with_a_missing_side_file_is_refused() {
    let planned = planned("testmmiotrace-6.1");
    let none = mmiotrace_replay::SideFiles::new();
    let report = Runner::new(&planned.plan, &none, model("testmmiotrace-6.1"))
        .run(&RunOptions::default(), &mut Silent);
    assert!(refused(&report).contains("side file"), "{}", report.ending);
}
