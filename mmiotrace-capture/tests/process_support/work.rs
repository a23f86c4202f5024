//! Threads that access one page in many ways, and note themselves what they did.

use core::arch::asm;
use mmiotrace_core::{AccessKind, Value};

/// What a thread knows of one of its accesses: kind, offset, and the bytes moved.
pub(crate) type Noted = (AccessKind, u64, Value);

/// The offset that all threads share, for locked operations.
pub(crate) const SHARED: usize = 0;
/// Where the parts of the threads begin, and how long each is.
const PARTS: usize = 256;
const PART: usize = 256;

/// One thread's work on a device of one page.
pub(crate) struct Worker {
    device: *mut u8,
    thread: usize,
    pub(crate) noted: Vec<Noted>,
    random: u64,
    /// What it added to the shared counter.
    pub(crate) added: u64,
}

// SAFETY: the pointer is to device memory, which any thread may access.
unsafe impl Send for Worker {}

fn value(bytes: &[u8]) -> Value {
    Value::from_le_bytes(bytes).unwrap()
}

impl Worker {
    pub(crate) fn new(device: *mut u8, thread: usize, accesses: usize) -> Self {
        Self {
            device,
            thread,
            noted: Vec::with_capacity(accesses + 64),
            random: 0x9e37_79b9_7f4a_7c15 ^ (thread as u64 + 1).wrapping_mul(0xd134_2543_de82_ef95),
            added: 0,
        }
    }

    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn note(&mut self, kind: AccessKind, offset: usize, bytes: &[u8]) {
        self.noted.push((kind, offset as u64, value(bytes)));
    }

    /// Does one thing, chosen at random: one to eight accesses.
    pub(crate) fn step(&mut self) {
        let random = self.next();
        let offset = PARTS + self.thread * PART + (self.next() as usize % (PART - 64));
        // SAFETY: the offset and 64 bytes more lie in the thread's own part of the device.
        let at = unsafe { self.device.add(offset) };
        match random % 16 {
            0..2 => self.store(at, offset),
            2..6 => self.load(at, offset),
            6 => self.update(at, offset),
            7 => self.test(at, offset),
            8 => self.exchange(at, offset),
            9 => self.add_shared(),
            10 => self.increment_shared(),
            11 => self.fill(at, offset),
            12 => self.copy(at, offset),
            13 => self.vector_store(at, offset),
            14 => self.vector_load(at, offset),
            _ => self.wide_pair(at, offset),
        }
    }

    fn store(&mut self, at: *mut u8, offset: usize) {
        let new = self.next();
        let bytes = new.to_le_bytes();
        // SAFETY: eight bytes of the thread's own part.
        unsafe {
            match new % 4 {
                0 => asm!("mov byte ptr [{}], {}", in(reg) at, in(reg_byte) bytes[0]),
                1 => asm!("mov word ptr [{}], {:x}", in(reg) at, in(reg) new),
                2 => asm!("mov dword ptr [{}], {:e}", in(reg) at, in(reg) new),
                _ => asm!("mov qword ptr [{}], {}", in(reg) at, in(reg) new),
            }
        }
        self.note(AccessKind::Write, offset, &bytes[..1 << (new % 4)]);
    }

    fn load(&mut self, at: *mut u8, offset: usize) {
        let mut got: u64 = 0;
        let choice = self.next() % 4;
        // SAFETY: as above.
        unsafe {
            match choice {
                0 => asm!("movzx {:e}, byte ptr [{}]", out(reg) got, in(reg) at),
                1 => asm!("mov {:x}, word ptr [{}]", inout(reg) got, in(reg) at),
                2 => asm!("mov {:e}, dword ptr [{}]", out(reg) got, in(reg) at),
                _ => asm!("mov {}, qword ptr [{}]", out(reg) got, in(reg) at),
            }
        }
        self.note(AccessKind::Read, offset, &got.to_le_bytes()[..1 << choice]);
    }

    fn update(&mut self, at: *mut u8, offset: usize) {
        let old: u32;
        let operand = self.next() as u32;
        // SAFETY: as above.
        unsafe {
            asm!("mov {:e}, dword ptr [{}]", out(reg) old, in(reg) at);
            asm!("add dword ptr [{}], {:e}", in(reg) at, in(reg) operand);
        }
        self.note(AccessKind::Read, offset, &old.to_le_bytes());
        self.note(AccessKind::Read, offset, &old.to_le_bytes());
        self.note(
            AccessKind::Write,
            offset,
            &old.wrapping_add(operand).to_le_bytes(),
        );
    }

    fn test(&mut self, at: *mut u8, offset: usize) {
        let (old, equal): (u16, u8);
        // SAFETY: as above.
        unsafe {
            asm!("mov {:x}, word ptr [{}]", out(reg) old, in(reg) at);
            asm!("cmp word ptr [{}], {:x}", "sete {}", in(reg) at, in(reg) old, out(reg_byte) equal);
        }
        assert_eq!(equal, 1, "nobody else writes here");
        self.note(AccessKind::Read, offset, &old.to_le_bytes());
        self.note(AccessKind::Read, offset, &old.to_le_bytes());
    }

    fn exchange(&mut self, at: *mut u8, offset: usize) {
        let new = self.next() as u32;
        let mut register = new;
        // SAFETY: as above.
        unsafe { asm!("xchg dword ptr [{}], {:e}", in(reg) at, inout(reg) register) };
        self.note(AccessKind::Read, offset, &register.to_le_bytes());
        self.note(AccessKind::Write, offset, &new.to_le_bytes());
    }

    fn add_shared(&mut self) {
        let add = self.next() % 1000;
        let mut register = add;
        // SAFETY: the shared counter.
        unsafe {
            asm!("lock xadd qword ptr [{}], {}", in(reg) self.device.add(SHARED), inout(reg) register);
        }
        self.added = self.added.wrapping_add(add);
        self.note(AccessKind::Read, SHARED, &register.to_le_bytes());
        self.note(
            AccessKind::Write,
            SHARED,
            &register.wrapping_add(add).to_le_bytes(),
        );
    }

    fn increment_shared(&mut self) {
        // SAFETY: the shared counter.
        unsafe { asm!("lock inc qword ptr [{}]", in(reg) self.device.add(SHARED)) };
        self.added = self.added.wrapping_add(1);
        // The thread does not learn the value: the trace is asked later.
        self.note(AccessKind::Read, SHARED, &[0]);
        self.note(AccessKind::Write, SHARED, &[0]);
    }

    fn fill(&mut self, at: *mut u8, offset: usize) {
        let byte = self.next() as u8;
        // SAFETY: as above.
        unsafe {
            asm!("rep stosb", inout("rdi") at => _, inout("rcx") 5usize => _, in("al") byte);
        }
        for n in 0..5 {
            self.note(AccessKind::Write, offset + n, &[byte]);
        }
    }

    fn copy(&mut self, at: *mut u8, offset: usize) {
        let mut to = [0u32; 3];
        // SAFETY: as above, and room for three.
        unsafe {
            asm!("rep movsd", inout("rsi") at => _, inout("rdi") to.as_mut_ptr() => _,
                 inout("rcx") to.len() => _);
        }
        for (n, dword) in to.into_iter().enumerate() {
            self.note(AccessKind::Read, offset + 4 * n, &dword.to_le_bytes());
        }
    }

    fn vector_store(&mut self, at: *mut u8, offset: usize) {
        let bytes: [u8; 16] = core::array::from_fn(|_| self.next() as u8);
        // SAFETY: as above.
        unsafe {
            asm!("movdqu {x}, [{}]", "movdqu [{}], {x}", in(reg) bytes.as_ptr(), in(reg) at,
                 x = out(xmm_reg) _);
        }
        self.note(AccessKind::Write, offset, &bytes);
    }

    fn vector_load(&mut self, at: *mut u8, offset: usize) {
        let mut bytes = [0u8; 16];
        // SAFETY: as above.
        unsafe {
            asm!("movdqu {x}, [{}]", "movdqu [{}], {x}", in(reg) at, in(reg) bytes.as_mut_ptr(),
                 x = out(xmm_reg) _);
        }
        self.note(AccessKind::Read, offset, &bytes);
    }

    fn wide_pair(&mut self, at: *mut u8, offset: usize) {
        let new = self.next();
        let got: u64;
        // SAFETY: as above.
        unsafe {
            asm!("mov qword ptr [{}], {}", in(reg) at, in(reg) new);
            asm!("mov {}, qword ptr [{}]", out(reg) got, in(reg) at);
        }
        assert_eq!(got, new, "what is written is read back");
        self.note(AccessKind::Write, offset, &new.to_le_bytes());
        self.note(AccessKind::Read, offset, &got.to_le_bytes());
    }
}
