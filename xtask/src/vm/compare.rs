//! What a trace says against what the devices saw.

use super::device_log::{DeviceAccess, DeviceLog};
use super::error::Result;
use super::trace::Trace;
use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

/// One access of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceAccess {
    pub(crate) phys: u64,
    pub(crate) width: u8,
    pub(crate) write: bool,
    /// Least significant byte first; `None` where the trace says that it is not known.
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) cpu: Option<u32>,
}

/// A range of physical addresses, half open.
pub(crate) type Range = core::ops::Range<u64>;

/// What must be equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    phys: u64,
    width: u8,
    write: bool,
    cpu: Option<u32>,
    value: Option<u64>,
}

impl Key {
    fn of_device(access: &DeviceAccess, with_cpu: bool) -> Self {
        let cpu = if with_cpu { access.cpu } else { None };
        Self {
            phys: access.phys,
            width: access.width,
            write: access.write,
            cpu,
            value: Some(access.value & mask(access.width)),
        }
    }
}

impl Key {
    /// Whether this, of a trace, can be that, of the log: equal, or equal but for a value that the
    /// trace does not know.
    fn fits(&self, seen: &Self) -> bool {
        self == seen
            || (self.value.is_none()
                && *self
                    == Self {
                        value: None,
                        ..seen.clone()
                    })
    }
}

const fn mask(width: u8) -> u64 {
    match width {
        1..=7 => (1 << (8 * width)) - 1,
        _ => u64::MAX,
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {:#x}",
            if self.write { "W" } else { "R" },
            self.width,
            self.phys
        )?;
        match self.value {
            Some(value) => write!(f, " {value:#x}")?,
            None => f.write_str(" ?")?,
        }
        self.cpu.map_or(Ok(()), |cpu| write!(f, " cpu {cpu}"))
    }
}

/// The outcome of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Accesses that the devices saw.
    pub(crate) device: usize,
    /// Accesses that the trace has, counted in the pieces that the devices see of them.
    pub(crate) trace: usize,
    /// What the devices saw and the trace has not.
    missing: Vec<Key>,
    /// What the trace has and no device saw.
    invented: Vec<Key>,
    /// Accesses whose value the trace does not know.
    pub(crate) unknown_values: usize,
    /// How often, going along the trace, the device's place goes backwards.
    pub(crate) inversions: usize,
    /// Whether the log, with some of its accesses left out, is the trace.
    pub(crate) in_order: bool,
    /// How far the most displaced access stands from its place.
    pub(crate) displacement: usize,
    /// How often the log goes from one CPU to another: the measure of contention.
    pub(crate) cpu_switches: usize,
    /// Accesses by QEMU's region.
    pub(crate) regions: BTreeMap<String, usize>,
}

impl Report {
    /// Whether nothing is missing or invented and the order is the device's.
    pub(crate) fn is_exact(&self) -> bool {
        self.missing.is_empty() && self.invented.is_empty() && self.inversions == 0
    }

    pub(crate) fn missing(&self) -> usize {
        self.missing.len()
    }

    pub(crate) fn invented(&self) -> usize {
        self.invented.len()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "device {} trace {} missing {} invented {} inversions {} (displacement {}) unknown values {} CPU switches {}",
            self.device,
            self.trace,
            self.missing.len(),
            self.invented.len(),
            self.inversions,
            self.displacement,
            self.unknown_values,
            self.cpu_switches
        )?;
        for (what, keys) in [("missing", &self.missing), ("invented", &self.invented)] {
            for key in keys.iter().take(8) {
                write!(f, "\n  {what}: {key}")?;
            }
        }
        Ok(())
    }
}

/// Compares what lies in `windows`. The CPU is compared where the trace tells it.
pub(crate) fn compare<'a>(
    log: &DeviceLog,
    device: impl Iterator<Item = &'a DeviceAccess>,
    trace: &[TraceAccess],
    windows: &[Range],
) -> Report {
    let inside = |phys: u64| windows.iter().any(|window| window.contains(&phys));
    let device: Vec<&DeviceAccess> = device.filter(|access| inside(access.phys)).collect();
    let with_cpu = trace.iter().any(|access| access.cpu.is_some());
    let widths = Widths::of(&device);
    let keys: Vec<Key> = device
        .iter()
        .map(|access| Key::of_device(access, with_cpu))
        .collect();
    let pieces: Vec<Key> = trace
        .iter()
        .filter(|access| inside(access.phys))
        .flat_map(|access| widths.pieces(access))
        .collect();
    let mut report = Report {
        device: keys.len(),
        trace: pieces.len(),
        ..Report::default()
    };
    report.unknown_values = pieces.iter().filter(|key| key.value.is_none()).count();
    report.cpu_switches = device
        .windows(2)
        .filter(|pair| pair[0].cpu != pair[1].cpu)
        .count();
    for access in &device {
        let name = log.names.get(access.region).cloned().unwrap_or_default();
        *report.regions.entry(name).or_default() += 1;
    }
    // The common case, and the only one in which accesses of unknown value are told apart by place.
    let one_to_one =
        keys.len() == pieces.len() && keys.iter().zip(&pieces).all(|(seen, told)| told.fits(seen));
    let mut seen = keys.iter();
    report.in_order = pieces.iter().all(|told| seen.any(|seen| told.fits(seen)));
    if !one_to_one {
        match_up(&keys, &pieces, &mut report);
    }
    report
}

/// Compares a trace with the stretch of the log that begins where the trace's first access is, and
/// is as long as the trace.
pub(crate) fn stretch(log: &DeviceLog, trace: &[TraceAccess], windows: &[Range]) -> Report {
    let all: Vec<&DeviceAccess> = log
        .between(None, None)
        .filter(|access| windows.iter().any(|window| window.contains(&access.phys)))
        .collect();
    // A write's value is made once; a read's is not.
    let first_write = trace.iter().position(|access| access.write).unwrap_or(0);
    let begin = trace.get(first_write).and_then(|first| {
        let value = first
            .value
            .as_ref()?
            .iter()
            .rev()
            .fold(0, |all, byte| all << 8 | u64::from(*byte));
        all.iter()
            .position(|access| access.write && access.phys == first.phys && access.value == value)
    });
    let begin = begin.unwrap_or(0).saturating_sub(first_write);
    let part = all.into_iter().skip(begin).take(trace.len());
    compare(log, part, trace, windows)
}

/// Two traces of the same work, record by record. Prints each kind of difference with an example, and
/// fails at one that is no known fault of the kernel's tracer: accesses of its first page of a mapping
/// that begins in the middle of a page, which it does not see.
pub(crate) fn side_by_side(kernels: &Trace, ours: &Trace, windows: &[Range]) -> Result<()> {
    let inside = |access: &&TraceAccess| windows.iter().any(|it| it.contains(&access.phys));
    let mut theirs = kernels.accesses.iter().filter(inside).peekable();
    let (mut equal, mut unseen, mut polls) = (0usize, BTreeMap::new(), 0usize);
    let same = |one: &TraceAccess, other: &TraceAccess| {
        let key = |access: &TraceAccess| (access.phys, access.width, access.write);
        key(one) == key(other)
    };
    let begins_inside = |phys: u64| {
        let mapping = ours.mappings.iter().find(|mapping| {
            let start = mapping.phys.0;
            start % 0x1000 != 0 && phys >= start && phys & !0xfff == start & !0xfff
        });
        mapping.map(|mapping| mapping.phys.0)
    };
    let mut before: Option<&TraceAccess> = None;
    for access in ours.accesses.iter().filter(inside) {
        // How often a driver polls is the device's business, not the tracer's.
        while let (Some(their), Some(last)) = (theirs.peek(), before) {
            if same(their, access) || !same(their, last) || last.write {
                break;
            }
            polls += 1;
            theirs.next();
        }
        match theirs.peek() {
            Some(their)
                if same(their, access) && (their.value == access.value || !access.write) =>
            {
                equal += 1;
                theirs.next();
            }
            _ => match begins_inside(access.phys) {
                Some(start) => *unseen.entry(start).or_insert(0usize) += 1,
                None if before.is_some_and(|last| !last.write && same(last, access)) => polls += 1,
                None => {
                    return Err(format!(
                        "after {equal} equal records: ours has {access:x?}, the kernel's {:x?}",
                        theirs.peek()
                    )
                    .into());
                }
            },
        }
        before = Some(access);
    }
    println!("  {equal} records are equal; {polls} more or fewer turns of polling loops");
    for (start, count) in unseen {
        println!(
            "  {count} accesses are in ours only: the kernel's tracer does not see the first page of the mapping at {start:#x}, which begins in the middle of a page"
        );
    }
    match theirs.count() {
        0 => Ok(()),
        more => Err(format!("the kernel's trace has {more} records more").into()),
    }
}

/// QEMU cuts an access that is wider than the device's implementation and logs the pieces. The
/// widths that a region's log shows tell how.
#[derive(Debug, Default)]
struct Widths {
    region_at: BTreeMap<u64, usize>,
    seen: BTreeMap<usize, BTreeSet<u8>>,
}

impl Widths {
    fn of(device: &[&DeviceAccess]) -> Self {
        let mut widths = Self::default();
        for access in device {
            widths.region_at.insert(access.phys, access.region);
            widths
                .seen
                .entry(access.region)
                .or_default()
                .insert(access.width);
        }
        widths
    }

    fn pieces(&self, access: &TraceAccess) -> Vec<Key> {
        let seen = self
            .region_at
            .get(&access.phys)
            .and_then(|region| self.seen.get(region));
        let widest = seen
            .and_then(|seen| seen.last())
            .copied()
            .unwrap_or(8)
            .max(1);
        let piece = access.width.min(widest);
        let mut keys = Vec::new();
        let mut at = 0;
        while at < access.width {
            let width = piece.min(access.width - at);
            let bytes = access
                .value
                .as_ref()
                .and_then(|value| value.get(usize::from(at)..usize::from(at) + usize::from(width)));
            keys.push(Key {
                phys: access.phys + u64::from(at),
                width,
                write: access.write,
                cpu: access.cpu,
                value: bytes.map(|bytes| {
                    bytes
                        .iter()
                        .rev()
                        .fold(0, |all, byte| all << 8 | u64::from(*byte))
                }),
            });
            at += width;
        }
        keys
    }
}

/// Finds a partner for each: first equal ones, then, for accesses whose value the trace does not
/// know, ones that are equal but for the value.
fn match_up(device: &[Key], trace: &[Key], report: &mut Report) {
    let mut waiting: BTreeMap<&Key, Vec<usize>> = BTreeMap::new();
    for (index, key) in device.iter().enumerate().rev() {
        waiting.entry(key).or_default().push(index);
    }
    // For each access of the trace, its place in the device's log.
    let mut places: Vec<Option<usize>> = trace
        .iter()
        .map(|key| waiting.get_mut(key).and_then(Vec::pop))
        .collect();
    let mut rest: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    let mut left: Vec<usize> = waiting.into_values().flatten().collect();
    left.sort_unstable();
    for index in left.into_iter().rev() {
        if let Some(key) = device.get(index) {
            rest.entry(Key {
                value: None,
                ..key.clone()
            })
            .or_default()
            .push(index);
        }
    }
    for (key, place) in trace.iter().zip(&mut places) {
        if place.is_none() && key.value.is_none() {
            *place = rest.get_mut(key).and_then(Vec::pop);
        }
    }
    let lost = rest.into_values().flatten().collect::<BTreeSet<usize>>();
    report.missing = lost
        .iter()
        .filter_map(|index| device.get(*index).cloned())
        .collect();
    let pairs = trace.iter().zip(&places);
    report.invented = pairs
        .filter(|(_, place)| place.is_none())
        .map(|(key, _)| key.clone())
        .collect();
    let order: Vec<usize> = places.into_iter().flatten().collect();
    report.inversions = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let distance = |place: &usize| sorted.binary_search(place).unwrap_or(0);
    report.displacement = order
        .iter()
        .enumerate()
        .map(|(at, place)| at.abs_diff(distance(place)))
        .max()
        .unwrap_or(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(phys: u64, width: u8, value: u64, cpu: u32) -> DeviceAccess {
        DeviceAccess {
            phys,
            width,
            write: true,
            value,
            cpu: Some(cpu),
            region: 0,
        }
    }

    fn traced(phys: u64, width: u8, value: u64, cpu: u32) -> TraceAccess {
        let bytes = value.to_le_bytes()[..usize::from(width)].to_vec();
        TraceAccess {
            phys,
            width,
            write: true,
            value: Some(bytes),
            cpu: Some(cpu),
        }
    }

    fn judge(device: &[DeviceAccess], trace: &[TraceAccess]) -> Report {
        let log = DeviceLog {
            names: vec!["x".into()],
            entries: Vec::new(),
        };
        compare(
            &log,
            device.iter(),
            trace,
            core::slice::from_ref(&(0..0x1000)),
        )
    }

    #[test]
    fn every_kind_of_difference_shows() {
        let seen = [device(0, 4, 1, 0), device(4, 4, 2, 1), device(8, 4, 3, 0)];
        let right = [traced(0, 4, 1, 0), traced(4, 4, 2, 1), traced(8, 4, 3, 0)];
        assert!(judge(&seen, &right).is_exact());
        assert_eq!(judge(&seen, &right).cpu_switches, 2);
        assert_eq!(judge(&seen, &right[1..]).missing(), 1);
        assert_eq!(judge(&seen[1..], &right).invented(), 1);
        for wrong in [
            traced(0, 4, 9, 0),
            traced(0, 4, 1, 3),
            traced(1, 4, 1, 0),
            traced(0, 2, 1, 0),
        ] {
            let report = judge(&seen, &[wrong, right[1].clone(), right[2].clone()]);
            assert_eq!((report.missing(), report.invented()), (1, 1), "{report}");
        }
        let swapped = [right[1].clone(), right[0].clone(), right[2].clone()];
        let report = judge(&seen, &swapped);
        assert_eq!(
            (
                report.missing(),
                report.invented(),
                report.inversions,
                report.displacement
            ),
            (0, 0, 1, 1)
        );
    }

    #[test]
    fn a_wide_access_is_compared_in_the_pieces_that_the_device_sees() {
        let seen = [device(0, 4, 0x11, 0), device(4, 4, 0x22, 0)];
        assert!(judge(&seen, &[traced(0, 8, 0x22_0000_0011, 0)]).is_exact());
        assert!(!judge(&seen, &[traced(0, 8, 0x23_0000_0011, 0)]).is_exact());
    }

    #[test]
    fn an_unknown_value_matches_and_is_counted() {
        let mut unknown = traced(0, 4, 0, 0);
        unknown.value = None;
        let report = judge(&[device(0, 4, 7, 0)], &[unknown]);
        assert!(report.is_exact());
        assert_eq!(report.unknown_values, 1);
    }
}
