//! How runs are judged.

use crate::compare::{self, Range, Report};
use crate::evidence::Evidence;
use crate::trace::Trace;
use host::error::{AtPath, Result};

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
        report.missing() == 0 && report.spurious() == 0
    })
}

/// What `blind.sh` makes: nothing is spurious, and what is missing is named.
pub(crate) fn named(evidence: &Evidence) -> Result<()> {
    // As many mappings as the module traces at a time, of those that the guest makes.
    const BEYOND: usize = 1100 - 1024;
    let of = |word: &str| {
        let blind = evidence.trace.blind.iter();
        blind.filter(|blind| blind.reason.as_str() == word).count()
    };
    let (paged, beyond) = (of("memory-fault"), of("too-many-mappings"));
    let report = evidence.compare(&evidence.trace, &evidence.all_windows());
    println!("  blind: {paged} for memory, {beyond} for want of room; {report}");
    // The instruction is begun once or twice before its page is there.
    let unseen = report.missing().checked_sub(BEYOND);
    let named = paged == 1 && beyond == BEYOND && evidence.trace.blind.len() == 1 + BEYOND;
    match unseen {
        Some(1..=3) if named && report.spurious() == 0 && evidence.trace.lost == 0 => Ok(()),
        _ => Err("what is missing is not what was reported".into()),
    }
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
    // unaligned 1, twice 2, blocks 1, huge 1, and the ten thousand.
    if trace.mappings.len() != 10_005 || trace.unmaps != 10_005 {
        return Err(format!(
            "{} mappings began and {} ended, 10005 were made",
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
    let reported = usize::try_from(trace.lost).unwrap_or(usize::MAX);
    if reported == 0 || report.spurious() > 0 || report.missing() != reported || !report.in_order {
        return Err("the loss is not reported exactly".into());
    }
    Ok(())
}

/// What several recorders have written, one killed after the other, is one whole trace.
pub(crate) fn resumed(evidence: &Evidence) -> Result<()> {
    exact(evidence)?;
    let rounds = (1..=3).map(|round| format!("round {round}"));
    for marker in rounds {
        if !evidence.trace.markers.contains(&marker) {
            return Err(format!("the marker '{marker}' is not in the trace").into());
        }
    }
    Ok(())
}

/// The guest has judged.
pub(crate) fn by_the_guest(_: &Evidence) -> Result<()> {
    Ok(())
}

/// Three captures, between two phases each.
pub(crate) fn driver(evidence: &Evidence) -> Result<()> {
    for (name, phases) in [("trace", (1, 2)), ("bind", (3, 4)), ("bound", (5, 6))] {
        let trace = Trace::read(&evidence.folder.join(name))?;
        complete(&trace)?;
        // Before it is bound anew it is unbound, which is not traced.
        let report = match name {
            "bind" => evidence.compare_end(phases, &trace),
            _ => evidence.compare_between(phases, &trace),
        };
        println!("  {name}: {report}");
        if !report.is_exact() || report.device == 0 {
            return Err("the trace is not what the device saw".into());
        }
        if !trace.markers.iter().any(|marker| marker == "it works") {
            return Err("the command's marker is not in the trace".into());
        }
    }
    let wanted = [
        "my mark",
        "phase begin: load e1000",
        "phase end: load e1000",
    ];
    let missing = wanted.iter().find(|wanted| {
        !evidence
            .trace
            .markers
            .iter()
            .any(|marker| marker == *wanted)
    });
    missing.map_or(Ok(()), |text| {
        Err(format!("there is no marker '{text}'").into())
    })
}

/// Memory of a graphics card: as many bytes and words as the test module counted, and each read returns
/// what the writes before it have left.
pub(crate) fn framebuffer(evidence: &Evidence) -> Result<()> {
    complete(&evidence.trace)?;
    let path = evidence.folder.join("counts");
    let text = std::fs::read_to_string(&path).at(&path)?;
    let numbers: Vec<u64> = text
        .split_whitespace()
        .filter_map(|word| word.trim_end_matches(';').parse().ok())
        .collect();
    let [block_written, block_read, words_written, words_read] = numbers[..] else {
        return Err(format!("no counts in {}", path.display()).into());
    };
    let windows = evidence.all_windows();
    let mut memory = std::collections::BTreeMap::new();
    let (mut written, mut read, mut unknown) = (0, 0, 0);
    let accesses = evidence.trace.accesses.iter();
    for access in accesses.filter(|access| windows.iter().any(|it| it.contains(&access.phys))) {
        let bytes = access.value.as_deref().ok_or("a value is not known")?;
        let places = (access.phys..).zip(bytes);
        if access.write {
            written += u64::from(access.width);
            memory.extend(places.map(|(at, byte)| (at, *byte)));
            continue;
        }
        read += u64::from(access.width);
        for (at, byte) in places {
            match memory.get(&at) {
                Some(known) if known != byte => {
                    return Err(format!("{at:#x} reads {byte:#x}, {known:#x} was written").into());
                }
                Some(_) => {}
                None => unknown += 1,
            }
        }
    }
    println!(
        "  written {written} bytes, {} made; read {read} bytes, {} made; {unknown} read before they were written",
        block_written + 8 * words_written,
        block_read + 4 * words_read
    );
    let right = written == block_written + 8 * words_written && read == block_read + 4 * words_read;
    if right && written > 0 && unknown == 0 {
        Ok(())
    } else {
        Err("the trace is not what was done".into())
    }
}

/// The kernel's own trace and ours of the same work on one CPU, record by record; both against the
/// device's log of their own run. Every difference is one that is known of the kernel's.
pub(crate) fn against_the_kernels(evidence: &Evidence) -> Result<()> {
    let ours = &evidence.trace;
    complete(ours)?;
    let report = evidence.compare_between((3, 4), ours);
    println!("  ours: {report}");
    if !report.is_exact() || report.device == 0 {
        return Err("our trace is not what the device saw".into());
    }
    let kernels = Trace::read(&evidence.folder.join("kernel"))?;
    println!(
        "  the kernel's: {}",
        evidence.compare_between((1, 2), &kernels)
    );
    compare::side_by_side(&kernels, ours, &evidence.all_windows())
}

/// Four threads on one page: ours exactly, and the kernel's with CPUs put on-line by hand.
pub(crate) fn kernel_smp(evidence: &Evidence) -> Result<()> {
    complete(&evidence.trace)?;
    let ours = evidence.compare_between((1, 2), &evidence.trace);
    println!("  ours: {ours}");
    let kernels = Trace::read(&evidence.folder.join("kernel"))?;
    let report = evidence.compare_between((3, 4), &kernels);
    println!(
        "  the kernel's: {} of {} accesses missing ({} %), lost {}: {report}",
        report.missing(),
        report.device,
        100 * report.missing() / report.device.max(1),
        kernels.lost
    );
    if ours.is_exact() && ours.device > 0 {
        Ok(())
    } else {
        Err("our trace is not what the device saw".into())
    }
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

/// The cost of an access beside that with the kernel's own tracer, both recorded to a file: the mean of
/// ten thousand, and the least of fifty, in which the recorders have no part. Of several rounds the best.
pub(crate) fn cost(evidence: &Evidence) -> Result<()> {
    let path = evidence.folder.join("cost");
    let text = std::fs::read_to_string(&path).at(&path)?;
    let of = |who: &str| -> Result<[u64; 4]> {
        let rounds = text.lines().filter(|line| line.contains(who));
        let numbers = rounds.filter_map(|line| {
            let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
            let all: [Option<u64>; 4] = [(); 4].map(|()| numbers.next());
            Some([all[0]?, all[1]?, all[2]?, all[3]?])
        });
        let least = numbers.reduce(|a, b| [0, 1, 2, 3].map(|at| a[at].min(b[at])));
        least.ok_or_else(|| format!("no cost {who}").into())
    };
    let (untraced, ours, kernels) = (of("untraced")?, of("ours")?, of("kernel")?);
    let what = ["write, least", "read, least", "write, mean", "read, mean"];
    for (index, what) in what.into_iter().enumerate() {
        let (plain, our, kernel) = (untraced[index], ours[index], kernels[index]);
        println!(
            "  {what}: untraced {plain} ns, ours {our} ns, the kernel's {kernel} ns: ours is {:.1} of untraced, the kernel's {:.1} of ours",
            our as f64 / plain.max(1) as f64,
            kernel as f64 / our.max(1) as f64
        );
    }
    // The mean has the load of the machine in it.
    if ours[0] * 8 <= kernels[0] && ours[1] * 8 <= kernels[1] {
        Ok(())
    } else {
        Err("an access costs more than an eighth of the kernel's own tracer's".into())
    }
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
