//! The text of reserved markers.

use super::number::{from_decimal, from_hex, hex};
use crate::{Annotation, AnnotationError, TraceEnd};
use mmiotrace_core::{
    AccessKind, BlindEdge, BlindReason, Code, MapId, PhysAddr, RESERVED_MARKER_PREFIX, Width,
};

/// `mmiotrace1 <kind> key=value …`
pub(crate) fn annotation(text: &[u8]) -> Result<Option<Annotation<'_>>, AnnotationError> {
    let Some(text) = text.strip_prefix(RESERVED_MARKER_PREFIX) else {
        return Ok(None);
    };
    let mut words = Words(text.trim_ascii_end());
    let kind = words.next().ok_or(AnnotationError::UnknownKind)?;
    let annotation = match kind {
        b"wide" => wide(&words),
        b"value" => value(words),
        b"blind" => blind(words),
        b"lost" => lost(&words),
        b"cpu" => words
            .number_or_none("cpu")
            .map(|cpu| Annotation::Cpu { cpu }),
        b"seq" => words
            .number_or_none("seq")
            .map(|seq| Annotation::Seq { seq }),
        b"unordered" => Some(Annotation::Unordered),
        b"lines" => words.number("n").map(|n| Annotation::Lines { n }),
        b"capture" => capture(&words),
        b"end" => end(&words).map(Annotation::End),
        b"derived" => words.get("by").map(|by| Annotation::Derived { by }),
        b"untraced" => untraced(&words),
        b"file" => file(&words),
        b"source" => source(&words),
        _ => return Err(AnnotationError::UnknownKind),
    };
    annotation.map(Some).ok_or(AnnotationError::InvalidValue)
}

fn wide<'a>(words: &Words<'a>) -> Option<Annotation<'a>> {
    Some(Annotation::Wide {
        n: words.number("n")?,
        width: words.width()?,
    })
}

fn lost<'a>(words: &Words<'a>) -> Option<Annotation<'a>> {
    Some(Annotation::Lost {
        n: words.number("n")?,
        seq: words.optional("seq", range)?,
        cpu: words.optional("cpu", number)?,
    })
}

fn capture<'a>(words: &Words<'a>) -> Option<Annotation<'a>> {
    Some(Annotation::Capture {
        backend: words.get("backend")?,
        end_promised: words
            .optional("end", |word| (word == b"promised").then_some(()))?
            .is_some(),
    })
}

fn end(words: &Words<'_>) -> Option<TraceEnd> {
    Some(TraceEnd {
        events: words.number("events")?,
        losses: words.number("losses")?,
        lost: words.number("lost")?,
        blind: words.number("blind")?,
        markers: words.number("markers")?,
        last_seq: words.number_or_none("last-seq")?,
        bytes: words.number("bytes")?,
        crc: u32::try_from(from_hex(words.get("crc")?)?).ok()?,
    })
}

fn untraced<'a>(words: &Words<'a>) -> Option<Annotation<'a>> {
    let (words, text) = words.tail("text");
    Some(Annotation::Untraced {
        reason: words.get("reason")?,
        text: text.unwrap_or_default(),
    })
}

fn file<'a>(words: &Words<'a>) -> Option<Annotation<'a>> {
    let (words, path) = words.tail("path");
    let id = core::str::from_utf8(words.get("map")?).ok()?;
    Some(Annotation::File {
        map_id: MapId(id.parse().ok()?),
        path: path?,
    })
}

fn source<'a>(words: &Words<'a>) -> Option<Annotation<'a>> {
    let seq = match words.get("seq") {
        None => None,
        Some(_) => Some(words.number_or_none("seq")?),
    };
    Some(Annotation::Source {
        n: words.number("n").filter(|n| *n > 0)?,
        seq,
    })
}

fn value(mut words: Words<'_>) -> Option<Annotation<'_>> {
    if words.next()? != b"unknown" {
        return None;
    }
    let kind = words.optional("kind", |word| match word {
        b"read" => Some(AccessKind::Read),
        b"write" => Some(AccessKind::Write),
        _ => None,
    })?;
    let access = match kind {
        Some(kind) => Some((kind, words.width()?)),
        None => None,
    };
    Some(Annotation::Value {
        access,
        code: words.optional("code", code)?.unwrap_or_default(),
    })
}

fn blind(mut words: Words<'_>) -> Option<Annotation<'_>> {
    let edge = match words.next()? {
        b"begin" => BlindEdge::Begin,
        b"end" => BlindEdge::End,
        _ => return None,
    };
    let page = words.get("page").and_then(|page| hex(page).ok())?;
    let reason = BlindReason::new(core::str::from_utf8(words.get("reason")?).ok()?)?;
    let code = words.optional("code", code)?.unwrap_or_default();
    page.0.is_empty().then_some(Annotation::Blind {
        edge,
        page: PhysAddr(page.1),
        reason,
        code,
    })
}

/// Words after the kind: those without `=` in order, the others by their keys, so that keys may
/// come in any order and unknown ones do no harm.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn all(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty())
    }

    /// Takes the first word.
    fn next(&mut self) -> Option<&'a [u8]> {
        let word = self.all().next()?;
        let start = self.0.iter().take_while(|byte| **byte == b' ').count();
        self.0 = self.0.get(start + word.len()..)?;
        Some(word)
    }

    fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.all().find_map(|word| value_of(word, key))
    }

    /// The words before `key=`, and everything after it: the value of that key may have blanks.
    fn tail(&self, key: &str) -> (Self, Option<&'a [u8]>) {
        let begins = |at: &usize| {
            let rest = self.0.get(*at..).unwrap_or_default();
            let at_word = *at == 0 || self.0.get(at - 1) == Some(&b' ');
            at_word && value_of(rest, key).is_some()
        };
        match (0..self.0.len()).find(begins) {
            Some(at) => {
                let (before, rest) = self.0.split_at(at);
                (Self(before), value_of(rest, key))
            }
            None => (Self(self.0), None),
        }
    }

    /// Absent is fine, unreadable is not.
    fn optional<T>(&self, key: &str, read: impl Fn(&'a [u8]) -> Option<T>) -> Option<Option<T>> {
        match self.get(key) {
            None => Some(None),
            Some(word) => Some(Some(read(word)?)),
        }
    }

    fn number<T: TryFrom<u64>>(&self, key: &str) -> Option<T> {
        number(self.get(key)?)
    }

    fn number_or_none<T: TryFrom<u64>>(&self, key: &str) -> Option<Option<T>> {
        match self.get(key)? {
            b"none" => Some(None),
            word => Some(Some(number(word)?)),
        }
    }

    fn width(&self) -> Option<Width> {
        Width::from_bytes(self.number("width")?)
    }
}

/// What follows `key=`.
fn value_of<'a>(word: &'a [u8], key: &str) -> Option<&'a [u8]> {
    word.strip_prefix(key.as_bytes())?.strip_prefix(b"=")
}

fn number<T: TryFrom<u64>>(word: &[u8]) -> Option<T> {
    T::try_from(from_decimal(word)?).ok()
}

fn range(word: &[u8]) -> Option<(u64, u64)> {
    let dash = word.iter().position(|byte| *byte == b'-')?;
    Some((
        from_decimal(word.get(..dash)?)?,
        from_decimal(word.get(dash + 1..)?)?,
    ))
}

/// Two hex digits a byte, at most 15 bytes.
fn code(word: &[u8]) -> Option<Code> {
    let mut bytes = [0; 15];
    let len = word.len() / 2;
    if !word.len().is_multiple_of(2) {
        return None;
    }
    for (byte, digits) in bytes.get_mut(..len)?.iter_mut().zip(word.chunks_exact(2)) {
        *byte = u8::try_from(from_hex(digits)?).ok()?;
    }
    Some(Code::from_prefix(bytes.get(..len)?))
}
