//! An annotation that waits for the records it describes.

use crate::{Annotation, DEFAULT_MAX_LINE_LEN, Record};
use alloc::vec::Vec;
use mmiotrace_core::{
    Access, AccessKind, Code, Event, EventKind, Loss, Marker, PhysAddr, Timestamp, UnknownOpcode,
    Value, Width,
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
        n: u8,
        width: Width,
        pieces: Vec<Event>,
    },
    Value {
        access: Option<(AccessKind, Width)>,
        code: Code,
    },
    Lost {
        n: u64,
        seq: Option<(u64, u64)>,
        cpu: Option<u32>,
    },
    /// The texts so far, with newlines between them.
    Lines {
        left: u32,
        taken: u32,
        text: Vec<u8>,
    },
}

/// What became of a record offered.
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
    /// Not taken: it does not fit.
    No,
}

impl Pending {
    /// `None` where the annotation does not wait for anything.
    pub(super) fn new(marker: &Marker<'_>, annotation: Annotation<'_>) -> Option<Self> {
        let waits = match annotation {
            Annotation::Wide { n: 1.., width } => {
                let Annotation::Wide { n, .. } = annotation else {
                    return None;
                };
                Waits::Wide {
                    n,
                    width,
                    pieces: Vec::new(),
                }
            }
            Annotation::Value { access, code } => Waits::Value { access, code },
            Annotation::Lost { n, seq, cpu } => Waits::Lost { n, seq, cpu },
            Annotation::Lines { n } if n > 0 => Waits::Lines {
                left: n,
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

    pub(super) fn take_record(&mut self, record: &Record<'_>) -> Taken {
        match (&mut self.waits, record) {
            (Waits::Wide { n, width, pieces }, Record::Event(event)) => {
                take_piece(*n, *width, pieces, event)
            }
            (Waits::Value { access, code }, Record::Event(event)) => {
                value_unknown(*access, *code, event).map_or(Taken::No, Taken::Event)
            }
            (Waits::Lost { n, seq, cpu }, Record::Lost(loss)) if loss.count == *n => {
                Taken::Lost(Loss {
                    seq: *seq,
                    cpu: *cpu,
                    ..*loss
                })
            }
            (Waits::Lines { left, taken, text }, Record::Marker(marker))
                if marker.time == self.time =>
            {
                // What claims to go on for ever shall not fill the memory.
                if text.len() + marker.text.len() > DEFAULT_MAX_LINE_LEN {
                    return Taken::No;
                }
                if *taken > 0 {
                    text.push(b'\n');
                }
                text.extend_from_slice(marker.text);
                *taken += 1;
                *left -= 1;
                if *left == 0 {
                    Taken::Marker
                } else {
                    Taken::More
                }
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

fn take_piece(n: u8, width: Width, pieces: &mut Vec<Event>, event: &Event) -> Taken {
    let Some(access) = event.as_access() else {
        return Taken::No;
    };
    if access.is_suspicious() || !follows(pieces, event, access) {
        return Taken::No;
    }
    pieces.push(*event);
    if pieces.len() < usize::from(n) {
        return Taken::More;
    }
    match joined(width, pieces) {
        Some(event) => Taken::Event(event),
        None => {
            // Offered again, it goes its own way.
            pieces.pop();
            Taken::No
        }
    }
}

/// Whether `event` is the piece after those taken: made by the same instruction, at the next
/// address.
fn follows(pieces: &[Event], event: &Event, access: &Access) -> bool {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last().and_then(Event::as_access))
    else {
        return true;
    };
    let next = PhysAddr(last.phys.0.wrapping_add(last.width.bytes().into()));
    let same_place = (last.kind, last.map_id, next) == (access.kind, access.map_id, access.phys);
    same_place && (first.time, first.pc, first.pid) == (event.time, event.pc, event.pid)
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
