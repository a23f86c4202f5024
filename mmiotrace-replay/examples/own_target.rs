//! A tool of its own on this library: it loads a plan from TOML, runs it on a device that only it
//! knows, and has what came of every access as data: `cargo run --example own_target [PLAN.toml]`.
//!
//! The device is a card behind a slow serial bridge, say; here the bridge's far end is a few lines
//! of Rust. Nothing of the library knows how accesses get there.

use core::error::Error;
use core::fmt;
use core::time::Duration;
use mmiotrace_core::{PhysAddr, Value, Width};
use mmiotrace_replay::{
    Decision, Device, Observer, OnMismatch, Outcome, Place, Plan, Region, RegionId, RunOptions,
    Runner, SideFiles, StepView, Target,
};
use std::collections::BTreeMap;

/// A plan as a person would write it.
const PLAN: &str = r#"
plan = 1
on_abort = [{ write = "regs+0x4", value = 0 }]

[[region]]
name = "regs"
recorded_base = 0xfd000000
len = 0x100

[names]
"regs+0x0" = "ID"
"regs+0x4" = "CTRL"
"regs+0x8" = "STATUS"

[[precondition]]
read = "regs+0x0"
expect = 0x0badcafe
why = "identifies the card"

[[section]]
name = "start"
pacing = "delays"
steps = [
  { write = "regs+0x4", value = 1 },
  { poll = "regs+0x8", mask = 1, value = 1, timeout_us = 1000, interval_us = 10 },
  { read = "regs+0x4", expect = 3, expect_mask = 1, why = "bit 1 is the card's" },
  { read = "regs+0x8", expect = 0x11 },
]
"#;

/// The far end: a card that gets ready a while after it was enabled.
#[derive(Default)]
struct Bridge {
    registers: BTreeMap<u64, u32>,
    reads_since_enabled: u32,
    clock: Duration,
}

/// The bridge only knows 32 bits.
#[derive(Debug)]
struct TooWide(Width);

impl fmt::Display for TooWide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bridge moves 4 bytes, not {}", self.0)
    }
}

impl Error for TooWide {}

impl Target for Bridge {
    type Error = TooWide;

    fn open(
        &mut self,
        _: Option<&Device>,
        _: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, TooWide> {
        self.registers.insert(0, 0x0bad_cafe);
        Ok(region.recorded_base)
    }

    fn read(&mut self, at: Place, width: Width) -> Result<Value, TooWide> {
        let mut number = self.registers.get(&at.offset).copied().unwrap_or(0);
        if at.offset == 8 && self.registers.get(&4) == Some(&1) {
            self.reads_since_enabled += 1;
            number = u32::from(self.reads_since_enabled > 3);
        }
        Value::from_u64(number.into(), width).ok_or(TooWide(width))
    }

    fn write(&mut self, at: Place, value: &Value) -> Result<(), TooWide> {
        let number = value.to_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.ok_or(TooWide(value.width()))?;
        self.registers.insert(at.offset, number);
        Ok(())
    }

    // Time of its own: a run on this card takes none of ours.
    fn delay(&mut self, time: Duration) {
        self.clock += time;
    }

    fn clock(&self) -> Option<Duration> {
        Some(self.clock)
    }
}

/// Every outcome, with the step that it is of.
#[derive(Default)]
struct Outcomes(Vec<(usize, Outcome)>);

impl Observer for Outcomes {
    fn before(&mut self, _: StepView<'_>) -> Decision {
        Decision::Do
    }

    fn after(&mut self, step: StepView<'_>, outcome: &Outcome) {
        self.0.push((step.index, outcome.clone()));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let text = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => PLAN.to_owned(),
    };
    let (plan, files) = (Plan::from_toml(&text)?, SideFiles::new());
    let mut options = RunOptions::default();
    options.on_mismatch = OnMismatch::Continue;
    let mut outcomes = Outcomes::default();
    let mut runner = Runner::new(&plan, &files, Bridge::default());
    let report = runner.run(&options, &mut outcomes);

    for (step, outcome) in &outcomes.0 {
        println!("step {step}: {outcome:?}");
    }
    println!(
        "{}: {} writes, {} reads; {} matched, {} masked, {} mismatched",
        report.ending,
        report.writes,
        report.reads,
        report.matched,
        report.masked,
        report.mismatched
    );
    if let Some(divergence) = &report.first_divergence {
        println!("{}", report.describe(&plan, divergence));
    }
    if text == PLAN {
        // The wait took four reads; CTRL lacks a bit that does not count, STATUS one that does.
        assert_eq!((report.writes, report.reads), (1, 7));
        assert_eq!((report.masked, report.mismatched), (1, 1));
        assert_eq!(runner.target().clock, Duration::from_micros(30));
    }
    Ok(())
}
