//! What a fault handler does with an instruction: decode it, have it done on the device without
//! opening the page, and record each access. `cargo run --example handler`
//!
//! The device here is an array; an engine reads and writes the device through its own mapping.

use mmiotrace_core::{AccessKind, Value, VirtAddr};
use mmiotrace_decode::{
    Bus, BusFault, Context, Decoder, Gpr, Hint, Locked, LockedOp, MemoryKind, Progress, Registers,
    Stop, Way,
};

/// Where the traced page is.
const DEVICE: u64 = 0xfebc_0000;
const PAGE: u64 = 0x1000;

/// The device's registers, and what was seen of them.
struct Traced {
    device: [u8; PAGE as usize],
    seen: Vec<(AccessKind, VirtAddr, Value)>,
}

impl Traced {
    fn bytes(&mut self, address: VirtAddr, len: usize) -> Result<&mut [u8], BusFault> {
        let start = address.0.wrapping_sub(DEVICE) as usize;
        let end = start.wrapping_add(len);
        self.device.get_mut(start..end).ok_or(BusFault { address })
    }

    fn record(&mut self, kind: AccessKind, address: VirtAddr, bytes: &[u8]) {
        self.seen
            .extend(Value::from_le_bytes(bytes).map(|value| (kind, address, value)));
    }
}

impl Bus for Traced {
    fn locate(&self, address: VirtAddr, len: usize) -> MemoryKind {
        let inside = |address: u64| (DEVICE..DEVICE + PAGE).contains(&address);
        match (
            inside(address.0),
            inside(address.0.wrapping_add(len as u64 - 1)),
        ) {
            (true, true) => MemoryKind::Device,
            (false, false) => MemoryKind::Memory,
            _ => MemoryKind::Mixed,
        }
    }

    fn read_device(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        into.copy_from_slice(self.bytes(address, into.len())?);
        self.record(AccessKind::Read, address, into);
        Ok(())
    }

    fn write_device(&mut self, address: VirtAddr, bytes: &[u8], _: Hint) -> Result<(), BusFault> {
        self.bytes(address, bytes.len())?.copy_from_slice(bytes);
        self.record(AccessKind::Write, address, bytes);
        Ok(())
    }

    fn locked(&mut self, address: VirtAddr, width: u8, op: LockedOp) -> Result<Locked, BusFault> {
        let mut old = [0; 16];
        let len = usize::from(width);
        old[..len].copy_from_slice(self.bytes(address, len)?);
        let old = u128::from_le_bytes(old);
        let new = op.apply(old, width).to_le_bytes();
        self.bytes(address, len)?.copy_from_slice(&new[..len]);
        self.record(AccessKind::Read, address, &old.to_le_bytes()[..len]);
        self.record(AccessKind::Write, address, &new[..len]);
        Ok(Locked::Old(old))
    }

    // No instruction below touches anything else.
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

fn main() -> Result<(), Box<dyn core::error::Error>> {
    // When the engine is set up: after this, nothing allocates.
    let mut decoder = Decoder::new();
    decoder.warm_up();
    let mut bus = Traced {
        device: [0; PAGE as usize],
        seen: Vec::new(),
    };
    let mut registers = Registers::default()
        .with(Gpr::Rdi, DEVICE + 0x10)
        .with(Gpr::Rax, 0x8000_0041)
        .with(Gpr::Rcx, 3);
    registers.rip = 0x40_0000;

    let program: [&[u8]; 5] = [
        &[0x89, 0x07],                   // mov [rdi], eax
        &[0x83, 0x0f, 0x02],             // or dword [rdi], 2
        &[0xf0, 0x0f, 0xc1, 0x4f, 0x04], // lock xadd [rdi+4], ecx
        &[0x0f, 0xb6, 0x57, 0x03],       // movzx edx, byte [rdi+3]
        &[0xf3, 0xab],                   // rep stosd
    ];
    for code in program {
        // In a handler: the 15 bytes at the instruction pointer.
        let instruction = *decoder.decode(code, VirtAddr(registers.rip))?;
        match instruction.way(Context::Kernel) {
            Way::Emulate => {}
            // Step it, run a copy of it, or open the page and say so.
            way => return Err(format!("{instruction:?} is done by the way {way}").into()),
        }
        if instruction.is_string() {
            registers.set(Gpr::Rcx, 3);
        }
        // At most two elements at a time, so that interrupts come through.
        while instruction
            .emulate(&mut registers, &mut bus, 2)
            .map_err(why)?
            == Progress::Again
        {}
    }
    for (kind, address, value) in &bus.seen {
        println!("{kind:<5} {address} {value:#x}");
    }
    println!("edx is {:#x}", registers.get(Gpr::Rdx));
    Ok(())
}

fn why(stop: Stop) -> String {
    format!("{stop:?}")
}
