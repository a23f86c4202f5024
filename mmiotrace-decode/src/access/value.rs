//! The value an instruction writes, where the registers tell it before.

use crate::emulate::condition;
use crate::operation::{DataClass, Operation, Shape, flag};
use crate::{Context, DecodedInstruction, Gpr, GprPart, RegisterFile, Way};
use mmiotrace_core::{Value, Width};

/// The flags that `pushf` stores as zero: RF and VM (Intel SDM volume 2, PUSHF).
pub(crate) const NOT_PUSHED: u64 = 0x3_0000;

/// The value written, or `None` where only execution can tell it.
pub(crate) fn written<R: RegisterFile + ?Sized>(
    instruction: &DecodedInstruction,
    file: &R,
) -> Option<Value> {
    if instruction.flags & flag::PLAIN_MOVE == 0 {
        return None;
    }
    let width = Width::from_bytes(instruction.width)?;
    let len = width.as_usize();
    if let Some(number) = integer(instruction, file) {
        return Value::from_le_bytes(number.to_le_bytes().get(..len)?);
    }
    match instruction.data {
        DataClass::Vector => Value::from_le_bytes(file.vector(instruction.register)?.get(..len)?),
        DataClass::VectorUpper => {
            Value::from_le_bytes(file.vector(instruction.register)?.get(8..8 + len)?)
        }
        DataClass::Mmx => {
            Value::from_le_bytes(file.mmx(instruction.register)?.to_le_bytes().get(..len)?)
        }
        DataClass::Opmask => Value::from_le_bytes(
            file.opmask(instruction.register)?
                .to_le_bytes()
                .get(..len)?,
        ),
        _ => None,
    }
}

impl DecodedInstruction {
    /// The value that a move of one whole operand has read, from the register it went to; `None` for
    /// other instructions, and where `after` does not know that register.
    ///
    /// ```
    /// use mmiotrace_core::VirtAddr;
    /// use mmiotrace_decode::{Decoder, RegisterFile, Registers};
    ///
    /// struct After(Registers);
    /// impl RegisterFile for After {
    ///     fn registers(&self) -> &Registers {
    ///         &self.0
    ///     }
    ///     fn vector(&self, number: u8) -> Option<[u8; 64]> {
    ///         Some([number; 64])
    ///     }
    /// }
    /// let mut decoder = Decoder::new();
    /// let load = decoder.decode(&[0xf3, 0x0f, 0x6f, 0x0f], VirtAddr(0x400000))?; // movdqu xmm1, [rdi]
    /// let value = load.value_loaded(&After(Registers::default())).unwrap();
    /// assert_eq!(value.as_le_bytes(), [1; 16]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn value_loaded<R: RegisterFile + ?Sized>(&self, after: &R) -> Option<Value> {
        if self.flags & flag::PLAIN_MOVE == 0 || self.shape != Shape::Read {
            return None;
        }
        let width = usize::from(self.width);
        let slice = |bytes: &[u8]| Value::from_le_bytes(bytes.get(..width)?);
        match self.data {
            DataClass::Vector => slice(&after.vector(self.register)?),
            DataClass::VectorUpper => slice(after.vector(self.register)?.get(8..)?),
            DataClass::Mmx => slice(&after.mmx(self.register)?.to_le_bytes()),
            DataClass::Gpr => {
                let part = self.register_part()?;
                slice(&after.registers().part(part).to_le_bytes())
            }
            _ => None,
        }
    }

    /// Whether it accesses its operand whole, in one access or a read and a write, so that it can as
    /// well be run on a copy of the operand: one read of the device before, one write after.
    #[must_use]
    pub fn runs_on_copy(&self) -> bool {
        self.way(Context::Process) == Way::Bounce
            && matches!(self.shape, Shape::Read | Shape::Write | Shape::Update)
    }
}

/// The value as a number, where it comes from the integer registers; bits above the width are
/// meaningless.
pub(crate) fn integer<R: RegisterFile + ?Sized>(
    instruction: &DecodedInstruction,
    file: &R,
) -> Option<u64> {
    let registers = file.registers();
    Some(match instruction.data {
        DataClass::Gpr => {
            let part = GprPart::low(
                Gpr::from_number(instruction.register),
                instruction.register_width,
            );
            let value = registers.part(part);
            if instruction.operation == Operation::MovBe {
                value.swap_bytes() >> (64 - 8 * u32::from(instruction.register_width.clamp(1, 8)))
            } else {
                value
            }
        }
        DataClass::GprHigh => {
            registers.part(GprPart::high(Gpr::from_number(instruction.register))?)
        }
        DataClass::Immediate => i64::from(instruction.immediate) as u64,
        DataClass::Condition => u64::from(condition(instruction.detail, registers.rflags)),
        DataClass::ReturnAddress => registers.rip.wrapping_add(u64::from(instruction.len)),
        DataClass::Flags => registers.rflags & !NOT_PUSHED,
        _ => return None,
    })
}
