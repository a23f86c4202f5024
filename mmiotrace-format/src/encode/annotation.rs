//! The text of reserved markers.

use super::Text;
use crate::{Annotation, TraceEnd};
use mmiotrace_core::{Code, RESERVED_MARKER_PREFIX, Timestamp};

/// The line of an annotation without its ending; what is returned belongs to its end: a text of
/// any length.
pub(crate) fn push_annotation<'a>(
    text: &mut Text,
    time: Timestamp,
    annotation: &Annotation<'a>,
) -> &'a [u8] {
    text.push(b"MARK ")
        .time(time)
        .push(b" ")
        .push(RESERVED_MARKER_PREFIX);
    match *annotation {
        Annotation::Wide { n, width } => {
            text.push(b"wide n=")
                .decimal(n.into())
                .push(b" width=")
                .decimal(width.bytes().into());
        }
        Annotation::Value { access, code } => {
            text.push(b"value unknown");
            if let Some((kind, width)) = access {
                text.push(b" width=").decimal(width.bytes().into());
                text.push(b" kind=").push(kind.as_str().as_bytes());
            }
            push_code(text, &code);
        }
        Annotation::Blind {
            edge,
            page,
            reason,
            code,
        } => {
            text.push(b"blind ")
                .push(edge.as_str().as_bytes())
                .push(b" page=")
                .hex(page.0);
            text.push(b" reason=").push(reason.as_str().as_bytes());
            push_code(text, &code);
        }
        Annotation::Lost { n, seq, cpu } => {
            text.push(b"lost n=").decimal(n);
            if let Some((first, last)) = seq {
                text.push(b" seq=").decimal(first).push(b"-").decimal(last);
            }
            if let Some(cpu) = cpu {
                text.push(b" cpu=").decimal(cpu.into());
            }
        }
        Annotation::Cpu { cpu } => push_or_none(text, b"cpu cpu=", cpu.map(u64::from)),
        Annotation::Seq { seq } => push_or_none(text, b"seq seq=", seq),
        Annotation::Unordered => {
            text.push(b"unordered");
        }
        Annotation::Lines { n } => {
            text.push(b"lines n=").decimal(n.into());
        }
        Annotation::Capture {
            backend,
            end_promised,
        } => {
            text.push(b"capture backend=").push(word(backend));
            if end_promised {
                text.push(b" end=promised");
            }
        }
        Annotation::End(end) => push_end(text, &end),
        Annotation::Derived { by } => {
            text.push(b"derived by=").push(word(by));
        }
        Annotation::Untraced { reason, text: tail } => {
            text.push(b"untraced reason=").push(word(reason));
            if !tail.is_empty() {
                text.push(b" text=");
            }
            return tail;
        }
        Annotation::File { map_id, path } => {
            text.push(b"file map=").signed(map_id.0).push(b" path=");
            return path;
        }
        Annotation::Source { n, seq } => {
            text.push(b"source n=").decimal(n.into());
            if let Some(seq) = seq {
                push_or_none(text, b" seq=", seq);
            }
        }
    }
    &[]
}

fn push_end(text: &mut Text, end: &TraceEnd) {
    for (key, number) in [
        (&b"end events="[..], end.events),
        (b" losses=", end.losses),
        (b" lost=", end.lost),
        (b" blind=", end.blind),
        (b" markers=", end.markers),
    ] {
        text.push(key).decimal(number);
    }
    push_or_none(text, b" last-seq=", end.last_seq);
    text.push(b" bytes=").decimal(end.bytes);
    text.push(b" crc=").hex_bytes(&end.crc.to_be_bytes());
}

/// What a word of the grammar may be: up to the first blank, at most 64 bytes.
fn word(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(u8::is_ascii_whitespace);
    let end = end.unwrap_or(bytes.len()).min(64);
    bytes.get(..end).unwrap_or_default()
}

fn push_code(text: &mut Text, code: &Code) {
    if !code.is_empty() {
        text.push(b" code=").hex_bytes(code.as_bytes());
    }
}

fn push_or_none(text: &mut Text, key: &[u8], number: Option<u64>) {
    text.push(key);
    match number {
        Some(number) => text.decimal(number),
        None => text.push(b"none"),
    };
}
