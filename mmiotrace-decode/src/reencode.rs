//! Re-encoding: the same instruction with its memory operand at `[pointer]`.
//!
//! The pointer is a register the instruction does not use, or the one it implies (`maskmovdqu`).
//! Where the instruction has `rsp` as data, another register stands in for it, so that the code
//! runs on any stack. The rest stays: opcode, other operands, mask, prefixes with a meaning.

use crate::iced::parse;
use crate::operation::Shape;
use crate::{DecodedInstruction, Gpr, Reason};
use alloc::vec::Vec;
use core::fmt;
use iced_x86::{Code, Encoder, Instruction, InstructionInfoFactory, Mnemonic, OpKind, Register};

/// An instruction re-encoded on another operand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reencoded {
    // INVARIANT: len <= 15.
    bytes: [u8; 15],
    len: u8,
    pointer: Gpr,
    stack_stand_in: Option<Gpr>,
}

impl Reencoded {
    /// The machine code: the one instruction.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len.min(15))]
    }

    /// The register that must hold the address of the operand. The instruction does not change it.
    #[must_use]
    pub const fn pointer(&self) -> Gpr {
        self.pointer
    }

    /// The register that must hold the value of `rsp` before, and has it after.
    #[must_use]
    pub const fn stack_stand_in(&self) -> Option<Gpr> {
        self.stack_stand_in
    }
}

impl fmt::Debug for Reencoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reencoded")
            .field("bytes", &self.bytes())
            .field("pointer", &self.pointer)
            .field("stack_stand_in", &self.stack_stand_in)
            .finish()
    }
}

/// Re-encodes instructions. Creating one allocates (the encoder's tables are 570 KB); using it does
/// not, and takes no lock.
pub struct Reencoder {
    encoder: Encoder,
    factory: InstructionInfoFactory,
}

impl fmt::Debug for Reencoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reencoder")
    }
}

impl Default for Reencoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Room in the encoder's buffer: with that it never grows.
const BUFFER_LEN: usize = 64;

/// In which order registers are tried: first those that need no REX prefix, which the high-byte
/// registers forbid; `rbp`, `r12` and `r13`, whose encodings as a base are longer, last.
const CANDIDATES: [Gpr; 15] = [
    Gpr::Rbx,
    Gpr::Rsi,
    Gpr::Rdi,
    Gpr::Rcx,
    Gpr::Rdx,
    Gpr::Rax,
    Gpr::Rbp,
    Gpr::R8,
    Gpr::R9,
    Gpr::R10,
    Gpr::R11,
    Gpr::R14,
    Gpr::R15,
    Gpr::R12,
    Gpr::R13,
];

impl Reencoder {
    /// Allocates all that re-encoding will ever need.
    #[must_use]
    pub fn new() -> Self {
        let mut encoder = Encoder::new(64);
        encoder.set_buffer(Vec::with_capacity(BUFFER_LEN));
        let mut reencoder = Self {
            encoder,
            factory: InstructionInfoFactory::new(),
        };
        // The lists of the info factory grow to their full length here (see `iced::Fallback`).
        for code in crate::iced::LONGEST {
            if let Ok(instruction) = parse(code) {
                let _ = reencoder.factory.info(&instruction);
            }
        }
        reencoder
    }

    /// The instruction with its operand at `[pointer]`. For a gather or scatter the pointer takes the
    /// place of base and displacement; the index vector stays.
    ///
    /// # Errors
    /// [`Reason::NotEncodable`] where there is no such encoding.
    pub fn reencode(&mut self, instruction: &DecodedInstruction) -> Result<Reencoded, Reason> {
        let original = parse(instruction.bytes()).map_err(|_| Reason::NotEncodable)?;
        if has_no_other_operand(&original) {
            return Err(Reason::NotEncodable);
        }
        let mut changed = original;
        let used = self.used_registers(&original);
        let stand_in = uses_stack_pointer(&original)
            .then(|| free(used))
            .transpose()?;
        if let Some(stand_in) = stand_in {
            replace_stack_pointer(&mut changed, stand_in);
        }
        let used = stand_in.map_or(used, |gpr| used | 1 << gpr.number());
        let pointer = match implicit_base(&original) {
            Some(gpr) => {
                widen_implicit(&mut changed);
                gpr
            }
            None => {
                let pointer = free(used)?;
                point(&mut changed, pointer, instruction.shape);
                pointer
            }
        };
        let (bytes, len) = self.encode(&changed)?;
        Ok(Reencoded {
            bytes,
            len,
            pointer,
            stack_stand_in: stand_in,
        })
    }

    /// One bit for every general-purpose register that takes part, by number, the old base and
    /// index not counted.
    fn used_registers(&mut self, instruction: &Instruction) -> u16 {
        let mut bare = *instruction;
        if has_explicit_memory(instruction) {
            bare.set_memory_base(Register::None);
            if !instruction.memory_index().is_vector_register() {
                bare.set_memory_index(Register::None);
            }
            bare.set_memory_displ_size(8);
        }
        self.factory
            .info(&bare)
            .used_registers()
            .iter()
            .map(|used| used.register().full_register())
            .filter(|register| register.is_gpr())
            .fold(0, |bits, register| bits | 1 << (register.number() & 15))
    }

    fn encode(&mut self, instruction: &Instruction) -> Result<([u8; 15], u8), Reason> {
        let encoded = self.encoder.encode(instruction, 0);
        let mut buffer = self.encoder.take_buffer();
        let mut bytes = [0; 15];
        let fits = bytes
            .get_mut(..buffer.len())
            .map(|to| to.copy_from_slice(&buffer))
            .is_some();
        let len = buffer.len() as u8;
        buffer.clear();
        self.encoder.set_buffer(buffer);
        match encoded {
            Ok(_) if fits => Ok((bytes, len)),
            _ => Err(Reason::NotEncodable),
        }
    }
}

/// Whether the operand cannot be `[pointer]`: `xlat` always uses `rbx` and `al`, `moffs` is an address
/// in the instruction. The encoder would say so too, but allocates for its message.
fn has_no_other_operand(instruction: &Instruction) -> bool {
    use iced_x86::Code::*;
    matches!(
        instruction.code(),
        Xlat_m8
            | Mov_AL_moffs8
            | Mov_AX_moffs16
            | Mov_EAX_moffs32
            | Mov_RAX_moffs64
            | Mov_moffs8_AL
            | Mov_moffs16_AX
            | Mov_moffs32_EAX
            | Mov_moffs64_RAX
    )
}

fn free(used: u16) -> Result<Gpr, Reason> {
    CANDIDATES
        .into_iter()
        .find(|gpr| used >> gpr.number() & 1 == 0)
        .ok_or(Reason::NotEncodable)
}

fn has_explicit_memory(instruction: &Instruction) -> bool {
    instruction.op_kinds().any(|kind| kind == OpKind::Memory)
}

fn uses_stack_pointer(instruction: &Instruction) -> bool {
    (0..instruction.op_count()).any(|n| is_stack_pointer(instruction, n))
}

fn is_stack_pointer(instruction: &Instruction, operand: u32) -> bool {
    instruction.op_kind(operand) == OpKind::Register
        && instruction.op_register(operand).full_register() == Register::RSP
}

/// The same part (`spl`, `sp`, `esp`, `rsp`) of another register.
fn replace_stack_pointer(instruction: &mut Instruction, stand_in: Gpr) {
    for operand in 0..instruction.op_count() {
        if is_stack_pointer(instruction, operand) {
            let part = match instruction.op_register(operand).size() {
                1 => byte_register(stand_in),
                2 => Register::AX + u32::from(stand_in.number()),
                4 => Register::EAX + u32::from(stand_in.number()),
                _ => Register::RAX + u32::from(stand_in.number()),
            };
            instruction.set_op_register(operand, part);
        }
    }
}

/// iced numbers `al, cl, dl, bl, ah, ch, dh, bh, spl, …, r15b`.
fn byte_register(gpr: Gpr) -> Register {
    let number = u32::from(gpr.number());
    Register::AL + if number < 4 { number } else { number + 4 }
}

/// The register that is the operand's address without being named.
fn implicit_base(instruction: &Instruction) -> Option<Gpr> {
    match instruction.mnemonic() {
        Mnemonic::Maskmovq | Mnemonic::Maskmovdqu | Mnemonic::Vmaskmovdqu => Some(Gpr::Rdi),
        Mnemonic::Clzero | Mnemonic::Monitor | Mnemonic::Monitorx => Some(Gpr::Rax),
        _ => None,
    }
}

/// Without segment, and with an address of 64 bits: the pointer is no address under 4 GiB.
fn widen_implicit(instruction: &mut Instruction) {
    instruction.set_segment_prefix(Register::None);
    if instruction.op_count() > 0 && instruction.op0_kind() == OpKind::MemorySegEDI {
        instruction.set_op0_kind(OpKind::MemorySegRDI);
    }
    match instruction.code() {
        Code::Clzerow | Code::Clzerod => instruction.set_code(Code::Clzeroq),
        Code::Monitorw | Code::Monitord => instruction.set_code(Code::Monitorq),
        Code::Monitorxw | Code::Monitorxd => instruction.set_code(Code::Monitorxq),
        _ => {}
    }
}

fn point(instruction: &mut Instruction, pointer: Gpr, shape: Shape) {
    instruction.set_memory_base(Register::RAX + u32::from(pointer.number()));
    if !matches!(shape, Shape::Gather | Shape::Scatter) {
        instruction.set_memory_index(Register::None);
        instruction.set_memory_index_scale(1);
    }
    instruction.set_memory_displacement64(0);
    instruction.set_memory_displ_size(0);
    instruction.set_segment_prefix(Register::None);
}
