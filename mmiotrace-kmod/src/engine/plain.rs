//! The short way through a fault: a move between one register and one place in one region.

use super::Engine;
use crate::channel::{Inside, Plain};
use crate::platform::{Frame, Platform, Point};
use crate::region::Region;
use mmiotrace_core::{AccessKind, PhysAddr, VirtAddr};
use mmiotrace_decode::{BusFault, DecodedInstruction, Gpr};

/// One access of 1, 2, 4 or 8 bytes that lies in a region.
pub(super) struct WordAccess<'a> {
    pub(super) region: &'a Region,
    pub(super) address: VirtAddr,
    pub(super) width: u8,
    pub(super) kind: AccessKind,
    pub(super) pc: VirtAddr,
}

impl<P: Platform> Engine<'_, P> {
    /// Carries out a plain move whose access lies in `region`; `None` where it is not one, and nothing
    /// was done then.
    ///
    /// It does what the emulation does, without gathering all registers first.
    #[inline]
    pub(super) fn carry_out_plain(
        &self,
        platform: &P,
        inside: &Inside<'_>,
        frame: &mut P::Frame,
        region: &Region,
        instruction: &DecodedInstruction,
    ) -> Option<Result<(), BusFault>> {
        let plain = instruction.plain_move()?;
        let width = plain.width();
        let pc = frame.rip();
        let next = pc.wrapping_add(u64::from(instruction.len()));
        let address = plain.address(|gpr| frame.gpr(gpr), next);
        if !region.contains(address, u64::from(width)) {
            return None;
        }
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
            pc: VirtAddr(pc),
        };
        let silent = self.channel.is_closed();
        let made = self.access_word(platform, inside, &access, silent, |alias| match stored {
            Some(value) => platform.write_word(alias, width, value).map(|()| value),
            None => platform.read_word(alias, width),
        });
        let value = match made {
            Ok(value) => value,
            Err(fault) => return Some(Err(fault)),
        };
        if let Some((gpr, whole)) = plain.loaded(|gpr: Gpr| frame.gpr(gpr), value) {
            frame.set_gpr(gpr, whole);
        }
        frame.set_rip(next);
        Some(Ok(()))
    }

    /// Has `run` make an access at an address of the alias, in its turn, and records it with the value
    /// that `run` gives; `silent`: without a record.
    ///
    /// # Errors
    /// Those of `run`, with the address that the instruction knows.
    #[inline]
    pub(super) fn access_word(
        &self,
        platform: &P,
        inside: &Inside<'_>,
        access: &WordAccess<'_>,
        silent: bool,
        run: impl FnOnce(u64) -> Result<u64, BusFault>,
    ) -> Result<u64, BusFault> {
        let offset = access.region.offset(access.address);
        let alias = access.region.alias.wrapping_add(offset);
        let at_home = |fault: BusFault| BusFault {
            address: VirtAddr(
                fault
                    .address
                    .0
                    .wrapping_sub(alias)
                    .wrapping_add(access.address.0),
            ),
        };
        if silent {
            return run(alias).map_err(at_home);
        }
        let mut turn = self.begin_turn(platform, inside);
        platform.point(Point::Device);
        let result = run(alias).map_err(at_home);
        platform.point(Point::Device);
        let value = match result {
            Ok(value) => value,
            Err(fault) => {
                self.end_turn(platform, inside, turn);
                return Err(fault);
            }
        };
        let place = self.place(&mut turn);
        let time = platform.now();
        self.end_turn(platform, inside, turn);
        let plain = Plain {
            stamp: self.stamp(platform, place.seq, access.pc, time),
            kind: access.kind,
            width: access.width,
            map_id: access.region.map_id,
            phys: PhysAddr(access.region.phys.0.wrapping_add(offset)),
            value,
            order: place.order,
        };
        self.write_plain(platform, inside, &plain);
        Ok(value)
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
