//! What a device must see of a plan, and whether it did.

use crate::compare::Range;
use crate::device_log::DeviceAccess;
use core::fmt;
use host::error::{Error, Result};
use mmiotrace_core::Value;
use mmiotrace_replay::{Action, Place, Plan, Points, Read, Write};

/// One step, as the device must see it.
#[derive(Clone, Copy, Debug)]
enum Must {
    Write {
        phys: u64,
        width: u8,
        value: u64,
    },
    Read {
        phys: u64,
        width: u8,
        value: u64,
        /// Bits that count.
        mask: u64,
    },
    /// Reads until a condition holds.
    Poll {
        phys: u64,
        width: u8,
        mask: u64,
        value: u64,
    },
}

/// What a device must see of a plan, in order.
#[derive(Debug)]
pub(super) struct Expected {
    steps: Vec<(u64, Must)>,
    /// Why the plan ends before its trace.
    pub(super) stop: Option<String>,
}

/// What the device saw of the plan, counted.
#[derive(Debug, Default)]
pub(super) struct Followed {
    writes: usize,
    reads: usize,
    masked: usize,
    polls: usize,
    poll_reads: usize,
}

impl fmt::Display for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the device saw the plan: {} writes, {} reads ({} other in bits that do not count), {} waits of {} reads",
            self.writes, self.reads, self.masked, self.polls, self.poll_reads
        )
    }
}

impl Expected {
    /// The plan's accesses up to its first stop, for a device whose memory lay at `then` when it was
    /// recorded and lies at `now`.
    pub(super) fn of(plan: &Plan, then: &[Range], now: &[Range]) -> Result<Self> {
        let mut expected = Self {
            steps: Vec::new(),
            stop: None,
        };
        let at = |place: Place| -> Result<u64> {
            let region = plan.region(place.region).ok_or("no such region")?;
            moved(region.recorded_base.0 + place.offset, then, now)
                .ok_or_else(|| Error::Failed(format!("{} is no memory of it", region.name)))
        };
        for read in &plan.preconditions {
            expected.read(0, read, at(read.place)?)?;
        }
        for (_, step) in plan.steps() {
            let line = step.line;
            match &step.action {
                Action::Write(write) => {
                    let value = written(write, then, now)?;
                    let phys = at(write.place)?;
                    let width = write.value.width().bytes();
                    expected.push(line, Must::Write { phys, width, value });
                }
                Action::Read(read) => expected.read(line, read, at(read.place)?)?,
                Action::Poll(poll) => {
                    let (phys, width) = (at(poll.place)?, poll.width.bytes());
                    let (mask, value) = (poll.until.mask, poll.until.value);
                    expected.push(
                        line,
                        Must::Poll {
                            phys,
                            width,
                            mask,
                            value,
                        },
                    );
                }
                Action::Fill(fill) => {
                    let (phys, width) = (at(fill.place)?, fill.value.width().bytes());
                    for number in 0..fill.count {
                        let by = fill.stride * i64::try_from(number).unwrap_or(i64::MAX);
                        let phys = phys.wrapping_add_signed(by);
                        let value = number_of(&fill.value)?;
                        expected.push(line, Must::Write { phys, width, value });
                    }
                }
                Action::Delay(_) | Action::Mark(_) => {}
                Action::Stop(why) => {
                    expected.stop = Some(why.clone());
                    break;
                }
                other => return Err(format!("line {line}: not judged: {other:?}").into()),
            }
        }
        Ok(expected)
    }

    fn push(&mut self, line: u64, must: Must) {
        self.steps.push((line, must));
    }

    fn read(&mut self, line: u64, read: &Read, phys: u64) -> Result<()> {
        let (value, mask) = match &read.expect {
            Some(expect) => (number_of(&expect.value)?, number_of(&expect.mask)?),
            None => (0, 0),
        };
        for _ in 0..read.times {
            let width = read.width.bytes();
            self.push(
                line,
                Must::Read {
                    phys,
                    width,
                    value,
                    mask,
                },
            );
        }
        Ok(())
    }
}

fn number_of(value: &Value) -> Result<u64> {
    value
        .to_u64()
        .ok_or_else(|| Error::from("a value of more than 8 bytes"))
}

/// Where a recorded address lies now.
fn moved(phys: u64, then: &[Range], now: &[Range]) -> Option<u64> {
    let place = then.iter().position(|range| range.contains(&phys))?;
    Some(now.get(place)?.start + (phys - then.get(place)?.start))
}

/// The value of a write; one that points into the device's memory moves with it.
fn written(write: &Write, then: &[Range], now: &[Range]) -> Result<u64> {
    let value = number_of(&write.value)?;
    match write.points {
        Some(Points::Region(_)) => {
            moved(value, then, now).ok_or_else(|| Error::from("a value points out of the device"))
        }
        _ => Ok(value),
    }
}

/// Goes along what the device saw; an error at the first access that the plan does not have there.
pub(super) fn follow(expected: &Expected, seen: &[&DeviceAccess]) -> Result<Followed> {
    let mut followed = Followed::default();
    let mut rest = seen.iter();
    for (line, must) in &expected.steps {
        let mut next = || {
            rest.next()
                .ok_or_else(|| format!("line {line}: {must:x?} was never seen"))
        };
        let differs =
            |access: &DeviceAccess| format!("line {line}: {must:x?}, the device saw {access:x?}");
        match *must {
            Must::Write { phys, width, value } => {
                let access = next()?;
                if !access.write
                    || (access.phys, access.width, access.value) != (phys, width, value)
                {
                    return Err(differs(access).into());
                }
                followed.writes += 1;
            }
            Must::Read {
                phys,
                width,
                value,
                mask,
            } => {
                let access = next()?;
                let other = access.value ^ value;
                if access.write || (access.phys, access.width) != (phys, width) || other & mask != 0
                {
                    return Err(differs(access).into());
                }
                followed.reads += 1;
                followed.masked += usize::from(other != 0 && mask != 0);
            }
            Must::Poll {
                phys,
                width,
                mask,
                value,
            } => loop {
                let access = next()?;
                if access.write || (access.phys, access.width) != (phys, width) {
                    return Err(differs(access).into());
                }
                followed.poll_reads += 1;
                if access.value & mask == value {
                    followed.polls += 1;
                    break;
                }
            },
        }
    }
    match rest.next() {
        None if !expected.steps.is_empty() => Ok(followed),
        None => Err("the plan is empty".into()),
        Some(access) => Err(format!("after the end of the plan the device saw {access:x?}").into()),
    }
}

/// The second opinion, without the plan: the device saw the same writes as from the driver, in the
/// driver's order; all of them where the plan does not stop. Returns their number.
pub(super) fn same_writes(
    driver: &[&DeviceAccess],
    then: &[Range],
    replay: &[&DeviceAccess],
    now: &[Range],
    expected: &Expected,
) -> Result<usize> {
    let writes = |all: &[&DeviceAccess]| {
        let writes = all.iter().filter(|access| access.write);
        writes
            .map(|access| (access.phys, access.width, access.value))
            .collect::<Vec<_>>()
    };
    let (driver, replay) = (writes(driver), writes(replay));
    for (number, (theirs, ours)) in driver.iter().zip(&replay).enumerate() {
        let place = moved(theirs.0, then, now);
        let value = moved(theirs.2, then, now).unwrap_or(theirs.2);
        if (place, theirs.1) != (Some(ours.0), ours.1) || (value != ours.2 && theirs.2 != ours.2) {
            return Err(format!(
                "write {number}: the driver's {theirs:x?}, the replay's {ours:x?}"
            )
            .into());
        }
    }
    let whole = expected.stop.is_none();
    if replay.is_empty() || replay.len() > driver.len() || (whole && replay.len() != driver.len()) {
        let (ours, theirs) = (replay.len(), driver.len());
        return Err(format!("{ours} writes, the driver made {theirs}").into());
    }
    Ok(replay.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "plan = 1\n[[region]]\nname = \"m\"\nrecorded_base = 0xfe000000\nlen = 0x1000\n\
        [[section]]\nname = \"a\"\nsteps = [\n{ write = \"m+0x4\", value = 1 },\n\
        { poll = \"m+0x8\", mask = 1, value = 1 },\n\
        { read = \"m+0xc\", expect = 0x10, expect_mask = 0xf0 },\n\
        { stop = \"memory\" },\n{ write = \"m+0x4\", value = 2 },\n]\n";

    fn access(write: bool, offset: u64, value: u64) -> DeviceAccess {
        DeviceAccess {
            phys: 0xc000_0000 + offset,
            width: 4,
            write,
            value,
            cpu: Some(0),
            region: 0,
        }
    }

    fn follows(seen: &[DeviceAccess]) -> Result<Followed> {
        let window = |start: u64| core::array::from_fn::<Range, 1, _>(|_| start..start + 0x1000);
        let (then, now) = (window(0xfe00_0000), window(0xc000_0000));
        let plan = Plan::from_toml(PLAN).map_err(|error| Error::Failed(error.to_string()))?;
        let expected = Expected::of(&plan, &then, &now)?;
        assert_eq!(expected.stop.as_deref(), Some("memory"));
        follow(&expected, &seen.iter().collect::<Vec<_>>())
    }

    #[test]
    fn what_the_plan_has_and_nothing_else() {
        let right = [
            access(true, 4, 1),
            access(false, 8, 0),
            access(false, 8, 3),
            access(false, 0xc, 0x1f),
        ];
        let followed = follows(&right).map_err(|error| error.to_string());
        let followed = followed.map(|followed| {
            (
                followed.writes,
                followed.reads,
                followed.polls,
                followed.poll_reads,
            )
        });
        assert_eq!(followed, Ok((1, 1, 1, 2)));
        let changed = |place: usize, with: DeviceAccess| {
            let mut seen = right.clone();
            seen[place] = with;
            follows(&seen).is_err()
        };
        assert!(changed(0, access(true, 4, 2)), "another value");
        assert!(changed(0, access(true, 0, 1)), "another place");
        assert!(changed(0, access(false, 4, 1)), "no write");
        assert!(changed(2, access(true, 8, 3)), "a write in the wait");
        assert!(changed(3, access(false, 0xc, 0x2f)), "bits that count");
        assert!(follows(&right[..3]).is_err(), "one missing");
        let more = [&right[..], &[access(true, 4, 2)]].concat();
        assert!(follows(&more).is_err(), "one after the stop");
    }
}
