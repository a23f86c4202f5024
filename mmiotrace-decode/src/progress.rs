//! How carrying out an instruction ended.

use crate::{BusFault, Reason};

/// How far an instruction came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Progress {
    /// It is done; `rip` points behind it.
    Done,
    /// A repeated string instruction has done as many elements as allowed. The registers say how
    /// far it came, as after an interrupt, and `rip` still points to it: return to it, and it
    /// faults again.
    Again,
}

/// An exception that the instruction natively raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exception {
    /// #DE: division by zero, or a quotient that does not fit.
    DivideError,
    /// #GP: `cmpxchg16b` of an operand that is not aligned.
    GeneralProtection,
    /// The code ran natively and raised an exception: the vector number is not known here, the
    /// signal or trap that told of it is the caller's to pass on at the instruction.
    Native,
}

/// Why an instruction was not carried out.
///
/// The registers are as before, but for elements of a string instruction that are done: those are
/// complete, and the registers say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// Not exactly. The device was not touched.
    #[error("cannot be carried out: {0}")]
    Cannot(Reason),
    /// Memory beside the device is missing, or the device itself is. For the former the
    /// instruction natively faults at that address.
    #[error(transparent)]
    Fault(#[from] BusFault),
    /// The instruction natively raises an exception. What it reads it has read.
    #[error("it raises an exception: {0:?}")]
    Exception(Exception),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Cannot(reason)
    }
}
