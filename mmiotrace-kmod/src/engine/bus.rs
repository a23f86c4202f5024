//! The memory that an instruction sees while the engine carries it out.

use super::Engine;
use super::plain::{Recorded, WordAccess};
use super::record::{OrderGuard, OrderPosition};
use crate::channel::{Body, ContextGuard, Entry, word_of_bytes};
use crate::number::word;
use crate::platform::{DeviceBus, Platform, Point};
use crate::region::Region;
use alloc::vec::Vec;
use mmiotrace_core::{Access, AccessKind, Code, PhysAddr, Timestamp, Value, VirtAddr, Width};
use mmiotrace_decode::{Bus, BusFault, DecodedAccess, Hint, Locked, LockedOp, MemoryKind};

/// Device memory through the alias, recorded; all other memory as it is.
pub(super) struct RecordingBus<'e, 'm, P: Platform> {
    engine: &'e Engine<'m, P::Lane>,
    pub(super) platform: &'e P,
    pub(super) inside: &'e ContextGuard<'m>,
    pc: VirtAddr,
    code: Code,
    /// The region last looked up; most instructions touch one.
    pub(super) region: Region,
    /// Whether nothing is recorded any more: the capture has ended, the device is still used.
    silent: bool,
    /// Held while an instruction runs on the alias itself.
    guard: Option<OrderGuard>,
    /// What it was seen to do, while the order lock is held.
    observed: &'e mut Vec<Entry<'static>>,
}

/// How many accesses of one instruction are kept until the order lock is free again: a masked move
/// of 64 bytes. Those of the XSAVE family can be more; they are written at once.
pub(super) const OBSERVED: usize = 64;

impl<P: Platform> core::fmt::Debug for RecordingBus<'_, '_, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RecordingBus")
            .field("pc", &self.pc)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl<'e, 'm, P: Platform> RecordingBus<'e, 'm, P> {
    pub(super) fn new(
        engine: &'e Engine<'m, P::Lane>,
        platform: &'e P,
        inside: &'e ContextGuard<'m>,
        pc: VirtAddr,
        code: Code,
        region: Region,
        observed: &'e mut Vec<Entry<'static>>,
    ) -> Self {
        Self {
            engine,
            platform,
            inside,
            pc,
            code,
            region,
            silent: engine.channel.is_closed(),
            guard: None,
            observed,
        }
    }

    /// Whether a region holds `address`.
    pub(super) fn is_traced(&self, address: VirtAddr) -> bool {
        self.region.contains(address, 1) || self.engine.regions.lookup(address).is_some()
    }

    /// The region that holds all of `len` bytes from `address`.
    fn region_of(&mut self, address: VirtAddr, len: usize) -> Result<Region, BusFault> {
        if !self.region.contains(address, word(len)) {
            self.region = self
                .engine
                .regions
                .lookup(address)
                .filter(|region| region.contains(address, word(len)))
                .ok_or(BusFault { address })?;
        }
        Ok(self.region)
    }

    /// Has `run` make one access (or one atomic read-modify-write) of `len` bytes at `address`,
    /// with the address in the alias, under the order lock; records what it gives: up to two
    /// accesses, each a kind and its value where known.
    ///
    /// # Errors
    /// Those of `run`, with the address that the instruction knows; and where `address` is not
    /// traced.
    fn access<R>(
        &mut self,
        address: VirtAddr,
        len: usize,
        run: impl FnOnce(&P, u64) -> Result<R, BusFault>,
        accesses: impl FnOnce(&R) -> [Option<(AccessKind, Option<Value>)>; 2],
    ) -> Result<R, BusFault> {
        let region = self.region_of(address, len)?;
        let alias = region.alias.wrapping_add(region.offset(address));
        let original_address = |fault: BusFault| BusFault {
            address: VirtAddr(fault.address.0.wrapping_sub(alias).wrapping_add(address.0)),
        };
        if self.silent {
            return run(self.platform, alias).map_err(original_address);
        }
        let (engine, platform, inside) = (self.engine, self.platform, self.inside);
        let mut guard = engine.begin_ordered(platform, inside);
        platform.point(Point::Device);
        let result = run(platform, alias).map_err(original_address);
        platform.point(Point::Device);
        let positions = match &result {
            Ok(result) => accesses(result)
                .map(|access| access.map(|access| (engine.order_position(&mut guard), access))),
            Err(_) => [None, None],
        };
        let time = platform.now();
        engine.end_ordered(platform, inside, guard);
        let width = u8::try_from(len).ok().and_then(Width::from_bytes);
        for (position, (kind, value)) in positions.into_iter().flatten() {
            let Some(width) = width else { break };
            let made = Made {
                address,
                width,
                kind,
                value,
            };
            let entry = self.entry(&region, position, &made, time);
            engine.write(platform, inside, &entry);
        }
        result
    }

    /// As [`access`](Self::access), for one access of up to eight bytes whose value `run` gives: what
    /// drivers nearly always do, so without the room that wider values take.
    fn access_word(
        &mut self,
        address: VirtAddr,
        len: usize,
        kind: AccessKind,
        run: impl FnOnce(&P, u64) -> Result<u64, BusFault>,
    ) -> Result<(), BusFault> {
        if !self.region.contains(address, word(len)) {
            let _ = self.region_of(address, len)?;
        }
        let platform = self.platform;
        let access = WordAccess {
            region: &self.region,
            address,
            width: u8::try_from(len).unwrap_or(u8::MAX),
            kind,
            pc: self.pc,
        };
        let way = Recorded {
            silent: self.silent,
            ring: None,
        };
        let guard = self.engine.begin_word(platform, self.inside, way);
        let result = run(platform, access.alias());
        let engine = self.engine;
        engine.end_word(platform, self.inside, &access, way, guard, result)?;
        Ok(())
    }

    fn entry(
        &self,
        region: &Region,
        position: OrderPosition,
        made: &Made,
        time: Timestamp,
    ) -> Entry<'static> {
        let stamp = self
            .engine
            .stamp(self.platform, position.seq, self.pc, time);
        let offset = region.offset(made.address);
        let body = Body::Access {
            access: Access {
                kind: made.kind,
                width: made.width,
                map_id: region.map_id,
                phys: PhysAddr(region.phys.0.wrapping_add(offset)),
                value: made.value,
            },
            code: if made.value.is_some() {
                Code::EMPTY
            } else {
                self.code
            },
            order: position.order,
        };
        Entry { stamp, body }
    }
}

/// One access that was made.
struct Made {
    address: VirtAddr,
    width: Width,
    kind: AccessKind,
    value: Option<Value>,
}

/// The values that one atomic operation moved: the one read, and the one written.
fn locked_values(op: LockedOp, result: Locked, width: u8) -> [Option<Value>; 2] {
    let Locked::Old(old) = result else {
        return [None, None];
    };
    let new = match op {
        LockedOp::Exchange(new) => u128::from(new),
        LockedOp::Add(add) => old.wrapping_add(u128::from(add)),
        LockedOp::CompareExchange { expected, new } if cut(old, width) == cut(expected, width) => {
            new
        }
        // The CPU writes back what it found.
        LockedOp::CompareExchange { .. } => old,
        _ => return [value(old, width), None],
    };
    [value(old, width), value(new, width)]
}

fn cut(number: u128, width: u8) -> u128 {
    let bits = u32::from(width).saturating_mul(8);
    number
        & u128::MAX
            .checked_shr(128u32.saturating_sub(bits))
            .unwrap_or(0)
}

fn value(number: u128, width: u8) -> Option<Value> {
    Value::from_le_bytes(number.to_le_bytes().get(..usize::from(width))?)
}

impl<P: Platform> Bus for RecordingBus<'_, '_, P> {
    fn locate(&self, address: VirtAddr, len: usize) -> MemoryKind {
        let len = word(len);
        if self.region.contains(address, len) {
            return MemoryKind::Device;
        }
        match self.engine.regions.overlapping(address, len) {
            None => MemoryKind::Memory,
            Some(region) if region.contains(address, len) => MemoryKind::Device,
            Some(_) => MemoryKind::Mixed,
        }
    }

    fn read_device(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        let len = into.len();
        if (1..=8).contains(&len) {
            return self.access_word(address, len, AccessKind::Read, |platform, alias| {
                platform.read_device(alias, into)?;
                Ok(word_of_bytes(into))
            });
        }
        self.access(
            address,
            len,
            |platform, alias| {
                platform.read_device(alias, into)?;
                Ok(Value::from_le_bytes(into))
            },
            |value| [Some((AccessKind::Read, *value)), None],
        )?;
        Ok(())
    }

    fn write_device(
        &mut self,
        address: VirtAddr,
        bytes: &[u8],
        hint: Hint,
    ) -> Result<(), BusFault> {
        if (1..=8).contains(&bytes.len()) {
            return self.access_word(
                address,
                bytes.len(),
                AccessKind::Write,
                |platform, alias| {
                    platform.write_device(alias, bytes, hint)?;
                    Ok(word_of_bytes(bytes))
                },
            );
        }
        self.access(
            address,
            bytes.len(),
            |platform, alias| platform.write_device(alias, bytes, hint),
            |()| [Some((AccessKind::Write, Value::from_le_bytes(bytes))), None],
        )
    }

    fn locked(&mut self, address: VirtAddr, width: u8, op: LockedOp) -> Result<Locked, BusFault> {
        self.access(
            address,
            usize::from(width),
            |platform, alias| platform.locked(alias, width, op),
            |result| {
                let [old, new] = locked_values(op, *result, width);
                [
                    Some((AccessKind::Read, old)),
                    Some((AccessKind::Write, new)),
                ]
            },
        )
    }

    fn read_memory(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        self.platform.read_memory(address, into)
    }

    fn write_memory(&mut self, address: VirtAddr, bytes: &[u8]) -> Result<(), BusFault> {
        self.platform.write_memory(address, bytes)
    }

    fn prepare_write(&mut self, address: VirtAddr, len: usize) -> Result<(), BusFault> {
        self.platform.prepare_write(address, len)
    }
}

impl<P: Platform> DeviceBus for RecordingBus<'_, '_, P> {
    fn alias_of(&self, address: VirtAddr, len: usize) -> Option<u64> {
        let fits = |region: &Region| region.contains(address, word(len));
        let region = Some(self.region)
            .filter(fits)
            .or_else(|| self.engine.regions.lookup(address).filter(fits))?;
        Some(region.alias.wrapping_add(region.offset(address)))
    }

    fn begin_ordered(&mut self) {
        if !self.silent && self.guard.is_none() {
            self.guard = Some(self.engine.begin_ordered(self.platform, self.inside));
            self.platform.point(Point::Device);
        }
    }

    fn observe(&mut self, access: &DecodedAccess) {
        let len = access.width.as_usize();
        let Some(mut guard) = self.guard.take() else {
            return;
        };
        if let Ok(region) = self.region_of(access.address, len) {
            let position = self.engine.order_position(&mut guard);
            let time = self.platform.now();
            let made = Made {
                address: access.address,
                width: access.width,
                kind: access.kind,
                value: access.value,
            };
            let entry = self.entry(&region, position, &made, time);
            if self.observed.len() < OBSERVED {
                // Never more than its capacity: nothing is allocated here.
                self.observed.push(entry);
            } else {
                self.engine.write(self.platform, self.inside, &entry);
            }
        }
        self.guard = Some(guard);
    }

    fn end_ordered(&mut self) {
        if let Some(guard) = self.guard.take() {
            self.platform.point(Point::Device);
            self.engine.end_ordered(self.platform, self.inside, guard);
        }
        for entry in self.observed.drain(..) {
            self.engine.write(self.platform, self.inside, &entry);
        }
    }
}
