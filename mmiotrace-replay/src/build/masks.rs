//! Which bits of a read count.

use crate::plan::Expect;
use mmiotrace_analysis::blocks::RegisterFacts;
use mmiotrace_core::{Value, Width};

/// What a read must give: all that was recorded, but for what the trace itself shows to change
/// without anything being written.
pub(super) fn expect(value: Value, width: Width, facts: Option<&RegisterFacts>) -> Option<Expect> {
    // A sign-extended value (`movsx`) is printed wider than the access: its low bytes were read.
    let low = Value::from_le_bytes(value.as_le_bytes().get(..width.as_usize())?)?;
    let Some(facts) = facts.filter(|_| width.max_u64().is_some()) else {
        return Some(Expect::exactly(low));
    };
    if facts.is_counter() {
        return Expect::masked(low, 0, "counts");
    }
    match facts.drifting() {
        0 => Some(Expect::exactly(low)),
        bits => Expect::masked(
            low,
            !bits,
            format!("bits {bits:#x} change by themselves in the trace"),
        ),
    }
}
