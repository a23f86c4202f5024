//! A step on a copy of the operand: the device is read before it and written after it, so that every
//! value is known, whatever the instruction does with it.

#![expect(
    unsafe_code,
    reason = "memory that the stepped instruction changes without the compiler's knowledge"
)]

use core::cell::UnsafeCell;

/// The longest operand.
const MOST: usize = 64;

/// Room for one operand at the same place in a cache line: what demands alignment demands it of the copy
/// too.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Copy(UnsafeCell<[u8; 2 * MOST]>);

impl Copy {
    pub(super) const fn new() -> Self {
        Self(UnsafeCell::new([0; 2 * MOST]))
    }

    fn start(&self, address: u64) -> *mut u8 {
        let offset = usize::try_from(address & 63).unwrap_or(0);
        // SAFETY: below 64, and the room is 128 bytes.
        unsafe { self.0.get().cast::<u8>().add(offset) }
    }

    /// Where the copy of the operand at `address` is.
    pub(super) fn address(&self, address: u64) -> u64 {
        crate::number::word(self.start(address).addr())
    }

    /// Makes the copy. Of more than 64 bytes the first.
    pub(super) fn put(&self, address: u64, bytes: &[u8]) {
        let start = self.start(address);
        for (at, byte) in bytes.iter().take(MOST).enumerate() {
            // SAFETY: 63 + 64 bytes lie in the room. The lane that holds it is this fault's alone.
            unsafe { start.add(at).write_volatile(*byte) };
        }
    }

    /// What the copy holds now.
    pub(super) fn get(&self, address: u64, bytes: &mut [u8]) {
        let start = self.start(address);
        for (at, byte) in bytes.iter_mut().take(MOST).enumerate() {
            // SAFETY: as in `put`.
            *byte = unsafe { start.add(at).read_volatile() };
        }
    }
}

// SAFETY: reached by who has the lane that holds it, one at a time.
unsafe impl Sync for Copy {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_lies_as_its_operand() {
        let copy = Copy::new();
        for address in [0x1000, 0x1001, 0x103f, u64::MAX] {
            let bytes: [u8; MOST] = core::array::from_fn(|at| at as u8 ^ address as u8);
            copy.put(address, &bytes);
            let mut back = [0; MOST];
            copy.get(address, &mut back);
            assert_eq!(back, bytes);
            assert_eq!(copy.address(address) & 63, address & 63);
        }
    }
}
