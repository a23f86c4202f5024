//! What 20070824 has no column for, in markers of a reserved form.

use crate::parse;
use mmiotrace_core::{AccessKind, Blind, BlindEdge, Code, PhysAddr, Width};

/// What a reserved marker says: the text after `mmiotrace1 `.
///
/// | text | of | means |
/// | --- | --- | --- |
/// | `wide n=4 width=32` | the next `n` records | they are the pieces of one access, in rising order of address |
/// | `value unknown width=4 kind=read code=f00107` | the next record, an `UNKNOWN` | it is an access of that width and kind whose value was not learnt; `code` is absent where not known |
/// | `value unknown code=f0010700` | the next record, an `UNKNOWN` | more (or less) of its instruction is known than the three bytes printed |
/// | `blind begin page=0xfebc0000 reason=no-base code=0f0bc3` | itself | from here on accesses to that page are not seen; `end`: seen again |
/// | `lost n=12 seq=100-180 cpu=1` | the next record, a loss | where it happened; `seq` and `cpu` are absent where not known |
/// | `cpu cpu=3` | all events after it | the CPU that made them; `cpu=none`: not known |
/// | `seq seq=77` | the next event | its sequence number; each event after it has the number after; `seq=none`: not known. Told where a number is not the one after, and again every 1024 events, so that lines taken out of the text show |
/// | `unordered` | the next event | its place among the device's accesses is not exactly this one ([`Event::unordered`](mmiotrace_core::Event::unordered)) |
/// | `lines n=3` | the next `n` markers | they are one marker, whose text has newlines between theirs; none of them is an annotation |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Annotation {
    /// The next records are the pieces of one access.
    Wide {
        /// How many records.
        n: u8,
        /// How many bytes the access moved.
        width: Width,
    },
    /// The next record, an `UNKNOWN`, is an access whose value was not learnt.
    Value {
        /// Its kind and width; `None` where these are not known either.
        access: Option<(AccessKind, Width)>,
        /// The bytes of the instruction.
        code: Code,
    },
    /// A page went blind, or sees again. The time is the marker's.
    Blind {
        /// Which of both.
        edge: BlindEdge,
        /// The page.
        page: PhysAddr,
        /// Why.
        reason: mmiotrace_core::BlindReason,
        /// The instruction that could not be done; empty where it was none.
        code: Code,
    },
    /// More on the loss that is the next record.
    Lost {
        /// How many events, once more.
        n: u64,
        /// The first and the last sequence number that are missing.
        seq: Option<(u64, u64)>,
        /// The CPU whose ring was full.
        cpu: Option<u32>,
    },
    /// The CPU of all events that follow.
    Cpu {
        /// Its number; `None` where not known.
        cpu: Option<u32>,
    },
    /// The sequence number of the next event; those after it count on.
    Seq {
        /// The number; `None` where events are not numbered.
        seq: Option<u64>,
    },
    /// The next event may have come to the device before or after its neighbours.
    Unordered,
    /// The next markers are one.
    Lines {
        /// How many.
        n: u32,
    },
}

impl Annotation {
    /// What the text of a marker says, or `None` where it is an ordinary marker, or of a kind
    /// that is not known here.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        parse::annotation::annotation(text)
    }
}

impl From<&Blind> for Annotation {
    fn from(blind: &Blind) -> Self {
        let Blind {
            edge,
            page,
            reason,
            code,
            ..
        } = *blind;
        Self::Blind {
            edge,
            page,
            reason,
            code,
        }
    }
}
