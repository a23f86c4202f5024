//! What the benchmarks share: real lines in any amount, and ratios to a yardstick.
//!
//! A figure in nanoseconds says more of the machine than of the code. So every benchmark prints,
//! beside criterion's figures, how many times longer than a yardstick it took in the same run:
//! see [`ratio::Comparison`].
#![forbid(unsafe_code)]

pub mod corpus;
pub mod instructions;
pub mod plain;
pub mod ratio;
