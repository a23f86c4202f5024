//! Two traces compared by meaning: the same driver at two times, on two kernels, on two cards.
//!
//! What does not matter is taken out first: times, program counters, map ids, the addresses that
//! the BARs happened to get, and how often a register was polled or a loop turned. Then the two
//! sequences are aligned, and what does not fit is told as missing, inserted, moved or changed.
//!
//! # What is folded
//! - Reads of one register in a row: the last is compared.
//! - A loop over several registers (up to 48 steps a turn, at least three turns on one of the sides):
//!   the last turn is compared. One that only reads, wherever both traces have it. One that
//!   also writes only if it is a wait: every turn writes the same, in both traces; some read gave one
//!   value in all turns but the last and another one then, in one of the traces; and nothing next to it
//!   differs that is like it but for the values, as bits shifted out one by one are.
//! - A loop that only one trace has, or has more turns of without being a wait: told as a
//!   difference, as one turn with the number of turns.
//!
//! So a write that changed is always told, and a write that one trace has more often is told unless it
//! is part of a wait.
//!
//! ```
//! use mmiotrace_analysis::diff::{Comparison, Difference, Side};
//! use mmiotrace_format::Reader;
//!
//! let before = "MAP 1.000000 1 0xfe000000 0x0 0x1000 0x0 0\nW 4 1.000001 1 0xfe000010 0x1 0x0 0\n";
//! let after = "MAP 2.000000 7 0xfd000000 0x0 0x1000 0x0 0\nW 4 2.000001 7 0xfd000010 0x3 0x0 0\n";
//! let mut comparison = Comparison::new();
//! for (side, trace) in [(Side::Before, before), (Side::After, after)] {
//!     let mut entries = Reader::new(trace.as_bytes()).entries();
//!     while let Some(entry) = entries.next_entry()? {
//!         comparison.push(side, &entry)?;
//!     }
//! }
//! let diff = comparison.finish();
//! assert!(matches!(&diff.differences[..], [Difference::Changed { .. }]));
//! assert_eq!(diff.differences[0].changed_bits(), Some(0x2));
//! # Ok::<(), mmiotrace_format::Error>(())
//! ```

mod align;
mod comparison;
mod difference;
mod loops;
mod polls;
mod register;
mod runs;
mod step;
mod tell;

pub use comparison::{Comparison, Side, Treatment};
pub use difference::{ChangedField, Diff, DiffSummary, Difference, Seen};
pub use register::{Field, Known, Register, Space};
pub use step::Act;
