//! Single columns of a line, for those who need only some.

use super::number;
use crate::{Field, LineKind, hot};
use mmiotrace_core::{MapId, PhysAddr, Timestamp, VirtAddr, Width};

/// The columns of one record, each looked at only when asked for.
///
/// A filter that wants writes of four bytes to some addresses need not know what time it was:
/// this costs a fraction of [`Line::parse`](crate::Line::parse). The price is that nobody looks
/// at the other columns: of a line that does not parse, the columns that are there are given.
/// Where the line parses, every column equals the field of its record.
///
/// ```
/// use mmiotrace_core::PhysAddr;
/// use mmiotrace_format::{Line, Position};
///
/// let line = Line::new(b"W 4 6.719459 1 0xfebc00d8 0xffffffff 0x0 0\n", Position::START);
/// assert_eq!(line.columns().phys(), Some(PhysAddr(0xfebc_00d8)));
/// assert_eq!(line.columns().virt(), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    line: &'a [u8],
    kind: LineKind,
}

/// Where in the lines of a trace the physical address stands, as learnt from line to line.
///
/// It only saves work: whatever it has learnt, the same lines give the same addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout(hot::Layout);

impl Layout {
    /// Nothing learnt.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The physical address of the `R` or `W` that begins `line`, where that and some bytes behind
    /// it are as the kernel prints them; `None` says nothing: ask [`Columns::phys`]. `line` may
    /// reach beyond the line, and should.
    #[must_use]
    #[inline(always)]
    pub fn phys(&mut self, line: &[u8]) -> Option<PhysAddr> {
        hot::phys(&mut self.0, line).map(PhysAddr)
    }
}

impl<'a> Columns<'a> {
    /// The columns of `line`, with or without its ending; or of the line that begins `line`, where
    /// nobody has yet looked for its end.
    #[must_use]
    #[inline]
    pub fn new(line: &'a [u8]) -> Self {
        Self {
            line,
            kind: LineKind::of(line),
        }
    }

    /// What the line is by its keyword.
    #[must_use]
    #[inline]
    pub const fn kind(&self) -> LineKind {
        self.kind
    }

    /// Bytes moved, of `R` and `W`.
    #[must_use]
    #[inline]
    pub fn width(&self) -> Option<Width> {
        // As the kernel prints it; anything else is for the parser.
        if let [
            b'R' | b'W',
            b' ',
            digit @ (b'1' | b'2' | b'4' | b'8'),
            b' ',
            ..,
        ] = self.line
        {
            return Width::from_bytes(digit - b'0');
        }
        number::whole(number::width, self.get(Field::Width)?)
    }

    /// The time, of `R`, `W`, `MAP`, `UNMAP`, `MARK` and `UNKNOWN`.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        let word = self.get(Field::Time)?;
        match self.kind {
            LineKind::Mark => number::whole(number::loose_time, word),
            _ => number::whole(number::time, word),
        }
    }

    /// With how many decimals the time is printed; `None` if it is not digits, a point and digits.
    #[must_use]
    pub fn time_decimals(&self) -> Option<usize> {
        let time = self.get(Field::Time)?;
        let point = memchr::memchr(b'.', time)?;
        let (seconds, fraction) = (time.get(..point)?, time.get(point + 1..)?);
        let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        (digits(seconds) && digits(fraction)).then_some(fraction.len())
    }

    /// The number of the mapping, of `R`, `W`, `MAP`, `UNMAP` and `UNKNOWN`.
    #[must_use]
    #[inline]
    pub fn map_id(&self) -> Option<MapId> {
        number::whole(number::signed, self.get(Field::MapId)?).map(MapId)
    }

    /// The physical address, of `R`, `W`, `MAP` and `UNKNOWN`.
    #[must_use]
    #[inline]
    pub fn phys(&self) -> Option<PhysAddr> {
        self.hex(Field::Phys).map(PhysAddr)
    }

    /// The value as printed, of `R` and `W`.
    #[must_use]
    #[inline]
    pub fn value(&self) -> Option<u64> {
        self.hex(Field::Value)
    }

    /// The virtual address, of `MAP`.
    #[must_use]
    pub fn virt(&self) -> Option<VirtAddr> {
        self.hex(Field::Virt).map(VirtAddr)
    }

    /// The length, of `MAP`.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a column, not a container")]
    pub fn len(&self) -> Option<u64> {
        self.hex(Field::Len)
    }

    /// The address of the instruction, of `R`, `W`, `MAP`, `UNMAP` and `UNKNOWN`.
    #[must_use]
    pub fn pc(&self) -> Option<VirtAddr> {
        self.hex(Field::Pc).map(VirtAddr)
    }

    /// The thread, of `R`, `W`, `MAP`, `UNMAP` and `UNKNOWN`.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        number::whole(number::signed, self.get(Field::Pid)?)
    }

    /// The bytes of a column as they are printed, where this kind of record has it and the line
    /// reaches so far. Of `PCIDEV`, `VERSION` and `LSPCI` there are no columns.
    #[must_use]
    #[inline]
    pub fn get(&self, field: Field) -> Option<&'a [u8]> {
        let place = place(self.kind, field)?;
        let end = memchr::memchr(b'\n', self.line).unwrap_or(self.line.len());
        // Every keyword that has columns is followed by a blank or by nothing.
        let mut rest = self.line.get(self.kind.keyword().len()..end)?;
        for _ in 0..place {
            rest = word(rest).1;
        }
        match word(rest).0 {
            [] => None,
            column => Some(column),
        }
    }

    #[inline(never)]
    fn hex(&self, field: Field) -> Option<u64> {
        let digits = self.get(field)?.strip_prefix(b"0x")?;
        // As `number::from_hex`, but for its call per digit.
        if digits.is_empty() || digits.len() > 16 {
            return number::whole(number::bare_hex, digits);
        }
        let mut value = 0u64;
        for digit in digits {
            let low = HEX_DIGITS[usize::from(*digit)];
            if low > 0xf {
                return None;
            }
            value = value << 4 | u64::from(low);
        }
        Some(value)
    }
}

/// The value of each hex digit, 0xff for every other byte.
const HEX_DIGITS: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u8;
        table[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
};

/// How many words stand between the keyword and the column.
#[inline]
const fn place(kind: LineKind, field: Field) -> Option<u8> {
    match (kind, field) {
        (LineKind::Read | LineKind::Write, Field::Width) => Some(0),
        (LineKind::Read | LineKind::Write, Field::Time) => Some(1),
        (LineKind::Read | LineKind::Write, Field::MapId) => Some(2),
        (LineKind::Read | LineKind::Write, Field::Phys) => Some(3),
        (LineKind::Read | LineKind::Write, Field::Value) => Some(4),
        (LineKind::Read | LineKind::Write, Field::Pc) => Some(5),
        (LineKind::Read | LineKind::Write, Field::Pid) => Some(6),
        (LineKind::Unknown | LineKind::Map | LineKind::Unmap | LineKind::Mark, Field::Time) => {
            Some(0)
        }
        (LineKind::Unknown | LineKind::Map | LineKind::Unmap, Field::MapId) => Some(1),
        (LineKind::Unknown | LineKind::Map, Field::Phys) => Some(2),
        (LineKind::Unknown, Field::Code) => Some(3),
        (LineKind::Unknown, Field::Pc) => Some(4),
        (LineKind::Unknown, Field::Pid) => Some(5),
        (LineKind::Map, Field::Virt) => Some(3),
        (LineKind::Map, Field::Len) => Some(4),
        (LineKind::Map, Field::Pc) => Some(5),
        (LineKind::Map, Field::Pid) => Some(6),
        (LineKind::Unmap, Field::Pc) => Some(2),
        (LineKind::Unmap, Field::Pid) => Some(3),
        _ => None,
    }
}

/// The first word, which may be empty, and everything behind it.
#[inline]
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = bytes;
    while let [b' ' | b'\t' | b'\r' | b'\n', tail @ ..] = rest {
        rest = tail;
    }
    let len = rest
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    rest.split_at(len.unwrap_or(rest.len()))
}
