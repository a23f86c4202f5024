//! After the warm-up nothing is allocated: a page-fault handler could not.
//!
//! Each thread counts its own: the harness allocates when it likes.
#![allow(unsafe_code, reason = "an allocator that counts")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use mmiotrace_core::VirtAddr;
use mmiotrace_decode::{
    Bus, BusFault, DecodedInstruction, Decoder, Gpr, Hint, Locked, LockedOp, MemoryKind, Registers,
};
use std::alloc::System;

thread_local! {
    // Without initialiser and destructor, so that the allocator itself may use it.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: Everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: As the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: As the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread so far.
fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// A device whose every byte is its address.
struct Echo;

impl Bus for Echo {
    fn locate(&self, _: VirtAddr, _: usize) -> MemoryKind {
        MemoryKind::Device
    }

    fn read_device(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        into.fill(address.0 as u8);
        Ok(())
    }

    fn write_device(&mut self, _: VirtAddr, _: &[u8], _: Hint) -> Result<(), BusFault> {
        Ok(())
    }

    fn locked(&mut self, address: VirtAddr, _: u8, _: LockedOp) -> Result<Locked, BusFault> {
        Ok(Locked::Old(u128::from(address.0)))
    }

    fn read_memory(&mut self, address: VirtAddr, into: &mut [u8]) -> Result<(), BusFault> {
        self.read_device(address, into)
    }

    fn write_memory(&mut self, _: VirtAddr, _: &[u8]) -> Result<(), BusFault> {
        Ok(())
    }

    fn prepare_write(&mut self, _: VirtAddr, _: usize) -> Result<(), BusFault> {
        Ok(())
    }
}

/// Bytes that are instructions more often than chance gives: prefixes and escapes in front.
fn random_code(state: &mut u64) -> [u8; 16] {
    const BEGINNINGS: [&[u8]; 12] = [
        &[],
        &[0x0f],
        &[0x48],
        &[0x66, 0x0f],
        &[0xf3, 0x0f],
        &[0xf0],
        &[0x0f, 0x38],
        &[0xc4, 0xe2],
        &[0xc5],
        &[0x62, 0xf1],
        &[0xdd],
        &[0x67],
    ];
    let mut code = [0; 16];
    for chunk in code.chunks_mut(8) {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chunk.copy_from_slice(&(z ^ z >> 27).to_le_bytes());
    }
    let beginning = BEGINNINGS[usize::from(code[15]) % BEGINNINGS.len()];
    code[..beginning.len()].copy_from_slice(beginning);
    code
}

/// Everything an engine does with an instruction.
fn use_all(instruction: &DecodedInstruction, registers: &mut Registers) -> u64 {
    let told = instruction
        .accesses(registers)
        .take(8)
        .map(|access| access.address.0);
    let sum = told.fold(0, u64::wrapping_add);
    let _ = instruction.emulate(registers, &mut Echo, 4);
    if let Ok(step) = instruction.step(registers, 0x1000) {
        step.finish(registers);
    }
    sum
}

#[test]
fn nothing_is_allocated_after_the_warm_up() {
    const ROUNDS: u32 = 300_000;
    let mut decoder = Decoder::new();
    assert_eq!(
        allocations_of(|| drop(Decoder::new())),
        0,
        "making a decoder allocates"
    );
    decoder.warm_up();
    #[cfg(feature = "encoder")]
    let mut reencoder = mmiotrace_decode::Reencoder::new();

    let mut registers = Registers::default()
        .with(Gpr::Rcx, 3)
        .with(Gpr::Rsp, 0x8000);
    let (mut decoded, mut reencoded, mut random) = (0u32, 0u32, 1);
    let before = allocations();
    for round in 0..ROUNDS {
        let code = random_code(&mut random);
        let pc = VirtAddr(u64::from(round % 4096));
        let Ok(instruction) = decoder.decode(&code, pc) else {
            continue;
        };
        let instruction = *instruction;
        decoded += 1;
        core::hint::black_box(use_all(&instruction, &mut registers));
        #[cfg(feature = "encoder")]
        if instruction.operand().is_some() && reencoder.reencode(&instruction).is_ok() {
            reencoded += 1;
        }
    }
    let during = allocations() - before;
    assert_eq!(during, 0, "{during} allocations in {decoded} instructions");
    assert!(
        decoded > ROUNDS / 2,
        "{decoded} of {ROUNDS} were instructions"
    );
    assert!(
        reencoded > ROUNDS / 10 || !cfg!(feature = "encoder"),
        "{reencoded} re-encoded"
    );
}

fn allocations_of(work: impl FnOnce()) -> u64 {
    let before = allocations();
    work();
    allocations() - before
}
