//! Devices that are made of code: what an access does is a function of ours.

#![expect(unsafe_code, reason = "address space is reserved")]

use super::Error;
use core::sync::atomic::{AtomicUsize, Ordering};
use mmiotrace_core::VirtAddr;
use mmiotrace_decode::{BusFault, Locked, LockedOp};
use std::sync::OnceLock;

/// A device that is made of code, for demonstrations and tests of drivers: reads and writes of its
/// registers are calls of these functions, with every side effect a real device has.
///
/// Both are called in a signal handler, on any thread, under the capture's order lock (unless
/// [`DeviceOrder::Interval`](crate::DeviceOrder) was chosen): they must not allocate, take locks, or panic.
/// Atomics are what they have.
pub trait Model: Sync {
    /// The device is read: `into.len()` bytes (1, 2, 4, 8, 16, 32 or 64) at `offset`.
    fn read(&self, offset: u64, into: &mut [u8]);

    /// The device is written.
    fn write(&self, offset: u64, bytes: &[u8]);
}

/// Aliases of models begin here: addresses that no process has.
const BASE: u64 = 1 << 63;
/// How far apart they are.
const STRIDE: u64 = 1 << 32;
const MODELS: usize = 256;

static TABLE: [OnceLock<&'static dyn Model>; MODELS] = [const { OnceLock::new() }; MODELS];
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Puts a model in the table; returns the alias that leads to it. There is room for 256 in a process.
pub(super) fn install(model: &'static dyn Model) -> Option<u64> {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    TABLE.get(number)?.set(model).ok()?;
    Some(BASE + number as u64 * STRIDE)
}

/// Whether an alias leads to a model.
pub(super) const fn is_model(alias: u64) -> bool {
    alias >= BASE
}

fn find(alias: u64) -> Option<(&'static dyn Model, u64)> {
    let number = usize::try_from((alias - BASE) / STRIDE).ok()?;
    let model = TABLE.get(number)?.get()?;
    Some((*model, (alias - BASE) % STRIDE))
}

const fn fault(alias: u64) -> BusFault {
    BusFault {
        address: VirtAddr(alias),
    }
}

pub(super) fn read(alias: u64, into: &mut [u8]) -> Result<(), BusFault> {
    let (model, offset) = find(alias).ok_or(fault(alias))?;
    model.read(offset, into);
    Ok(())
}

pub(super) fn write(alias: u64, bytes: &[u8]) -> Result<(), BusFault> {
    let (model, offset) = find(alias).ok_or(fault(alias))?;
    model.write(offset, bytes);
    Ok(())
}

/// The locked operations that show the old value. Under the order lock a read and a write are one.
pub(super) fn locked(alias: u64, width: u8, op: LockedOp) -> Result<Locked, BusFault> {
    let (model, offset) = find(alias).ok_or(fault(alias))?;
    let mut bytes = [0; 16];
    let own = bytes.get_mut(..usize::from(width)).ok_or(fault(alias))?;
    model.read(offset, own);
    let old = own
        .iter()
        .rev()
        .fold(0u128, |all, byte| all << 8 | u128::from(*byte));
    let new = match op {
        LockedOp::Exchange(new) => u128::from(new),
        LockedOp::Add(add) => old.wrapping_add(u128::from(add)),
        LockedOp::CompareExchange { expected, new } if expected == old => new,
        LockedOp::CompareExchange { .. } => old,
        _ => return Err(fault(alias)),
    };
    let new = new.to_le_bytes();
    model.write(offset, new.get(..usize::from(width)).unwrap_or(&[]));
    Ok(Locked::Old(old))
}

/// Reserves address space for a model's registers.
pub(super) fn reserve(len: usize) -> Result<*mut u8, Error> {
    // SAFETY: a new mapping at an address of the kernel's choice.
    let start = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(Error::last("reserve address space"));
    }
    Ok(start.cast())
}
