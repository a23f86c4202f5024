//! A capture, from its beginning to its end.
#![expect(unsafe_code, reason = "the channel borrows memory that lives longer than the engine")]

use crate::abi::{Errno, Start};
use crate::platform::Kernel;
use crate::shim;
use crate::state::{self, Live, SharedMemory, State};
use alloc::boxed::Box;
use core::sync::atomic::AtomicU64;
use mmiotrace_kmod::{Channel, Config, DeviceOrder, Engine, Geometry, OnFull, Options};

/// How many mappings can be traced at a time.
const REGIONS: u32 = 1024;
/// Elements of a string instruction in one fault: interrupts are off meanwhile.
const STRING_ELEMENTS: u32 = 64;

/// Begins a capture for the recorder that has opened `file`; gives the size of the channel.
pub(crate) fn start(file: u64, start: Start) -> Result<u64, Errno> {
    shim::controlling(|| {
        let (live, memory) = state::with(|state, _, _| prepare(state, &start))?;
        let bytes = memory.bytes();
        state::publish(Box::new(live));
        let error = shim::hooks_install();
        if error != 0 {
            // The memory after the engine.
            drop(state::withdraw());
            return Err(Errno::Busy);
        }
        state::with(|state, _, _| {
            state.memory = Some(memory);
            state.running = Some(start);
            state.recorder = Some(file);
            state.deadline = None;
            state.mappings.refused = 0;
        });
        u64::try_from(bytes).map_err(|_| Errno::Invalid)
    })
}

fn prepare(state: &mut State, start: &Start) -> Result<(Live, SharedMemory), Errno> {
    if state.running.is_some() {
        return Err(Errno::Busy);
    }
    let cpus = state.cpus;
    let contexts = Kernel::contexts(cpus);
    let geometry = Geometry { contexts, rings: contexts + 1, slots: start.slots };
    let bytes = geometry.bytes().and_then(|bytes| usize::try_from(bytes).ok()).ok_or(Errno::Invalid)?;
    let bytes = bytes.checked_next_multiple_of(4096).ok_or(Errno::Invalid)?;
    // That of the capture before, which its recorder did not want.
    state.memory = None;
    let memory = SharedMemory::new(bytes).ok_or(Errno::NoMemory)?;
    // SAFETY: the engine that uses the words is withdrawn before the memory is dropped: `stop` and
    // the failure in `start` see to it.
    let words = unsafe { memory.words() };
    let mut options = Options::default();
    options.order = if start.interval { DeviceOrder::Interval } else { DeviceOrder::Total };
    // A fault never waits.
    options.on_full = OnFull::Drop;
    options.no_pc = start.no_pc;
    let channel = Channel::create(words, geometry, options).map_err(|_| Errno::Invalid)?;
    let config = Config {
        regions: REGIONS,
        // One for each CPU, for an NMI on it, and for a step that an NMI interrupts.
        lanes: cpus * 3,
        string_elements: STRING_ELEMENTS,
        ..Config::default()
    };
    let live = Live {
        engine: Engine::new::<Kernel>(channel, &config, || ()),
        cpus,
        step_flags: Kernel::step_flags(cpus),
        blind_seen: AtomicU64::new(0),
    };
    Ok((live, memory))
}

/// Ends the capture, if one runs. What it has recorded stays until a recorder has written it and closed
/// its file, or the module goes, or another capture begins.
pub(crate) fn stop() -> Result<(), Errno> {
    shim::controlling(|| {
        if !state::with(|_, live, _| live.map(|live| live.engine.channel().close()).is_some()) {
            return Err(Errno::NoData);
        }
        // Not under the mutex: it waits for those who are on their way to it.
        shim::hooks_stop_maps();
        state::with(|state, live, lock| {
            if let Some(live) = live {
                state.mappings.release_all(live, lock);
                state.last = (live.engine.channel().sequence(), live.engine.channel().lost());
            }
            state.mappings = Default::default();
        });
        shim::hooks_remove();
        state::with(|state, _, _| state.running = None);
        drop(state::withdraw());
        state::with(|state, _, _| {
            // If no recorder came back in time, what was recorded until then may still be wanted.
            if state.recorder.is_none() && !state.memory.as_ref().is_some_and(has_unwritten) {
                state.memory = None;
            }
        });
        Ok(())
    })
}

/// Makes `file` the recorder of a capture that has none.
pub(crate) fn resume(file: u64) -> Result<u64, Errno> {
    state::with(|state, _, _| {
        let memory = state.memory.as_ref().ok_or(Errno::NoData)?;
        if state.recorder.is_some() {
            return Err(Errno::Busy);
        }
        state.recorder = Some(file);
        state.deadline = None;
        u64::try_from(memory.bytes()).map_err(|_| Errno::Invalid)
    })
}

/// Whether a recorder that keeps account of what it has written has not written everything: then
/// another one may.
fn has_unwritten(memory: &SharedMemory) -> bool {
    // SAFETY: not used beyond this function; the memory is borrowed.
    let channel = Channel::open(unsafe { memory.words() });
    channel.is_ok_and(|channel| channel.written().is_some_and(|written| written.next < channel.sequence()))
}

/// The file was closed, by its recorder or because that died.
pub(crate) fn release(file: u64) {
    state::with(|state, _, _| {
        if state.recorder != Some(file) {
            return;
        }
        state.recorder = None;
        match state.running {
            None if state.memory.as_ref().is_some_and(has_unwritten) => {}
            None => state.memory = None,
            Some(Start { death_timeout_ms: Some(timeout), .. }) => {
                state.deadline = Some(shim::now() + u64::from(timeout) * 1_000_000);
                shim::schedule(timeout);
            }
            Some(_) => {}
        }
    });
}

/// What has to be done from time to time: pages that were opened are armed again, and a capture
/// whose recorder does not come back ends.
pub(crate) fn work() {
    let waiting = state::with(|_, live, _| live.map_or(0, |live| live.engine.rearm(&live.task())));
    if waiting > 0 {
        shim::schedule(10);
    }
    let deadline = state::with(|state, live, _| live.and(state.deadline));
    if let Some(deadline) = deadline {
        let now = shim::now();
        if now >= deadline {
            shim::log("no recorder came back: the capture ends");
            // It may have ended meanwhile.
            let _ = stop();
        } else if waiting == 0 {
            shim::schedule(u32::try_from((deadline - now) / 1_000_000 + 1).unwrap_or(1000));
        }
    }
}
