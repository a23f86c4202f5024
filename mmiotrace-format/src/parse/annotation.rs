//! The text of reserved markers.

use super::number::{from_decimal, from_hex, hex};
use crate::Annotation;
use mmiotrace_core::{
    AccessKind, BlindEdge, BlindReason, Code, PhysAddr, RESERVED_MARKER_PREFIX, Width,
};

/// `mmiotrace1 <kind> key=value …`
pub(crate) fn annotation(text: &[u8]) -> Option<Annotation> {
    let text = text.strip_prefix(RESERVED_MARKER_PREFIX)?;
    let mut words = Words(text.trim_ascii_end());
    match words.next()? {
        b"wide" => Some(Annotation::Wide {
            n: words.number("n")?,
            width: words.width()?,
        }),
        b"value" => value(words),
        b"blind" => blind(words),
        b"lost" => Some(Annotation::Lost {
            n: words.number("n")?,
            seq: words.optional("seq", range)?,
            cpu: words.optional("cpu", number)?,
        }),
        b"cpu" => Some(Annotation::Cpu {
            cpu: words.number_or_none("cpu")?,
        }),
        b"seq" => Some(Annotation::Seq {
            seq: words.number_or_none("seq")?,
        }),
        b"unordered" => Some(Annotation::Unordered),
        b"lines" => Some(Annotation::Lines {
            n: words.number("n")?,
        }),
        _ => None,
    }
}

fn value(mut words: Words<'_>) -> Option<Annotation> {
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

fn blind(mut words: Words<'_>) -> Option<Annotation> {
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
        self.all()
            .find_map(|word| word.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
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
    if word.len() % 2 != 0 {
        return None;
    }
    for (byte, digits) in bytes.get_mut(..len)?.iter_mut().zip(word.chunks_exact(2)) {
        *byte = u8::try_from(from_hex(digits)?).ok()?;
    }
    Some(Code::from_prefix(bytes.get(..len)?))
}
