//! What a verdict finds.

use core::fmt;

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// The capture says that events are missing.
    LostEvents,
    /// An access of which neither width nor value is known.
    UnknownOpcode,
    /// A page was open for a while, and what was done to it was not seen.
    BlindInterval,
    /// Sequence numbers that no event and no loss accounts for.
    SequenceGap,
    /// A line that is no record and nothing else that belongs into a trace.
    MalformedLine,
    /// The trace stops where a capture does not.
    TruncatedEnd,
    /// Not one access.
    NoAccesses,
    /// An access through a mapping, or to an address, that is not mapped at that point.
    UnmappedAccess,
    /// A value or width that the kernel's decoder is known to get wrong.
    SuspiciousValue,
    /// A mapping of which the kernel's tracer is known to miss a part.
    UntracedRange,
    /// A mapping made before tracing began: what was done through it before is absent.
    Premapped,
    /// Accesses that may have happened and were not traced, as the capture itself says.
    UntracedAccess,
    /// A marker of the reserved form that is not an annotation, or that does not fit the records
    /// after it: what it says is lost.
    DamagedAnnotation,
    /// The trace was made from another one, and what was left out is not judged.
    DerivedTrace,
    /// No `VERSION` line.
    NoVersion,
    /// Accesses, but not one `MAP` line: whether they were to mapped memory cannot be told.
    NoMaps,
    /// A time before that of the record before it.
    TimeBackwards,
    /// An access whose place among the device's accesses is not exactly this one.
    UnorderedAccess,
    /// A line that is no record, and belongs into a trace all the same.
    ForeignLine,
    /// Two records in one line.
    FusedLine,
    /// More causes than are listed.
    More,
}

impl FindingKind {
    /// The name in reports: `lost-events` and so on.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LostEvents => "lost-events",
            Self::UnknownOpcode => "unknown-opcode",
            Self::BlindInterval => "blind-interval",
            Self::SequenceGap => "sequence-gap",
            Self::MalformedLine => "malformed-line",
            Self::TruncatedEnd => "truncated-end",
            Self::NoAccesses => "no-accesses",
            Self::UnmappedAccess => "unmapped-access",
            Self::SuspiciousValue => "suspicious-value",
            Self::UntracedRange => "untraced-range",
            Self::Premapped => "premapped",
            Self::UntracedAccess => "untraced-access",
            Self::DamagedAnnotation => "damaged-annotation",
            Self::DerivedTrace => "derived-trace",
            Self::NoVersion => "no-version",
            Self::NoMaps => "no-maps",
            Self::TimeBackwards => "time-backwards",
            Self::UnorderedAccess => "unordered-access",
            Self::ForeignLine => "foreign-line",
            Self::FusedLine => "fused-line",
            Self::More => "more",
        }
    }

    /// Whether a trace with such a finding is not complete. The others are worth knowing.
    #[must_use]
    pub const fn makes_incomplete(self) -> bool {
        match self {
            Self::LostEvents
            | Self::UnknownOpcode
            | Self::BlindInterval
            | Self::SequenceGap
            | Self::MalformedLine
            | Self::TruncatedEnd
            | Self::NoAccesses
            | Self::UnmappedAccess
            | Self::SuspiciousValue
            | Self::UntracedRange
            | Self::UntracedAccess
            | Self::DamagedAnnotation
            | Self::Premapped => true,
            Self::DerivedTrace
            | Self::NoVersion
            | Self::NoMaps
            | Self::TimeBackwards
            | Self::UnorderedAccess
            | Self::ForeignLine
            | Self::FusedLine
            | Self::More => false,
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for FindingKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One cause, found once or many times.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// The kind.
    pub kind: FindingKind,
    /// The line where it was found first, counted from 1; 0 where it concerns the whole trace.
    pub line: u64,
    /// How often: events for lost ones and gaps, else lines.
    pub count: u64,
    /// What it is, in one sentence.
    pub text: String,
    /// What to do about it, in one sentence.
    pub advice: String,
}
