//! What a trace says against what the devices saw.

mod key;
mod matching;
mod report;
mod side_by_side;
mod widths;

pub(crate) use report::Report;
pub(crate) use side_by_side::side_by_side;

use crate::device_log::{DeviceAccess, DeviceLog};
use crate::trace::TraceAccess;
use key::Key;
use matching::match_up;
use widths::Widths;

/// A range of physical addresses, half open.
pub(crate) type Range = core::ops::Range<u64>;

/// Compares what lies in `windows`. The CPU is compared if the trace has it.
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
    // The common case, and the only one in which accesses of unknown value are distinguished by position.
    let one_to_one = keys.len() == pieces.len()
        && keys
            .iter()
            .zip(&pieces)
            .all(|(seen, traced)| traced.fits(seen));
    let mut seen = keys.iter();
    report.in_order = pieces
        .iter()
        .all(|traced| seen.any(|seen| traced.fits(seen)));
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
        assert_eq!(judge(&seen[1..], &right).spurious(), 1);
        for wrong in [
            traced(0, 4, 9, 0),
            traced(0, 4, 1, 3),
            traced(1, 4, 1, 0),
            traced(0, 2, 1, 0),
        ] {
            let report = judge(&seen, &[wrong, right[1].clone(), right[2].clone()]);
            assert_eq!((report.missing(), report.spurious()), (1, 1), "{report}");
        }
        let swapped = [right[1].clone(), right[0].clone(), right[2].clone()];
        let report = judge(&seen, &swapped);
        assert_eq!(
            (
                report.missing(),
                report.spurious(),
                report.inversions,
                report.displacement
            ),
            (0, 0, 1, 1)
        );
    }

    #[test]
    fn a_wide_access_is_compared_in_pieces() {
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
