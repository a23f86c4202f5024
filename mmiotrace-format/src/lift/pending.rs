//! An annotation that waits for the records it describes.

use crate::{Annotation, DEFAULT_MAX_LINE_LEN, Record};
use alloc::vec::Vec;
use mmiotrace_core::{
    Access, AccessKind, Code, Event, EventKind, Loss, Marker, Timestamp, UnknownOpcode, Value,
    Width,
};

#[derive(Debug)]
pub(super) struct Pending {
    time: Timestamp,
    /// The annotation's own text, for when it does not fit.
    text: Vec<u8>,
    waits: Waits,
}

#[derive(Debug)]
enum Waits {
    Wide {
        width: Width,
        pieces: Vec<Event>,
    },
    Value {
        access: Option<(AccessKind, Width)>,
        code: Code,
    },
    Lost {
        seq: Option<(u64, u64)>,
        cpu: Option<u32>,
    },
    /// The texts so far, with newlines between them.
    Lines {
        taken: u32,
        text: Vec<u8>,
    },
}

/// What became of a record.
#[allow(clippy::large_enum_variant)]
pub(super) enum Taken {
    /// Taken; more is wanted.
    More,
    /// Taken; it makes this event.
    Event(Event),
    /// Taken; it makes this loss.
    Lost(Loss),
    /// Taken; the marker is whole.
    Marker,
    /// It does not fit: of pieces and markers, those before it come one by one.
    No,
}

impl Pending {
    /// `None` where the annotation does not wait for anything.
    pub(super) fn new(marker: &Marker<'_>, annotation: Annotation<'_>) -> Option<Self> {
        let waits = match annotation {
            Annotation::Wide { n: 1.., width } => Waits::Wide {
                width,
                pieces: Vec::new(),
            },
            Annotation::Value { access, code } => Waits::Value { access, code },
            Annotation::Lost { seq, cpu, .. } => Waits::Lost { seq, cpu },
            Annotation::Lines { n: 1.. } => Waits::Lines {
                taken: 0,
                text: Vec::new(),
            },
            _ => return None,
        };
        Some(Self {
            time: marker.time,
            text: marker.text.to_vec(),
            waits,
        })
    }

    pub(super) fn annotation_marker(&self) -> Marker<'_> {
        Marker {
            time: self.time,
            text: &self.text,
        }
    }

    /// The records that a wide access has taken so far.
    pub(super) fn pieces(&self) -> &[Event] {
        match &self.waits {
            Waits::Wide { pieces, .. } => pieces,
            _ => &[],
        }
    }

    /// The markers taken so far, each by itself.
    pub(super) fn markers(&self, mut give: impl FnMut(&Marker<'_>)) {
        if let Waits::Lines {
            taken: 1.., text, ..
        } = &self.waits
        {
            for text in text.split(|byte| *byte == b'\n') {
                give(&Marker {
                    time: self.time,
                    text,
                });
            }
        }
    }

    /// The marker that those taken make together.
    pub(super) fn with_marker(&self, give: impl FnOnce(&Marker<'_>)) {
        if let Waits::Lines { text, .. } = &self.waits {
            give(&Marker {
                time: self.time,
                text,
            });
        }
    }

    /// Takes a record that the annotation describes. `more` says that it describes the next one
    /// too.
    pub(super) fn take_record(&mut self, record: &Record<'_>, more: bool) -> Taken {
        match (&mut self.waits, record) {
            (Waits::Wide { width, pieces }, Record::Event(event)) => {
                pieces.push(*event);
                if more {
                    return Taken::More;
                }
                joined(*width, pieces).map_or(Taken::No, Taken::Event)
            }
            (Waits::Value { access, code }, Record::Event(event)) => {
                value_unknown(*access, *code, event).map_or(Taken::No, Taken::Event)
            }
            (Waits::Lost { seq, cpu }, Record::Lost(loss)) => Taken::Lost(Loss {
                seq: *seq,
                cpu: *cpu,
                ..*loss
            }),
            (Waits::Lines { taken, text }, Record::Marker(marker)) => {
                // What claims to go on for ever shall not fill the memory.
                if text.len() + marker.text.len() > DEFAULT_MAX_LINE_LEN {
                    return Taken::No;
                }
                if *taken > 0 {
                    text.push(b'\n');
                }
                text.extend_from_slice(marker.text);
                *taken += 1;
                if more { Taken::More } else { Taken::Marker }
            }
            _ => Taken::No,
        }
    }
}

fn value_unknown(access: Option<(AccessKind, Width)>, code: Code, event: &Event) -> Option<Event> {
    let EventKind::UnknownOpcode(unknown) = event.kind else {
        return None;
    };
    let UnknownOpcode { map_id, phys, .. } = unknown;
    let mut event = *event;
    event.kind = match access {
        Some((kind, width)) => {
            event.code = code;
            EventKind::Access(Access {
                kind,
                width,
                map_id,
                phys,
                value: None,
            })
        }
        None => EventKind::UnknownOpcode(UnknownOpcode { code, ..unknown }),
    };
    Some(event)
}

fn joined(width: Width, pieces: &[Event]) -> Option<Event> {
    let mut bytes = [0; 64];
    let mut len = 0;
    for piece in pieces {
        let value = piece.as_access()?.value?;
        let piece = value.as_le_bytes();
        bytes
            .get_mut(len..len + piece.len())?
            .copy_from_slice(piece);
        len += piece.len();
    }
    let mut event = *pieces.first()?;
    let first = *event.as_access()?;
    let value = Some(Value::from_le_bytes(bytes.get(..len)?)?);
    event.kind = EventKind::Access(Access {
        width,
        value,
        ..first
    });
    Some(event)
}
