//! What the C side calls: `engine.h` in Rust.
#![expect(unsafe_code, reason = "pointers from C")]

use crate::abi::{self, Errno, Start, Words};
use crate::frame::PtRegs;
use crate::mappings::Asked;
use crate::platform::Kernel;
use crate::state::{self, Live};
use crate::{capture, describe, shim};
use core::ffi::c_void;
use core::sync::atomic::Ordering;
use mmiotrace_core::VirtAddr;
use mmiotrace_kmod::{Claim, Fault};

#[unsafe(no_mangle)]
extern "C" fn mmiotrace_engine_init(cpus: u32) -> i32 {
    state::with(|state, _, _| state.cpus = cpus);
    0
}

#[unsafe(no_mangle)]
extern "C" fn mmiotrace_engine_exit() {
    // An error says that no capture runs.
    let _ = capture::stop();
    state::clear();
}

/// # Safety
/// `regs` are those of the code that faulted, and this CPU's alone. `cpu` is its number, `thread` that of
/// its current task.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmiotrace_engine_fault(regs: *mut PtRegs, address: u64, cpu: u32, thread: i32) -> i32 {
    // SAFETY: the caller's promise.
    let Some(frame) = (unsafe { regs.as_mut() }) else { return 0 };
    let claim = state::in_fault(|live| {
        // The kernel's handler does not say whether it was a write, and that is not needed: all that is
        // traced is mapped writable.
        let fault = Fault { address: VirtAddr(address), write: false };
        let claim = live.engine.on_page_fault(&Kernel::in_fault(cpu, thread), frame, fault);
        look_after_blind(live);
        claim
    });
    i32::from(claim == Some(Claim::Handled))
}

/// Has the pages that were opened armed again after a while.
#[inline(always)]
fn look_after_blind(live: &Live) {
    let blind = live.engine.opened();
    if live.blind_seen.load(Ordering::Relaxed) != blind {
        live.blind_seen.store(blind, Ordering::Relaxed);
        shim::schedule(10);
    }
}

/// # Safety
/// As for a fault.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmiotrace_engine_debug_trap(regs: *mut PtRegs, cpu: u32, thread: i32) -> i32 {
    // SAFETY: the caller's promise.
    let Some(frame) = (unsafe { regs.as_mut() }) else { return 0 };
    let claim = state::in_fault(|live| live.engine.on_debug_trap(&Kernel::in_fault(cpu, thread), frame));
    i32::from(claim == Some(Claim::Handled))
}

#[unsafe(no_mangle)]
extern "C" fn mmiotrace_engine_map(phys: u64, len: u64, virt: u64) {
    state::with(|state, live, lock| {
        if let Some(live) = live {
            state.mappings.made(live, &Asked { phys, virt, len }, lock);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn mmiotrace_engine_unmap(virt: u64) {
    state::with(|state, live, lock| {
        if let Some(live) = live {
            state.mappings.ending(live, virt, lock);
        }
    });
}

/// # Safety
/// `parameters` is valid for `WORDS` words, of which `len` bytes came from the caller.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmiotrace_engine_control(command: u32, parameters: *mut Words, _len: usize, file: u64) -> i32 {
    // SAFETY: the caller's promise.
    let Some(words) = (unsafe { parameters.as_mut() }) else { return Errno::BadAddress.to_result() };
    match control(command, words, file) {
        Ok(()) => 0,
        Err(errno) => errno.to_result(),
    }
}

fn control(command: u32, words: &mut Words, file: u64) -> Result<(), Errno> {
    match command {
        abi::VERSION => {
            let channel = u32::try_from(mmiotrace_kmod::ABI_VERSION).unwrap_or(u32::MAX);
            words[0] = abi::join(abi::ABI, channel);
        }
        abi::START => words[2] = capture::start(file, Start::from_words(words))?,
        abi::RESUME => words[2] = capture::resume(file)?,
        abi::STOP => capture::stop()?,
        abi::FILTER => only_recorder(file, |state, _| {
            state.mappings.add_filter(words[0], words[1])
        })?,
        abi::ARM => {
            let asked = Asked { virt: words[0], len: words[1], phys: words[2] };
            state::with(|state, live, lock| {
                let live = live.filter(|_| state.recorder == Some(file)).ok_or(Errno::NotPermitted)?;
                let is_there = state.mappings.arm(live, &asked, lock);
                if is_there { Ok(()) } else { Err(Errno::NotFound) }
            })?;
        }
        abi::STATE => state::with(|state, live, _| {
            let regions = u32::try_from(state.mappings.len()).unwrap_or(u32::MAX);
            words[0] = abi::join(u32::from(live.is_some()), regions);
            words[1] = abi::join(state.mappings.refused, u32::from(state.recorder.is_some()));
            let channel = live.map(|live| live.engine.channel());
            (words[2], words[3]) = channel.map_or(state.last, |channel| (channel.sequence(), channel.lost()));
        }),
        _ => return Err(Errno::NotTyped),
    }
    Ok(())
}

fn only_recorder(file: u64, f: impl FnOnce(&mut state::State, &Live) -> Result<(), Errno>) -> Result<(), Errno> {
    state::with(|state, live, _| {
        let live = live.filter(|_| state.recorder == Some(file)).ok_or(Errno::NotPermitted)?;
        f(state, live)
    })
}

/// # Safety
/// `text` is valid for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmiotrace_engine_marker(text: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's promise.
    let text = unsafe { core::slice::from_raw_parts(text, len) };
    let written = state::with(|_, live, _| live.map(|live| live.engine.marker(&live.task(), text)).is_some());
    if written { 0 } else { Errno::NoData.to_result() }
}

/// # Safety
/// `text` is valid for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmiotrace_engine_describe(text: *mut u8, len: usize) -> usize {
    // SAFETY: the caller's promise.
    describe::describe(unsafe { core::slice::from_raw_parts_mut(text, len) })
}

/// # Safety
/// `area` is a mapping of the device that is being made.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmiotrace_engine_mmap(file: u64, area: *mut c_void) -> i32 {
    state::with(|state, _, lock| {
        let memory = state.memory.as_ref().filter(|_| state.recorder == Some(file));
        memory.map_or(Errno::NoDevice.to_result(), |memory| {
            // SAFETY: the caller's promise, and memory that is not freed while the mutex is held.
            unsafe { shim::map_shared(area, memory.address(), lock) }
        })
    })
}

#[unsafe(no_mangle)]
extern "C" fn mmiotrace_engine_release(file: u64) {
    capture::release(file);
}

#[unsafe(no_mangle)]
extern "C" fn mmiotrace_engine_pending() -> i32 {
    state::with(|state, live, _| match live {
        Some(live) => i32::from(live.engine.channel().fullest() > 0),
        // The end of the capture is worth a look too.
        None => i32::from(state.memory.is_some()),
    })
}

#[unsafe(no_mangle)]
extern "C" fn mmiotrace_engine_work() {
    capture::work();
}
