//! The text of reserved markers.

use super::Text;
use crate::Annotation;
use mmiotrace_core::{Code, RESERVED_MARKER_PREFIX, Timestamp};

/// The whole line of an annotation.
pub(crate) fn push_annotation(text: &mut Text, time: Timestamp, annotation: &Annotation) {
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
    }
    text.push(b"\n");
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
