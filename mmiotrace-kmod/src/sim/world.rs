//! Memory, devices, and the clock of the simulated machine.

use super::{Program, SimCpu, Verdict};
use crate::sim::program::Task;
use crate::{Channel, Config, Engine, Geometry, Options, PAGE, Region};
use core::sync::atomic::{AtomicU64, Ordering};
use mmiotrace_core::{AccessKind, Mapping, PhysAddr, VirtAddr};
use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

/// How far the alias of a device lies above it.
pub(super) const ALIAS: u64 = 1 << 40;
/// How far its physical address does.
const PHYS: u64 = 1 << 32;

const GEOMETRY: Geometry = Geometry {
    contexts: 16,
    rings: 2,
    slots: 128,
};

/// What a device does with accesses.
pub trait Model: Send {
    /// It is read at `offset`.
    fn read(&mut self, offset: u64, into: &mut [u8]);
    /// It is written.
    fn write(&mut self, offset: u64, bytes: &[u8]);
}

/// A device that is plain memory.
#[derive(Debug, Default)]
pub struct Ram {
    bytes: BTreeMap<u64, u8>,
}

impl Model for Ram {
    fn read(&mut self, offset: u64, into: &mut [u8]) {
        for (at, byte) in (offset..).zip(into) {
            *byte = self.bytes.get(&at).copied().unwrap_or(0);
        }
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.bytes.extend((offset..).zip(bytes.iter().copied()));
    }
}

/// What is wrong with a machine, so that tests can see whether the search finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bug {
    /// A device is read twice for one access.
    ReadsTwice,
    /// A page is there for all CPUs while the engine makes an access, as with a tracer that opens it for
    /// one instruction.
    OpensThePage,
}

/// One access as a device saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) cpu: u32,
    pub(super) kind: AccessKind,
    pub(super) phys: u64,
    pub(super) bytes: Vec<u8>,
    /// Whether the engine made it, on the alias.
    pub(super) by_engine: bool,
    /// Where the engine did not make it: whether its page had been opened for that.
    pub(super) was_open: bool,
}

pub(super) struct Device {
    pub(super) region: Region,
    model: Box<dyn Model>,
    pub(super) gone: bool,
}

pub(super) struct State {
    pub(super) memory: BTreeMap<u64, u8>,
    pub(super) devices: Vec<Device>,
    /// Pages that are not present.
    pub(super) armed: BTreeSet<u64>,
    /// Pages of traced regions that the engine has opened.
    pub(super) opened: BTreeSet<u64>,
    pub(super) log: Vec<Seen>,
    pub(super) clock: u64,
    pub(super) bug: Option<Bug>,
    /// Code that can be executed and not read.
    pub(super) unreadable: BTreeSet<u64>,
    next_code: u64,
}

impl State {
    pub(super) fn device(&mut self, alias_or_own: u64) -> Option<(&mut Device, u64)> {
        self.devices.iter_mut().find_map(|device| {
            let own = alias_or_own & !ALIAS;
            let inside = device.region.contains(VirtAddr(own), 1);
            let offset = device.region.offset(VirtAddr(own));
            inside.then_some((device, offset))
        })
    }

    /// One access of a device; `None` where it does not answer.
    pub(super) fn access(
        &mut self,
        cpu: u32,
        address: u64,
        kind: AccessKind,
        bytes: &mut [u8],
    ) -> Option<()> {
        let page = address & !ALIAS & !(PAGE - 1);
        let was_open = self.opened.contains(&page);
        let (device, offset) = self.device(address)?;
        if device.gone {
            return None;
        }
        match kind {
            AccessKind::Read => device.model.read(offset, bytes),
            AccessKind::Write => device.model.write(offset, bytes),
        }
        let phys = device.region.phys.0 + offset;
        self.log.push(Seen {
            cpu,
            kind,
            phys,
            bytes: bytes.to_vec(),
            by_engine: address & ALIAS != 0,
            was_open,
        });
        Some(())
    }
}

pub(super) struct Machine {
    pub(super) state: Mutex<State>,
    pub(super) engine: Engine<'static, ()>,
    memory: &'static [AtomicU64],
}

impl Machine {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Channels' memory that is free, to be used again: thousands of worlds are made.
static FREE: Mutex<Vec<&'static [AtomicU64]>> = Mutex::new(Vec::new());

impl Drop for Machine {
    fn drop(&mut self) {
        for word in self.memory {
            word.store(0, Ordering::Relaxed);
        }
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(self.memory);
    }
}

fn channel_memory(geometry: Geometry) -> &'static [AtomicU64] {
    let words = geometry.words().unwrap_or(0);
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = free.iter().position(|memory| memory.len() == words) {
        return free.swap_remove(at);
    }
    let memory: Vec<AtomicU64> = (0..words).map(|_| AtomicU64::new(0)).collect();
    Box::leak(memory.into_boxed_slice())
}

/// A machine with its engine.
#[derive(Clone)]
pub struct World(pub(super) Arc<Machine>);

impl core::fmt::Debug for World {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A machine without devices, whose engine has the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::with_options(Options::default())
    }

    /// A machine whose engine has these options.
    ///
    /// # Panics
    /// Never: the sizes of its channel are valid.
    #[must_use]
    pub fn with_options(options: Options) -> Self {
        let memory = channel_memory(GEOMETRY);
        let channel = Channel::create(memory, GEOMETRY, options).expect("valid sizes");
        let config = Config {
            regions: 4,
            lanes: 6,
            cache_entries: 0,
            string_elements: 4,
        };
        Self(Arc::new(Machine {
            state: Mutex::new(State {
                memory: BTreeMap::new(),
                devices: Vec::new(),
                armed: BTreeSet::new(),
                opened: BTreeSet::new(),
                log: Vec::new(),
                clock: 0,
                bug: None,
                unreadable: BTreeSet::new(),
                next_code: 0x40_0000,
            }),
            engine: Engine::new::<SimCpu>(channel, &config, || ()),
            memory,
        }))
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine<'static, ()> {
        &self.0.engine
    }

    /// Adds a device of plain memory at `start` and traces it. Gives `start`.
    #[must_use]
    pub fn add_device(&self, start: u64, pages: u64) -> u64 {
        self.add_model(start, pages, Ram::default());
        let _ = self.attach(start);
        start
    }

    /// Adds a device that is not traced yet.
    pub fn add_model(&self, start: u64, pages: u64, model: impl Model + 'static) {
        let region = Region {
            start: VirtAddr(start),
            len: pages * PAGE,
            alias: start | ALIAS,
            phys: PhysAddr(start + PHYS),
            map_id: self.0.engine.channel().next_map_id(),
            tag: 0,
        };
        self.0.lock().devices.push(Device {
            region,
            model: Box::new(model),
            gone: false,
        });
    }

    /// Traces the device at `start`.
    ///
    /// # Errors
    /// What the engine says.
    pub fn attach(&self, start: u64) -> Result<crate::RegionId, crate::AttachError> {
        attach(&self.0, &SimCpu::outside(&self.0), start)
    }

    /// Puts a bug into the machine.
    pub fn plant(&self, bug: Bug) {
        self.0.lock().bug = Some(bug);
    }

    /// Takes the device at `start` out of the machine.
    pub fn remove_device(&self, start: u64) {
        if let Some((device, _)) = self.0.lock().device(start) {
            device.gone = true;
        }
    }

    /// Writes memory.
    pub fn poke(&self, address: u64, bytes: &[u8]) {
        let mut state = self.0.lock();
        state.memory.extend((address..).zip(bytes.iter().copied()));
    }

    /// Makes code unreadable, so that the engine cannot carry it out.
    pub fn hide(&self, address: u64) {
        self.0.lock().unreadable.insert(address);
    }

    /// A program that a CPU runs.
    #[must_use]
    pub fn cpu(&self, cpu: u32) -> Program {
        Program::new(self.clone(), cpu, Task::Code)
    }

    /// A task that traces the device at `start`.
    #[must_use]
    pub fn attacher(&self, start: u64) -> Program {
        Program::new(self.clone(), 100, Task::Attach(start))
    }

    /// A task that ends the tracing of the device at `start`.
    #[must_use]
    pub fn detacher(&self, start: u64) -> Program {
        Program::new(self.clone(), 101, Task::Detach(start))
    }

    /// A task that waits until the blind pages are due and arms them again.
    #[must_use]
    pub fn rearmer(&self) -> Program {
        Program::new(self.clone(), 102, Task::Rearm)
    }

    /// Compares what the devices saw with what the engine recorded.
    ///
    /// # Panics
    /// Where an access is missing or invented, or out of order, and nothing says so.
    #[must_use]
    pub fn judge(&self) -> Verdict {
        super::judge::judge(&self.0)
    }

    pub(super) fn place_code(&self, code: &[u8]) -> u64 {
        let mut state = self.0.lock();
        let at = state.next_code;
        state.next_code += 0x100;
        state.memory.extend((at..).zip(code.iter().copied()));
        at
    }
}

pub(super) fn attach(
    machine: &Machine,
    platform: &SimCpu,
    start: u64,
) -> Result<crate::RegionId, crate::AttachError> {
    let region = machine
        .lock()
        .device(start)
        .map(|(device, _)| device.region);
    let region = region.ok_or(crate::RegionError::NotFound)?;
    let mapping = Mapping {
        id: region.map_id,
        phys: region.phys,
        virt: region.start,
        len: region.len,
    };
    machine.engine.attach(platform, &region, &mapping)
}
