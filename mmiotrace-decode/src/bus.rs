//! What the executor needs from the place it runs in: a device and ordinary memory.

use mmiotrace_core::VirtAddr;

/// What lies at a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemoryKind {
    /// All of it is traced device memory of one region.
    Device,
    /// None of it is traced.
    Memory,
    /// Some of it is.
    Mixed,
}

/// An access failed: the memory is not there, or the device does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("no access to {address}")]
pub struct BusFault {
    /// The first address that could not be accessed.
    pub address: VirtAddr,
}

/// How a store wants to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Hint {
    /// As any store.
    #[default]
    None,
    /// Non-temporal (`movnti`): on write-combining memory it must stay so.
    NonTemporal,
}

/// One atomic read-modify-write. Operands count in the lowest bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LockedOp {
    /// `xchg`: store this. The old value is known.
    Exchange(u64),
    /// `lock xadd`: add this (for subtraction the negative). The old value is known.
    Add(u64),
    /// `lock cmpxchg`, up to 16 bytes: store `new` if the memory holds `expected`. The old value is
    /// known. Memory is written in either case (Intel SDM volume 2, CMPXCHG).
    CompareExchange {
        /// What the memory must hold.
        expected: u128,
        /// What to store then.
        new: u128,
    },
    /// `lock or`. The old value stays unknown, the CPU's flags tell of the new one.
    Or(u64),
    /// `lock and`. As `Or`.
    And(u64),
    /// `lock xor`. As `Or`.
    Xor(u64),
    /// `lock not`. The old value stays unknown; no flag changes.
    Not,
    /// `lock neg`. As `Or`.
    Neg,
    /// `lock bts`, bit number below the width in bits. The carry flag tells the old bit.
    BitSet(u8),
    /// `lock btr`.
    BitReset(u8),
    /// `lock btc`.
    BitComplement(u8),
}

/// What an atomic read-modify-write showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Locked {
    /// The value before.
    Old(u128),
    /// The flags register afterwards; its CF, PF, AF, ZF, SF and OF count. The value before is not
    /// known, because learning it would have taken more accesses than the instruction makes.
    Flags(u64),
}

/// The memory an instruction sees.
///
/// The executor asks [`locate`](Bus::locate) first and then makes exactly the accesses of the
/// instruction. Each call of `read_device`, `write_device` and `locked` is one access, of exactly
/// the given length (1, 2, 4, 8, and for wide bounces 16, 32 or 64 bytes), at any alignment; an
/// engine records its event there, with the value it sees. Addresses are those of the
/// instruction, not of the alias.
pub trait Bus {
    /// What lies at `len` bytes (1 to 4096) from `address`.
    fn locate(&self, address: VirtAddr, len: usize) -> MemoryKind;

    /// One read of device memory.
    ///
    /// # Errors
    /// Where the device memory is gone.
    fn read_device(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault>;

    /// One write of device memory.
    ///
    /// # Errors
    /// Where the device memory is gone.
    fn write_device(&mut self, address: VirtAddr, bytes: &[u8], hint: Hint)
    -> Result<(), BusFault>;

    /// One atomic read-modify-write of `width` bytes (1, 2, 4, 8; 16 for `CompareExchange`).
    ///
    /// # Errors
    /// Where the device memory is gone.
    fn locked(&mut self, address: VirtAddr, width: u8, op: LockedOp) -> Result<Locked, BusFault>;

    /// Reads ordinary memory: the other side of a string move, a stack.
    ///
    /// # Errors
    /// Where the memory cannot be read; the instruction natively faults there.
    fn read_memory(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault>;

    /// Writes ordinary memory.
    ///
    /// # Errors
    /// Where the memory cannot be written; nothing was.
    fn write_memory(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BusFault>;

    /// Makes sure that the next `write_memory` of this range will not fail. Called before the
    /// device is read, so that a fault on the ordinary side costs no device access.
    ///
    /// # Errors
    /// Where the memory cannot be written.
    fn prepare_write(&mut self, address: VirtAddr, len: usize) -> Result<(), BusFault>;
}
