//! Finding the write that hangs a device.

use crate::fixtures;
use mmiotrace_core::{PhysAddr, Width};
use mmiotrace_format::Reader;
use mmiotrace_replay::{
    Action, Bisect, Effect, Fault, ModelBuilder, OnMismatch, PlanOptions, RunOptions, RunVerdict,
    Runner, Silent, Trigger, plan_trace,
};

#[test]
fn a_planted_bad_write_is_found_within_the_promised_runs() {
    let trace = fixtures::trace("e1000e-q35-6.1");
    let planned = plan_trace(Reader::new(&trace[..]), PlanOptions::default()).unwrap();
    let model = ModelBuilder::from_trace(Reader::new(&trace[..]))
        .unwrap()
        .build();
    let steps: Vec<_> = planned.plan.steps().map(|(_, step)| step.clone()).collect();
    let candidates = steps.iter().filter(|step| step.accesses() > 0).count();
    let most = candidates.next_power_of_two().trailing_zeros() + 1;

    for nth in [1, 7, 60] {
        // The nth write of the management data register kills the device.
        let bad = PhysAddr(0xfeb8_0020);
        let writes = steps
            .iter()
            .enumerate()
            .filter(|(_, step)| match &step.action {
                Action::Write(write) => {
                    let base = planned
                        .plan
                        .region(write.place.region)
                        .unwrap()
                        .recorded_base;
                    base.checked_add(write.place.offset) == Some(bad)
                        && write.value.width() == Width::W4
                }
                _ => false,
            });
        let (planted, _) = writes.clone().nth(nth - 1).unwrap();

        let mut bisect = Bisect::new(&planned.plan);
        while let Some(first_steps) = bisect.next_run() {
            // A restart: a fresh device each time.
            let mut device = model.clone();
            device.add_fault(Fault::new(Trigger::NthWrite(bad, nth as u64), Effect::Dead));
            let mut options = RunOptions::default();
            options.max_steps = Some(first_steps);
            options.on_mismatch = OnMismatch::Continue;
            options.max_timeout = Some(core::time::Duration::from_micros(50));
            let mut runner = Runner::new(&planned.plan, &planned.files, device);
            runner.run(&options, &mut Silent);
            let harmed = runner.target().has_failed();
            bisect.tell(if harmed {
                RunVerdict::Harmed
            } else {
                RunVerdict::Survived
            });
        }
        assert_eq!(bisect.culprit(), Some(planted), "write {nth}");
        assert!(
            bisect.state().runs <= most,
            "{} runs for {candidates} steps",
            bisect.state().runs
        );
    }
}
