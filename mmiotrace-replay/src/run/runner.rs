//! Runs a plan.

use super::step::Executor;
use super::{
    Decision, Ending, Observer, OnMismatch, Outcome, RegisterReport, Report, RunOptions,
    SkipReason, StepView, Timeout,
};
use crate::plan::{Action, Pacing, Place, Plan, Read, SideFiles, Step, is_forbidden};
use crate::target::Target;
use mmiotrace_core::Width;
use std::collections::{HashMap, HashSet};

/// Runs a plan on a target.
///
/// ```
/// use mmiotrace_format::Reader;
/// use mmiotrace_replay::{ModelBuilder, PlanOptions, RunOptions, Runner, Silent, plan_trace};
///
/// let trace = "R 4 1.000000 1 0xfebc0000 0x140240 0x0 0\n\
///              W 4 1.000010 1 0xfebc0000 0x140241 0x0 0\n";
/// let planned = plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default())?;
/// let model = ModelBuilder::from_trace(Reader::new(trace.as_bytes()))?.build();
/// let report = Runner::new(&planned.plan, &planned.files, model).run(&RunOptions::default(), &mut Silent);
/// assert!(report.is_clean());
/// assert_eq!((report.writes, report.matched), (1, 1));
/// # Ok::<(), mmiotrace_format::Error>(())
/// ```
#[derive(Debug)]
pub struct Runner<'p, T> {
    plan: &'p Plan,
    files: &'p SideFiles,
    target: T,
}

impl<'p, T: Target> Runner<'p, T> {
    /// A runner.
    pub const fn new(plan: &'p Plan, files: &'p SideFiles, target: T) -> Self {
        Self {
            plan,
            files,
            target,
        }
    }

    /// The target.
    pub const fn target(&self) -> &T {
        &self.target
    }

    /// The target, mutably.
    pub const fn target_mut(&mut self) -> &mut T {
        &mut self.target
    }

    /// The target, for keeping.
    pub fn into_target(self) -> T {
        self.target
    }

    /// Runs the plan: opens its regions, checks its preconditions, then does its steps. Whatever
    /// happens is in the report; nothing is written before all preconditions hold.
    ///
    /// The same runner may run again; the options' breadcrumbs are borrowed for the run.
    pub fn run(&mut self, options: &RunOptions, observer: &mut dyn Observer) -> Report {
        let mut report = Report::new();
        let real = self.target.is_real();
        let mut executor = Executor::new(&mut self.target, self.plan, self.files, options);
        let run = Run {
            plan: self.plan,
            options,
            real,
            written: HashSet::new(),
        };
        report.ending = run.all(&mut executor, &mut report, observer);
        (report.reads, report.writes) = (executor.reads, executor.writes);
        if matches!(
            report.ending,
            Ending::Aborted | Ending::Mismatched | Ending::TimedOut
        ) {
            abort(&mut executor, &self.plan.on_abort);
            (report.reads, report.writes) = (executor.reads, executor.writes);
        }
        if let Some(crumbs) = &options.breadcrumbs
            && let Err(error) = crumbs.end(&report.ending.to_string())
        {
            report.ending = Ending::Failed(Box::new(error));
        }
        report
    }
}

/// Does what the plan wants done with the device when a run is broken off.
fn abort<T: Target>(executor: &mut Executor<'_, T>, steps: &[Step]) {
    executor.abort = None;
    let allowed = |step: &&Step| !is_forbidden(executor.plan, step);
    for step in steps.iter().filter(allowed).collect::<Vec<_>>() {
        // Whether it can be done is not asked: this is the last that can be.
        if executor.perform(0, step, Pacing::Delays).is_err() {
            return;
        }
    }
}

struct Run<'a> {
    plan: &'a Plan,
    options: &'a RunOptions,
    real: bool,
    /// The devices that were written to.
    written: HashSet<&'a str>,
}

impl<'a> Run<'a> {
    fn all<T: Target>(
        mut self,
        executor: &mut Executor<'_, T>,
        report: &mut Report,
        observer: &mut dyn Observer,
    ) -> Ending {
        if let Err(fault) = self.plan.check(executor.files) {
            return Ending::Refused(fault.to_string());
        }
        if let Err(ending) = self.open(executor) {
            return ending;
        }
        if let Some(ending) = self.preconditions(executor) {
            return ending;
        }
        let registers = self.registers(report);
        let mut index = 0;
        for section in &self.plan.sections {
            let pacing = self.options.pacing.unwrap_or(section.pacing);
            if index + section.steps.len() > self.options.first_step {
                executor.target.mark(&section.name);
            }
            for step in &section.steps {
                let this = index;
                index += 1;
                if this < self.options.first_step {
                    continue;
                }
                if self
                    .options
                    .max_steps
                    .is_some_and(|most| report.steps >= most)
                {
                    return Ending::Limit;
                }
                let view = StepView {
                    plan: self.plan,
                    section,
                    step,
                    index: this,
                };
                let register = registers.get(this).copied().unwrap_or(usize::MAX);
                if let Some(ending) = self.step(executor, view, pacing, register, report, observer)
                {
                    return ending;
                }
            }
        }
        Ending::Complete
    }

    fn open<T: Target>(&self, executor: &mut Executor<'_, T>) -> Result<(), Ending> {
        for (index, region) in self.plan.regions.iter().enumerate() {
            let id = crate::plan::RegionId(u16::try_from(index).unwrap_or(u16::MAX));
            match executor
                .target
                .open(self.plan.device_of(region), id, region)
            {
                Ok(base) => executor.bases.push(base),
                Err(error) => return Err(Ending::Refused(format!("{}: {error}", region.name))),
            }
        }
        Ok(())
    }

    /// Reads what must hold before anything is done; an ending where it does not.
    fn preconditions<T: Target>(&self, executor: &mut Executor<'_, T>) -> Option<Ending> {
        for read in &self.plan.preconditions {
            if self
                .plan
                .forbidden
                .iter()
                .any(|range| range.touches(read.place, read.width.bytes()))
            {
                continue;
            }
            match executor.read_and_compare(0, 0, read) {
                Ok(Outcome::Mismatched(divergence)) if !self.options.ignore_preconditions => {
                    return Some(Ending::Refused(self.refusal(read, &divergence.actual)));
                }
                Ok(_) => {}
                Err(error) => return Some(Ending::Failed(Box::new(error))),
            }
        }
        None
    }

    fn refusal(&self, read: &Read, actual: &mmiotrace_core::Value) -> String {
        let place = read.place.named(&self.plan.regions);
        if *actual == crate::plan::all_ones(read.width) {
            return format!(
                "{place} reads as all ones: no device answers there (removed, or its memory is off)"
            );
        }
        match &read.expect {
            Some(expect) => format!(
                "{place} reads {actual}, recorded was {} (bits that count: {}): another device, or not in the \
                 state in which it was recorded",
                expect.value, expect.mask
            ),
            None => format!("{place} reads {actual}"),
        }
    }

    /// Gives every register a number, and every step its register's.
    fn registers(&self, report: &mut Report) -> Vec<usize> {
        let mut known: HashMap<(Place, Width), usize> = HashMap::new();
        let number = |(_, step): (usize, &Step)| {
            let Some((place, width)) = step.place() else {
                return usize::MAX;
            };
            let register = *known.entry((place, width)).or_insert_with(|| {
                report.registers.push(RegisterReport {
                    place,
                    width,
                    writes: 0,
                    reads: 0,
                    matched: 0,
                    masked: 0,
                    mismatched: 0,
                    mask_reason: String::new(),
                });
                report.registers.len() - 1
            });
            if let Action::Read(Read {
                expect: Some(expect),
                ..
            }) = &step.action
                && !expect.is_exact()
            {
                report.registers[register]
                    .mask_reason
                    .clone_from(&expect.why);
            }
            register
        };
        self.plan.steps().map(number).collect()
    }

    fn step<T: Target>(
        &mut self,
        executor: &mut Executor<'_, T>,
        view: StepView<'a>,
        pacing: Pacing,
        register: usize,
        report: &mut Report,
        observer: &mut dyn Observer,
    ) -> Option<Ending> {
        let step = view.step;
        if executor.is_aborted() {
            return Some(Ending::Aborted);
        }
        if let Action::Stop(why) = &step.action
            && self.real
            && !self.options.through_stops
        {
            return Some(Ending::Stopped(why.clone()));
        }
        let outcome = match observer.before(view) {
            Decision::Abort => return Some(Ending::Aborted),
            Decision::Skip => Outcome::Skipped(SkipReason::Asked),
            Decision::Do if is_forbidden(self.plan, step) => {
                Outcome::Skipped(SkipReason::Forbidden)
            }
            Decision::Do => {
                executor.pace(step, pacing);
                if executor.is_aborted() {
                    return Some(Ending::Aborted);
                }
                if let Some(crumbs) = &self.options.breadcrumbs
                    && let Err(error) = crumbs.step(view.index, step, self.plan)
                {
                    return Some(Ending::Failed(Box::new(error)));
                }
                let (reads, writes) = (executor.reads, executor.writes);
                let outcome = executor.perform(view.index, step, pacing);
                if let Some(register) = report.registers.get_mut(register) {
                    register.reads += executor.reads - reads;
                    register.writes += executor.writes - writes;
                }
                match outcome {
                    Ok(outcome) => outcome,
                    Err(error) => return Some(Ending::Failed(Box::new(error))),
                }
            }
        };
        executor.done(pacing);
        report.steps += 1;
        report.count(register, &outcome);
        if let (
            Outcome::TimedOut {
                value,
                as_recorded: false,
                ..
            },
            Action::Poll(poll),
        ) = (&outcome, &step.action)
        {
            report.first_timeout.get_or_insert(Timeout {
                step: view.index,
                line: step.line,
                place: poll.place,
                width: poll.width,
                until: poll.until,
                actual: *value,
            });
        }
        observer.after(view, &outcome);
        let ending = self.judge(step, &outcome);
        if step.writes() {
            self.written.extend(self.owner(step));
        }
        ending
    }

    fn owner(&self, step: &Step) -> Option<&'a str> {
        let (place, _) = step.place()?;
        let region = self.plan.region(place.region)?;
        Some(region.device.as_deref().unwrap_or(&region.name))
    }

    /// Whether a run ends with this outcome.
    fn judge(&self, step: &Step, outcome: &Outcome) -> Option<Ending> {
        match (outcome, &step.action) {
            (Outcome::Mismatched(divergence), Action::Read(read))
                if read.must && !self.options.ignore_preconditions =>
            {
                let untouched = self
                    .owner(step)
                    .is_none_or(|owner| !self.written.contains(owner));
                Some(if untouched {
                    Ending::Refused(self.refusal(read, &divergence.actual))
                } else {
                    Ending::Mismatched
                })
            }
            (Outcome::Mismatched(_), _) if self.options.on_mismatch == OnMismatch::Stop => {
                Some(Ending::Mismatched)
            }
            (
                Outcome::TimedOut {
                    as_recorded: false, ..
                },
                _,
            ) if self.options.on_mismatch == OnMismatch::Stop => Some(Ending::TimedOut),
            _ => None,
        }
    }
}
