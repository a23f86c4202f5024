//! Causes in words.

use super::capture::Capture;
use super::cause::{Cause, Damaged, Foreign, NoRecord, Suspicion, Untraced};
use super::loss;
use mmiotrace_core::{AccessKind, Code, MapId, PhysAddr, Width};
use mmiotrace_format::ParseErrorKind;

impl Cause {
    /// What was found, in one sentence. `count` is how often.
    pub(super) fn text(&self, count: u64) -> String {
        match self {
            Self::Lost => {
                let events = number(count, "event");
                format!("the capture tells of {events} that happened and are not in the trace")
            }
            Self::Unknown { map_id, code, access } => unknown_text(*map_id, code, *access),
            Self::Blind { reason, code } if code.is_empty() => {
                format!("a page was open and its accesses were not seen ({reason})")
            }
            Self::Blind { reason, code } => {
                format!("a page was open and its accesses were not seen: the instruction {code:x} could not be done exactly ({reason})")
            }
            Self::Gap => format!("{} missing that no loss accounts for", number(count, "sequence number")),
            Self::SequenceBackwards => "sequence numbers go back: the order of the lines is not that of the events".to_owned(),
            Self::Malformed { kind, fault } => match fault {
                ParseErrorKind::LineTooLong { .. } => fault.to_string(),
                _ => format!("a line that begins with {} is no such record: {fault}", kind.keyword()),
            },
            Self::NoRecord(no_record) => match no_record {
                NoRecord::Text => "a line that is no record, and no marker before it explains it".to_owned(),
                NoRecord::TooBig => "ftrace could not print an event ([LINE TOO BIG])".to_owned(),
                NoRecord::Corrupt => "the kernel found a corrupt event in its ring".to_owned(),
            },
            Self::UnknownVersion => "the version is not 20070824: its records may mean something else".to_owned(),
            Self::CutLine => "the last line has no newline: it was cut off".to_owned(),
            Self::CutCompression => "the compressed data end too early or are damaged".to_owned(),
            Self::MissingEntries => {
                format!("{} that the header counts not in the file", number(count, "event"))
            }
            Self::EndsInBurst { live } => {
                format!("the trace ends within a burst of accesses, with {} alive and no marker behind it: nothing shows that the capture was ended there and not cut off", number(*live as u64, "mapping"))
            }
            Self::NoAccesses { lines: false } => "the trace is empty".to_owned(),
            Self::NoAccesses { lines: true } => "the trace holds not one access".to_owned(),
            Self::NotMapped { map_id } => format!("an access through mapping {map_id}, which is not mapped there: its MAP is missing"),
            Self::Outside { map_id } => format!("an access to an address outside mapping {map_id}, through which it was made"),
            Self::UnmapUnlisted { map_id } => format!("mapping {map_id} ends and never began: its MAP is missing"),
            Self::Suspicious { map_id, suspicion } => suspicion_text(*map_id, suspicion),
            Self::Untraced { reason, start, end } => untraced_text(*reason, *start, *end),
            Self::Premapped => "a mapping made before tracing began was ended (id -1): what was done through it is absent (or the tracer's filter_offset left it out)".to_owned(),
            Self::NoVersion => "there is no VERSION line".to_owned(),
            Self::NoMaps => "there is no MAP line, so whether the addresses were mapped cannot be told".to_owned(),
            Self::TimeBackwards => "the time is before that of the record before it".to_owned(),
            Self::Unordered => "an access that may have come to the device before or after its neighbours here".to_owned(),
            Self::Foreign(foreign) => foreign_text(*foreign).to_owned(),
            Self::Damaged(damaged) => damaged_text(*damaged),
            Self::NotTraced { reason, text } if text.is_empty() => format!("accesses may be missing: the capture could not trace something ({reason})"),
            Self::NotTraced { reason, text } => format!("accesses may be missing: the capture could not trace something ({reason}): {text}"),
            Self::NoEnd => "the capture promised to write how it ends, and did not: it was cut off, or the file was".to_owned(),
            Self::EndDiffers { differs } => format!("what the capture counted at its end differs from what is here: {differs}"),
            Self::Derived { by } => format!("this is not a capture but was made from one ({by}): what was left out is not judged"),
            Self::Fused => "two records stand in one line, as after a marker with a NUL byte; both are counted in".to_owned(),
        }
    }

    /// What to do about it, in one sentence.
    pub(super) fn advice(&self, capture: &Capture, events: u64, count: u64) -> String {
        let advice = match self {
            Self::Lost => return loss::advice(capture, events, count),
            Self::Unknown { access: None, .. } => {
                "capture with the process or kmod backend, which knows these instructions, or take the width from the driver's code"
            }
            Self::Unknown { .. } => {
                "take the value from the device or the driver's code: it was moved and not learnt"
            }
            // What the process backend says of a mapping that it found after it was made.
            Self::Blind { reason, .. } if reason.as_str() == "seen-late" => {
                "what was done through this mapping before it was found is absent; have the program map by the C library, or trace it from within"
            }
            Self::Blind { code, .. } if code.is_empty() => {
                "do not rely on this page's accesses within these intervals"
            }
            Self::Blind { .. } => {
                "do not rely on this page's accesses within these intervals; report the instruction bytes so that it can be learnt"
            }
            Self::Gap | Self::SequenceBackwards => {
                "capture again and change nothing in the file between capture and use"
            }
            Self::Malformed { .. } | Self::NoRecord(NoRecord::Text) => {
                "look at the line; take the file as it was captured if something has changed it"
            }
            Self::NoRecord(_) => "capture again; an event is missing here",
            Self::UnknownVersion => "read it with the tool that wrote it",
            Self::CutLine | Self::CutCompression => {
                "get the whole file; if it is whole, the capture was killed and should be repeated"
            }
            Self::NoEnd => {
                "get the whole file; if it is whole, the recorder was killed or the disk was full: capture again"
            }
            Self::EndDiffers { .. } => {
                "take the file as it was captured: lines were changed, added or taken out"
            }
            Self::Damaged(Damaged::AfterEnd) => "check each capture by itself",
            Self::Damaged(_) => {
                "take the file as it was captured; a newer mmiotrace may know more kinds of annotations"
            }
            Self::NotTraced { .. } => {
                "do not take the absence of an access for proof that it was not made"
            }
            Self::Derived { .. } => "check the trace that it was made from",
            Self::MissingEntries => {
                "get the whole file; if it is whole, other events than the tracer's were in the ring"
            }
            Self::EndsInBurst { .. } => {
                "end a capture with a marker, then stop tracing (tracing_on) and let the reader drain before switching the tracer off"
            }
            Self::NoAccesses { .. } => {
                "start tracing before the driver is loaded; a driver that only uses I/O ports or earlier mappings leaves no trace"
            }
            Self::NotMapped { .. } | Self::UnmapUnlisted { .. } => {
                "trace from before the driver is loaded, and keep the MAP lines when filtering (--context)"
            }
            Self::Outside { .. } => {
                "check that the lines are of one trace: after a reboot the numbers of mappings begin again"
            }
            Self::Suspicious {
                suspicion: Suspicion::SignExtended { .. },
                ..
            } => "take the lowest bytes, as many as the width says: they are what the device gave",
            Self::Suspicious {
                suspicion: Suspicion::WideImmediate,
                ..
            } => "read it as a write of 8 bytes: the lower 4 of the value, sign-extended",
            Self::Suspicious { .. } => {
                "do not rely on this value; the kernel's decoder did not understand the instruction"
            }
            Self::Untraced {
                reason: Untraced::UnalignedStart,
                ..
            } => {
                "capture with the kmod backend; the kernel's tracer loses the first page of such a mapping"
            }
            Self::Untraced {
                reason: Untraced::SmallTail,
                ..
            } => "boot with nohugeiomap and capture again, or capture with the kmod backend",
            Self::Untraced {
                reason: Untraced::GiantPages,
                ..
            } => "boot with nohugeiomap and capture again, or capture with the kmod backend",
            Self::Premapped => "unload the driver, start tracing, and load it again",
            Self::NoVersion => {
                "nothing, where the trace was filtered or read from the file trace; else read trace_pipe from the start"
            }
            Self::NoMaps => "keep the MAP lines when filtering (--context)",
            Self::TimeBackwards => {
                "nothing, where traces were joined; else check that the clock of the capture is stable"
            }
            Self::Unordered => {
                "nothing, where an NMI made it; else capture in the order of the device (--order total)"
            }
            Self::Foreign(_) | Self::Fused => "nothing; the line is kept and passed on as it is",
        };
        advice.to_owned()
    }
}

fn unknown_text(map_id: MapId, code: &Code, access: Option<(AccessKind, Width)>) -> String {
    // All of it is known only where an annotation tells it; the kernel prints three bytes.
    let begins = if access.is_some() {
        ""
    } else {
        " that begins with"
    };
    let code = match code.is_empty() {
        true => "an instruction".to_owned(),
        false => format!("the instruction{begins} {code:x}"),
    };
    match access {
        Some((kind, width)) => {
            let width = bytes(width);
            format!(
                "a {kind} of {width} by {code} through mapping {map_id}, whose value was not learnt"
            )
        }
        None => format!("an access by {code} through mapping {map_id}, of unknown width and value"),
    }
}

fn suspicion_text(map_id: MapId, suspicion: &Suspicion) -> String {
    match suspicion {
        Suspicion::SignExtended { width } => {
            format!(
                "a read of {} through mapping {map_id} shows the sign-extended register (movsx), not what the device gave",
                bytes(*width)
            )
        }
        Suspicion::WideImmediate => {
            format!(
                "a write through mapping {map_id} is printed with width 4 and 8 bytes of code: it was a write of 8 bytes (C7 with REX.W)"
            )
        }
        Suspicion::TooWide { kind, width } => {
            format!(
                "a {kind} of {} through mapping {map_id} has a value that does not fit its width",
                bytes(*width)
            )
        }
    }
}

fn untraced_text(reason: Untraced, start: PhysAddr, end: PhysAddr) -> String {
    let last = end.0.saturating_sub(1);
    match reason {
        Untraced::UnalignedStart => {
            format!(
                "accesses to {start}..={last:#x} were not traced: the mapping begins within a page"
            )
        }
        Untraced::SmallTail => {
            format!(
                "accesses to {start}..={last:#x} were not traced, if the kernel mapped the first 2 MiB with one page: behind it only the first 4 KiB are"
            )
        }
        Untraced::GiantPages => {
            format!(
                "accesses to {start}..={last:#x} were not traced, if the kernel mapped it with pages of 1 GiB"
            )
        }
    }
}

fn damaged_text(damaged: Damaged) -> String {
    match damaged {
        Damaged::Text(error) => {
            format!("a marker that begins with mmiotrace1 is not an annotation: {error}")
        }
        Damaged::Unmet => "an annotation describes records that do not follow it".to_owned(),
        Damaged::NeverBlind => "a blind interval ends that never began".to_owned(),
        Damaged::AfterEnd => "records follow the end of the capture".to_owned(),
    }
}

const fn foreign_text(foreign: Foreign) -> &'static str {
    match foreign {
        Foreign::Header => "a line of the header of the file trace",
        Foreign::CpuLost => {
            "ftrace's own word that events were lost; counted once, together with the tracer's"
        }
        Foreign::MarkerTail => "a line of a marker's text, which held newlines",
        Foreign::ForgedRecord => {
            "a line of a marker's text that looks like a record and that the kernel cannot have printed"
        }
        Foreign::Blank => "an empty line",
    }
}

/// `1 event`, `2 events`.
fn number(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn bytes(width: Width) -> String {
    number(width.bytes().into(), "byte")
}
