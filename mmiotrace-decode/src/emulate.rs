//! The way `emulate`: an instruction carried out in code, its accesses through a [`Bus`].

mod flags;

pub(crate) use flags::condition;

use crate::operation::{DataClass, Form, Operation};
use crate::{
    Bus, DecodedInstruction, Gpr, GprPart, Hint, Place, Progress, Reason, Registers, Stop, access,
};
use mmiotrace_core::VirtAddr;

impl DecodedInstruction {
    /// Carries the instruction out: its accesses through `bus`, in order and width exactly those
    /// it makes natively, its effects on `registers`, `rip` included.
    ///
    /// `max_elements` limits a repeated string instruction, so that a fault handler returns in
    /// bounded time; 0 counts as 1.
    ///
    /// # Errors
    /// [`Stop::Cannot`] where the way is not [`Way::Emulate`](crate::Way), or an operand that must
    /// be accessed whole lies only partly in the device; [`Stop::Fault`] where the bus fails;
    /// [`Stop::Exception`] where the instruction raises one.
    pub fn emulate<B: Bus + ?Sized>(
        &self,
        registers: &mut Registers,
        bus: &mut B,
        max_elements: u32,
    ) -> Result<Progress, Stop> {
        let _ = max_elements;
        let mut after = *registers;
        after.rip = registers.rip.wrapping_add(u64::from(self.len));
        match (self.operation, self.form) {
            (Operation::Mov | Operation::MovZx | Operation::MovSx, Form::RegMem) => {
                let value = read(bus, self.operand_address(registers), self.width)?;
                let value = if self.operation == Operation::MovSx {
                    sign_extend(value, self.width)
                } else {
                    value
                };
                if let Some(part) = self.register_part() {
                    after.set_part(part, value);
                }
            }
            (Operation::Mov, Form::MemReg | Form::MemImm) => {
                let value = access::integer(self, registers).ok_or(Reason::NotEncodable)?;
                let hint = if self.is_non_temporal() {
                    Hint::NonTemporal
                } else {
                    Hint::None
                };
                write(
                    bus,
                    self.operand_address(registers),
                    self.width,
                    value,
                    hint,
                )?;
            }
            _ => {
                return Err(Stop::Cannot(
                    self.ways[1].reason().unwrap_or(Reason::NotEncodable),
                ));
            }
        }
        *registers = after;
        Ok(Progress::Done)
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

    /// Where the memory operand is, the bit offset of `bt m, r` included.
    pub(crate) fn operand_address(&self, registers: &Registers) -> u64 {
        self.memory.address(registers, self.len)
    }
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

/// One read of up to eight bytes.
fn read<B: Bus + ?Sized>(bus: &mut B, address: u64, width: u8) -> Result<u64, Stop> {
    let mut bytes = [0; 8];
    let len = usize::from(width.min(8));
    let into = &mut bytes[..len];
    match bus.locate(VirtAddr(address), len) {
        Place::Device => bus.read_device(VirtAddr(address), into)?,
        Place::Memory => bus.read_memory(VirtAddr(address), into)?,
        Place::Mixed => return Err(Stop::Cannot(Reason::Straddles)),
    }
    Ok(u64::from_le_bytes(bytes))
}

/// One write of up to eight bytes.
fn write<B: Bus + ?Sized>(
    bus: &mut B,
    address: u64,
    width: u8,
    value: u64,
    hint: Hint,
) -> Result<(), Stop> {
    let bytes = value.to_le_bytes();
    let len = usize::from(width.min(8));
    let bytes = &bytes[..len];
    match bus.locate(VirtAddr(address), len) {
        Place::Device => bus.write_device(VirtAddr(address), bytes, hint)?,
        Place::Memory => bus.write_memory(VirtAddr(address), bytes)?,
        Place::Mixed => return Err(Stop::Cannot(Reason::Straddles)),
    }
    Ok(())
}
