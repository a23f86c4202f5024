//! A part of all encodings, through the engine of the process backend: what a traced program does is what it
//! does untraced. All of them: `cargo xtask oracle --engine`.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use oracle::encodings::{self, Encoding};
use oracle::engine;

/// Every how-manieth encoding is tried: a prime, so that no form is left out by its place.
const STEP: usize = 17;

#[test]
fn a_part_of_all_encodings_ends_as_natively() {
    let all = encodings::all();
    let chosen: Vec<&Encoding> = all.iter().step_by(STEP).collect();
    let tally = engine::run(&chosen, 2).expect("a capture begins");
    assert_eq!(tally.failures(oracle::host()), 0, "{tally}");
    assert_eq!(tally.tried, chosen.len());
    // A CPU with SSE2 alone runs more than this.
    assert!(tally.executed > 300, "{tally}");
    assert!(tally.compared >= tally.executed as u64, "{tally}");
    assert!(tally.events > tally.compared / 2, "{tally}");
    let refused: usize = tally.refused.values().map(Vec::len).sum();
    assert!(refused * 20 < tally.executed, "{tally}");
}
