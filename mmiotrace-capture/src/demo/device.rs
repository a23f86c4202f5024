//! The device.

use crate::process::Model;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use mmiotrace_core::{AccessKind, PhysAddr};

/// Where its registers are on the bus it pretends to be on.
pub const BAR: PhysAddr = PhysAddr(0xfebc_0000);
/// How many bytes of registers it has: one page.
pub const LEN: usize = 4096;

/// What the trace calls it. The bundled register map `demo` is for a mapping of that name.
pub const NAME: &str = "mmiotrace-demo";

/// Offsets of its registers, all of 32 bits.
pub mod register {
    /// Reads as `MMIO`.
    pub const ID: u64 = 0x00;
    /// Bit 0: a command is under way. Bit 1: the FIFO holds something.
    pub const STATUS: u64 = 0x04;
    /// Writing begins a command, which is done after a few reads of `STATUS`.
    pub const COMMAND: u64 = 0x08;
    /// Bit 0: a command is done. Writing a 1 clears it.
    pub const INTERRUPT: u64 = 0x0c;
    /// Reading counts it up.
    pub const COUNTER: u64 = 0x10;
    /// Writing puts a word into the FIFO, reading takes the oldest one out (0 where it is empty).
    pub const FIFO: u64 = 0x14;
    /// How many words the FIFO holds.
    pub const LEVEL: u64 = 0x18;
    /// Keeps what is written.
    pub const SCRATCH: u64 = 0x20;
}

/// Words that the FIFO holds at most; what comes then is dropped by the device.
const FIFO_LEN: usize = 16;
/// How many reads of `STATUS` a command takes.
const POLLS: u32 = 4;
/// What the log has room for.
const LOG_LEN: usize = 65_536;

/// One access, as the device saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Read or write, seen from the CPU.
    pub kind: AccessKind,
    /// The offset of the first byte.
    pub offset: u64,
    /// How many bytes, 1 to 8.
    pub width: u8,
    /// The bytes, as a number.
    pub value: u64,
}

/// The device: registers with side effects, and a log of every access. Made of atomics, because it
/// works in signal handlers. Its accesses come one at a time (the capture's order is total).
#[derive(Debug)]
pub struct Device {
    busy: AtomicU32,
    interrupt: AtomicU32,
    counter: AtomicU32,
    scratch: AtomicU32,
    fifo: [AtomicU32; FIFO_LEN],
    put: AtomicUsize,
    taken: AtomicUsize,
    /// Two words for each access.
    log: Box<[[AtomicU64; 2]]>,
    logged: AtomicUsize,
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

impl Device {
    /// The device after power-on.
    #[must_use]
    pub fn new() -> Self {
        Self {
            busy: AtomicU32::new(0),
            interrupt: AtomicU32::new(0),
            counter: AtomicU32::new(0),
            scratch: AtomicU32::new(0),
            fifo: [const { AtomicU32::new(0) }; FIFO_LEN],
            put: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            log: (0..LOG_LEN)
                .map(|_| [const { AtomicU64::new(0) }; 2])
                .collect(),
            logged: AtomicUsize::new(0),
        }
    }

    /// What came to the device, in order. At most the first 65,536 accesses.
    pub fn log(&self) -> impl Iterator<Item = Logged> + '_ {
        let logged = self.logged.load(Ordering::Acquire);
        self.log.iter().take(logged).map(|[what, value]| {
            let what = what.load(Ordering::Relaxed);
            Logged {
                kind: if what & 1 == 0 {
                    AccessKind::Read
                } else {
                    AccessKind::Write
                },
                offset: what >> 16,
                width: what.to_le_bytes()[1],
                value: value.load(Ordering::Relaxed),
            }
        })
    }

    fn note(&self, kind: AccessKind, offset: u64, width: usize, value: u64) {
        let at = self.logged.fetch_add(1, Ordering::AcqRel);
        if let Some([to_what, to_value]) = self.log.get(at) {
            let write = u64::from(kind == AccessKind::Write);
            to_what.store(
                offset << 16 | (width as u64) << 8 | write,
                Ordering::Relaxed,
            );
            to_value.store(value, Ordering::Relaxed);
        }
    }

    fn level(&self) -> usize {
        let put = self.put.load(Ordering::Relaxed);
        put - self.taken.load(Ordering::Relaxed)
    }

    fn word(&self, number: usize) -> &AtomicU32 {
        &self.fifo[number % FIFO_LEN]
    }

    /// The register at an offset, with what reading it does.
    fn read_register(&self, offset: u64) -> u32 {
        match offset {
            register::ID => u32::from_le_bytes(*b"MMIO"),
            register::STATUS => {
                let left = self.busy.load(Ordering::Relaxed);
                if left > 0 {
                    self.busy.store(left - 1, Ordering::Relaxed);
                    if left == 1 {
                        self.interrupt.fetch_or(1, Ordering::Relaxed);
                    }
                }
                u32::from(left > 0) | u32::from(self.level() > 0) << 1
            }
            register::INTERRUPT => self.interrupt.load(Ordering::Relaxed),
            register::COUNTER => self.counter.fetch_add(1, Ordering::Relaxed),
            register::FIFO if self.level() > 0 => {
                let number = self.taken.fetch_add(1, Ordering::Relaxed);
                self.word(number).load(Ordering::Relaxed)
            }
            register::LEVEL => u32::try_from(self.level()).unwrap_or(u32::MAX),
            register::SCRATCH => self.scratch.load(Ordering::Relaxed),
            _ => 0,
        }
    }

    fn write_register(&self, offset: u64, value: u32) {
        match offset {
            register::COMMAND => self.busy.store(POLLS, Ordering::Relaxed),
            register::INTERRUPT => {
                self.interrupt.fetch_and(!value, Ordering::Relaxed);
            }
            register::FIFO if self.level() < FIFO_LEN => {
                let number = self.put.load(Ordering::Relaxed);
                self.word(number).store(value, Ordering::Relaxed);
                self.put.store(number + 1, Ordering::Relaxed);
            }
            register::SCRATCH => self.scratch.store(value, Ordering::Relaxed),
            _ => {}
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    let low = bytes.get(..8).unwrap_or(bytes);
    low.iter()
        .rev()
        .fold(0, |all, byte| all << 8 | u64::from(*byte))
}

impl Model for Device {
    /// Every aligned word that is touched has its side effect, as on a real bus.
    fn read(&self, offset: u64, into: &mut [u8]) {
        let mut at = offset & !3;
        let mut word = self.read_register(at).to_le_bytes();
        for (place, byte) in (offset..).zip(into.iter_mut()) {
            if place & !3 != at {
                at = place & !3;
                word = self.read_register(at).to_le_bytes();
            }
            *byte = word[(place & 3) as usize];
        }
        self.note(AccessKind::Read, offset, into.len(), number(into));
    }

    /// Bytes that are not written reach the register as zero.
    fn write(&self, offset: u64, bytes: &[u8]) {
        let mut at = offset & !3;
        let mut word = [0; 4];
        for (place, byte) in (offset..).zip(bytes) {
            if place & !3 != at {
                self.write_register(at, u32::from_le_bytes(word));
                (at, word) = (place & !3, [0; 4]);
            }
            word[(place & 3) as usize] = *byte;
        }
        self.write_register(at, u32::from_le_bytes(word));
        self.note(AccessKind::Write, offset, bytes.len(), number(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(device: &Device, offset: u64) -> u32 {
        let mut bytes = [0; 4];
        device.read(offset, &mut bytes);
        u32::from_le_bytes(bytes)
    }

    #[test]
    fn side_effects() {
        let device = Device::new();
        assert_eq!(get(&device, register::COUNTER), 0);
        assert_eq!(get(&device, register::COUNTER), 1);
        device.write(register::COMMAND, &1u32.to_le_bytes());
        let busy = (0..10).take_while(|_| get(&device, register::STATUS) & 1 == 1);
        assert_eq!(busy.count(), POLLS as usize);
        assert_eq!(get(&device, register::INTERRUPT), 1);
        device.write(register::INTERRUPT, &1u32.to_le_bytes());
        assert_eq!(get(&device, register::INTERRUPT), 0);
        device.write(register::FIFO, &7u32.to_le_bytes());
        device.write(register::FIFO, &8u32.to_le_bytes());
        assert_eq!(get(&device, register::LEVEL), 2);
        assert_eq!([0; 3].map(|_| get(&device, register::FIFO)), [7, 8, 0]);
        assert_eq!(device.log().count(), 2 + 1 + 5 + 3 + 2 + 1 + 3);
    }
}
