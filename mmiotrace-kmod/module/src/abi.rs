//! The commands of `/dev/mmiotrace`, as words: `abi.h` in Rust.

/// `MMIOTRACE_ABI`.
pub(crate) const ABI: u32 = 1;

pub(crate) const VERSION: u32 = 0;
pub(crate) const START: u32 = 1;
pub(crate) const FILTER: u32 = 2;
pub(crate) const ARM: u32 = 3;
pub(crate) const STOP: u32 = 4;
pub(crate) const STATE: u32 = 5;
pub(crate) const RESUME: u32 = 6;

/// `MMIOTRACE_MAX_PARAMETERS`, in words.
pub(crate) const WORDS: usize = 16;
/// The parameters of a command, in and out.
pub(crate) type Words = [u64; WORDS];

/// `MMIOTRACE_MAX_FILTERS`.
pub(crate) const MAX_FILTERS: usize = 1024;

const ORDER_INTERVAL: u32 = 1;
const NO_PC: u32 = 1 << 1;
const DISARM_ON_DEATH: u32 = 1 << 2;

/// Error numbers of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Errno {
    NotFound = 2,
    NoMemory = 12,
    BadAddress = 14,
    Busy = 16,
    Invalid = 22,
    NotTyped = 25,
    NotPermitted = 1,
    NoDevice = 6,
    NoSpace = 28,
    NoData = 61,
}

impl Errno {
    pub(crate) const fn to_result(self) -> i32 {
        -(self as i32)
    }
}

/// Two halves of a word, the lower first: how C lays out two `__u32`.
const fn halves(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}

pub(crate) const fn join(low: u32, high: u32) -> u64 {
    low as u64 | (high as u64) << 32
}

/// `struct mmiotrace_start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) interval: bool,
    pub(crate) no_pc: bool,
    /// How long the capture goes on without a recorder; `None` for as long as it takes.
    pub(crate) death_timeout_ms: Option<u32>,
    pub(crate) slots: u32,
}

impl Start {
    pub(crate) const fn from_words(words: &Words) -> Self {
        let (flags, slots) = halves(words[0]);
        let (timeout, _) = halves(words[1]);
        Self {
            interval: flags & ORDER_INTERVAL != 0,
            no_pc: flags & NO_PC != 0,
            death_timeout_ms: if flags & DISARM_ON_DEATH != 0 { Some(timeout) } else { None },
            slots,
        }
    }
}
