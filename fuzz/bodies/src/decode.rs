//! Any bytes and any registers: no panic, one answer whichever way it is asked for, and iced's length
//! and kind.

use iced_x86::{
    Decoder as Iced, DecoderOptions, Instruction, InstructionInfoFactory, Mnemonic, OpAccess,
    OpKind,
};
use mmiotrace_core::{AccessKind, VirtAddr};
use mmiotrace_decode::{
    Bus, BusFault, Context, DecodedInstruction, Decoder, Explanation, Gpr, Hint, KernelMistake,
    KernelView, Kind, Locked, LockedOp, MemoryKind, Registers, RegisterFile, Way,
};

/// Accesses looked at: a `rep` may make any number.
const MOST_ACCESSES: usize = 300;

/// How many bytes of code there are, the code, registers.
pub fn decode_instruction(data: &[u8]) {
    let Some((len, rest)) = data.split_first() else {
        return;
    };
    let (code, rest) = rest.split_at(usize::from(len % 20).min(rest.len()));
    let mut input = Input(rest);
    let mut cpu = Cpu::new(&mut input);
    let mut decoder = Decoder::new();
    let answer = decoder.decode_uncached(code);
    assert_eq!(answer, decoder.decode_by_iced(code), "{code:02x?}");
    decoder.warm_up_with(16);
    for _ in 0..2 {
        let cached = decoder.decode(code, VirtAddr(cpu.registers.rip)).copied();
        assert_eq!(answer, cached, "{code:02x?}");
    }
    // These look at bytes that need not be an instruction.
    let _ = (KernelView::of(code), KernelMistake::in_code(code));
    let explained = Explanation::of(code);
    let iced = iced(code);
    assert_eq!(answer.is_ok(), iced.is_some(), "{code:02x?}: {answer:?}");
    let (Ok(instruction), Some(iced)) = (answer, iced) else {
        return;
    };
    assert_eq!(usize::from(instruction.len()), iced.len(), "{code:02x?}");
    assert!(explained.is_some_and(|explained| explained.is_whole), "{code:02x?}");
    if let Some(kind) = iced_kind(&iced) {
        assert_eq!(instruction.kind(), kind, "{code:02x?}");
    }
    assert_eq!(Decoder::decode_by_table(code).unwrap_or(instruction), instruction);
    assert!(!instruction.to_text(cpu.registers.rip).is_empty(), "{code:02x?}");
    accesses(&instruction, &cpu);
    carry_out(&instruction, &mut cpu, &mut input);
}

fn iced(code: &[u8]) -> Option<Instruction> {
    let window = code.get(..15).unwrap_or(code);
    let instruction = Iced::new(64, window, DecoderOptions::NONE).decode();
    (!instruction.is_invalid()).then_some(instruction)
}

/// What iced says of an explicit operand in memory. `None` where there is none, and where our answer
/// is another for a reason.
fn iced_kind(instruction: &Instruction) -> Option<Kind> {
    use Mnemonic::*;
    let memory = (0..instruction.op_count())
        .find(|operand| instruction.op_kind(*operand) == OpKind::Memory)?;
    match instruction.mnemonic() {
        // No data move, though a page that is not there is noticed.
        Clflush | Clflushopt | Clwb => return Some(Kind::NoAccess),
        // The stack, or a second address in a register, is the other side.
        Push | Pop | Call | Movdir64b | Enqcmd | Enqcmds => return Some(Kind::ReadAndWrite),
        // What these do is for the system to say; ways refuse them.
        _ if instruction.is_privileged() => return None,
        // The address is looked at, not what is there.
        Bndmk | Bndcl | Bndcn | Bndcu | Bndldx | Bndstx | Bndmov => return None,
        Xsave | Xsave64 | Xsaveopt | Xsaveopt64 | Xsavec | Xsavec64 => return None,
        _ => {}
    }
    let mut factory = InstructionInfoFactory::new();
    Some(match factory.info(instruction).op_access(memory) {
        OpAccess::Read | OpAccess::CondRead => Kind::Read,
        OpAccess::Write | OpAccess::CondWrite => Kind::Write,
        OpAccess::ReadWrite | OpAccess::ReadCondWrite => Kind::ReadModifyWrite,
        OpAccess::None | OpAccess::NoMemAccess => Kind::NoAccess,
    })
}

/// Every access is of a sort that the kind allows.
fn accesses(instruction: &DecodedInstruction, cpu: &Cpu) {
    for access in instruction.accesses(cpu).take(MOST_ACCESSES) {
        let allowed = match instruction.kind() {
            Kind::NoAccess => false,
            Kind::Read => access.kind == AccessKind::Read,
            Kind::Write => access.kind == AccessKind::Write,
            _ => true,
        };
        assert!(allowed, "{instruction:?}: {access:?}");
        assert!((1..=64).contains(&access.width.bytes()));
        if let Some(value) = access.value {
            assert_eq!(value.width(), access.width, "{instruction:?}: {access:?}");
            assert_eq!(access.kind, AccessKind::Write, "{instruction:?}: {access:?}");
        }
    }
}

/// Emulating and stepping: whatever the bus answers, an end.
fn carry_out(instruction: &DecodedInstruction, cpu: &mut Cpu, input: &mut Input<'_>) {
    for context in [Context::Process, Context::Kernel] {
        let way = instruction.way(context);
        assert_eq!(way.reason().is_some(), matches!(way, Way::Cannot(_)));
    }
    let before = cpu.registers;
    let mut bus = Noise(input);
    let _ = instruction.emulate(&mut cpu.registers, &mut bus, 4);
    cpu.registers = before;
    if let Ok(step) = instruction.step(&mut cpu.registers, 0x1000) {
        step.finish(&mut cpu.registers);
        assert_eq!(cpu.registers, before, "a step that did nothing");
    }
}

/// Numbers from the input, zero behind its end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }
}

/// All registers.
struct Cpu {
    registers: Registers,
    vectors: [[u8; 64]; 4],
    opmask: u64,
    knows_vectors: bool,
}

impl Cpu {
    fn new(input: &mut Input<'_>) -> Self {
        let knows_vectors = input.byte() & 1 == 1;
        let mut registers = Registers::default();
        for gpr in Gpr::ALL {
            registers.set(gpr, input.number());
        }
        registers.rip = input.number();
        registers.rflags = input.number();
        registers.fs_base = input.number();
        registers.gs_base = input.number();
        let opmask = input.number();
        let vectors = [(); 4].map(|()| [(); 64].map(|()| input.byte()));
        Self {
            registers,
            vectors,
            opmask,
            knows_vectors,
        }
    }
}

impl RegisterFile for Cpu {
    fn registers(&self) -> &Registers {
        &self.registers
    }

    fn vector(&self, number: u8) -> Option<[u8; 64]> {
        self.knows_vectors.then(|| self.vectors[usize::from(number & 3)])
    }

    fn opmask(&self, number: u8) -> Option<u64> {
        self.knows_vectors.then_some(self.opmask.rotate_left(number.into()))
    }

    fn mmx(&self, number: u8) -> Option<u64> {
        self.knows_vectors.then_some(self.opmask.rotate_right(number.into()))
    }
}

/// A bus that answers with what the input has.
struct Noise<'a, 'b>(&'a mut Input<'b>);

impl Noise<'_, '_> {
    fn answer<T>(&mut self, address: VirtAddr, value: T) -> Result<T, BusFault> {
        match self.0.byte() {
            0xff => Err(BusFault { address }),
            _ => Ok(value),
        }
    }

    fn fill(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        into.iter_mut().for_each(|byte| *byte = self.0.byte());
        self.answer(address, ())
    }
}

impl Bus for Noise<'_, '_> {
    fn locate(&self, address: VirtAddr, _: usize) -> MemoryKind {
        [MemoryKind::Device, MemoryKind::Memory, MemoryKind::Device, MemoryKind::Mixed][(address.0 >> 12 & 3) as usize]
    }

    fn read_device(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        self.fill(address, into)
    }

    fn write_device(&mut self, address: VirtAddr, _: &[u8], _: Hint) -> Result<(), BusFault> {
        self.answer(address, ())
    }

    fn locked(&mut self, address: VirtAddr, _: u8, _: LockedOp) -> Result<Locked, BusFault> {
        let number = self.0.number();
        let locked = match self.0.byte() & 1 {
            0 => Locked::Old(number.into()),
            _ => Locked::Flags(number),
        };
        self.answer(address, locked)
    }

    fn read_memory(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        self.fill(address, into)
    }

    fn write_memory(&mut self, address: VirtAddr, _: &[u8]) -> Result<(), BusFault> {
        self.answer(address, ())
    }

    fn prepare_write(&mut self, address: VirtAddr, _: usize) -> Result<(), BusFault> {
        self.answer(address, ())
    }
}
