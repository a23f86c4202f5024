//! What 20070824 has no column for, in markers of a reserved form.

use crate::parse;
use mmiotrace_core::{AccessKind, Blind, BlindEdge, Code, MapId, PhysAddr, Width};

/// What a reserved marker says: the text after `mmiotrace1 `.
///
/// | text | about | means |
/// | --- | --- | --- |
/// | `wide n=4 width=32` | the next `n` records | they are the pieces of one access, in rising order of address |
/// | `value unknown width=4 kind=read code=f00107` | the next record, an `UNKNOWN` | it is an access of that width and kind whose value was not learnt; `code` is absent if it is not known |
/// | `value unknown code=f0010700` | the next record, an `UNKNOWN` | more (or less) of its instruction is known than the three bytes printed |
/// | `blind begin page=0xfebc0000 reason=no-base code=0f0bc3` | itself | from here on accesses to that page are not seen; `end`: seen again |
/// | `lost n=12 seq=100-180 cpu=1` | the next record, a loss | where it happened; `seq` and `cpu` are absent if they are not known |
/// | `cpu cpu=3` | all events after it | the CPU that made them; `cpu=none`: not known |
/// | `seq seq=77` | the next event | its sequence number; each event after it has the next number; `seq=none`: not known. Written whenever a number is not the next one, and again every 1024 events, so that lines taken out of the text are noticed |
/// | `unordered` | the next event | its position among the device's accesses is not exactly this one ([`Event::unordered`](mmiotrace_core::Event::unordered)) |
/// | `lines n=3` | the next `n` markers | they are one marker, whose text has newlines between theirs; none of them is an annotation |
/// | `capture backend=kmod end=promised` | the whole trace | what captured it; the trace ends with an `end` annotation, if it is whole |
/// | `end events=9 losses=1 lost=37 blind=0 markers=2 last-seq=8 bytes=612 crc=1a2b3c4d` | all lines before it | how many there are: see [`TraceEnd`] |
/// | `derived by=filter` | the whole trace | it was made from another trace and is no longer all of it |
/// | `untraced reason=child text=/usr/bin/env` | itself | accesses that may have happened and cannot be in the trace; the text goes to the end of the line |
/// | `file map=3 path=/dev/mem` | mapping 3 | the file that it maps; the path goes to the end of the line |
/// | `source n=2 seq=77` | the next record | in a merged trace, the number of the source that it is from, and its sequence number in that source |
///
/// A word is any text without blanks; it is written up to its first blank and 64 bytes. A text or a
/// path has no line feed: one is written as `\\012`, as the kernel does in `/proc/PID/maps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Annotation<'a> {
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
    /// What captured the trace.
    Capture {
        /// The name of the backend, a word.
        backend: &'a [u8],
        /// Whether the trace ends with an [`End`](Self::End), if it is whole.
        end_promised: bool,
    },
    /// The end of the capture, and what was written before it.
    End(TraceEnd),
    /// The trace was made from another one.
    Derived {
        /// By what: `filter`, `slice`, `merge` or another word.
        by: &'a [u8],
    },
    /// Accesses that may have happened and cannot be in the trace.
    Untraced {
        /// Why, a word.
        reason: &'a [u8],
        /// The details, for people.
        text: &'a [u8],
    },
    /// The file that a mapping maps.
    File {
        /// The mapping.
        map_id: MapId,
        /// The path.
        path: &'a [u8],
    },
    /// In a merged trace, the source of the next record.
    Source {
        /// Its number, from 1.
        n: u32,
        /// The sequence number of its next event in that source; `Some(None)`: it has none from
        /// here on.
        seq: Option<Option<u64>>,
    },
}

/// What a capture counted when it ended: of the lines before the annotation that says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TraceEnd {
    /// Lines that are events: `R`, `W`, `UNKNOWN`, `MAP`, `UNMAP`. Each piece of a wide access is one.
    pub events: u64,
    /// Lines `MARK … Lost n events.`
    pub losses: u64,
    /// The sum of their numbers.
    pub lost: u64,
    /// Annotations `blind begin`.
    pub blind: u64,
    /// Lines `MARK` that are neither losses nor annotations.
    pub markers: u64,
    /// The sequence number of the last event that has one.
    pub last_seq: Option<u64>,
    /// Bytes from the beginning of the trace.
    pub bytes: u64,
    /// CRC-32 (ISO-HDLC, as gzip has it) of these bytes.
    pub crc: u32,
}

impl<'a> Annotation<'a> {
    /// What the text of a marker says; `None` if it is an ordinary marker.
    ///
    /// # Errors
    /// If the text begins with the reserved word and is not an annotation of a known form.
    pub fn parse(text: &'a [u8]) -> Result<Option<Self>, AnnotationError> {
        parse::annotation::annotation(text)
    }

    /// The line of a marker that says this, with its ending.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn to_line(&self, time: mmiotrace_core::Timestamp) -> std::vec::Vec<u8> {
        let mut writer = crate::Writer::new(std::vec::Vec::new());
        // Into memory: this does not fail.
        let _ = writer.write_annotation(time, self);
        writer.into_inner().unwrap_or_default()
    }

    /// Whether a [`Lifter`](crate::Lifter) turns the annotation into something else. It hands on
    /// the others as the markers that they are.
    #[must_use]
    pub const fn is_lifted(&self) -> bool {
        !matches!(
            self,
            Self::Capture { .. }
                | Self::End(_)
                | Self::Derived { .. }
                | Self::Untraced { .. }
                | Self::File { .. }
                | Self::Source { .. }
        )
    }
}

/// What is wrong with a marker that begins with the reserved word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AnnotationError {
    /// No annotation of this kind is known.
    #[error("unknown kind of annotation")]
    UnknownKind,
    /// A value is missing, or is not one that this kind of annotation has.
    #[error("missing or invalid value in an annotation")]
    InvalidValue,
}

impl From<&Blind> for Annotation<'_> {
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
