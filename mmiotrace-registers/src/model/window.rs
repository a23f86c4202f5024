//! Spaces behind registers.

use super::{FieldRef, RegisterRef, SpaceId};

/// How a space behind registers is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Indirect {
    /// One register says which part, others show it.
    Window(Window),
    /// One register takes address, data and operation at once.
    Command(Command),
}

/// An index and a data register; a latch and a window; a bank register and a banked range.
///
/// An access to byte `n` of the data range is an access of the inner space at cell
/// `select * unit`, byte `n`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// The space of the registers.
    pub outer: SpaceId,
    /// What says which part is shown.
    pub select: FieldRef,
    /// How many cells of the inner space one step of `select` is.
    pub unit: u64,
    /// The first byte of the data range in the outer space.
    pub data_at: u64,
    /// How many bytes the data range has.
    pub data_len: u64,
    /// How many steps `select` advances with every read of the data range.
    pub step_on_read: u64,
    /// How many steps `select` advances with every write to the data range.
    pub step_on_write: u64,
}

impl Window {
    /// An index register and a data range; the index counts cells and does not advance.
    #[must_use]
    pub const fn new(outer: SpaceId, select: FieldRef, data_at: u64, data_len: u64) -> Self {
        Self {
            outer,
            select,
            unit: 1,
            data_at,
            data_len,
            step_on_read: 0,
            step_on_write: 0,
        }
    }
}

/// A register that takes a command and gives the answer (MDIO and EEPROM of network cards).
///
/// A write with `operation` equal to `write` is a write of `data` to `address`. A read of the
/// register that shows `done` is a read of `data` at the address of the last command, where that
/// was a read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Command {
    /// The register.
    pub register: RegisterRef,
    /// The field with the address, in cells of the inner space.
    pub address: String,
    /// The field with the data.
    pub data: String,
    /// The field with the operation.
    pub operation: String,
    /// The operation that writes; `None`: there is none.
    pub write: Option<u64>,
    /// The operation that reads; `None`: there is none.
    pub read: Option<u64>,
    /// The field that is not 0 when data is valid; `None`: data is valid in every read.
    pub done: Option<String>,
}
