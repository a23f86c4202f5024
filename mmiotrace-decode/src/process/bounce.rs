//! The way `bounce`: one exact read, the instruction on a private buffer, one exact write.

use super::{Buffer, Native, load, mend_x87_pointers, store};
use crate::emulate::memory;
use crate::{Bus, DecodedInstruction, Exception, Hint, Kind, Progress, Reason, Registers, Stop};

impl Native {
    /// Carries the instruction out on a private buffer, whatever its preferred way; its operand must
    /// be accessed whole, and be 1, 2, 4, 8, 16, 32 or 64 bytes wide.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn bounce<B: Bus + ?Sized>(
        &mut self,
        instruction: &DecodedInstruction,
        registers: &mut Registers,
        extended: Option<&mut [u8]>,
        bus: &mut B,
    ) -> Result<Progress, Stop> {
        let (reads, writes) = match instruction.kind() {
            Kind::Read => (true, false),
            Kind::Write => (false, true),
            Kind::ReadModifyWrite => (true, true),
            _ => return Err(Stop::Cannot(Reason::NotEncodable)),
        };
        let mut area = self.area(instruction, extended)?;
        let (slot, code) = self.table.prepare(instruction)?;
        let address = instruction.operand_address(registers);
        let len = usize::from(instruction.width);
        // The same place in its cache line, so that alignment is judged as natively.
        let start = Buffer::offset(address);
        let operand = self
            .buffer
            .0
            .get_mut(start..start + len)
            .ok_or(Reason::NotEncodable)?;
        if writes {
            memory::prepare(bus, address, instruction.width)?;
        }
        if reads {
            memory::read_into(bus, address, operand)?;
        }
        let pointer = operand.as_mut_ptr() as u64;
        let mut frame = load(&code, registers, pointer);
        // SAFETY: The slot holds one instruction and `ret`. Its operand is `len` bytes at `pointer`,
        // in the buffer; instructions with another memory operand are not bounced. It names no
        // `rsp` and loads no segment.
        #[expect(unsafe_code, reason = "see the proof")]
        let done = unsafe {
            self.table
                .slots
                .run(slot, &mut frame, area.as_deref_mut(), false)
        };
        if !done {
            return Err(Stop::Exception(Exception::Native));
        }
        if let Some(area) = area {
            mend_x87_pointers(instruction, registers, area, &self.table.range(), pointer);
        }
        if writes {
            let operand = self
                .buffer
                .0
                .get(start..start + len)
                .ok_or(Reason::NotEncodable)?;
            memory::write_from(bus, address, operand, Hint::None)?;
        }
        *registers = store(&code, instruction, &frame, registers);
        Ok(Progress::Done)
    }
}
