//! The bus of the test: regions are device memory, reached through their second mapping; everything
//! that happens is written down.
#![expect(
    unsafe_code,
    reason = "an alias is a promise; memory is read and written as the bus is told"
)]

use crate::mappings::Mappings;
use core::ops::Range;
use mmiotrace_core::{AccessKind, Value, VirtAddr};
use mmiotrace_decode::{
    AliasBus, Bus, BusFault, DecodedAccess, Hint, Locked, LockedOp, MemoryKind, native,
};

/// One access of device memory, as an engine would record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) kind: AccessKind,
    pub(crate) address: u64,
    pub(crate) width: usize,
    pub(crate) value: Option<Value>,
}

pub(crate) struct TestBus<'a> {
    pub(crate) map: &'a Mappings,
    /// What counts as device.
    pub(crate) device: Vec<Range<u64>>,
    pub(crate) log: Vec<Logged>,
}

impl TestBus<'_> {
    fn is_device(&self, address: u64) -> bool {
        self.device.iter().any(|range| range.contains(&address))
    }

    fn pointer(&self, address: VirtAddr, len: usize) -> Result<*mut u8, BusFault> {
        let region = self
            .map
            .region_of(address.0, len)
            .ok_or(BusFault { address })?;
        Ok(region.alias(address.0))
    }

    fn log(&mut self, kind: AccessKind, address: VirtAddr, bytes: &[u8]) {
        let value = Value::from_le_bytes(bytes);
        self.log.push(Logged {
            kind,
            address: address.0,
            width: bytes.len(),
            value,
        });
    }
}

impl Bus for TestBus<'_> {
    fn locate(&self, address: VirtAddr, len: usize) -> MemoryKind {
        let inside = (0..len as u64)
            .filter(|n| self.is_device(address.0.wrapping_add(*n)))
            .count();
        match inside {
            0 => MemoryKind::Memory,
            all if all == len => MemoryKind::Device,
            _ => MemoryKind::Mixed,
        }
    }

    fn read_device(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        let from = self.pointer(address, into.len())?;
        // SAFETY: The alias of a region, long enough.
        if !unsafe { native::read(from, into) } {
            return Err(BusFault { address });
        }
        self.log(AccessKind::Read, address, into);
        Ok(())
    }

    fn write_device(
        &mut self,
        address: VirtAddr,
        bytes: &[u8],
        hint: Hint,
    ) -> Result<(), BusFault> {
        let to = self.pointer(address, bytes.len())?;
        // SAFETY: The alias of a region, long enough.
        if !unsafe { native::write(to, bytes, hint) } {
            return Err(BusFault { address });
        }
        self.log(AccessKind::Write, address, bytes);
        Ok(())
    }

    fn locked(&mut self, address: VirtAddr, width: u8, op: LockedOp) -> Result<Locked, BusFault> {
        let at = self.pointer(address, usize::from(width))?;
        // SAFETY: The alias of a region, long enough; 16 bytes are aligned, as the caller checks.
        let done = unsafe { native::locked(at, width, op) }.ok_or(BusFault { address })?;
        let width = usize::from(width);
        let values = match done {
            Locked::Old(old) => {
                let new = op.apply(old, width as u8).to_le_bytes();
                (
                    Value::from_le_bytes(&old.to_le_bytes()[..width]),
                    Value::from_le_bytes(&new[..width]),
                )
            }
            Locked::Flags(_) => (None, None),
        };
        self.log.push(Logged {
            kind: AccessKind::Read,
            address: address.0,
            width,
            value: values.0,
        });
        self.log.push(Logged {
            kind: AccessKind::Write,
            address: address.0,
            width,
            value: values.1,
        });
        Ok(done)
    }

    fn read_memory(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        // SAFETY: The handler recovers from what is not there.
        let done = unsafe { native::read(address.0 as *const u8, into) };
        if done {
            Ok(())
        } else {
            Err(BusFault { address })
        }
    }

    fn write_memory(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BusFault> {
        // SAFETY: The handler recovers from what is not there; what is there belongs to the test.
        let done = unsafe { native::write(address.0 as *mut u8, bytes, Hint::None) };
        if done {
            Ok(())
        } else {
            Err(BusFault { address })
        }
    }

    fn prepare_write(&mut self, address: VirtAddr, len: usize) -> Result<(), BusFault> {
        let last = address.0.wrapping_add(len as u64).wrapping_sub(1);
        // SAFETY: As in `write_memory`.
        let there =
            unsafe { native::touch(address.0 as *mut u8) && native::touch(last as *mut u8) };
        if there {
            Ok(())
        } else {
            Err(BusFault { address })
        }
    }
}

// SAFETY: The aliases are mapped for good, and no reference to them exists.
unsafe impl AliasBus for TestBus<'_> {
    fn alias(&self, address: VirtAddr, len: usize) -> Option<*mut u8> {
        let all = (0..len as u64).all(|n| self.is_device(address.0.wrapping_add(n)));
        if all {
            self.pointer(address, len).ok()
        } else {
            None
        }
    }

    fn observed(&mut self, access: &DecodedAccess) {
        self.log.push(Logged {
            kind: access.kind,
            address: access.address.0,
            width: access.width.as_usize(),
            value: access.value,
        });
    }
}

/// The executable memory of the test, as re-encoded code's home.
pub(crate) fn native(map: &Mappings) -> mmiotrace_decode::Native {
    // SAFETY: The page is writable and executable, and nobody else uses it.
    unsafe { mmiotrace_decode::Native::new(map.slots, map.slots, crate::mappings::SLOTS_LEN) }
        .expect("the page has room for slots")
}
