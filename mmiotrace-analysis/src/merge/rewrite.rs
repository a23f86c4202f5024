//! The columns of a line that merging changes, and only those.

use super::{MAP_ID_STEP, MergeErrorKind};
use core::fmt;
use core::str::FromStr;
use mmiotrace_core::Timestamp;
use mmiotrace_format::{Context, Field, Line, LineKind};

/// How far the times of a source are shifted, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shift(i128);

/// What is no shift.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a shift is a number of seconds with at most nine decimals, as +1.5 or -0.000250")]
pub struct InvalidShift;

const SECOND: i128 = 1_000_000_000;

impl Shift {
    /// Later by so much; earlier where it is negative.
    #[must_use]
    pub fn from_nanos(nanos: i64) -> Self {
        Self(nanos.into())
    }

    /// By which `from` comes to `to`.
    #[must_use]
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        Self(i128::from(to.as_nanos()) - i128::from(from.as_nanos()))
    }

    /// Both, one after the other.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The time shifted; `None` where it would be before 0 or after the end of the clock. The time
    /// 0 means none and stays.
    #[must_use]
    pub fn apply(self, time: Timestamp) -> Option<Timestamp> {
        if time == Timestamp::ZERO {
            return Some(time);
        }
        let nanos = i128::from(time.as_nanos()).checked_add(self.0)?;
        u64::try_from(nanos).ok().map(Timestamp::from_nanos)
    }
}

impl FromStr for Shift {
    type Err = InvalidShift;

    fn from_str(text: &str) -> Result<Self, InvalidShift> {
        let (sign, digits) = match text.split_at_checked(1) {
            Some(("-", digits)) => (-1, digits),
            Some(("+", digits)) => (1, digits),
            _ => (1, text),
        };
        let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(seconds) || !is_number(fraction) || fraction.len() > 9 {
            return Err(InvalidShift);
        }
        let seconds: u64 = seconds.parse().map_err(|_| InvalidShift)?;
        let nanos: i128 = format!("{fraction:0<9}")
            .parse()
            .map_err(|_| InvalidShift)?;
        Ok(Self(sign * (i128::from(seconds) * SECOND + nanos)))
    }
}

impl fmt::Display for Shift {
    /// `+1.500000`: with sign and six decimals, or nine where they are needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let nanos = self.0.unsigned_abs();
        let second = SECOND.unsigned_abs();
        let (seconds, fraction) = (nanos / second, nanos % second);
        match fraction % 1000 {
            0 => write!(f, "{sign}{seconds}.{:06}", fraction / 1000),
            _ => write!(f, "{sign}{seconds}.{fraction:09}"),
        }
    }
}

/// Appends the line, with time and map id as they are in the merged trace, where its source begins
/// with the index `base` and is `count` sources; a line that does not
/// parse, and one that has neither, as it is.
pub(super) fn rewrite(
    line: &Line<'_>,
    shift: Shift,
    (base, count): (usize, usize),
    out: &mut Vec<u8>,
) -> Result<(), MergeErrorKind> {
    for entry in Context::new().entries(*line) {
        let part = entry.line();
        if entry.record().is_err() || !has_columns(part.kind()) {
            out.extend_from_slice(part.as_bytes());
            continue;
        }
        let bytes = part.as_bytes();
        let columns = part.columns();
        let mut at = 0;
        let mut replace = |old: &[u8], new: &[u8]| {
            // The column is a part of the line: how far in is the difference of their addresses.
            let begin = (old.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize);
            out.extend_from_slice(bytes.get(at..begin).unwrap_or_default());
            out.extend_from_slice(new);
            at = begin + old.len();
        };
        if let Some(time) = columns
            .get(Field::Time)
            .filter(|_| shift != Shift::default())
        {
            let shifted = shifted(time, shift, most_decimals(part.kind()))
                .ok_or(MergeErrorKind::BeforeZero)?;
            replace(time, shifted.as_bytes());
        }
        if let Some(id) = columns.get(Field::MapId).filter(|_| base > 0) {
            let raised = raised(id, base, count).ok_or(MergeErrorKind::MapId)?;
            replace(id, raised.as_bytes());
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or_default());
    }
    Ok(())
}

fn has_columns(kind: LineKind) -> bool {
    use LineKind::{Map, Mark, Read, Unknown, Unmap, Write};
    matches!(kind, Read | Write | Map | Unmap | Mark | Unknown)
}

/// Only markers may have nanoseconds; all else is read with exactly six decimals.
fn most_decimals(kind: LineKind) -> usize {
    if kind == LineKind::Mark { 9 } else { 6 }
}

/// The time as printed, shifted, with as many decimals as it had and at least six, rounded to the
/// most there may be; the time 0 as it is.
fn shifted(time: &[u8], shift: Shift, most: usize) -> Option<String> {
    let text = core::str::from_utf8(time).ok()?;
    let decimals = text
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let nanos = text.parse::<Shift>().ok()?.0;
    if nanos == 0 {
        return Some(text.to_owned());
    }
    let moved = u64::try_from(nanos.checked_add(shift.0)?).ok()?;
    let moved = if most < 9 {
        moved.checked_add(500)? / 1000 * 1000
    } else {
        moved
    };
    let second = SECOND.unsigned_abs() as u64;
    let fraction = format!("{:09}", moved % second);
    let needed = fraction.trim_end_matches('0').len();
    let shown = decimals.max(6).max(needed).min(most);
    Some(format!("{}.{}", moved / second, fraction.get(..shown)?))
}

/// The map id as it is in the merged trace. Those below 0 are no mapping's.
fn raised(id: &[u8], base: usize, count: usize) -> Option<String> {
    let id: i32 = core::str::from_utf8(id).ok()?.parse().ok()?;
    if id < 0 {
        return Some(id.to_string());
    }
    let steps = |sources: usize| i32::try_from(sources).ok()?.checked_mul(MAP_ID_STEP);
    if steps(count).is_some_and(|end| id >= end) {
        return None;
    }
    id.checked_add(steps(base)?).map(|id| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts() {
        for (text, printed) in [
            ("1.5", "+1.500000"),
            ("-0.000250", "-0.000250"),
            ("+0.000000001", "+0.000000001"),
        ] {
            assert_eq!(
                text.parse::<Shift>().map(|shift| shift.to_string()),
                Ok(printed.to_owned())
            );
        }
        for wrong in [
            "",
            "+",
            "1.",
            ".5",
            "1.0000000001",
            "1e3",
            "--1",
            "99999999999999999999",
        ] {
            assert_eq!(wrong.parse::<Shift>(), Err(InvalidShift), "{wrong}");
        }
    }

    #[test]
    fn times_keep_their_decimals() {
        let shift = Shift::from_nanos(-1_500_000_000);
        assert_eq!(shifted(b"6.060175", shift, 6).as_deref(), Some("4.560175"));
        assert_eq!(
            shifted(b"6.000000001", shift, 9).as_deref(),
            Some("4.500000001")
        );
        assert_eq!(shifted(b"0.000000", shift, 6).as_deref(), Some("0.000000"));
        assert_eq!(shifted(b"1.000000", shift, 6), None);
        let half = Shift::from_nanos(1_499_500);
        assert_eq!(shifted(b"6.000001", half, 6).as_deref(), Some("6.001501"));
        assert_eq!(shifted(b"6.000001", half, 9).as_deref(), Some("6.0015005"));
    }
}
