//! The accesses an instruction makes with given registers.

mod block;
pub(crate) mod string;
mod value;
mod vector;

pub(crate) use block::variant;
pub(crate) use value::integer;

use crate::cpu::{SELECTOR_SLOT, SlotRead};
use crate::operation::{Shape, Validity, flag};
use crate::{DecodedInstruction, Gpr, RegisterFile};
use mmiotrace_core::{AccessKind, Value, VirtAddr, Width};

/// One read or write that an instruction makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DecodedAccess {
    /// Read or write.
    pub kind: AccessKind,
    /// The address of the first byte.
    pub address: VirtAddr,
    /// How many bytes; where makers differ and the CPU is not known, the most.
    pub width: Width,
    /// How many of these bytes are accessed whoever made the CPU: of a push the last, else the first.
    /// Less than `width` only where makers differ and the CPU is not known.
    pub least: Width,
    /// The bytes written, where the registers tell them; `None` for every read, and for what only
    /// execution can tell.
    pub value: Option<Value>,
    /// Whether it depends on more than the registers given that the access is made at all: on
    /// memory (`repe cmps`), on a mask that is not known, or on the CPU's inner state (`xsaveopt`).
    pub conditional: bool,
}

/// The accesses of one instruction, in order: see [`DecodedInstruction::accesses`].
#[derive(Debug)]
pub struct Accesses<'a, R: ?Sized> {
    instruction: &'a DecodedInstruction,
    registers: &'a R,
    step: u64,
}

impl<R: ?Sized> Clone for Accesses<'_, R> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

/// What a step of the iteration is.
enum Step {
    Access(DecodedAccess),
    /// An element that the mask leaves out.
    Skip,
    End,
}

impl<'a, R: RegisterFile + ?Sized> Accesses<'a, R> {
    pub(crate) const fn new(instruction: &'a DecodedInstruction, registers: &'a R) -> Self {
        Self {
            instruction,
            registers,
            step: 0,
        }
    }

    /// The access number `step`, as far as it is simple.
    fn at(&self, step: u64) -> Step {
        match (self.instruction.shape, step) {
            (Shape::None | Shape::CacheLine, _) => Step::End,
            (Shape::UnknownRead | Shape::UnknownWrite, _) => Step::End,
            (Shape::Read | Shape::IndexedRead | Shape::BitRead, 0) => self.read(self.operand()),
            (Shape::Write, 0) => self.write(
                self.operand(),
                value::written(self.instruction, self.registers),
            ),
            (Shape::Update | Shape::BitUpdate, 0) => self.read(self.operand()),
            (Shape::Update | Shape::BitUpdate, 1) => self.write(
                self.operand(),
                value::written(self.instruction, self.registers),
            ),
            (
                Shape::Read
                | Shape::IndexedRead
                | Shape::BitRead
                | Shape::Write
                | Shape::Update
                | Shape::BitUpdate,
                _,
            ) => Step::End,
            (
                Shape::StringLoad
                | Shape::StringStore
                | Shape::StringCopy
                | Shape::StringCompare
                | Shape::StringScan,
                _,
            ) => string::at(self, step),
            (
                Shape::Push
                | Shape::Pop
                | Shape::PushMemory
                | Shape::PopMemory
                | Shape::Leave
                | Shape::Enter
                | Shape::EnterNested
                | Shape::CallFar
                | Shape::PopSeveral,
                _,
            ) => self.stack_at(step),
            (
                Shape::BlockRead
                | Shape::BlockWrite
                | Shape::Xsave
                | Shape::Xrstor
                | Shape::MoveBlock
                | Shape::ClearLine,
                _,
            ) => block::at(self, step),
            (
                Shape::MaskedRead
                | Shape::MaskedWrite
                | Shape::PackedRead
                | Shape::PackedWrite
                | Shape::AnyRead
                | Shape::Gather
                | Shape::Scatter,
                _,
            ) => vector::at(self, step),
        }
    }

    /// Where the memory operand is, the bit offset included.
    fn operand(&self) -> u64 {
        self.instruction.operand_address(self.registers.registers())
    }

    fn stack_at(&self, step: u64) -> Step {
        let instruction = self.instruction;
        let registers = self.registers.registers();
        let rsp = registers.get(Gpr::Rsp);
        let width = u64::from(instruction.width);
        let written = || value::written(instruction, self.registers);
        match (instruction.shape, step) {
            (Shape::Push, 0) | (Shape::PushMemory, 1) => {
                self.write(rsp.wrapping_sub(width), written())
            }
            (Shape::Pop | Shape::PopMemory, 0) => self.read(rsp),
            (Shape::PushMemory | Shape::CallFar, 0) => self.read(self.operand()),
            (Shape::PopMemory, 1) => self.write(self.operand(), None),
            (Shape::Leave, 0) => self.read(registers.get(Gpr::Rbp)),
            (Shape::CallFar, 1 | 2) => {
                let slot = u64::from(instruction.detail);
                let pushed = self.sized(
                    AccessKind::Write,
                    rsp.wrapping_sub(slot * step),
                    instruction.detail,
                    None,
                );
                match pushed {
                    // Slots of another size leave the second one elsewhere.
                    Step::Access(mut second) if step == 2 => {
                        second.conditional |= second.least != second.width;
                        Step::Access(second)
                    }
                    pushed => pushed,
                }
            }
            (Shape::PopSeveral, _) if step < u64::from(instruction.detail) => {
                self.slot_at(rsp.wrapping_add(width * step), step)
            }
            (Shape::Enter | Shape::EnterNested, _) => self.enter_at(step),
            _ => Step::End,
        }
    }

    /// Slot `slot` of a far return: instruction pointer, `cs`, flags, stack pointer, `ss`.
    fn slot_at(&self, address: u64, slot: u64) -> Step {
        let instruction = self.instruction;
        let Step::Access(mut access) = self.read(address) else {
            return Step::End;
        };
        if !matches!(slot, 1 | 4) {
            return Step::Access(access);
        }
        let selector = Width::W2;
        match instruction.validity() {
            Validity::All => {}
            Validity::Of(maker) => {
                if SELECTOR_SLOT.of(maker) == SlotRead::Selector {
                    (access.width, access.least) = (selector, selector);
                }
            }
            Validity::Unknown => access.least = selector,
        }
        Step::Access(access)
    }

    /// `enter`: pushes `rbp`; for nesting level n > 0 copies n - 1 outer frame pointers and pushes
    /// the new one (Intel SDM volume 2, ENTER).
    fn enter_at(&self, step: u64) -> Step {
        let registers = self.registers.registers();
        let (rsp, rbp) = (registers.get(Gpr::Rsp), registers.get(Gpr::Rbp));
        let width = u64::from(self.instruction.width);
        let level = u64::from(self.instruction.detail);
        let pushed = |n: u64| rsp.wrapping_sub(width * n);
        let copies = level.saturating_sub(1);
        match step {
            0 => self.write(pushed(1), value::written(self.instruction, self.registers)),
            _ if step <= 2 * copies && step % 2 == 1 => {
                self.read(rbp.wrapping_sub(width * step.div_ceil(2)))
            }
            _ if step <= 2 * copies => self.write(pushed(1 + step / 2), None),
            _ if level > 0 && step == 2 * copies + 1 => self.write(pushed(1 + level), None),
            // Measured: the new stack pointer must be writable; nothing is written there.
            _ if step == 2 * copies + 1 + u64::from(level > 0) => {
                let frame = (self.instruction.immediate & 0xffff) as u64;
                let top = pushed(1 + level).wrapping_sub(frame);
                access(AccessKind::Write, top, 1, None, true)
            }
            _ => Step::End,
        }
    }

    /// With the bytes that are accessed whoever made the CPU.
    #[cold]
    fn narrowed(&self, step: Step) -> Step {
        let Step::Access(mut access) = step else {
            return step;
        };
        let least = self.instruction.least(access.width.bytes());
        access.least = Width::from_bytes(least).unwrap_or(access.width);
        if access.least != access.width {
            access.value = None;
        }
        Step::Access(access)
    }

    fn read(&self, address: u64) -> Step {
        self.sized(AccessKind::Read, address, self.instruction.width, None)
    }

    fn write(&self, address: u64, value: Option<Value>) -> Step {
        self.sized(AccessKind::Write, address, self.instruction.width, value)
    }

    fn sized(&self, kind: AccessKind, address: u64, width: u8, value: Option<Value>) -> Step {
        let conditional = self.instruction.flags & flag::CONDITIONAL != 0;
        let step = access(kind, address, width, value, conditional);
        if self.instruction.is_cpu_unknown() {
            return self.narrowed(step);
        }
        step
    }
}

/// A step that is an access, or the end where the width is none.
fn access(
    kind: AccessKind,
    address: u64,
    width: u8,
    value: Option<Value>,
    conditional: bool,
) -> Step {
    match Width::from_bytes(width) {
        Some(width) => Step::Access(DecodedAccess {
            kind,
            address: VirtAddr(address),
            width,
            least: width,
            value,
            conditional,
        }),
        None => Step::End,
    }
}

impl<R: RegisterFile + ?Sized> Accesses<'_, R> {
    /// The next access with its number; for elements under a mask the number counts those left out.
    pub(crate) fn next_numbered(&mut self) -> Option<(u64, DecodedAccess)> {
        loop {
            let step = self.step;
            // A `rep` of 2^64 elements does not end in anyone's lifetime.
            self.step = step.wrapping_add(1);
            match self.at(step) {
                Step::Access(access) => return Some((step, access)),
                Step::Skip => {}
                Step::End => {
                    self.step = step;
                    return None;
                }
            }
        }
    }
}

impl<R: RegisterFile + ?Sized> Iterator for Accesses<'_, R> {
    type Item = DecodedAccess;

    fn next(&mut self) -> Option<DecodedAccess> {
        self.next_numbered().map(|(_, access)| access)
    }
}

impl<R: RegisterFile + ?Sized> core::iter::FusedIterator for Accesses<'_, R> {}
