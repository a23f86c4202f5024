//! What the devices saw of each run, against what they should have.

use super::devices::{DEVICES, phases, windows};
use super::expected::{self, Expected};
use super::recorded::Recorded;
use super::runs::{Run, RunResult};
use crate::compare::{self, Range};
use crate::device_log::{DeviceAccess, DeviceLog};
use crate::trace::Trace;
use host::error::{AtPath, Error, Result};
use mmiotrace_replay::Plan;
use std::path::PathBuf;

/// Bits that are not compared after a run, with the device and the offset: they change by themselves.
///
/// STATUS bit 1 (LU) of the e1000 says whether the link is up: it goes off when autonegotiation is
/// begun, and comes back half a second later; the states are read somewhere in between.
const VOLATILE: &[(&str, u64, u64)] = &[("e1000", 0x8, 0x2)];

pub(super) struct Judge<'a> {
    pub(super) recorded: &'a Recorded,
    pub(super) out: PathBuf,
    pub(super) log: DeviceLog,
    pub(super) runs: &'static [Run],
}

impl Judge<'_> {
    pub(super) fn all(&self, boot: &str, failures: &mut Vec<String>) {
        for (place, run) in self.runs.iter().enumerate() {
            let judged = match run.result {
                RunResult::Refused(why) => self.refused(place, run.name, why),
                RunResult::Done => self.done(place, run),
                RunResult::Exported => self.exported(place, run),
            };
            let name = run.name;
            match judged {
                Ok(text) => println!("  ok: {boot}: {name}: {text}"),
                Err(error) => {
                    println!("  FAILED: {boot}: {name}: {error}");
                    failures.push(format!("{boot}: {name}"));
                }
            }
        }
        for device in ["e1000", "edu"] {
            if !self.out.join(format!("{device}.state")).exists() {
                continue;
            }
            match self.state(device) {
                Ok(text) => println!("  ok: {boot}: state of {device}: {text}"),
                Err(error) => {
                    println!("  FAILED: {boot}: state of {device}: {error}");
                    failures.push(format!("{boot}: state of {device}"));
                }
            }
        }
    }

    fn text(&self, name: &str) -> Result<String> {
        let path = self.out.join(name);
        std::fs::read_to_string(&path).at(&path)
    }

    /// What all devices saw during a run.
    fn seen(&self, place: usize) -> Result<Vec<&DeviceAccess>> {
        let (from, to) = phases(place);
        let mut all = Vec::new();
        for device in DEVICES {
            all.extend(windows(&self.out, device)?);
        }
        let inside =
            |access: &&DeviceAccess| all.iter().any(|window| window.contains(&access.phys));
        Ok(self.log.between(from, to).filter(inside).collect())
    }

    /// Refused: the reason is given, and no device saw a write.
    fn refused(&self, place: usize, name: &str, why: &str) -> Result<String> {
        let (status, log) = (
            self.text(&format!("{name}.status"))?,
            self.text(&format!("{name}.log"))?,
        );
        let seen = self.seen(place)?;
        let writes = seen.iter().filter(|access| access.write).count();
        if writes > 0 {
            return Err(format!("{writes} writes before the preconditions held").into());
        }
        if status.trim() != "2" || !log.contains(why) {
            return Err(format!("status {}: {}", status.trim(), log.trim()).into());
        }
        Ok(format!(
            "no write, {} reads: {}",
            seen.len(),
            log.lines().next().unwrap_or_default()
        ))
    }

    /// Done: the device saw the plan, access by access; what it saw written is what the driver wrote;
    /// and the run's own trace is what it saw.
    fn done(&self, place: usize, run: &Run) -> Result<String> {
        let name = run.name;
        let status = self.text(&format!("{name}.status"))?;
        if status.trim() != "0" {
            let log = self.text(&format!("{name}.log"))?;
            let json = self.text(&format!("{name}.json"))?;
            return Err(format!("status {}: {log}{json}", status.trim()).into());
        }
        let now = windows(&self.out, run.device)?;
        let seen = self.seen(place)?;
        let followed = self.as_planned(run, &self.plan(run)?, &seen, &now)?;
        let trace = Trace::read(&self.out.join(format!("{name}.trace")))?;
        let report = compare::compare(&self.log, seen.iter().copied(), &trace.accesses, &now);
        if !report.is_exact() || report.device == 0 {
            return Err(format!("the recorded run is not what the device saw: {report}").into());
        }
        Ok(followed)
    }

    /// The same of the exported code, which does not read the preconditions.
    fn exported(&self, place: usize, run: &Run) -> Result<String> {
        let (status, log) = (
            self.text(&format!("{}.status", run.name))?,
            self.text(&format!("{}.log", run.name))?,
        );
        if status.trim() != "0" {
            return Err(format!("status {}: {log}", status.trim()).into());
        }
        let mut plan = self.plan(run)?;
        plan.preconditions.clear();
        let all = windows(&self.out, run.device)?;
        let second = all.get(1..).unwrap_or(&[]);
        self.as_planned(run, &plan, &self.seen(place)?, second)
    }

    fn plan(&self, run: &Run) -> Result<Plan> {
        Plan::from_toml(&self.recorded.text(run.plan)?)
            .map_err(|error| Error::Failed(error.to_string()))
    }

    fn as_planned(
        &self,
        run: &Run,
        plan: &Plan,
        seen: &[&DeviceAccess],
        now: &[Range],
    ) -> Result<String> {
        let then = self.recorded.windows(run.device)?;
        let expected = Expected::of(plan, &then, now)?;
        let followed = expected::follow(&expected, seen)?;
        let driver = self.recorded.seen(run.device)?;
        let writes = expected::same_writes(&driver, &then, seen, now, &expected)?;
        let stop = expected.stop.map(|why| format!("; stops: {why}"));
        Ok(format!(
            "{followed}; {writes} writes as the driver's{}",
            stop.unwrap_or_default()
        ))
    }

    /// The device is as the driver left it, and was not before, in every register that
    /// `guest/registers.sh` lists.
    fn state(&self, device: &str) -> Result<String> {
        let name = format!("{device}.state");
        let path = self.recorded.out.join(&name);
        let driver = registers(&std::fs::read_to_string(&path).at(&path)?)?;
        let replayed = registers(&self.text(&name)?)?;
        let before = registers(&self.text(&format!("{device}.before"))?)?;
        let volatile = |offset: u64| {
            VOLATILE
                .iter()
                .find(|(of, at, _)| (*of, *at) == (device, offset))
                .map_or(0, |(_, _, bits)| *bits)
        };
        let mut wrong = Vec::new();
        for (left, now) in driver.iter().zip(&replayed) {
            if left.0 != now.0 || (left.1 ^ now.1) & !volatile(left.0) != 0 {
                wrong.push(format!(
                    "{:#x}: {:#x}, after the driver {:#x}",
                    left.0, now.1, left.1
                ));
            }
        }
        let changed = before
            .iter()
            .zip(&replayed)
            .filter(|(before, now)| before != now)
            .count();
        if driver.len() != replayed.len() || driver.is_empty() || changed == 0 {
            return Err(format!(
                "{} and {} registers, {changed} changed by the run",
                driver.len(),
                replayed.len()
            )
            .into());
        }
        if !wrong.is_empty() {
            return Err(wrong.join("; ").into());
        }
        Ok(format!(
            "{} registers as after the driver, {changed} of them changed by the run",
            driver.len()
        ))
    }
}

/// Lines of an offset and a value.
fn registers(text: &str) -> Result<Vec<(u64, u64)>> {
    let parse = |line: &str| {
        let (offset, value) = line.split_once(' ')?;
        let value = u64::from_str_radix(value.trim_start_matches("0x"), 16).ok()?;
        Some((offset.parse().ok()?, value))
    };
    text.lines()
        .map(|line| parse(line).ok_or_else(|| format!("no register: {line}").into()))
        .collect()
}
