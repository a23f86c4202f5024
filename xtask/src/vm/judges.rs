//! How runs are judged.

use super::compare::{self, Range, Report};
use super::error::{AtPath, Result};
use super::test::Evidence;
use super::trace::Trace;

/// Every access of the devices' log between the phases is in the trace, nothing else is, in the
/// devices' order; nothing was lost, no page was open.
pub(crate) fn exact(evidence: &Evidence) -> Result<()> {
    complete(&evidence.trace)?;
    every_device(evidence, &evidence.trace, Report::is_exact)
}

/// As `exact`, but in any order: an NMI's access has no place against the one it interrupted.
pub(crate) fn same_accesses(evidence: &Evidence) -> Result<()> {
    complete(&evidence.trace)?;
    every_device(evidence, &evidence.trace, |report| {
        report.missing() == 0 && report.invented() == 0
    })
}

/// Memory that QEMU does not log; the guest has judged what became of it.
pub(crate) fn unlogged(evidence: &Evidence) -> Result<()> {
    complete(&evidence.trace)?;
    if evidence.trace.accesses.is_empty() {
        Err("nothing was traced".into())
    } else {
        Ok(())
    }
}

/// What `places.sh` makes: logged devices exactly, the shared memory by its count.
pub(crate) fn places(evidence: &Evidence) -> Result<()> {
    complete(&evidence.trace)?;
    let trace = &evidence.trace;
    for (device, windows) in &evidence.ranges {
        if device.name == "shmem" {
            // Every page of 2 MiB and 16 KiB, written once and read once.
            let expected = 2 * (512 + 4);
            let found = inside(trace, windows);
            println!("  shmem: {found} accesses, {expected} made");
            if found != expected {
                return Err("the large mapping was not traced as a whole".into());
            }
        } else {
            let report = evidence.compare(trace, windows);
            println!("  {}: {report}", device.name);
            if !report.is_exact() || report.device == 0 {
                return Err("the trace is not what the device saw".into());
            }
        }
    }
    // unaligned 1, twice 2, blocks 1, huge 1, and the thousand.
    if trace.mappings.len() != 1005 || trace.unmaps != 1005 {
        return Err(format!(
            "{} mappings began and {} ended, 1005 were made",
            trace.mappings.len(),
            trace.unmaps
        )
        .into());
    }
    Ok(())
}

/// Exactly as many are missing as the trace says are lost.
pub(crate) fn overflow(evidence: &Evidence) -> Result<()> {
    let trace = &evidence.trace;
    let report = evidence.compare(trace, &evidence.all_windows());
    println!("  {report}\n  the trace says: lost {}", trace.lost);
    let told = usize::try_from(trace.lost).unwrap_or(usize::MAX);
    if told == 0 || report.invented() > 0 || report.missing() != told || !report.in_order {
        return Err("the loss is not told exactly".into());
    }
    Ok(())
}

/// The traces of two recorders, one after the other, are one whole trace.
pub(crate) fn resumed(evidence: &Evidence) -> Result<()> {
    let mut trace = Trace::read(&evidence.folder.join("first"))?;
    let second = &evidence.trace;
    println!(
        "  {} accesses before the recorder was killed, {} after",
        trace.accesses.len(),
        second.accesses.len()
    );
    trace.accesses.extend(second.accesses.iter().cloned());
    trace.lost += second.lost;
    complete(&trace)?;
    every_device(evidence, &trace, Report::is_exact)
}

/// Each of three traces is a stretch of the devices' log without a gap. While pages are armed or
/// disarmed, CPUs change sides one after the other; so the tenths at both ends are left out.
pub(crate) fn stretches(evidence: &Evidence) -> Result<()> {
    let windows = evidence.all_windows();
    for round in 1..=3 {
        let trace = Trace::read(&evidence.folder.join(format!("trace{round}")))?;
        complete(&trace)?;
        let count = trace.accesses.len();
        let middle = trace
            .accesses
            .get(count / 10..count - count / 10)
            .unwrap_or(&[]);
        let report = compare::stretch(&evidence.log, middle, &windows);
        println!(
            "  round {round}: {count} accesses; of the middle {}: {report}",
            middle.len()
        );
        if middle.len() < 100 || !report.is_exact() {
            return Err("the trace has a gap, or what the device did not see".into());
        }
    }
    Ok(())
}

/// The cost of an access beside that with the kernel's own tracer.
pub(crate) fn cost(evidence: &Evidence) -> Result<()> {
    let path = evidence.folder.join("cost");
    let text = std::fs::read_to_string(&path).at(&path)?;
    let of = |who: &str| -> Result<[u64; 2]> {
        let line = text
            .lines()
            .find(|line| line.contains(who))
            .ok_or_else(|| format!("no cost {who}"))?;
        let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
        Ok([
            numbers.next().ok_or("no number")?,
            numbers.next().ok_or("no number")?,
        ])
    };
    let (untraced, ours, kernels) = (of("untraced")?, of("ours")?, of("kernel")?);
    for (index, what) in ["write", "read"].into_iter().enumerate() {
        let (plain, our, kernel) = (untraced[index], ours[index], kernels[index]);
        println!(
            "  {what}: untraced {plain} ns, ours {our} ns, the kernel's {kernel} ns: the kernel's is {:.1} of ours",
            kernel as f64 / our.max(1) as f64
        );
        if our * 8 > kernel {
            return Err("an access costs more than an eighth of the kernel's own tracer's".into());
        }
    }
    Ok(())
}

fn inside(trace: &Trace, windows: &[Range]) -> usize {
    trace
        .accesses
        .iter()
        .filter(|access| windows.iter().any(|window| window.contains(&access.phys)))
        .count()
}

fn complete(trace: &Trace) -> Result<()> {
    println!(
        "  trace: {} accesses, {} mappings, lost {}, blind {}",
        trace.accesses.len(),
        trace.mappings.len(),
        trace.lost,
        trace.blind.len()
    );
    if trace.lost > 0 || !trace.blind.is_empty() || trace.unknown > 0 {
        return Err(format!("the trace is not complete: {:?}", trace.blind.first()).into());
    }
    Ok(())
}

fn every_device(evidence: &Evidence, trace: &Trace, good: impl Fn(&Report) -> bool) -> Result<()> {
    let mut all_good = true;
    for (device, windows) in &evidence.ranges {
        let report = evidence.compare(trace, windows);
        println!("  {}: {report}", device.name);
        all_good &= good(&report) && report.device > 0;
    }
    if evidence.ranges.len() > 1 {
        let report = evidence.compare(trace, &evidence.all_windows());
        println!("  all together: {report}");
        all_good &= good(&report);
    }
    if all_good {
        Ok(())
    } else {
        Err("the trace is not what the devices saw".into())
    }
}
