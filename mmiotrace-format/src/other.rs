//! Lines that are no records.

/// A line that is no record, without its newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Other<'a> {
    bytes: &'a [u8],
}

/// What a line that is no record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OtherKind {
    /// Nothing, or blanks only.
    Blank,
    /// `# entries-in-buffer/entries-written: 4/4   #P:1` of the file `trace`. Where the two
    /// numbers differ, the difference was overwritten before it was read.
    Entries {
        /// Events still in the ring.
        in_buffer: u64,
        /// Events written into it since it was last emptied.
        written: u64,
    },
    /// Any other line that begins with `#`.
    Comment,
    /// `CPU:0 [LOST 12052 EVENTS]`, or without a number `CPU:0 [LOST EVENTS]`: what ftrace says
    /// of a loss. The tracer tells the same loss once more, as a `MARK 0.000000 Lost` record.
    CpuLost {
        /// The CPU whose ring overflowed.
        cpu: u32,
        /// How many events, where ftrace knows.
        count: Option<u64>,
    },
    /// `[LINE TOO BIG]`: ftrace could not print an event.
    LineTooBig,
    /// `rw what?`: the kernel found a corrupt access event.
    CorruptAccess,
    /// `map what?`: the kernel found a corrupt mapping event.
    CorruptMapping,
    /// Anything else. The kernel's stream has it where a marker's text holds newlines.
    Text,
}

impl<'a> Other<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The bytes, without the newline. A carriage return before it is part of them.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What the line is.
    #[must_use]
    pub fn kind(&self) -> OtherKind {
        crate::parse::other::kind(self.bytes)
    }
}
