//! Time, CPU and thread out of what stands before an event's name.

use mmiotrace_core::Timestamp;

/// When and where a line was logged, as far as it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) time: Timestamp,
    pub(crate) cpu: Option<u32>,
    pub(crate) pid: i32,
    /// A time in the ticks of a clock that is not in seconds, instead of `time`.
    pub(crate) ticks: Option<u64>,
}

impl Stamp {
    /// Reads a prefix of any of the tools: QEMU's `1234@1700000000.123456:`, its
    /// `2026-11-22T10:00:00.123456Z`, ftrace's `task-1234 [003] d..1. 12.345678:` with or without a
    /// column of thread groups, its latency format `task-1234 3d..1. 12us!:`, perf's
    /// `task 1234 [003] 12.345678: system:`, or none. What is not understood stays unset.
    pub(crate) fn parse(prefix: &str) -> Self {
        let mut stamp = Self::default();
        let words = words(prefix);
        let mut after_thread = None;
        for (at, word) in words.iter().enumerate() {
            if let Some(cpu) = bracketed(word).or_else(|| latency_cpu(word)) {
                stamp.cpu = Some(cpu);
                after_thread = Some(at);
                continue;
            }
            if let Some((thread, time)) = thread_at_time(word) {
                (stamp.pid, stamp.time) = (thread, time);
                continue;
            }
            let before_colon = word.strip_suffix(':');
            let time = before_colon.and_then(seconds).or_else(|| iso(word));
            if let Some(time) = time.or_else(|| microseconds(before_colon.unwrap_or(word))) {
                stamp.time = time;
                after_thread = after_thread.or(Some(at));
            } else if let Some(ticks) = before_colon.and_then(|text| text.parse().ok()) {
                // Only where the columns of ftrace stand before it.
                stamp.ticks = stamp.cpu.map(|_| ticks);
            }
        }
        let thread = after_thread.and_then(|at| words.get(at.checked_sub(1)?));
        if let Some(thread) = thread.and_then(|word| thread_of(word)) {
            stamp.pid = thread;
        }
        stamp
    }

    /// `     0.809 kvmt/402 kvm:`, as `perf trace` prints it: milliseconds since it began.
    pub(crate) fn parse_perf_trace(prefix: &str) -> Self {
        let mut stamp = Self::default();
        for word in words(prefix) {
            if let Some(time) = seconds(word) {
                stamp.time = Timestamp::from_nanos(time.as_nanos() / 1000);
            } else if let Some(thread) = word.rsplit_once('/').and_then(|(_, id)| id.parse().ok()) {
                stamp.pid = thread;
            }
        }
        stamp
    }
}

/// The words of a prefix, without a column in brackets that is no part of a name: the thread group
/// `(   77)`, the duration of `perf trace`.
fn words(prefix: &str) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    let mut open = None;
    for word in prefix.split_whitespace() {
        if word.starts_with('(') && open.is_none() {
            open = Some(words.len());
        }
        words.push(word);
        let closes = word.ends_with(')') || word.ends_with("):");
        match open {
            Some(from) if closes => {
                words.truncate(from);
                open = None;
            }
            _ => {}
        }
    }
    words
}

/// `[003]`, also with what `trace-cmd report -R` puts behind it: `[003]-0x1`.
fn bracketed(word: &str) -> Option<u32> {
    word.strip_prefix('[')?.split_once(']')?.0.parse().ok()
}

/// `3d..1.`: the CPU and the flags of the latency format, of which there are four or more.
fn latency_cpu(word: &str) -> Option<u32> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (cpu, flags) = word.split_at(digits);
    let is_flag =
        |flag: char| flag == '.' || flag == '#' || flag == '*' || flag.is_ascii_alphanumeric();
    let is_flags = flags.len() >= 4 && flags.contains('.') && flags.chars().all(is_flag);
    // A time is not one: its first character behind the digits is a point followed by digits.
    (is_flags && !flags[1..].bytes().all(|byte| byte.is_ascii_digit())).then(|| cpu.parse().ok())?
}

/// `12us`, `12us!`: the latency format's time since the trace began, with a mark of how long it was
/// to the next.
fn microseconds(word: &str) -> Option<Timestamp> {
    let digits = word
        .trim_end_matches(['!', '+', '#', '*', '@', '$'])
        .strip_suffix("us")?;
    Some(Timestamp::from_nanos(
        digits.parse::<u64>().ok()?.checked_mul(1000)?,
    ))
}

/// `task-1234`, `1234`, and perf's `1233/1234` of process and thread.
fn thread_of(word: &str) -> Option<i32> {
    word.rsplit(['-', '/']).next()?.parse().ok()
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
            ticks: None,
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
        let table = [
            (
                "  kvmt-77  (     77) [001] ...1.    12.345678:",
                stamp(12_345_678_000, Some(1), 77),
            ),
            (
                "  kvmt-77  (-------) [001] ...1.    12.345679:",
                stamp(12_345_679_000, Some(1), 77),
            ),
            ("  <idle>-0         1...1.    0us :", stamp(0, Some(1), 0)),
            (
                "    kvmt-77        1...1.   12us!:",
                stamp(12_000, Some(1), 77),
            ),
            (
                "    kvmt-344     0d..1.    85.496604:",
                stamp(85_496_604_000, Some(0), 344),
            ),
            (
                "   kvmt-344   [000]-0x1    85.496604:",
                stamp(85_496_604_000, Some(0), 344),
            ),
            (
                "kvmt    77/78    [001]  1234.567890123: kvm:",
                stamp(1_234_567_890_123, Some(1), 78),
            ),
            (
                "kvmt   385   115.566699: kvm:",
                stamp(115_566_699_000, None, 385),
            ),
            (
                "(sd-pam)-12 [001] ..... 1.5:",
                stamp(1_500_000_000, Some(1), 12),
            ),
        ];
        for (prefix, expected) in table {
            assert_eq!(Stamp::parse(prefix), expected, "{prefix}");
        }
        let ticks = Stamp::parse("  kvmt-327     [000] ..... 223179610300:");
        assert_eq!(
            (ticks.ticks, ticks.cpu, ticks.pid),
            (Some(223_179_610_300), Some(0), 327)
        );
        assert_eq!(
            Stamp::parse_perf_trace("     0.809 (         ): kvmt/402 kvm:"),
            stamp(809_000, None, 402)
        );
    }

    #[test]
    fn the_calendar() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 3, 1), 11_017);
        assert_eq!(days_since_1970(2024, 2, 29), 19_782);
    }
}
