//! Moves between memory and one register or constant: what drivers nearly always do to a device, and
//! without all that other instructions need.

use crate::emulate::sign_extend;
use crate::operand::{NONE, RIP};
use crate::operation::{DataClass, Operation, Shape, flag};
use crate::{DecodedInstruction, Gpr, GprPart};
use mmiotrace_core::VirtAddr;

/// A `mov`, `movzx` or `movsx` whose memory operand has no segment and 64 bits of address: one access of
/// 1, 2, 4 or 8 bytes, and no more than one register changes beside `rip`.
///
/// Registers are asked for one by one, so that nobody has to gather all of them.
///
/// ```
/// use mmiotrace_core::VirtAddr;
/// use mmiotrace_decode::{Decoder, Gpr};
///
/// let mut decoder = Decoder::new();
/// let load = decoder.decode(&[0x8b, 0x47, 0x04], VirtAddr(0x400000))?; // mov eax, [rdi+4]
/// let load = load.plain_move().unwrap();
/// assert_eq!(load.address(|_| 0x1000, 0x400003), VirtAddr(0x1004));
/// assert_eq!((load.width(), load.stored(|_| 0)), (4, None));
/// assert_eq!(load.loaded(|_| u64::MAX, 0x8000_0000), Some((Gpr::Rax, 0x8000_0000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainMove {
    displacement: i64,
    immediate: i32,
    // INVARIANT: 0..=15, RIP or NONE.
    base: u8,
    // INVARIANT: 0..=15 or NONE.
    index: u8,
    shift: u8,
    // INVARIANT: 1, 2, 4 or 8.
    width: u8,
    what: What,
    part: GprPart,
}

/// What is moved where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// The part to memory.
    Store,
    /// The constant to memory.
    StoreConstant,
    /// Memory to the part, with zeros above it.
    Load,
    /// Memory to the part, with its sign above it.
    LoadSigned,
}

impl DecodedInstruction {
    /// The instruction as a plain move, if it is one.
    #[must_use]
    #[inline(always)]
    pub fn plain_move(&self) -> Option<PlainMove> {
        let what = match (self.operation, self.shape) {
            (Operation::Mov, Shape::Write) if self.data == DataClass::Immediate => {
                What::StoreConstant
            }
            (Operation::Mov, Shape::Write) => What::Store,
            (Operation::Mov | Operation::MovZx, Shape::Read) => What::Load,
            (Operation::MovSx, Shape::Read) => What::LoadSigned,
            _ => return None,
        };
        let low = GprPart::low(Gpr::from_number(self.register), self.register_width);
        let part = match self.data {
            DataClass::Gpr | DataClass::Immediate => low,
            DataClass::GprHigh => GprPart::high(Gpr::from_number(self.register))?,
            _ => return None,
        };
        let is_plain = self.memory.is_flat()
            && self.flags & flag::NON_TEMPORAL == 0
            && matches!(self.width, 1 | 2 | 4 | 8);
        let (displacement, base, index, shift) = self.memory.parts();
        is_plain.then_some(PlainMove {
            displacement,
            immediate: self.immediate,
            base,
            index,
            shift,
            width: self.width,
            what,
            part,
        })
    }
}

impl PlainMove {
    /// Bytes of its access: 1, 2, 4 or 8.
    #[must_use]
    #[inline(always)]
    pub const fn width(&self) -> u8 {
        self.width
    }

    /// Where its access is, with these registers; `next` is the address of the next instruction.
    #[must_use]
    #[inline(always)]
    pub fn address(&self, gpr: impl Fn(Gpr) -> u64, next: u64) -> VirtAddr {
        let base = match self.base {
            NONE => 0,
            RIP => next,
            number => gpr(Gpr::from_number(number)),
        };
        let address = base.wrapping_add_signed(self.displacement);
        if self.index == NONE {
            return VirtAddr(address);
        }
        VirtAddr(address.wrapping_add(gpr(Gpr::from_number(self.index)) << (self.shift & 3)))
    }

    /// The value that it stores, in its lowest [`width`](Self::width) bytes; `None` where it loads.
    #[must_use]
    #[inline(always)]
    pub fn stored(&self, gpr: impl Fn(Gpr) -> u64) -> Option<u64> {
        match self.what {
            What::Store if self.part.is_high() => Some(gpr(self.part.gpr()) >> 8),
            What::Store => Some(gpr(self.part.gpr())),
            What::StoreConstant => Some(i64::from(self.immediate) as u64),
            What::Load | What::LoadSigned => None,
        }
    }

    /// The register that it changes, and all 64 bits of what that holds after it has loaded `value`;
    /// `None` where it stores.
    #[must_use]
    #[inline(always)]
    pub fn loaded(&self, gpr: impl Fn(Gpr) -> u64, value: u64) -> Option<(Gpr, u64)> {
        let value = match self.what {
            What::Load => value,
            What::LoadSigned => sign_extend(value, self.width),
            What::Store | What::StoreConstant => return None,
        };
        Some((self.part.gpr(), self.part.put(gpr(self.part.gpr()), value)))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Bus, BusFault, Decoder, Gpr, Hint, Locked, LockedOp, MemoryKind, Registers};
    use mmiotrace_core::VirtAddr;

    /// One access of device memory, and what it moved.
    #[derive(Default)]
    struct Once {
        read: u64,
        seen: Option<(VirtAddr, usize, u64)>,
    }

    impl Bus for Once {
        fn locate(&self, _: VirtAddr, _: usize) -> MemoryKind {
            MemoryKind::Device
        }

        fn read_device(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
            for (to, from) in into.iter_mut().zip(self.read.to_le_bytes()) {
                *to = from;
            }
            self.seen = Some((address, into.len(), 0));
            Ok(())
        }

        fn write_device(
            &mut self,
            address: VirtAddr,
            bytes: &[u8],
            _: Hint,
        ) -> Result<(), BusFault> {
            let value = bytes
                .iter()
                .rev()
                .fold(0, |value, byte| value << 8 | u64::from(*byte));
            self.seen = Some((address, bytes.len(), value));
            Ok(())
        }

        fn locked(&mut self, address: VirtAddr, _: u8, _: LockedOp) -> Result<Locked, BusFault> {
            Err(BusFault { address })
        }

        fn read_memory(&mut self, address: VirtAddr, _: &mut [u8]) -> Result<(), BusFault> {
            Err(BusFault { address })
        }

        fn write_memory(&mut self, address: VirtAddr, _: &[u8]) -> Result<(), BusFault> {
            Err(BusFault { address })
        }

        fn prepare_write(&mut self, address: VirtAddr, _: usize) -> Result<(), BusFault> {
            Err(BusFault { address })
        }
    }

    fn cut(value: u64, width: u8) -> u64 {
        value & u64::MAX >> (64 - 8 * u32::from(width))
    }

    /// Every encoding of a `mov` that begins with these prefixes: the short way does what the long way
    /// does.
    #[test]
    fn a_plain_move_is_what_its_emulation_is() {
        let prefixes: [&[u8]; 6] = [&[], &[0x66], &[0x48], &[0x66, 0x48], &[0x45], &[0x4f]];
        let opcodes: [&[u8]; 14] = [
            &[0x88],
            &[0x89],
            &[0x8a],
            &[0x8b],
            &[0xc6],
            &[0xc7],
            &[0x0f, 0xb6],
            &[0x0f, 0xb7],
            &[0x0f, 0xbe],
            &[0x0f, 0xbf],
            &[0x63],
            &[0xa0],
            &[0xa1],
            &[0xa3],
        ];
        let mut registers = Registers::default();
        for (number, gpr) in (0..).zip(&mut registers.gpr) {
            *gpr = 0x8796_a5b4_c3d2_e1f0_u64.rotate_left(number * 4);
        }
        registers.rip = 0xffff_ffff_c000_0000;
        let mut decoder = Decoder::new();
        let mut plain = 0;
        for prefix in prefixes {
            for opcode in opcodes {
                for modrm in 0..=255u8 {
                    for sib in [0x24, 0x8d, 0xe5, 0x40] {
                        let tail = [modrm, sib, 0x85, 0x44, 0x33, 0x92, 0x11, 0x77, 0x66, 0x55];
                        let mut code: std::vec::Vec<u8> = [prefix, opcode, &tail].concat();
                        code.truncate(15);
                        let Ok(instruction) = decoder.decode_uncached(&code) else {
                            continue;
                        };
                        let Some(short) = instruction.plain_move() else {
                            continue;
                        };
                        plain += 1;
                        let mut bus = Once {
                            read: 0x99aa_bbcc_ddee_8081,
                            ..Once::default()
                        };
                        let mut after = registers;
                        let done = instruction.emulate(&mut after, &mut bus, 1);
                        assert!(done.is_ok(), "{instruction:?}");
                        let of = |gpr: Gpr| registers.get(gpr);
                        let next = registers.rip.wrapping_add(u64::from(instruction.len()));
                        let width = short.width();
                        let mut expected = registers;
                        expected.rip = next;
                        let read = cut(bus.read, width);
                        if let Some((gpr, value)) = short.loaded(of, read) {
                            expected.set(gpr, value);
                        }
                        let stored = short.stored(of).map_or(0, |value| cut(value, width));
                        let seen = (short.address(of, next), usize::from(width), stored);
                        assert_eq!(bus.seen, Some(seen), "{instruction:?}");
                        assert_eq!(after, expected, "{instruction:?}");
                    }
                }
            }
        }
        assert!(plain > 10_000, "{plain}");
    }

    #[test]
    fn what_is_more_than_a_move_is_none() {
        let others: [&[u8]; 9] = [
            &[0x01, 0x07],             // add [rdi], eax
            &[0x87, 0x07],             // xchg [rdi], eax
            &[0x0f, 0xc3, 0x07],       // movnti [rdi], eax
            &[0x65, 0x89, 0x07],       // mov gs:[rdi], eax
            &[0x67, 0x89, 0x07],       // mov [edi], eax
            &[0x0f, 0x38, 0xf0, 0x07], // movbe eax, [rdi]
            &[0xf3, 0x0f, 0x6f, 0x07], // movdqu xmm0, [rdi]
            &[0x8c, 0x1f],             // mov [rdi], ds
            &[0xab],                   // stosd
        ];
        let mut decoder = Decoder::new();
        for code in others {
            let mut bytes = [0; 15];
            bytes[..code.len()].copy_from_slice(code);
            let instruction = decoder.decode_uncached(&bytes).unwrap();
            assert!(instruction.plain_move().is_none(), "{instruction:?}");
        }
    }
}
