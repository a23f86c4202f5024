//! Why something was found. Equal causes are one finding with a count.

use super::finding::FindingKind;
use mmiotrace_core::{AccessKind, BlindReason, Code, MapId, PhysAddr, Width};
use mmiotrace_format::{AnnotationError, LineKind, ParseErrorKind};

/// A cause, with what its sentence needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    Lost,
    Unknown {
        map_id: MapId,
        code: Code,
        access: Option<(AccessKind, Width)>,
    },
    Blind {
        reason: BlindReason,
        code: Code,
    },
    Gap,
    SequenceBackwards,
    Malformed {
        kind: LineKind,
        fault: ParseErrorKind,
    },
    NoRecord(NoRecord),
    UnknownVersion,
    CutLine,
    CutCompression,
    MissingEntries,
    EndsInBurst {
        live: usize,
    },
    NoAccesses {
        lines: bool,
    },
    NotMapped {
        map_id: MapId,
    },
    Outside {
        map_id: MapId,
    },
    UnmapUnlisted {
        map_id: MapId,
    },
    Suspicious {
        map_id: MapId,
        suspicion: Suspicion,
    },
    Untraced {
        reason: Untraced,
        start: PhysAddr,
        end: PhysAddr,
    },
    Premapped,
    NoVersion,
    NoMaps,
    TimeBackwards,
    Unordered,
    Foreign(Foreign),
    Fused,
    /// An annotation that is not what it should be.
    Damaged(Damaged),
    /// Accesses that may have happened and were not traced, as the capture says.
    NotTraced {
        reason: String,
        text: String,
    },
    /// The capture promised an end, and there is none.
    NoEnd,
    /// The end counts something else than there is.
    EndDiffers {
        differs: &'static str,
    },
    /// The trace was made from another.
    Derived {
        by: String,
    },
}

/// What is wrong with an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Damaged {
    /// Its text.
    Text(AnnotationError),
    /// The records that it describes do not follow it.
    Unmet,
    /// The page whose blind interval it ends was not blind.
    NeverBlind,
    /// Records follow the end of the capture.
    AfterEnd,
}

/// A line that is no record and that nothing explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum NoRecord {
    /// Bytes without meaning.
    Text,
    /// What ftrace prints in place of an event that it could not print.
    TooBig,
    /// What the kernel prints of an event that is corrupt.
    Corrupt,
}

/// A line that is no record and belongs into a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Foreign {
    Header,
    CpuLost,
    MarkerTail,
    ForgedRecord,
    Blank,
}

/// In which way a value is not what was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Suspicion {
    /// `movsx`: the destination register after sign extension.
    SignExtended { width: Width },
    /// `mov` of a 32-bit immediate to 8 bytes (C7 with REX.W).
    WideImmediate,
    /// Too wide in a way that no known error explains.
    TooWide { kind: AccessKind, width: Width },
}

/// Why the kernel's tracer does not see a part of a mapping (`arch/x86/mm/kmmio.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Untraced {
    /// The mapping begins within a page, and the page's probe is looked up below it.
    UnalignedStart,
    /// After 2 MiB pages only one 4 KiB page per 2 MiB is armed.
    SmallTail,
    /// Pages of 1 GiB are never armed.
    GiantPages,
}

impl Cause {
    pub(super) const fn kind(&self) -> FindingKind {
        match self {
            Self::Lost => FindingKind::LostEvents,
            Self::Unknown { .. } => FindingKind::UnknownOpcode,
            Self::Blind { .. } => FindingKind::BlindInterval,
            Self::Gap | Self::SequenceBackwards => FindingKind::SequenceGap,
            Self::Malformed { .. } | Self::NoRecord(_) | Self::UnknownVersion => {
                FindingKind::MalformedLine
            }
            Self::CutLine
            | Self::CutCompression
            | Self::MissingEntries
            | Self::NoEnd
            | Self::EndDiffers { .. }
            | Self::EndsInBurst { .. } => FindingKind::TruncatedEnd,
            Self::NoAccesses { .. } => FindingKind::NoAccesses,
            Self::NotMapped { .. } | Self::Outside { .. } | Self::UnmapUnlisted { .. } => {
                FindingKind::UnmappedAccess
            }
            Self::Suspicious { .. } => FindingKind::SuspiciousValue,
            Self::Untraced { .. } => FindingKind::UntracedRange,
            Self::Premapped => FindingKind::Premapped,
            Self::NoVersion => FindingKind::NoVersion,
            Self::NoMaps => FindingKind::NoMaps,
            Self::TimeBackwards => FindingKind::TimeBackwards,
            Self::Unordered => FindingKind::UnorderedAccess,
            Self::Foreign(_) => FindingKind::ForeignLine,
            Self::Fused => FindingKind::FusedLine,
            Self::Damaged(_) => FindingKind::DamagedAnnotation,
            Self::NotTraced { .. } => FindingKind::UntracedAccess,
            Self::Derived { .. } => FindingKind::DerivedTrace,
        }
    }
}
