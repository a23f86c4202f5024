//! How captures of programs that drive devices themselves are judged.

use super::error::Result;
use super::judges;
use super::test::Evidence;

/// What a program did is what the device saw, in the device's order; every mapping is told with the
/// physical address of the device's memory, every access with its thread and its instruction.
pub(crate) fn exact(evidence: &Evidence) -> Result<()> {
    judges::exact(evidence)?;
    let trace = &evidence.trace;
    let windows = evidence.all_windows();
    println!(
        "  {} mappings, {} threads, {} accesses outside the devices",
        trace.mappings.len(),
        trace.threads.len(),
        trace
            .accesses
            .iter()
            .filter(|access| !windows.iter().any(|it| it.contains(&access.phys)))
            .count()
    );
    let strange = trace
        .mappings
        .iter()
        .find(|mapping| !windows.iter().any(|it| it.contains(&mapping.phys.0)));
    if let Some(mapping) = strange {
        return Err(format!("a mapping is not of the device's memory: {mapping:?}").into());
    }
    // A program may end without unmapping; a capture tells of no end then.
    if trace.mappings.is_empty() {
        return Err("no mapping is told".into());
    }
    if trace.threads.contains(&0) || trace.without_pc > 0 {
        return Err("an access is told without its thread or its instruction".into());
    }
    Ok(())
}

/// The same of a program that gives its mappings back. (Many end without.)
pub(crate) fn exact_and_unmapped(evidence: &Evidence) -> Result<()> {
    exact(evidence)?;
    if evidence.trace.unmaps == 0 {
        return Err("no mapping ends".into());
    }
    Ok(())
}
