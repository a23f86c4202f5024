//! The values that filters compare with, and how people write them.

use core::fmt;
use core::str::FromStr;
use mmiotrace_core::{PciSelector, PhysAddr, Timestamp};

/// What is wrong with the text of a criterion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct CriterionError {
    why: String,
}

impl CriterionError {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

/// Addresses from a first one up to, but not with, an end.
///
/// ```
/// use mmiotrace_analysis::AddressRange;
///
/// let bar: AddressRange = "0xfebc0000..0xfebe0000".parse()?;
/// assert!(bar.contains(0xfebd_ffff) && !bar.contains(0xfebe_0000));
/// let from: AddressRange = "0xfebc0000..".parse()?;
/// assert!(from.contains(u64::MAX));
/// # Ok::<(), mmiotrace_analysis::CriterionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange {
    // INVARIANT: first <= last.
    first: u64,
    last: u64,
}

impl AddressRange {
    /// From `start` up to, but not with, `end`; `None` where that is no address.
    #[must_use]
    pub const fn new(start: u64, end: u64) -> Option<Self> {
        if start < end {
            Some(Self {
                first: start,
                last: end - 1,
            })
        } else {
            None
        }
    }

    /// From `start` to the end of the address space.
    #[must_use]
    pub const fn from_start(start: u64) -> Self {
        Self {
            first: start,
            last: u64::MAX,
        }
    }

    /// Whether `address` lies in the range.
    #[must_use]
    #[inline]
    pub const fn contains(&self, address: u64) -> bool {
        self.first <= address && address <= self.last
    }

    /// Whether any of the `len` addresses from `start` lies in the range. Of a length of 0 the
    /// start is asked.
    #[must_use]
    pub const fn overlaps(&self, start: u64, len: u64) -> bool {
        let last = start.saturating_add(len.saturating_sub(1));
        start <= self.last && self.first <= last
    }
}

impl FromStr for AddressRange {
    type Err = CriterionError;

    /// `START..END`, half open; either end may be left out; one number alone is that address.
    fn from_str(text: &str) -> Result<Self, CriterionError> {
        let Some((start, end)) = text.split_once("..") else {
            let address = number(text)?;
            return Ok(Self {
                first: address,
                last: address,
            });
        };
        let first = if start.trim().is_empty() {
            0
        } else {
            number(start)?
        };
        if end.trim().is_empty() {
            return Ok(Self::from_start(first));
        }
        Self::new(first, number(end)?).ok_or_else(|| {
            CriterionError::new(format!(
                "the range {text:?} is empty: its end is not after its start"
            ))
        })
    }
}

/// Times from a first one up to, but not with, an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    start: Timestamp,
    end: Option<Timestamp>,
}

impl TimeRange {
    /// From `start` up to, but not with, `end`; `None` for an end that does not come.
    #[must_use]
    pub const fn new(start: Timestamp, end: Option<Timestamp>) -> Self {
        Self { start, end }
    }

    /// Whether `time` lies in the range.
    #[must_use]
    #[inline]
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && self.end.is_none_or(|end| time < end)
    }
}

impl FromStr for TimeRange {
    type Err = CriterionError;

    /// `FROM..TO` in seconds with at most nine decimals; either may be left out.
    fn from_str(text: &str) -> Result<Self, CriterionError> {
        let Some((from, to)) = text.split_once("..") else {
            return Err(CriterionError::new(format!(
                "{text:?} is no time range; write FROM..TO in seconds, as 6.5..7.25"
            )));
        };
        let time = |text: &str| {
            (!text.trim().is_empty())
                .then(|| seconds(text.trim()))
                .transpose()
        };
        let (start, end) = (time(from)?.unwrap_or_default(), time(to)?);
        if end.is_some_and(|end| end <= start) {
            return Err(CriterionError::new(format!(
                "the range {text:?} is empty: its end is not after its start"
            )));
        }
        Ok(Self { start, end })
    }
}

/// A value, or some bits of one.
///
/// ```
/// use mmiotrace_analysis::ValueMatch;
///
/// let bit: ValueMatch = "0x80/0xff".parse()?;
/// assert!(bit.matches(0x1280) && !bit.matches(0x81));
/// # Ok::<(), mmiotrace_analysis::CriterionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ValueMatch {
    value: u64,
    mask: u64,
}

impl ValueMatch {
    /// Values whose bits in `mask` are those of `value`.
    #[must_use]
    pub const fn new(value: u64, mask: u64) -> Self {
        Self {
            value: value & mask,
            mask,
        }
    }

    /// Whether `value` has the bits.
    #[must_use]
    #[inline]
    pub const fn matches(&self, value: u64) -> bool {
        value & self.mask == self.value
    }
}

impl FromStr for ValueMatch {
    type Err = CriterionError;

    /// `V`, or `V/MASK`.
    fn from_str(text: &str) -> Result<Self, CriterionError> {
        match text.split_once('/') {
            None => Ok(Self::new(number(text)?, u64::MAX)),
            Some((value, mask)) => {
                let (value, mask) = (number(value)?, number(mask)?);
                if value & !mask != 0 {
                    let why =
                        format!("{text:?} can match nothing: the value has bits outside the mask");
                    return Err(CriterionError::new(why));
                }
                Ok(Self::new(value, mask))
            }
        }
    }
}

/// A PCI device, or one memory range of it.
///
/// A trace has no PCI domains (`PCIDEV` prints none), so the domain is kept and not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceSelector {
    /// The device.
    pub device: PciSelector,
    /// The number of the BAR, 0 to 5, or 6 for the expansion ROM; `None` for all memory ranges.
    pub bar: Option<u8>,
}

impl FromStr for DeviceSelector {
    type Err = CriterionError;

    /// `[DOMAIN:]BB:DD.F[:BAR]`, as `lspci` prints it; all but the BAR in hex.
    fn from_str(text: &str) -> Result<Self, CriterionError> {
        selector(text).ok_or_else(|| {
            let form = "[DOMAIN:]BB:DD.F[:BAR], as 00:02.0 or 0000:00:02.0:1";
            CriterionError::new(format!("{text:?} is no PCI device; write {form}"))
        })
    }
}

impl fmt::Display for DeviceSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.device)?;
        self.bar.map_or(Ok(()), |bar| write!(f, ":{bar}"))
    }
}

fn selector(text: &str) -> Option<DeviceSelector> {
    let point = text.find('.')?;
    let (device, bar) = match text.get(point..)?.find(':') {
        Some(colon) => {
            let (device, bar) = text.split_at_checked(point + colon)?;
            let bar = match bar.as_bytes() {
                [b':', digit @ b'0'..=b'6'] => digit - b'0',
                _ => return None,
            };
            (device, Some(bar))
        }
        None => (text, None),
    };
    Some(DeviceSelector {
        device: device.parse().ok()?,
        bar,
    })
}

/// The same, without the text: a physical address in a range.
pub(super) const fn phys_in(range: &AddressRange, phys: PhysAddr) -> bool {
    range.contains(phys.0)
}

/// A number as people write it: decimal, or hex with `0x`.
fn number(text: &str) -> Result<u64, CriterionError> {
    let text = text.trim();
    let digits = text.replace('_', "");
    let parsed = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(hex) if hex.starts_with('+') => None,
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if digits.starts_with('+') => None,
        None => digits.parse().ok(),
    };
    parsed.ok_or_else(|| {
        let hint = if u64::from_str_radix(&digits, 16).is_ok() {
            "; hex numbers begin with 0x"
        } else {
            ""
        };
        CriterionError::new(format!("{text:?} is no number{hint}"))
    })
}

fn seconds(text: &str) -> Result<Timestamp, CriterionError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    let nanos = (|| {
        if !digits(whole)
            || !digits(fraction)
            || fraction.len() > 9
            || (whole.is_empty() && fraction.is_empty())
        {
            return None;
        }
        let seconds: u64 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        let nanos: u64 = format!("{fraction:0<9}").parse().ok()?;
        seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
    })();
    nanos
        .map(Timestamp::from_nanos)
        .ok_or_else(|| CriterionError::new(format!("{text:?} is no time in seconds")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let range = |text: &str| text.parse::<AddressRange>();
        assert_eq!(
            range("16..0x20"),
            Ok(AddressRange {
                first: 16,
                last: 31
            })
        );
        assert_eq!(range("..0x20"), Ok(AddressRange { first: 0, last: 31 }));
        assert_eq!(range("7"), Ok(AddressRange { first: 7, last: 7 }));
        assert_eq!(range("0xffffffffffffffff..").unwrap().first, u64::MAX);
        for wrong in [
            "", "a..b", "5..5", "6..5", "0x..1", "0x1g", "-1", "0x+1", "1...2",
        ] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
        let hint = range("febc0000..febd0000").unwrap_err().to_string();
        assert!(hint.contains("begin with 0x"), "{hint}");
    }

    #[test]
    fn overlap() {
        let range = AddressRange::new(0x1000, 0x2000).unwrap();
        assert!(range.overlaps(0xfff, 2) && !range.overlaps(0xfff, 1));
        assert!(range.overlaps(0x1fff, 1) && !range.overlaps(0x2000, 1));
        assert!(range.overlaps(0, u64::MAX) && range.overlaps(0x1000, 0));
    }

    #[test]
    fn times() {
        let range: TimeRange = "6.5..7".parse().unwrap();
        assert!(range.contains(Timestamp::from_nanos(6_500_000_000)));
        assert!(!range.contains(Timestamp::from_nanos(7_000_000_000)));
        assert!("..".parse::<TimeRange>().unwrap().contains(Timestamp::ZERO));
        for wrong in [
            "",
            "1",
            "2..1",
            "1..1",
            "x..2",
            "1.0000000001..2",
            "-1..2",
            "....",
            "99999999999999999999..",
        ] {
            assert!(wrong.parse::<TimeRange>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn devices() {
        let full: DeviceSelector = "0001:3f:1f.7:6".parse().unwrap();
        assert_eq!((full.device.domain, full.device.bus), (Some(1), 0x3f));
        assert_eq!((full.device.devfn(), full.bar), (0xff, Some(6)));
        assert_eq!(full.to_string(), "0001:3f:1f.7:6");
        let vmd: DeviceSelector = "10000:00:02.0".parse().unwrap();
        assert_eq!(vmd.to_string(), "10000:00:02.0");
        assert_eq!(
            "2:3.1".parse::<DeviceSelector>().unwrap().to_string(),
            "02:03.1"
        );
        for wrong in [
            "",
            "00:02",
            "00:20.0",
            "00:02.8",
            "00:02.0:7",
            "1:0:0:02.0",
            "000000000:00:02.0",
            "00:02.0:+1",
            "g0:02.0",
            "00:02.0:",
        ] {
            assert!(wrong.parse::<DeviceSelector>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn values() {
        assert!("5".parse::<ValueMatch>().unwrap().matches(5));
        assert!("0/1".parse::<ValueMatch>().unwrap().matches(0xfe));
        assert!("2/1".parse::<ValueMatch>().is_err());
    }
}
