//! Time, CPU and thread out of what stands before an event's name.

use mmiotrace_core::Timestamp;

/// When and where a line was logged, as far as it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) time: Timestamp,
    pub(crate) cpu: Option<u32>,
    pub(crate) pid: i32,
}

impl Stamp {
    /// Reads a prefix of any of the tools: QEMU's `1234@1700000000.123456:`, its
    /// `2026-11-22T10:00:00.123456Z`, ftrace's `task-1234 [003] d..1. 12.345678:`, perf's
    /// `task 1234 [003] 12.345678: system:`, or none. What is not understood stays unset.
    pub(crate) fn parse(prefix: &str) -> Self {
        let mut stamp = Self::default();
        let mut before_cpu = "";
        let mut last = "";
        for word in prefix.split_whitespace() {
            if let Some(cpu) = word
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']')?.parse().ok())
            {
                stamp.cpu = Some(cpu);
                before_cpu = last;
            } else if let Some((thread, time)) = thread_at_time(word) {
                stamp.pid = thread;
                stamp.time = time;
            } else if let Some(time) = word
                .strip_suffix(':')
                .and_then(seconds)
                .or_else(|| iso(word))
            {
                stamp.time = time;
            }
            last = word;
        }
        let thread = before_cpu.rsplit('-').next().unwrap_or("");
        if let Ok(thread) = thread.parse() {
            stamp.pid = thread;
        }
        stamp
    }
}

/// `1234@1700000000.123456:`.
fn thread_at_time(word: &str) -> Option<(i32, Timestamp)> {
    let (thread, time) = word.strip_suffix(':')?.split_once('@')?;
    Some((thread.parse().ok()?, seconds(time)?))
}

/// `12.345678`: seconds and a decimal fraction of one to nine digits.
pub(crate) fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.')?;
    let digits = fraction.len();
    if digits == 0
        || digits > 9
        || !(whole.bytes().chain(fraction.bytes())).all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let scale = 10u64.pow(u32::try_from(9 - digits).ok()?);
    let nanos = whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?;
    Some(Timestamp::from_nanos(nanos.checked_add(
        fraction.parse::<u64>().ok()?.checked_mul(scale)?,
    )?))
}

/// `2026-11-22T10:00:00.123456Z`, as time since 1970.
fn iso(word: &str) -> Option<Timestamp> {
    let (date, clock) = word.strip_suffix('Z')?.split_once('T')?;
    let mut parts = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    let mut parts = clock.splitn(3, ':');
    let (hour, minute) = (
        parts.next()?.parse::<u64>().ok()?,
        parts.next()?.parse::<u64>().ok()?,
    );
    let second = parts.next()?;
    let second = if second.contains('.') {
        seconds(second)?
    } else {
        seconds(&format!("{second}.0"))?
    };
    if !(1970..2500).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
    {
        return None;
    }
    let days = u64::try_from(days_since_1970(year, month, day)).ok()?;
    let minutes = (days * 24 + hour) * 60 + minute;
    Some(Timestamp::from_nanos(
        minutes
            .checked_mul(60_000_000_000)?
            .checked_add(second.as_nanos())?,
    ))
}

/// Days from 1970-01-01 in the Gregorian calendar: years are counted from March, so that the leap
/// day is the last of a year.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(nanos: u64, cpu: Option<u32>, pid: i32) -> Stamp {
        Stamp {
            time: Timestamp::from_nanos(nanos),
            cpu,
            pid,
        }
    }

    #[test]
    fn every_prefix() {
        assert_eq!(Stamp::parse(""), Stamp::default());
        assert_eq!(
            Stamp::parse("1234@1700000000.123456:"),
            stamp(1_700_000_000_123_456_000, None, 1234)
        );
        assert_eq!(
            Stamp::parse("2026-11-22T10:00:00.123456Z "),
            stamp(1_795_341_600_123_456_000, None, 0)
        );
        assert_eq!(
            Stamp::parse("  CPU 0/KVM-1234    [003] d..1.  12.345678:"),
            stamp(12_345_678_000, Some(3), 1234)
        );
        assert_eq!(
            Stamp::parse("my-task 77 [000]  5.000000001: rwmmio:"),
            stamp(5_000_000_001, Some(0), 77)
        );
        assert_eq!(
            Stamp::parse("char device redirected to 12:"),
            Stamp::default()
        );
    }

    #[test]
    fn the_calendar() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 3, 1), 11_017);
        assert_eq!(days_since_1970(2024, 2, 29), 19_782);
    }
}
