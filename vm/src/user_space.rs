//! How captures of programs that drive devices themselves are judged.

use crate::evidence::Evidence;
use crate::judges;
use host::error::Result;

/// What a program did is what the device saw, in the device's order; every mapping comes with the
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
    let foreign = trace
        .mappings
        .iter()
        .find(|mapping| !windows.iter().any(|it| it.contains(&mapping.phys.0)));
    if let Some(mapping) = foreign {
        return Err(format!("a mapping is not of the device's memory: {mapping:?}").into());
    }
    // A program may end without unmapping; the capture has no end of the mapping then.
    if trace.mappings.is_empty() {
        return Err("there is no mapping".into());
    }
    if trace.threads.contains(&0) || trace.without_pc > 0 {
        return Err("an access comes without its thread or its instruction".into());
    }
    Ok(())
}

/// The same of a program that unmaps. (Many end without.)
pub(crate) fn exact_and_unmapped(evidence: &Evidence) -> Result<()> {
    exact(evidence)?;
    if evidence.trace.unmaps == 0 {
        return Err("no mapping ends".into());
    }
    Ok(())
}
