//! What a record holds: six words that all have, and what only some have after them.
//!
//! | word | holds |
//! | --- | --- |
//! | 0 | sequence number |
//! | 1 | time in nanoseconds |
//! | 2 | address of the instruction |
//! | 3 | physical address |
//! | 4 | thread id (low half), mapping id (high half) |
//! | 5 | CPU (low half; all ones: unknown), kind, and three bytes `a`, `b`, `c` |
//!
//! | kind | a | b | c | after it |
//! | --- | --- | --- | --- | --- |
//! | read, write | width | length of value (0: unknown) | length of code, flags | the end of the interval if flagged, value, code |
//! | map | | | | virtual address, length |
//! | unmap | | | | |
//! | blind begin, end | length of reason | length of code | | reason, code |
//! | marker | length, low byte | length, high byte | | text |
//! | void | | | | |

use crate::channel::ring::{MAX_WORDS, Ring};
use crate::number::{high_half, join, low_half, signed, unsigned, word};
use mmiotrace_core::{
    Access, AccessKind, Blind, BlindEdge, BlindReason, Code, Event, EventKind, MapId, Mapping,
    PhysAddr, Timestamp, Value, VirtAddr, Width,
};

/// The longest marker in bytes; a longer one is cut.
pub const MAX_MARKER_BYTES: usize = 4096;

const HEADER_WORDS: usize = 6;
/// Header, end of interval, a value of 64 bytes, code of 15 (rounded up to words).
const SHORT_WORDS: usize = HEADER_WORDS + 1 + 8 + 2;

const READ: u8 = 1;
const WRITE: u8 = 2;
const MAP: u8 = 3;
const UNMAP: u8 = 4;
const BLIND_BEGIN: u8 = 5;
const BLIND_END: u8 = 6;
const MARKER: u8 = 7;
const VOID: u8 = 8;

const FLAG_UNORDERED: u8 = 0x10;
const FLAG_INTERVAL: u8 = 0x20;

/// Who made a record, where and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Its number in the capture.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// The thread's id.
    pub pid: i32,
    /// The CPU, where known.
    pub cpu: Option<u32>,
    /// The address of the instruction; 0 if there is none, or it is not to be recorded.
    pub pc: VirtAddr,
}

/// How exactly the number of an access gives its position in the order of the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Exactly: number and access were made under one lock.
    #[default]
    Total,
    /// Somewhere before the access of this number: the counter's value after the access.
    Before(u64),
    /// Not against the access that it interrupted (an NMI while the lock was held by its own CPU).
    Unordered,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body<'a> {
    /// An access.
    Access {
        /// The access.
        access: Access,
        /// The instruction's bytes; present where the value is not known.
        code: Code,
        /// How exactly its number gives its position.
        order: Order,
    },
    /// A mapping began.
    Map(Mapping),
    /// A mapping ended.
    Unmap(MapId),
    /// A page went blind, or sees again.
    Blind(Blind),
    /// A marker.
    Marker(&'a [u8]),
    /// Nothing: a number was taken for an access that was then not made.
    Void,
}

/// One record of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Who, where, when.
    pub stamp: Stamp,
    /// What.
    pub body: Body<'a>,
}

impl Entry<'_> {
    /// The event, where the record is one.
    #[must_use]
    pub fn to_event(&self) -> Option<Event> {
        let (kind, code) = match self.body {
            Body::Access { access, code, .. } => (EventKind::Access(access), code),
            Body::Map(mapping) => (EventKind::Map(mapping), Code::EMPTY),
            Body::Unmap(id) => (EventKind::Unmap(id), Code::EMPTY),
            Body::Blind(_) | Body::Marker(_) | Body::Void => return None,
        };
        let mut event = Event::new(self.stamp.time, kind)
            .with_seq(self.stamp.seq)
            .with_pid(self.stamp.pid)
            .with_pc(self.stamp.pc)
            .with_code(code);
        event.cpu = self.stamp.cpu;
        event.unordered = match self.body {
            Body::Access { order, .. } => match order {
                Order::Total => false,
                // Exact all the same if no number was taken meanwhile.
                Order::Before(after) => after != self.stamp.seq.wrapping_add(1),
                Order::Unordered => true,
            },
            _ => false,
        };
        Some(event)
    }

    /// Whether the record may take the room that is kept for what must not be lost: everything
    /// but accesses.
    pub(crate) const fn is_vital(&self) -> bool {
        !matches!(self.body, Body::Access { .. })
    }

    /// Writes the record into `ring`; `false` where there is no room.
    #[must_use]
    pub(crate) fn push(&self, ring: &Ring<'_>, keep_free: u64) -> bool {
        if let Body::Marker(text) = self.body {
            let text = text.get(..MAX_MARKER_BYTES).unwrap_or(text);
            let [low, high, ..] = word(text.len()).to_le_bytes();
            let header = self.header(MARKER, 0, MapId(0), [low, high, 0]);
            let words = text.chunks(8).map(word_of_bytes);
            let len = HEADER_WORDS + text.len().div_ceil(8);
            return ring.push(header.into_iter().chain(words), len, keep_free);
        }
        let short = self.encode_short();
        ring.push(short.words.iter().copied(), short.len, keep_free)
    }

    fn header(&self, kind: u8, phys: u64, id: MapId, rest: [u8; 3]) -> [u64; HEADER_WORDS] {
        header(&self.stamp, kind, phys, id, rest)
    }

    fn encode_short(&self) -> Short {
        match &self.body {
            Body::Access {
                access,
                code,
                order,
            } => self.encode_access(access, code, *order),
            Body::Map(mapping) => Short::new(self.header(MAP, mapping.phys.0, mapping.id, [0; 3]))
                .word(mapping.virt.0)
                .word(mapping.len),
            Body::Unmap(id) => Short::new(self.header(UNMAP, 0, *id, [0; 3])),
            Body::Blind(blind) => {
                let kind = match blind.edge {
                    BlindEdge::Begin => BLIND_BEGIN,
                    BlindEdge::End => BLIND_END,
                };
                let reason = blind.reason.as_str().as_bytes();
                let code = blind.code.as_bytes();
                let lens = [len_byte(reason), len_byte(code), 0];
                Short::new(self.header(kind, blind.page.0, MapId(0), lens))
                    .bytes(reason)
                    .bytes(code)
            }
            // A marker is written without being gathered first: see `push`.
            Body::Void | Body::Marker(_) => Short::new(self.header(VOID, 0, MapId(0), [0; 3])),
        }
    }

    fn encode_access(&self, access: &Access, code: &Code, order: Order) -> Short {
        let kind = match access.kind {
            AccessKind::Read => READ,
            AccessKind::Write => WRITE,
        };
        let value = access.value.as_ref().map_or(&[][..], Value::as_le_bytes);
        let flags = match order {
            Order::Total => 0,
            Order::Before(_) => FLAG_INTERVAL,
            Order::Unordered => FLAG_UNORDERED,
        };
        let code = code.as_bytes();
        let rest = [
            access.width.bytes(),
            len_byte(value),
            len_byte(code) | flags,
        ];
        let mut short = Short::new(self.header(kind, access.phys.0, access.map_id, rest));
        if let Order::Before(after) = order {
            short = short.word(after);
        }
        short.bytes(value).bytes(code)
    }
}

/// The words that all records have.
#[inline(always)]
fn header(
    stamp: &Stamp,
    kind: u8,
    phys: u64,
    id: MapId,
    [a, b, c]: [u8; 3],
) -> [u64; HEADER_WORDS] {
    let meta = u32::from_le_bytes([kind, a, b, c]);
    [
        stamp.seq,
        stamp.time.as_nanos(),
        stamp.pc.0,
        phys,
        join(unsigned(stamp.pid), unsigned(id.0)),
        join(stamp.cpu.unwrap_or(u32::MAX), meta),
    ]
}

/// An access of up to eight bytes whose value is known: what [`Entry`] says of it, in the size it
/// needs.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) stamp: Stamp,
    pub(crate) kind: AccessKind,
    pub(crate) width: u8,
    pub(crate) map_id: MapId,
    pub(crate) phys: PhysAddr,
    /// The lowest `width` bytes.
    pub(crate) value: u64,
    pub(crate) order: Order,
}

impl Plain {
    /// As [`Entry::push`]; `alone`: no other producer of this ring can interrupt this one.
    #[must_use]
    #[inline(always)]
    pub(crate) fn push(&self, ring: &Ring<'_>, keep_free: u64, alone: bool) -> bool {
        let kind = match self.kind {
            AccessKind::Read => READ,
            AccessKind::Write => WRITE,
        };
        let flags = match self.order {
            Order::Total => 0,
            Order::Before(_) => FLAG_INTERVAL,
            Order::Unordered => FLAG_UNORDERED,
        };
        let rest = [self.width, self.width, flags];
        let [a, b, c, d, e, f] = header(&self.stamp, kind, self.phys.0, self.map_id, rest);
        match self.order {
            Order::Before(after) => {
                ring.push_words(&[a, b, c, d, e, f, after, self.value], keep_free)
            }
            _ if alone => ring.push_slot_alone(&[a, b, c, d, e, f, self.value], keep_free),
            _ => ring.push_slot(&[a, b, c, d, e, f, self.value], keep_free),
        }
    }
}

fn len_byte(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).unwrap_or(u8::MAX)
}

/// Up to eight bytes as a little-endian word.
#[inline]
pub(crate) fn word_of_bytes(bytes: &[u8]) -> u64 {
    // The widths that device accesses have, without a loop.
    if let Ok(bytes) = bytes.try_into() {
        return u64::from(u32::from_le_bytes(bytes));
    }
    if let Ok(bytes) = bytes.try_into() {
        return u64::from_le_bytes(bytes);
    }
    let mut all = [0; 8];
    for (to, from) in all.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(all)
}

/// The words of any record but a marker.
struct Short {
    words: [u64; SHORT_WORDS],
    len: usize,
}

impl Short {
    fn new(header: [u64; HEADER_WORDS]) -> Self {
        let mut words = [0; SHORT_WORDS];
        for (to, from) in words.iter_mut().zip(header) {
            *to = from;
        }
        Self {
            words,
            len: HEADER_WORDS,
        }
    }

    fn word(mut self, word: u64) -> Self {
        if let Some(to) = self.words.get_mut(self.len) {
            *to = word;
            self.len += 1;
        }
        self
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        bytes
            .chunks(8)
            .fold(self, |short, chunk| short.word(word_of_bytes(chunk)))
    }
}

/// Room for the bytes of one record while it is looked at.
#[derive(Debug)]
pub struct EntryBuf {
    words: [u64; MAX_WORDS],
    bytes: [u8; MAX_WORDS * 8],
}

impl Default for EntryBuf {
    fn default() -> Self {
        Self {
            words: [0; MAX_WORDS],
            bytes: [0; MAX_WORDS * 8],
        }
    }
}

impl EntryBuf {
    pub(crate) const fn words_mut(&mut self) -> &mut [u64; MAX_WORDS] {
        &mut self.words
    }

    /// Reads the record of `len` words at this position; `None` if it makes no sense (its
    /// producer is not to be trusted).
    pub(crate) fn parse(&mut self, len: usize) -> Option<Entry<'_>> {
        let (header, rest) = self.words.get(..len)?.split_at_checked(HEADER_WORDS)?;
        let [seq, time, pc, phys, ids, meta] = *<&[u64; HEADER_WORDS]>::try_from(header).ok()?;
        let cpu = low_half(meta);
        let stamp = Stamp {
            seq,
            time: Timestamp::from_nanos(time),
            pid: signed(low_half(ids)),
            cpu: (cpu != u32::MAX).then_some(cpu),
            pc: VirtAddr(pc),
        };
        let id = MapId(signed(high_half(ids)));
        let phys = PhysAddr(phys);
        let [kind, a, b, c] = high_half(meta).to_le_bytes();
        let body = match kind {
            READ | WRITE => parse_access(kind, phys, id, [a, b, c], rest)?,
            MAP => Body::Map(Mapping {
                id,
                phys,
                virt: VirtAddr(*rest.first()?),
                len: *rest.get(1)?,
            }),
            UNMAP => Body::Unmap(id),
            VOID => Body::Void,
            BLIND_BEGIN | BLIND_END => parse_blind(kind, stamp.time, phys, [a, b], rest)?,
            MARKER => {
                let len = usize::from(u16::from_le_bytes([a, b]));
                spread(rest, &mut self.bytes);
                Body::Marker(self.bytes.get(..len)?)
            }
            _ => return None,
        };
        Some(Entry { stamp, body })
    }
}

/// Words as their bytes.
fn spread(words: &[u64], bytes: &mut [u8]) {
    for (to, from) in bytes.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&from.to_le_bytes());
    }
}

fn parse_access(
    kind: u8,
    phys: PhysAddr,
    map_id: MapId,
    [width, value_len, rest_flags]: [u8; 3],
    rest: &[u64],
) -> Option<Body<'static>> {
    let (order, rest) = if rest_flags & FLAG_INTERVAL != 0 {
        let (after, rest) = rest.split_first()?;
        (Order::Before(*after), rest)
    } else if rest_flags & FLAG_UNORDERED != 0 {
        (Order::Unordered, rest)
    } else {
        (Order::Total, rest)
    };
    let mut bytes = [0; 8 * (8 + 2)];
    spread(rest, &mut bytes);
    let value = bytes.get(..usize::from(value_len))?;
    let code = bytes.get(value.len().next_multiple_of(8)..)?;
    let code = Code::from_prefix(code.get(..usize::from(rest_flags & 0xf))?);
    let access = Access {
        kind: if kind == READ {
            AccessKind::Read
        } else {
            AccessKind::Write
        },
        width: Width::from_bytes(width)?,
        map_id,
        phys,
        value: Value::from_le_bytes(value),
    };
    Some(Body::Access {
        access,
        code,
        order,
    })
}

fn parse_blind(
    kind: u8,
    time: Timestamp,
    page: PhysAddr,
    [reason_len, code_len]: [u8; 2],
    rest: &[u64],
) -> Option<Body<'static>> {
    let mut bytes = [0; 8 * (4 + 2)];
    spread(rest, &mut bytes);
    let reason = bytes.get(..usize::from(reason_len))?;
    let code = bytes.get(reason.len().next_multiple_of(8)..)?;
    Some(Body::Blind(Blind {
        time,
        edge: if kind == BLIND_BEGIN {
            BlindEdge::Begin
        } else {
            BlindEdge::End
        },
        page,
        reason: BlindReason::new(core::str::from_utf8(reason).ok()?)?,
        code: Code::from_prefix(code.get(..usize::from(code_len))?),
    }))
}
