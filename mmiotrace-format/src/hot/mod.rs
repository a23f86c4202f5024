//! The fast way for lines as the kernel prints them.
//!
//! Nearly every line of a trace is an `R` or `W` in the kernel's exact form. This takes such a
//! line apart in words of eight bytes, without a loop over bytes and without looking for the
//! newline first. It gives an event or nothing; what it does not take (another form, another
//! keyword, an error, the last lines of the input) goes to the parser proper, which says what the
//! line is and what is wrong with it. So nothing here decides on leniency or errors, and a test
//! holds the two against each other.

mod word;

use mmiotrace_core::{
    Access, AccessKind, Event, EventKind, MapId, PhysAddr, Timestamp, Value, VirtAddr, Width,
};
use word::{Digits, Faults};

/// The bytes that must be there: the longest line taken here, and room to load whole words.
pub(crate) const WINDOW: usize = 112;

type Window = [u8; WINDOW];

/// The fields of an access, not yet the event that they make: 144 bytes that are best written where
/// they are wanted, once.
#[derive(Clone, Copy)]
pub(crate) struct Fields {
    kind: AccessKind,
    width: Width,
    nanos: u64,
    map_id: i32,
    phys: u64,
    value: u64,
    pc: u64,
    pid: i32,
    /// The length of the line with its newline.
    pub(crate) len: usize,
}

impl Fields {
    #[inline(always)]
    pub(crate) fn event(&self) -> Event {
        let access = Access {
            kind: self.kind,
            width: self.width,
            map_id: MapId(self.map_id),
            phys: PhysAddr(self.phys),
            value: Some(Value::from_printed(self.value, self.width)),
        };
        Event::new(Timestamp::from_nanos(self.nanos), EventKind::Access(access))
            .with_pc(VirtAddr(self.pc))
            .with_pid(self.pid)
    }
}

/// What the last line had in columns that seldom change: they are compared instead of parsed.
///
/// It only saves work: whatever it holds, the same lines give the same events.
#[derive(Clone, Debug)]
pub(crate) struct Memo {
    seconds: Remembered<u64>,
    map_id: Remembered<i32>,
}

impl Memo {
    pub(crate) const NONE: Self = Self {
        seconds: Remembered {
            text: 1,
            mask: 0,
            len: 0,
            value: 0,
        },
        map_id: Remembered {
            text: 1,
            mask: 0,
            len: 0,
            value: 0,
        },
    };
}

/// Text of at most eight bytes and the value that it stands for.
#[derive(Clone, Copy, Debug)]
struct Remembered<T> {
    text: u64,
    /// The bytes of a word that belong to the text. Where nothing is remembered the text has a
    /// byte outside of them, and so matches no word.
    mask: u64,
    len: u8,
    value: T,
}

impl<T: Copy> Remembered<T> {
    #[inline(always)]
    fn matches(&self, word: u64) -> bool {
        word & self.mask == self.text
    }

    fn remember(&mut self, word: u64, len: usize, value: T) {
        let mask = u64::MAX.checked_shr(64 - 8 * len as u32).unwrap_or(0);
        *self = Self {
            text: word & mask,
            mask,
            len: len as u8,
            value,
        };
    }

    /// How long the text is; at most 15, so that the compiler sees that the window is kept to.
    #[inline(always)]
    const fn len(&self) -> usize {
        (self.len & 15) as usize
    }
}

/// The access whose line begins `input`.
#[inline(always)]
pub(crate) fn access(memo: &mut Memo, input: &[u8]) -> Option<Fields> {
    let line: &Window = input.first_chunk()?;
    let [keyword, b' ', width, b' ', ..] = *line else {
        return None;
    };
    // Arithmetic and no branches: nobody can predict which of them comes next.
    let keyword = keyword.wrapping_sub(b'R');
    let width = width.wrapping_sub(b'0');
    let keyword_is_known = (1u64 << (b'R' - b'R') | 1 << (b'W' - b'R')) >> (keyword & 63) & 1;
    let width_is_known = (1u64 << 1 | 1 << 2 | 1 << 4 | 1 << 8) >> (width & 63) & 1;
    if (keyword_is_known & width_is_known == 0) | ((keyword | width) > 63) {
        return None;
    }
    let kind = if keyword == b'W' - b'R' {
        AccessKind::Write
    } else {
        AccessKind::Read
    };
    let width = Width::from_bytes(width)?;
    let mut faults = Faults::NONE;
    let (nanos, at) = time(memo, line, &mut faults)?;
    let (map_id, at) = map_id(memo, line, at)?;
    let (phys, at) = hex(line, at, &mut faults)?;
    let (value, at) = prefixed_hex(line, at, &mut faults)?;
    let (pc, pid, len) = if word(line, at)? & SEVEN_BYTES == u64::from_le_bytes(*b" 0x0 0\n\0") {
        (0, 0, at + 7)
    } else {
        let (pc, at) = prefixed_hex(line, at, &mut faults)?;
        let (pid, len) = pid(line, at, &mut faults)?;
        (pc, pid, len)
    };
    let fields = Fields {
        kind,
        width,
        nanos,
        map_id,
        phys,
        value,
        pc,
        pid,
        len,
    };
    (!faults.any()).then_some(fields)
}

const SEVEN_BYTES: u64 = u64::MAX >> 8;

#[inline(always)]
fn word(line: &Window, at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*line.get(at..)?.first_chunk()?))
}

/// `s.uuuuuu` in nanoseconds, at most seven digits of seconds.
#[inline(always)]
fn time(memo: &mut Memo, line: &Window, faults: &mut Faults) -> Option<(u64, usize)> {
    let text = word(line, 4)?;
    if !memo.seconds.matches(text) {
        seconds(memo, text)?;
    }
    let at = 4 + memo.seconds.len();
    let micros = Digits::six(word(line, at)?).decimal(faults);
    Some((memo.seconds.value + micros * 1000, at + 6))
}

#[cold]
fn seconds(memo: &mut Memo, text: u64) -> Option<()> {
    let digits = Digits::leading(text);
    let mut faults = Faults::NONE;
    let nanos = digits.decimal(&mut faults) * 1_000_000_000;
    let end = text.checked_shr(8 * digits.len as u32)? as u8;
    if faults.any() || end != b'.' {
        return None;
    }
    memo.seconds.remember(text, digits.len + 1, nanos);
    Some(())
}

/// ` 1 0x`: a map id of at most four digits, and what stands around it.
#[inline(always)]
fn map_id(memo: &mut Memo, line: &Window, at: usize) -> Option<(i32, usize)> {
    let text = word(line, at)?;
    if !memo.map_id.matches(text) {
        other_map_id(memo, text)?;
    }
    Some((memo.map_id.value, at + memo.map_id.len()))
}

#[inline(never)]
fn other_map_id(memo: &mut Memo, text: u64) -> Option<()> {
    let digits = Digits::leading(text >> 8);
    let mut faults = Faults::NONE;
    let id = digits.decimal(&mut faults) as i32;
    let end = text.checked_shr(8 + 8 * digits.len as u32)? as u32;
    if faults.any() || text as u8 != b' ' || end & 0xff_ffff != u32::from_le_bytes(*b" 0x\0") {
        return None;
    }
    memo.map_id.remember(text, digits.len + 4, id);
    Some(())
}

/// A space, `0x` and 1 to 16 hex digits.
#[inline(always)]
fn prefixed_hex(line: &Window, at: usize, faults: &mut Faults) -> Option<(u64, usize)> {
    match line.get(at..)?.first_chunk()? {
        b" 0x" => hex(line, at + 3, faults),
        _ => None,
    }
}

/// 1 to 16 hex digits. What ends them is looked at by what comes next.
#[inline(always)]
fn hex(line: &Window, at: usize, faults: &mut Faults) -> Option<(u64, usize)> {
    let digits = Digits::leading(word(line, at)?);
    let number = digits.hex(faults);
    let at = at + digits.len;
    if digits.len < 8 || line.get(at) == Some(&b' ') {
        return Some((number, at));
    }
    let digits = Digits::leading(word(line, at)?);
    let low = digits.hex(faults);
    Some((number << (4 * (digits.len & 15)) | low, at + digits.len))
}

/// A space, a decimal number of at most eight digits, and the newline.
#[inline(always)]
fn pid(line: &Window, at: usize, faults: &mut Faults) -> Option<(i32, usize)> {
    let digits = Digits::leading(word(line, at + 1)?);
    let pid = digits.decimal(faults) as i32;
    let end = at + 1 + digits.len;
    let framed = line.get(at) == Some(&b' ') && line.get(end) == Some(&b'\n');
    framed.then_some((pid, end + 1))
}
