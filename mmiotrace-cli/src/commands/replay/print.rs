//! Steps and reports as text and JSON.

use crate::failure::Stop;
use crate::output::{Output, printable};
use core::fmt::Write;
use mmiotrace_replay::{
    Divergence, Ending, Outcome, Plan, PlanNames, Report, SkipReason, Step, Timeout, print_step,
};
use serde::Serialize;

/// A step on one line.
pub(super) fn step(step: &Step, index: usize, plan: &Plan) -> String {
    let mut text = format!("{index:>6} line {:<6} ", step.line);
    // Into memory: this does not fail.
    let _ = print_step(step, plan, &PlanNames, &mut text);
    printable(&text).into_owned()
}

/// What came of a step, in a few words; nothing where all went as planned.
pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Read { value } => format!(" -> {value}"),
        Outcome::Masked(divergence) => format!(" -> {} (masked)", divergence.actual),
        Outcome::Mismatched(divergence) => format!(" -> {} MISMATCH", divergence.actual),
        Outcome::Met { reads, took, .. } => {
            format!(" -> after {reads} reads, {} us", took.as_micros())
        }
        Outcome::TimedOut {
            value,
            reads,
            as_recorded,
        } => {
            let as_recorded = if *as_recorded { ", as recorded" } else { "" };
            format!(" -> NOT MET after {reads} reads, last {value}{as_recorded}")
        }
        Outcome::Skipped(SkipReason::Forbidden) => " -> skipped: forbidden".to_owned(),
        Outcome::Skipped(_) => " -> skipped".to_owned(),
        _ => String::new(),
    }
}

/// A report in words.
pub(super) fn report(report: &Report, plan: &Plan, output: &mut Output) -> Result<(), Stop> {
    output.line(format_args!("{}", report.ending))?;
    output.line(format_args!(
        "{} of {} steps: {} writes, {} reads",
        report.steps,
        plan.len(),
        report.writes,
        report.reads
    ))?;
    output.line(format_args!(
        "reads as recorded: {} all, {} in the bits that count, {} not; waits: {} over, {} too long; {} steps left out",
        report.matched, report.masked, report.mismatched, report.waits, report.timed_out, report.skipped
    ))?;
    if let Some(divergence) = &report.first_divergence {
        output.line(format_args!(
            "first mismatch: {}",
            report.describe(plan, divergence)
        ))?;
    }
    if let Some(timeout) = &report.first_timeout {
        output.line(format_args!(
            "first wait that took too long: {}",
            report.describe_timeout(plan, timeout)
        ))?;
    }
    if let Some(divergence) = &report.first_masked {
        output.line(format_args!(
            "first masked difference: {}",
            report.describe(plan, divergence)
        ))?;
    }
    let wrong = report
        .registers
        .iter()
        .filter(|register| register.mismatched + register.masked > 0);
    for register in wrong {
        let mut line = place(plan, register.place);
        let _ = write!(line, ": {} matched", register.matched);
        if register.masked > 0 {
            let _ = write!(
                line,
                ", {} masked ({})",
                register.masked, register.mask_reason
            );
        }
        if register.mismatched > 0 {
            let _ = write!(line, ", {} mismatched", register.mismatched);
        }
        output.line(format_args!("  {line}"))?;
    }
    Ok(())
}

fn place(plan: &Plan, place: mmiotrace_replay::Place) -> String {
    let address = place.named(&plan.regions).to_string();
    match plan.names.get(&place) {
        Some(name) => format!("{name} ({address})"),
        None => address,
    }
}

/// A report as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct ReportJson {
    ending: &'static str,
    text: String,
    clean: bool,
    steps: usize,
    steps_planned: usize,
    writes: u64,
    reads: u64,
    matched: u64,
    masked: u64,
    mismatched: u64,
    waits: u64,
    timed_out: u64,
    skipped: u64,
    first_mismatch: Option<DivergenceJson>,
    first_masked: Option<DivergenceJson>,
    first_timeout: Option<TimeoutJson>,
    registers: Vec<RegisterJson>,
}

#[derive(Debug, Serialize)]
struct DivergenceJson {
    step: usize,
    line: u64,
    place: String,
    name: Option<String>,
    width: u8,
    expected: String,
    mask: String,
    actual: String,
}

#[derive(Debug, Serialize)]
struct TimeoutJson {
    step: usize,
    line: u64,
    place: String,
    name: Option<String>,
    width: u8,
    expected: String,
    mask: String,
    actual: String,
}

#[derive(Debug, Serialize)]
struct RegisterJson {
    place: String,
    name: Option<String>,
    width: u8,
    writes: u64,
    reads: u64,
    matched: u64,
    masked: u64,
    mismatched: u64,
}

impl ReportJson {
    pub(super) fn new(report: &Report, plan: &Plan) -> Self {
        let name = |place| plan.names.get(&place).cloned();
        let divergence = |divergence: &Divergence| DivergenceJson {
            step: divergence.step,
            line: divergence.line,
            place: divergence.place.named(&plan.regions).to_string(),
            name: name(divergence.place),
            width: divergence.width.bytes(),
            expected: divergence.expected.to_string(),
            mask: divergence.mask.to_string(),
            actual: divergence.actual.to_string(),
        };
        let timeout = |timeout: &Timeout| TimeoutJson {
            step: timeout.step,
            line: timeout.line,
            place: timeout.place.named(&plan.regions).to_string(),
            name: name(timeout.place),
            width: timeout.width.bytes(),
            expected: format!("{:#x}", timeout.until.value),
            mask: format!("{:#x}", timeout.until.mask),
            actual: timeout.actual.to_string(),
        };
        let registers = report.registers.iter().map(|register| RegisterJson {
            place: register.place.named(&plan.regions).to_string(),
            name: name(register.place),
            width: register.width.bytes(),
            writes: register.writes,
            reads: register.reads,
            matched: register.matched,
            masked: register.masked,
            mismatched: register.mismatched,
        });
        Self {
            ending: ending(&report.ending),
            text: report.ending.to_string(),
            clean: report.is_clean(),
            steps: report.steps,
            steps_planned: plan.len(),
            writes: report.writes,
            reads: report.reads,
            matched: report.matched,
            masked: report.masked,
            mismatched: report.mismatched,
            waits: report.waits,
            timed_out: report.timed_out,
            skipped: report.skipped,
            first_mismatch: report.first_divergence.as_ref().map(divergence),
            first_masked: report.first_masked.as_ref().map(divergence),
            first_timeout: report.first_timeout.as_ref().map(timeout),
            registers: registers.collect(),
        }
    }
}

const fn ending(ending: &Ending) -> &'static str {
    match ending {
        Ending::Complete => "complete",
        Ending::Limit => "limit",
        Ending::Stopped(_) => "stopped",
        Ending::Mismatched => "mismatched",
        Ending::TimedOut => "timed-out",
        Ending::Refused(_) => "refused",
        Ending::Aborted => "aborted",
        Ending::Failed(_) => "failed",
        _ => "other",
    }
}
