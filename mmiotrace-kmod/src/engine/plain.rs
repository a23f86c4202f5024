//! The short way through a fault: a move between one register and one place in one region.

use super::Engine;
use super::record::OrderGuard;
use crate::channel::{ContextGuard, Plain, Ring};
use crate::platform::{Frame, Platform, Point};
use crate::region::Region;
use mmiotrace_core::{AccessKind, PhysAddr, VirtAddr};
use mmiotrace_decode::{BusFault, DecodedInstruction, PlainMove};

/// One access of 1, 2, 4 or 8 bytes that lies in a region.
pub(super) struct WordAccess<'a> {
    pub(super) region: &'a Region,
    pub(super) address: VirtAddr,
    pub(super) width: u8,
    pub(super) kind: AccessKind,
    pub(super) pc: VirtAddr,
}

/// How an access is recorded.
#[derive(Clone, Copy)]
pub(super) struct Recorded<'r, 'm> {
    /// Not at all: the capture has ended, the device is still used.
    pub(super) silent: bool,
    /// The context's ring, where it is at hand.
    pub(super) ring: Option<&'r Ring<'m>>,
}

impl<L: Send> Engine<'_, L> {
    /// Carries out a plain move whose access lies in `region`; `None` where it is not one, and nothing
    /// was done then.
    ///
    /// It does what the emulation does, without gathering all registers first.
    pub(super) fn carry_out_plain<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        frame: &mut P::Frame,
        region: &Region,
        instruction: &DecodedInstruction,
    ) -> Option<Result<(), BusFault>> {
        let plain = instruction.plain_move()?;
        let next = frame.rip().wrapping_add(u64::from(instruction.len()));
        let address = plain.address(|gpr| frame.gpr(gpr), next);
        if !region.contains(address, u64::from(plain.width())) {
            return None;
        }
        let way = Recorded {
            silent: self.channel.is_closed(),
            ring: None,
        };
        let access = (region, address);
        Some(self.move_plain(platform, inside, frame, &plain, access, next, way))
    }

    /// Makes the access of a plain move, and changes the registers.
    #[inline(always)]
    #[expect(
        clippy::too_many_arguments,
        reason = "what was found out once is not found out again"
    )]
    pub(super) fn move_plain<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        frame: &mut P::Frame,
        plain: &PlainMove,
        (region, address): (&Region, VirtAddr),
        next: u64,
        way: Recorded<'_, '_>,
    ) -> Result<(), BusFault> {
        let width = plain.width();
        let stored = plain
            .stored(|gpr| frame.gpr(gpr))
            .map(|value| cut(value, width));
        let access = WordAccess {
            region,
            address,
            width,
            kind: if stored.is_some() {
                AccessKind::Write
            } else {
                AccessKind::Read
            },
            pc: VirtAddr(frame.rip()),
        };
        let guard = self.begin_word(platform, inside, way);
        let result = match stored {
            Some(value) => platform
                .write_word(access.alias(), width, value)
                .map(|()| value),
            None => platform.read_word(access.alias(), width),
        };
        let value = self.end_word(platform, inside, &access, way, guard, result)?;
        if let Some((gpr, whole)) = plain.loaded(|gpr| frame.gpr(gpr), value) {
            frame.set_gpr(gpr, whole);
        }
        frame.set_rip(next);
        Ok(())
    }

    /// Takes the order for an access, unless it is silent.
    #[inline(always)]
    pub(super) fn begin_word<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        way: Recorded<'_, '_>,
    ) -> Option<OrderGuard> {
        let guard = if way.silent {
            None
        } else {
            Some(self.begin_ordered(platform, inside))
        };
        platform.point(Point::Device);
        guard
    }

    /// Ends it, and records the access with the value that it gave.
    ///
    /// # Errors
    /// Those of the access, with the address that the instruction knows.
    #[inline(always)]
    pub(super) fn end_word<P: Platform<Lane = L>>(
        &self,
        platform: &P,
        inside: &ContextGuard<'_>,
        access: &WordAccess<'_>,
        way: Recorded<'_, '_>,
        guard: Option<OrderGuard>,
        result: Result<u64, BusFault>,
    ) -> Result<u64, BusFault> {
        platform.point(Point::Device);
        let Some(mut guard) = guard else {
            return result.map_err(|fault| access.original_address(fault));
        };
        let value = match result {
            Ok(value) => value,
            Err(fault) => {
                self.end_ordered(platform, inside, guard);
                return Err(access.original_address(fault));
            }
        };
        let position = self.order_position(&mut guard);
        let time = platform.now();
        self.end_ordered(platform, inside, guard);
        let plain = Plain {
            stamp: self.stamp(platform, position.seq, access.pc, time),
            kind: access.kind,
            width: access.width,
            map_id: access.region.map_id,
            phys: access.phys(),
            value,
            order: position.order,
        };
        platform.point(Point::Numbered);
        let pushed = way
            .ring
            .is_some_and(|ring| plain.push(ring, self.channel.keep_free(), P::CPUS));
        if !pushed {
            self.write_plain(platform, inside, &plain);
        }
        Ok(value)
    }
}

impl WordAccess<'_> {
    /// Where it is in the alias.
    #[inline(always)]
    pub(super) fn alias(&self) -> u64 {
        let offset = self.region.offset(self.address);
        self.region.alias.wrapping_add(offset)
    }

    #[inline(always)]
    fn phys(&self) -> PhysAddr {
        let offset = self.region.offset(self.address);
        PhysAddr(self.region.phys.0.wrapping_add(offset))
    }

    /// A fault at an address of the alias, as the instruction knows the address.
    #[cold]
    fn original_address(&self, fault: BusFault) -> BusFault {
        let beyond = fault.address.0.wrapping_sub(self.alias());
        BusFault {
            address: VirtAddr(self.address.0.wrapping_add(beyond)),
        }
    }
}

/// The lowest `width` bytes, 1, 2, 4 or 8.
const fn cut(value: u64, width: u8) -> u64 {
    match width {
        1 => value & 0xff,
        2 => value & 0xffff,
        4 => value & 0xffff_ffff,
        _ => value,
    }
}
