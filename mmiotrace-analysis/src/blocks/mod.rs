//! What a driver did, as blocks: waits, read-modify-writes, transfers, repetitions.
//!
//! A driver's start-up is thousands of accesses of which a hundred matter. [`Folder`] takes the
//! records of a trace one by one and gives [`Block`]s; [`Blocks`] does so for a whole trace. It
//! is one pass with bounded memory, and lossless: every block names its lines, and
//! [`Block::unfold`] gives back every record in order.
//!
//! What is found:
//!
//! | block | from |
//! | --- | --- |
//! | [`Poll`](BlockKind::Poll) | one register read until it changed; or read once, where the write just before explains the change: the device was quick |
//! | [`Modify`](BlockKind::Modify) | a register read and written at once: which bits were switched |
//! | [`Acknowledge`](BlockKind::Acknowledge) | status bits written back as 1, and off afterwards, while the others stayed |
//! | [`Upload`](BlockKind::Upload), [`Download`](BlockKind::Download) | a window run through, or data through one register; the bytes can be taken out |
//! | [`Fill`](BlockKind::Fill) | the same with one value |
//! | [`Indexed`](BlockKind::Indexed) | a number into one register, what it numbers behind another |
//! | [`Repeat`](BlockKind::Repeat) | a sequence of up to 48 blocks at least three times; may hold repeats |
//! | [`Delay`](BlockKind::Delay) | the driver let time pass |
//!
//! All of it is inference. A block says what the accesses look like, with its evidence, and never
//! more than the trace shows: a bit that no recorded device ever set cannot be part of a
//! condition.

mod block;
mod classify;
mod condition;
mod delay;
mod facts;
mod folder;
mod line_folder;
mod lines;
mod location;
mod pair;
mod poll;
mod print;
mod reader;
mod registers;
mod repeat;
mod shape;
mod values;
mod window;

pub use block::{
    Acknowledge, Block, BlockKind, Evidence, Indexed, Modify, OtherRecord, Outcome, Poll, Repeat,
    Transfer, Undecoded, Unfolded,
};
pub use condition::Condition;
pub use facts::RegisterFacts;
pub use folder::{Folder, Record};
pub use line_folder::LineFolder;
pub use lines::Lines;
pub use location::Location;
pub use print::{Addresses, Names};
pub use reader::Blocks;
pub use registers::Registers;
pub use values::Values;
