//! The driver: ordinary code, on three threads.

#![expect(unsafe_code, reason = "a driver accesses registers by pointers")]

use super::register::{COMMAND, COUNTER, FIFO, ID, INTERRUPT, LEVEL, SCRATCH, STATUS};
use crate::process::Tracer;
use std::thread::{Scope, ScopedJoinHandle};

/// The device's registers, mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers {
    // INVARIANT: `LEN` bytes of registers from here.
    start: *mut u8,
}

// SAFETY: registers may be accessed by any thread.
unsafe impl Send for Registers {}

impl Registers {
    /// Over `LEN` bytes of registers that stay mapped.
    pub(super) const fn new(start: *mut u8) -> Self {
        Self { start }
    }

    fn read(self, register: u64) -> u32 {
        // SAFETY: by the invariant; all registers lie in the page.
        unsafe {
            self.start
                .add(register as usize)
                .cast::<u32>()
                .read_volatile()
        }
    }

    fn write(self, register: u64, value: u32) {
        // SAFETY: as above.
        unsafe {
            self.start
                .add(register as usize)
                .cast::<u32>()
                .write_volatile(value)
        }
    }
}

/// How often each thread does its work.
const TURNS: u32 = 200;

/// Starts the three threads.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    registers: Registers,
    tracer: &'scope Tracer,
) -> [ScopedJoinHandle<'scope, ()>; 3] {
    [
        scope.spawn(move || commands(registers, tracer)),
        scope.spawn(move || produce(registers)),
        scope.spawn(move || consume(registers)),
    ]
}

/// Gives commands, waits for each, and clears its interrupt.
fn commands(registers: Registers, tracer: &Tracer) {
    // A marker says where something begins; the text is fit to be one.
    let _ = tracer.marker(b"the driver begins");
    let id = registers.read(ID);
    registers.write(SCRATCH, id);
    for turn in 0..TURNS {
        registers.write(COMMAND, turn);
        while registers.read(STATUS) & 1 == 1 {}
        let pending = registers.read(INTERRUPT);
        registers.write(INTERRUPT, pending);
        let _ = registers.read(COUNTER);
    }
}

fn produce(registers: Registers) {
    for turn in 0..TURNS {
        while registers.read(LEVEL) >= 8 {
            std::thread::yield_now();
        }
        registers.write(FIFO, 0x1000 + turn);
    }
}

fn consume(registers: Registers) {
    for _ in 0..TURNS {
        while registers.read(STATUS) & 2 == 0 {
            std::thread::yield_now();
        }
        let _ = registers.read(FIFO);
    }
}
