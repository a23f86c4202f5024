//! The engine where owners are CPUs ([`Platform::CPUS`]): what a CPU remembers of its moves must never
//! show. One CPU; an NMI may come in the middle of its accesses.

#![allow(clippy::unwrap_used, reason = "a test stops where it is wrong")]

use core::cell::{Cell, RefCell};
use core::sync::atomic::AtomicU64;
use mmiotrace_core::{Access, AccessKind, MapId, Mapping, PhysAddr, Timestamp, VirtAddr};
use mmiotrace_decode::{BusFault, Context, Hint, Locked, LockedOp, Registers};
use mmiotrace_kmod::{
    Body, Channel, Claim, Config, Engine, EntryBuf, Fault, Frame, Geometry, Options, Order, PAGE,
    Platform, Point, Region, RegionId, Stepping,
};
use std::collections::BTreeMap;

const GEOMETRY: Geometry = Geometry {
    contexts: 4,
    // One more: who interrupts a CPU has a ring of his own.
    rings: 5,
    slots: 256,
};
const START: u64 = 0x10_0000;
const ALIAS: u64 = 0x90_0000;
const PHYS: u64 = 0xfe00_0000;
const PC: u64 = 0xffff_ffff_c000_0100;

struct Registry(Registers);

impl Frame for Registry {
    fn registers(&self) -> Registers {
        self.0
    }

    fn set_registers(&mut self, registers: &Registers) {
        self.0 = *registers;
    }
}

/// One CPU, its code and its device.
struct Cpu {
    code: RefCell<Vec<u8>>,
    device: RefCell<BTreeMap<u64, u8>>,
    clock: Cell<u64>,
    /// Runs once, at the next access of the device.
    nmi: Cell<Option<&'static Engine<'static, ()>>>,
    quiesced: Cell<u32>,
}

impl Cpu {
    fn new() -> Self {
        Self {
            code: RefCell::new(Vec::new()),
            device: RefCell::new(BTreeMap::new()),
            clock: Cell::new(0),
            nmi: Cell::new(None),
            quiesced: Cell::new(0),
        }
    }

    fn bytes(&self) -> [u8; 15] {
        let code = self.code.borrow();
        core::array::from_fn(|at| code.get(at).copied().unwrap_or(0x90))
    }
}

impl Platform for Cpu {
    type Frame = Registry;
    type Lane = ();

    const CONTEXT: Context = Context::Kernel;
    const CPUS: bool = true;
    fn quiesce(&self) {
        self.quiesced.set(self.quiesced.get() + 1);
    }

    fn owner(&self) -> u64 {
        1
    }

    fn is_alive(&self, _: u64) -> bool {
        true
    }

    fn thread_id(&self) -> i32 {
        7
    }

    fn cpu(&self) -> Option<u32> {
        Some(0)
    }

    fn now(&self) -> Timestamp {
        self.clock.set(self.clock.get() + 1);
        Timestamp::from_nanos(self.clock.get())
    }

    fn code(&self, _: VirtAddr, into: &mut [u8; 15]) -> usize {
        *into = self.bytes();
        into.len()
    }

    fn code_words(&self, _: VirtAddr) -> Option<[u64; 2]> {
        let bytes = self.bytes();
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
        Some([word(&bytes[..8]), word(&bytes[7..])])
    }

    fn read_device(&self, alias: u64, into: &mut [u8]) -> Result<(), BusFault> {
        let device = self.device.borrow();
        for (at, byte) in (alias..).zip(into) {
            *byte = device.get(&at).copied().unwrap_or(0xee);
        }
        Ok(())
    }

    fn write_device(&self, alias: u64, bytes: &[u8], _: Hint) -> Result<(), BusFault> {
        let bytes = (alias..).zip(bytes.iter().copied());
        self.device.borrow_mut().extend(bytes);
        Ok(())
    }

    fn locked(&self, alias: u64, _: u8, _: LockedOp) -> Result<Locked, BusFault> {
        let address = VirtAddr(alias);
        Err(BusFault { address })
    }

    fn read_memory(&self, address: VirtAddr, _: &mut [u8]) -> Result<(), BusFault> {
        Err(BusFault { address })
    }

    fn write_memory(&self, address: VirtAddr, _: &[u8]) -> Result<(), BusFault> {
        Err(BusFault { address })
    }

    fn prepare_write(&self, address: VirtAddr, _: usize) -> Result<(), BusFault> {
        Err(BusFault { address })
    }

    fn set_armed(&self, _: &Region, _: VirtAddr, _: u64, _: bool) -> bool {
        true
    }

    fn allows(&self, _: &Fault) -> bool {
        false
    }

    fn relax(&self, _: u32) {
        panic!("one CPU waits for nobody");
    }

    fn stepping(&self) -> Option<&dyn Stepping<Registry>> {
        Some(self)
    }

    fn point(&self, point: Point) {
        if point != Point::Device {
            return;
        }
        if let Some(engine) = self.nmi.take() {
            let before = self.code.replace(vec![0x8a, 0x07]);
            assert_eq!(step(engine, self, START + 0x80, 0), 0xee);
            self.code.replace(before);
        }
    }
}

impl Stepping<Registry> for Cpu {
    /// The code that faults sees the same memory.
    fn copies(&self) -> bool {
        true
    }

    fn begin(&self, _: &mut Registry) -> bool {
        true
    }

    fn end(&self, _: &mut Registry) {}
}

fn engine() -> &'static Engine<'static, ()> {
    let words = GEOMETRY.words().unwrap();
    let memory: Vec<AtomicU64> = (0..words).map(|_| AtomicU64::new(0)).collect();
    let channel = Channel::create(memory.leak(), GEOMETRY, Options::default()).unwrap();
    Box::leak(Box::new(Engine::new::<Cpu>(
        channel,
        &Config::default(),
        || (),
    )))
}

fn attach(engine: &Engine<'static, ()>, cpu: &Cpu, id: i32, alias: u64) -> RegionId {
    let region = Region {
        start: VirtAddr(START),
        len: PAGE,
        alias,
        phys: PhysAddr(PHYS),
        map_id: MapId(id),
        tag: 0,
    };
    let mapping = Mapping {
        id: MapId(id),
        phys: region.phys,
        virt: region.start,
        len: PAGE,
    };
    engine.attach(cpu, &region, &mapping).unwrap()
}

/// One fault with `rdi` at `address` and `rax`; gives `rax` afterwards.
fn step(engine: &Engine<'static, ()>, cpu: &Cpu, address: u64, rax: u64) -> u64 {
    let mut registers = Registers::default();
    (registers.gpr[7], registers.gpr[0], registers.rip) = (address, rax, PC);
    let mut frame = Registry(registers);
    let fault = Fault {
        address: VirtAddr(address),
        write: false,
    };
    let claim = engine.on_page_fault(cpu, &mut frame, fault);
    assert_eq!(claim, Claim::Handled);
    assert!(frame.0.rip > PC);
    frame.0.gpr[0]
}

/// All accesses that were recorded, by their numbers.
fn accesses(engine: &Engine<'static, ()>) -> Vec<(Access, Order, u32)> {
    let mut all = BTreeMap::new();
    for ring in 0..GEOMETRY.rings {
        let mut buf = EntryBuf::default();
        let empty = engine.channel().pop_all(ring, &mut buf, 1000, |entry| {
            if let Body::Access { access, order, .. } = entry.body {
                assert!(all.insert(entry.stamp.seq, (access, order, ring)).is_none());
            }
        });
        assert!(empty);
    }
    all.into_values().collect()
}

fn words(accesses: &[(Access, Order, u32)]) -> Vec<(AccessKind, u8, u64, i32, u64)> {
    let word = |(access, _, _): &(Access, Order, u32)| {
        let value = access.value.unwrap().to_u64().unwrap();
        (
            access.kind,
            access.width.bytes(),
            access.phys.0,
            access.map_id.0,
            value,
        )
    };
    accesses.iter().map(word).collect()
}

use AccessKind::{Read, Write};

#[test]
fn the_second_time_is_as_the_first() {
    let (cpu, engine) = (Cpu::new(), engine());
    attach(engine, &cpu, 1, ALIAS);
    for round in 0..3 {
        cpu.code.replace(vec![0x89, 0x47, 0x04]); // mov [rdi+4], eax
        for n in 0..3 {
            step(engine, &cpu, START + n * 8, 0x1_0000_0000 + round * 16 + n);
        }
    }
    let expected: Vec<_> = (0..3)
        .flat_map(|round| (0..3).map(move |n| (Write, 4, PHYS + n * 8 + 4, 1, round * 16 + n)))
        .collect();
    assert_eq!(words(&accesses(engine)), expected);
    // One of nine was new.
    assert_eq!(engine.counts().faults, 9);
    assert_eq!(engine.channel().lost(), 0);
}

#[test]
fn patched_code_is_noticed() {
    let (cpu, engine) = (Cpu::new(), engine());
    attach(engine, &cpu, 1, ALIAS);
    cpu.code.replace(vec![0x89, 0x07]); // mov [rdi], eax
    step(engine, &cpu, START, 0x1122_3344);
    step(engine, &cpu, START, 0x1122_3344);
    cpu.code.replace(vec![0x88, 0x27]); // mov [rdi], ah
    step(engine, &cpu, START, 0xaabb_ccdd);
    step(engine, &cpu, START, 0xaabb_cedd);
    cpu.code.replace(vec![0x0f, 0xbe, 0x07]); // movsx eax, byte [rdi]
    assert_eq!(step(engine, &cpu, START, u64::MAX), 0xffff_ffce);
    assert_eq!(step(engine, &cpu, START, u64::MAX), 0xffff_ffce);
    let expected = [
        (Write, 4, PHYS, 1, 0x1122_3344),
        (Write, 4, PHYS, 1, 0x1122_3344),
        (Write, 1, PHYS, 1, 0xcc),
        (Write, 1, PHYS, 1, 0xce),
        (Read, 1, PHYS, 1, 0xce),
        (Read, 1, PHYS, 1, 0xce),
    ];
    assert_eq!(words(&accesses(engine)), expected);
}

#[test]
fn a_region_that_went_is_forgotten() {
    let (cpu, engine) = (Cpu::new(), engine());
    cpu.code.replace(vec![0x89, 0x07]);
    let first = attach(engine, &cpu, 1, ALIAS);
    step(engine, &cpu, START, 1);
    step(engine, &cpu, START, 2);
    engine.detach(&cpu, first).unwrap();
    assert!(cpu.quiesced.get() >= 2);
    let mut frame = Registry(Registers::default().with(mmiotrace_decode::Gpr::Rdi, START));
    frame.0.rip = PC;
    let fault = Fault {
        address: VirtAddr(START),
        write: true,
    };
    assert_eq!(
        engine.on_page_fault(&cpu, &mut frame, fault),
        Claim::NotOurs
    );
    assert_eq!(frame.0.rip, PC);
    attach(engine, &cpu, 2, ALIAS + 0x10_0000);
    step(engine, &cpu, START, 3);
    step(engine, &cpu, START, 4);
    let expected = [
        (Write, 4, PHYS, 1, 1),
        (Write, 4, PHYS, 1, 2),
        (Write, 4, PHYS, 2, 3),
        (Write, 4, PHYS, 2, 4),
    ];
    assert_eq!(words(&accesses(engine)), expected);
    assert_eq!(cpu.device.borrow().get(&ALIAS), Some(&2));
    assert_eq!(cpu.device.borrow().get(&(ALIAS + 0x10_0000)), Some(&4));
}

#[test]
fn an_nmi_in_the_middle_of_an_access_disturbs_nothing() {
    let (cpu, engine) = (Cpu::new(), engine());
    attach(engine, &cpu, 1, ALIAS);
    cpu.code.replace(vec![0x89, 0x07]);
    for n in 1..=4 {
        cpu.nmi.set((n > 1).then_some(engine));
        step(engine, &cpu, START, n);
    }
    let all = accesses(engine);
    let own: Vec<_> = all
        .iter()
        .filter(|(access, ..)| access.kind == Write)
        .copied()
        .collect();
    let expected: Vec<_> = (1..=4).map(|n| (Write, 4, PHYS, 1, n)).collect();
    assert_eq!(words(&own), expected);
    let nmis: Vec<_> = all
        .iter()
        .filter(|(access, ..)| access.kind == Read)
        .collect();
    assert_eq!(nmis.len(), 3);
    for (access, order, ring) in nmis {
        assert_eq!(access.phys, PhysAddr(PHYS + 0x80));
        assert_eq!(*order, Order::Unordered);
        assert_eq!(*ring, GEOMETRY.contexts, "the ring that is nobody's");
    }
    assert!(
        own.iter()
            .all(|(_, order, ring)| *order == Order::Total && *ring == 1)
    );
}

#[test]
fn a_full_ring_counts_and_a_closed_channel_is_silent() {
    let (cpu, engine) = (Cpu::new(), engine());
    attach(engine, &cpu, 1, ALIAS);
    cpu.code.replace(vec![0x89, 0x07]);
    for n in 0..u64::from(GEOMETRY.slots) + 100 {
        step(engine, &cpu, START, n);
    }
    let kept = accesses(engine).len();
    assert!(kept < usize::try_from(GEOMETRY.slots).unwrap());
    let all = u64::from(GEOMETRY.slots) + 100;
    assert_eq!(u64::try_from(kept).unwrap() + engine.channel().lost(), all);
    engine.channel().close();
    step(engine, &cpu, START, 0x77);
    assert!(accesses(engine).is_empty());
    assert_eq!(cpu.device.borrow().get(&ALIAS), Some(&0x77));
}

/// One instruction that is stepped on a copy, which `run` does in the CPU's place.
#[expect(unsafe_code, reason = "the CPU reads and writes by address")]
fn stepped(engine: &Engine<'static, ()>, cpu: &Cpu, code: &[u8], run: impl FnOnce(&mut [u8])) {
    cpu.code.replace(code.to_vec());
    let address = START + 0x30;
    let mut frame = Registry(Registers::default().with(mmiotrace_decode::Gpr::Rdi, address));
    frame.0.rip = PC;
    let fault = Fault {
        address: VirtAddr(address),
        write: false,
    };
    assert_eq!(engine.on_page_fault(cpu, &mut frame, fault), Claim::Handled);
    let copy = frame.0.gpr[7];
    assert_ne!(copy, address);
    assert_eq!(copy % 64, address % 64);
    let copy = usize::try_from(copy).unwrap() as *mut u8;
    // SAFETY: the engine's own memory, at least 64 bytes of it, until the debug trap.
    run(unsafe { core::slice::from_raw_parts_mut(copy, 16) });
    frame.0.rip = PC + code.len() as u64;
    assert_eq!(engine.on_debug_trap(cpu, &mut frame), Claim::Handled);
    assert_eq!(frame.0.gpr[7], address);
}

#[test]
fn what_is_stepped_on_a_copy_tells_its_values() {
    let (cpu, engine) = (Cpu::new(), engine());
    attach(engine, &cpu, 1, ALIAS);
    let stored: Vec<u8> = (1..=16).collect();
    // movdqu [rdi], xmm0
    stepped(engine, &cpu, &[0xf3, 0x0f, 0x7f, 0x07], |copy| {
        copy.copy_from_slice(&stored)
    });
    // movdqu xmm0, [rdi]
    stepped(engine, &cpu, &[0xf3, 0x0f, 0x6f, 0x07], |copy| {
        assert_eq!(copy, stored)
    });
    // paddd xmm0, [rdi]
    stepped(engine, &cpu, &[0x66, 0x0f, 0xfe, 0x07], |copy| {
        assert_eq!(copy, stored)
    });
    // fstp qword [rdi]
    stepped(engine, &cpu, &[0xdd, 0x1f], |copy| copy[..8].fill(9));
    let told: Vec<_> = accesses(engine)
        .into_iter()
        .map(|(access, order, _)| {
            assert_eq!((access.phys, order), (PhysAddr(PHYS + 0x30), Order::Total));
            (access.kind, access.value.unwrap().as_le_bytes().to_vec())
        })
        .collect();
    let expected = [
        (Write, stored.clone()),
        (Read, stored.clone()),
        (Read, stored),
        (Write, vec![9; 8]),
    ];
    assert_eq!(told, expected);
    assert_eq!(cpu.device.borrow().get(&(ALIAS + 0x37)), Some(&9));
    // Behind what the last one stored.
    assert_eq!(cpu.device.borrow().get(&(ALIAS + 0x38)), Some(&9));
}
