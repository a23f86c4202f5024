//! The way `emulate`: an instruction carried out in code, its accesses through a [`Bus`].

mod alu;
mod cpu;
mod flags;
mod locked;
pub(crate) mod memory;
#[cfg_attr(
    all(feature = "native", target_arch = "x86_64", not(test)),
    expect(dead_code, reason = "the CPU does it instead")
)]
mod shift;
mod stack;
mod string;

pub(crate) use flags::condition;

use crate::operation::{DataClass, Form, Operation as O, Shape};
use crate::{
    Base, Bus, Context, DecodedInstruction, Exception, Gpr, GprPart, Hint, LockedOp, MemoryKind,
    Progress, Reason, Registers, Stop, Way, access,
};
use flags::{CF, ZF, mask, replace, when};
use mmiotrace_core::VirtAddr;

impl DecodedInstruction {
    /// Carries the instruction out: its accesses through `bus`, in order and width exactly those
    /// it makes natively, its effects on `registers`, `rip` included.
    ///
    /// Works for every instruction whose way in the kernel is [`Way::Emulate`]; those are all whose
    /// way in a process is `Emulate` and some more. With the feature `native`, flags and results that
    /// the architecture leaves undefined are what this CPU leaves; without it, such flags are left
    /// alone or set as after the next similar instruction.
    ///
    /// `max_elements` limits a repeated string instruction, so that a fault handler returns in
    /// bounded time; 0 counts as 1.
    ///
    /// # Errors
    /// [`Stop::Cannot`] where the way is another, or an operand that must be accessed whole lies
    /// only partly in the device; [`Stop::Fault`] where the bus fails; [`Stop::Exception`] where
    /// the instruction raises one.
    pub fn emulate<B: Bus + ?Sized>(
        &self,
        registers: &mut Registers,
        bus: &mut B,
        max_elements: u32,
    ) -> Result<Progress, Stop> {
        match self.way(Context::Kernel) {
            Way::Emulate => {}
            Way::Cannot(reason) => return Err(Stop::Cannot(reason)),
            _ => return Err(Stop::Cannot(Reason::NotEncodable)),
        }
        if matches!(
            self.operation,
            O::Movs | O::Stos | O::Lods | O::Cmps | O::Scas
        ) {
            return string::run(self, registers, bus, max_elements);
        }
        let mut after = *registers;
        after.rip = registers.rip.wrapping_add(u64::from(self.len));
        self.emulate_once(registers, &mut after, bus)?;
        *registers = after;
        Ok(Progress::Done)
    }

    fn emulate_once<B: Bus + ?Sized>(
        &self,
        before: &Registers,
        after: &mut Registers,
        bus: &mut B,
    ) -> Result<(), Stop> {
        match (self.operation, self.shape) {
            (O::Push | O::Pop | O::Call | O::Jmp | O::Ret | O::Leave | O::Enter | O::Pushf, _) => {
                stack::run(self, before, after, bus)
            }
            (_, Shape::Read | Shape::IndexedRead | Shape::BitRead) => {
                let value = memory::read(bus, self.operand_address(before), self.width)?;
                self.finish_read(before, after, value)
            }
            (_, Shape::Write) => {
                let value = access::integer(self, before).ok_or(Reason::NotEncodable)?;
                let hint = if self.is_non_temporal() {
                    Hint::NonTemporal
                } else {
                    Hint::None
                };
                memory::write(bus, self.operand_address(before), self.width, value, hint)
            }
            (_, Shape::Update | Shape::BitUpdate) => self.update(before, after, bus),
            _ => Err(Stop::Cannot(Reason::NotEncodable)),
        }
    }

    /// The effects of an instruction that has read `value` and writes no memory.
    fn finish_read(
        &self,
        before: &Registers,
        after: &mut Registers,
        value: u64,
    ) -> Result<(), Stop> {
        let part = self
            .register_part()
            .unwrap_or(GprPart::low(Gpr::Rax, self.width));
        let left = before.part(part);
        match self.operation {
            O::Mov | O::MovZx | O::Xlat => after.set_part(part, value),
            O::MovSx => after.set_part(part, sign_extend(value, self.width)),
            O::MovBe => after.set_part(part, value.swap_bytes() >> (64 - flags::bits(self.width))),
            O::Cmov => {
                let moved = condition(self.detail, before.rflags);
                // The register is written in either case: 32 bits clear the upper half.
                after.set_part(part, if moved { value } else { left });
            }
            O::Cmp | O::Test => {
                let (left, right) = match self.form {
                    Form::RegMem => (left, value),
                    Form::MemImm => (value, self.immediate_value()),
                    _ => (value, left),
                };
                after.rflags =
                    alu::compute(self.operation, self.width, left, right, before.rflags).rflags;
            }
            O::Bt => self.test_bit(before, after, value),
            O::Imul => {
                let left = if self.form == Form::RegMemImm {
                    self.immediate_value()
                } else {
                    left
                };
                let (low, rflags) = cpu::multiply_low(self.width, left, value, before.rflags);
                after.set_part(part, low);
                after.rflags = rflags;
            }
            O::Mul | O::ImulWide => self.multiply_wide(before, after, value),
            O::Div | O::Idiv => return self.divide_wide(before, after, value),
            O::Bsf | O::Bsr => {
                let forward = self.operation == O::Bsf;
                let whole = before.get(part.gpr());
                let (found, rflags) = cpu::scan(forward, part, value, whole, before.rflags);
                after.set(part.gpr(), found);
                after.rflags = rflags;
            }
            _ => {
                let outcome = alu::compute(self.operation, self.width, left, value, before.rflags);
                after.set_part(part, outcome.result);
                after.rflags = outcome.rflags;
            }
        }
        Ok(())
    }

    /// Read, compute, write.
    fn update<B: Bus + ?Sized>(
        &self,
        before: &Registers,
        after: &mut Registers,
        bus: &mut B,
    ) -> Result<(), Stop> {
        let address = self.operand_address(before);
        let source = self.source(before);
        let is_undefined = || shift::is_undefined(self.width, self.double_count(before));
        if !cpu::IS_ASKED && self.is_double_shift() && is_undefined() {
            return Err(Stop::Cannot(Reason::UndefinedResult));
        }
        // No plain pair of accesses is as wide as that one.
        if self.is_locked() || self.width > 8 {
            if self.width > 8 && !address.is_multiple_of(16) {
                return Err(Stop::Exception(Exception::GeneralProtection));
            }
            return locked::run(self, before, after, bus, source);
        }
        if bus.locate(VirtAddr(address), usize::from(self.width)) != MemoryKind::Device {
            memory::prepare(bus, address, self.width)?;
        }
        let old = memory::read(bus, address, self.width)?;
        let new = finish_update(self, before, after, u128::from(old), source);
        memory::write(bus, address, self.width, new, Hint::None)
    }

    /// The register or immediate operand of an update.
    fn source(&self, registers: &Registers) -> u64 {
        match self.form {
            Form::MemImm => self.immediate_value(),
            // A shift by `cl`.
            Form::Mem => registers.get(Gpr::Rcx) & 0xff,
            _ => self.register_part().map_or(0, |part| registers.part(part)),
        }
    }

    fn immediate_value(&self) -> u64 {
        i64::from(self.immediate) as u64
    }

    fn test_bit(&self, before: &Registers, after: &mut Registers, value: u64) {
        let bit = self.source(before) & u64::from(flags::bits(self.width) - 1);
        after.rflags = replace(before.rflags, CF, when(value >> bit & 1 == 1, CF));
    }

    fn multiply_wide(&self, before: &Registers, after: &mut Registers, value: u64) {
        let left = before.get(Gpr::Rax);
        let signed = self.operation == O::ImulWide;
        let (low, high, rflags) = cpu::multiply(signed, self.width, left, value, before.rflags);
        after.rflags = rflags;
        self.set_pair(after, low, high);
    }

    fn divide_wide(
        &self,
        before: &Registers,
        after: &mut Registers,
        value: u64,
    ) -> Result<(), Stop> {
        let low = before.get(Gpr::Rax);
        let high = if self.width == 1 {
            low >> 8
        } else {
            before.get(Gpr::Rdx)
        };
        let signed = self.operation == O::Idiv;
        let (quotient, remainder, rflags) =
            cpu::divide(signed, self.width, (low, high), value, before.rflags)
                .ok_or(Stop::Exception(Exception::DivideError))?;
        after.rflags = rflags;
        self.set_pair(after, quotient, remainder);
        Ok(())
    }

    /// `rdx:rax` in the operand's width; `ax` for bytes.
    fn set_pair(&self, registers: &mut Registers, low: u64, high: u64) {
        if self.width == 1 {
            registers.set_part(GprPart::low(Gpr::Rax, 2), (high & 0xff) << 8 | low & 0xff);
        } else {
            registers.set_part(GprPart::low(Gpr::Rax, self.width), low);
            registers.set_part(GprPart::low(Gpr::Rdx, self.width), high);
        }
    }

    /// The part that `data` names.
    pub(crate) const fn register_part(&self) -> Option<GprPart> {
        let gpr = Gpr::from_number(self.register);
        match self.data {
            DataClass::Gpr => Some(GprPart::low(gpr, self.register_width)),
            DataClass::GprHigh => GprPart::high(gpr),
            _ => None,
        }
    }

    /// Where the memory operand is, the bit offset of `bt m, r` and the index of `xlat` included.
    #[inline]
    pub(crate) fn operand_address(&self, registers: &Registers) -> u64 {
        let extra = if self.shape.traits().is_computed {
            self.extra_offset(registers)
        } else {
            0
        };
        self.memory.address_with(registers, self.len, extra)
    }

    /// What is added to an address that is computed from more than base, index and displacement.
    fn extra_offset(&self, registers: &Registers) -> i64 {
        match self.shape {
            Shape::IndexedRead => (registers.get(Gpr::Rax) & 0xff) as i64,
            // The address counts with `rsp` already moved (Intel SDM volume 2, POP).
            Shape::PopMemory if self.memory.base() == Some(Base::Gpr(Gpr::Rsp)) => {
                i64::from(self.width)
            }
            Shape::PopMemory => 0,
            _ => {
                // Measured: the signed offset counts in operands (neither iced nor yaxpeax tells).
                let part = GprPart::low(Gpr::from_number(self.register), self.width);
                let offset = sign_extend(registers.part(part), self.width) as i64;
                (offset >> flags::bits(self.width).trailing_zeros()) * i64::from(self.width)
            }
        }
    }
}

/// The effects of an update that has read `old`: flags and registers into `after`; gives the value
/// to write.
fn finish_update(
    instruction: &DecodedInstruction,
    before: &Registers,
    after: &mut Registers,
    old: u128,
    source: u64,
) -> u64 {
    let width = instruction.width;
    if instruction.operation == O::CmpxchgPair {
        return finish_pair(instruction, before, after, old);
    }
    let old = old as u64;
    let set_source = |after: &mut Registers| {
        if let Some(part) = instruction.register_part() {
            after.set_part(part, old);
        }
    };
    match instruction.operation {
        O::Xchg => {
            set_source(after);
            source
        }
        O::Xadd => {
            let outcome = alu::compute(O::Add, width, old, source, before.rflags);
            after.rflags = outcome.rflags;
            set_source(after);
            outcome.result
        }
        O::Cmpxchg => {
            let accumulator = GprPart::low(Gpr::Rax, width);
            let outcome = alu::compute(O::Cmp, width, before.part(accumulator), old, before.rflags);
            after.rflags = outcome.rflags;
            if outcome.result == 0 {
                source
            } else {
                after.set_part(accumulator, old);
                old
            }
        }
        O::Bts | O::Btr | O::Btc => {
            instruction.test_bit(before, after, old);
            let bit = 1 << (source & u64::from(flags::bits(width) - 1));
            match instruction.operation {
                O::Bts => old | bit,
                O::Btr => old & !bit,
                _ => old ^ bit,
            }
        }
        O::Rol | O::Ror | O::Rcl | O::Rcr | O::Shl | O::Shr | O::Sar | O::Shld | O::Shrd => {
            let outcome = instruction.shift(before, old, source);
            after.rflags = outcome.rflags;
            outcome.result
        }
        operation => {
            let outcome = alu::compute(operation, width, old, source, before.rflags);
            after.rflags = outcome.rflags;
            outcome.result
        }
    }
}

impl DecodedInstruction {
    const fn is_double_shift(&self) -> bool {
        matches!(self.operation, O::Shld | O::Shrd)
    }

    fn double_count(&self, before: &Registers) -> u64 {
        if self.detail == BY_CL {
            before.get(Gpr::Rcx)
        } else {
            self.immediate_value()
        }
    }

    fn shift(&self, before: &Registers, value: u64, source: u64) -> alu::Outcome {
        let count = if self.is_double_shift() {
            self.double_count(before)
        } else {
            source
        };
        let other = self.register_part().map_or(0, |part| before.part(part));
        cpu::shift(
            self.operation,
            self.width,
            value,
            other,
            count & 0xff,
            before.rflags,
        )
    }
}

/// `detail` of `shld` and `shrd` by `cl`.
pub(crate) const BY_CL: u8 = 1;

/// `cmpxchg8b`, `cmpxchg16b`: only ZF changes.
fn finish_pair(
    instruction: &DecodedInstruction,
    before: &Registers,
    after: &mut Registers,
    old: u128,
) -> u64 {
    let half = instruction.width / 2;
    let LockedOp::CompareExchange { expected, new } = locked::pair(instruction, before) else {
        return old as u64;
    };
    let equal = old == expected;
    after.rflags = replace(before.rflags, ZF, when(equal, ZF));
    if equal {
        return new as u64;
    }
    after.set_part(GprPart::low(Gpr::Rax, half), old as u64);
    after.set_part(
        GprPart::low(Gpr::Rdx, half),
        (old >> (8 * u32::from(half))) as u64,
    );
    old as u64
}

/// A value of `width` bytes with its sign spread over 64 bits.
pub(crate) const fn sign_extend(value: u64, width: u8) -> u64 {
    match width {
        1 => value as u8 as i8 as i64 as u64,
        2 => value as u16 as i16 as i64 as u64,
        4 => value as u32 as i32 as i64 as u64,
        _ => value,
    }
}

impl LockedOp {
    /// The value that the memory holds afterwards, if it held `old`: what an atomic operation of
    /// `width` bytes computes. For buses of tests and simulations.
    #[must_use]
    pub fn apply(self, old: u128, width: u8) -> u128 {
        let cut = if width >= 16 {
            u128::MAX
        } else {
            u128::from(mask(width))
        };
        let new = match self {
            Self::Exchange(new) => u128::from(new),
            Self::Add(addend) => u128::from((old as u64).wrapping_add(addend)),
            Self::CompareExchange { expected, new } => {
                if old & cut == expected & cut {
                    new
                } else {
                    old
                }
            }
            Self::Or(bits) => old | u128::from(bits),
            Self::And(bits) => old & u128::from(bits),
            Self::Xor(bits) => old ^ u128::from(bits),
            Self::Not => !old,
            Self::Neg => old.wrapping_neg(),
            Self::BitSet(bit) => old | 1 << (bit & 63),
            Self::BitReset(bit) => old & !(1 << (bit & 63)),
            Self::BitComplement(bit) => old ^ 1 << (bit & 63),
        };
        new & cut
    }
}
