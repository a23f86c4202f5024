//! The decoder: cache, then table, then iced.

use crate::cache::Cache;
use crate::iced::Fallback;
use crate::{Cpu, DecodeError, DecodedInstruction, Maker, table};
use mmiotrace_core::VirtAddr;

/// Decodes instructions of 64-bit mode.
///
/// # In a fault handler
/// The first use of the tables behind the decoder allocates (365 KB, 7,695 allocations), later
/// uses do not. [`warm_up`](Self::warm_up) makes that first use. After it the decoder allocates
/// nothing and takes no lock. It needs `&mut self`: give every CPU or thread its own, and a second
/// one to what may interrupt it (an NMI).
///
/// ```
/// use mmiotrace_core::VirtAddr;
/// use mmiotrace_decode::{Decoder, Gpr, Kind, Registers};
///
/// let mut decoder = Decoder::new();
/// decoder.warm_up();
/// let store = decoder.decode(&[0x89, 0x47, 0x04], VirtAddr(0x400000))?; // mov [rdi+4], eax
/// assert_eq!((store.len(), store.kind()), (3, Kind::Write));
/// let registers = Registers::default().with(Gpr::Rdi, 0x1000).with(Gpr::Rax, 5);
/// let access = store.accesses(&registers).next().unwrap();
/// assert_eq!((access.address, access.value.unwrap().to_u64()), (VirtAddr(0x1004), Some(5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    cpu: Cpu,
    cache: Cache,
    fallback: Fallback,
    /// What was decoded last, where there is no cache to hold it.
    last: DecodedInstruction,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Entries of the cache unless told otherwise: 64 KiB of them. Drivers touch their device from
    /// tens to a few hundred places.
    pub const DEFAULT_CACHE_ENTRIES: usize = 1024;

    /// A decoder for the CPU that runs this code, as an engine needs it. It has allocated nothing yet,
    /// and has no cache before [`warm_up`](Self::warm_up).
    #[must_use]
    pub fn new() -> Self {
        Self::for_cpu(Cpu::host())
    }

    /// A decoder for another CPU: the one that made a trace, or [`Cpu::UNKNOWN`].
    #[must_use]
    pub const fn for_cpu(cpu: Cpu) -> Self {
        Self {
            cpu,
            cache: Cache::new(),
            fallback: Fallback::new(),
            last: DecodedInstruction::bare([0; 15], 0),
        }
    }

    /// The CPU that the answers are for.
    #[must_use]
    pub const fn cpu(&self) -> Cpu {
        self.cpu
    }

    /// Allocates everything that decoding will ever need. Call it where one may allocate and
    /// sleep: when a module is loaded, before a signal handler is installed.
    pub fn warm_up(&mut self) {
        self.warm_up_with(Self::DEFAULT_CACHE_ENTRIES);
    }

    /// As [`warm_up`](Self::warm_up), with a cache of `cache_entries`, rounded up to a power of two;
    /// 0 for none. An entry takes 64 bytes.
    pub fn warm_up_with(&mut self, cache_entries: usize) {
        self.cache.resize(cache_entries);
        self.fallback.warm_up();
    }

    /// The instruction at `pc`, whose code is the beginning of `code`: 15 bytes, or as many as
    /// there are.
    ///
    /// The cache is asked first. It compares the bytes too, so that code that was patched or
    /// replaced is decoded anew.
    ///
    /// # Errors
    /// Where the bytes are no instruction, or end before it does.
    #[inline]
    pub fn decode(
        &mut self,
        code: &[u8],
        pc: VirtAddr,
    ) -> Result<&DecodedInstruction, DecodeError> {
        if let Some(place) = self.cache.find(pc.0, code) {
            // There is something at every place that was found.
            return self.cache.at(place).ok_or(DecodeError::Invalid);
        }
        self.decode_anew(code, pc)
    }

    #[inline(never)]
    fn decode_anew(
        &mut self,
        code: &[u8],
        pc: VirtAddr,
    ) -> Result<&DecodedInstruction, DecodeError> {
        let instruction = uncached(&mut self.fallback, code, self.cpu.maker())?;
        if self.cache.is_empty() {
            self.last = instruction;
            return Ok(&self.last);
        }
        // There is room for every address where there is a cache.
        let put = self.cache.put(pc.0, instruction);
        put.ok_or(DecodeError::Invalid)
    }

    /// The instruction at the beginning of `code`, without asking the cache: by the table of common
    /// forms, or by iced.
    ///
    /// # Errors
    /// Where the bytes are no instruction, or end before it does.
    pub fn decode_uncached(&mut self, code: &[u8]) -> Result<DecodedInstruction, DecodeError> {
        uncached(&mut self.fallback, code, self.cpu.maker())
    }

    /// The instruction at the beginning of `code`, if it is of a form that the table knows; makers
    /// agree over all of these. The answer is that of [`decode_uncached`](Self::decode_uncached). Allocates nothing, ever.
    #[must_use]
    pub fn decode_by_table(code: &[u8]) -> Option<DecodedInstruction> {
        table::decode(code)
    }

    /// The instruction at the beginning of `code`, without asking the table: the answer is the same,
    /// and slower to get. For tests and comparisons.
    ///
    /// # Errors
    /// Where the bytes are no instruction, or end before it does.
    pub fn decode_by_iced(&mut self, code: &[u8]) -> Result<DecodedInstruction, DecodeError> {
        self.fallback.decode(code, self.cpu.maker())
    }
}

/// By the table, else by iced.
#[inline]
fn uncached(
    fallback: &mut Fallback,
    code: &[u8],
    maker: Option<Maker>,
) -> Result<DecodedInstruction, DecodeError> {
    table::decode_as(code, Ok, || fallback.decode(code, maker))
}
