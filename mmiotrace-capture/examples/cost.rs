//! What a traced access costs, beside what it cannot cost less than: prints nanoseconds and ratios,
//! all measured in this run, one after the other and several times over.
//!
//! ```text
//! cargo run --release -p mmiotrace-capture --example cost
//! ```
#![allow(unsafe_code, reason = "signal handlers and device memory")]

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use mmiotrace_capture::process::{Area, Options, Process, doc_example_device, map_shared};
use mmiotrace_core::{Blind, CaptureBackend, DrainState, Event, EventSink, Loss, Marker};
use std::time::Instant;

const ACCESSES: u32 = 100_000;
const ROUNDS: usize = 7;
const PAGE: usize = 4096;

/// Counts, as a recorder that is never slow.
#[derive(Default)]
struct Count(u64);

impl EventSink for Count {
    fn event(&mut self, event: &Event) {
        self.0 += u64::from(event.as_access().is_some());
    }
    fn marker(&mut self, _: &Marker<'_>) {}
    fn lost(&mut self, loss: &Loss) {
        panic!("lost {}", loss.count);
    }
    fn blind(&mut self, _: &Blind) {}
    fn line(&mut self, _: &[u8]) {}
}

static PAGE_AT: AtomicU64 = AtomicU64::new(0);

/// `mov [rdi], eax`, two bytes long.
fn store(at: *mut u8) {
    // SAFETY: device memory, or memory whose fault is handled.
    unsafe { asm!("mov dword ptr [rdi], eax", in("rdi") at, in("eax") 7) };
}

fn per_access(at: *mut u8) -> f64 {
    let begin = Instant::now();
    for _ in 0..ACCESSES {
        store(at);
    }
    begin.elapsed().as_nanos() as f64 / f64::from(ACCESSES)
}

fn install(signal: c_int, handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void)) {
    // SAFETY: an action of ours, with a handler that is fit for it.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        libc::sigaction(signal, &raw const action, core::ptr::null_mut());
    }
}

extern "C" fn skip(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the frame of this handler.
    unsafe { (*context.cast::<ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] += 2 };
}

const TRAP: i64 = 0x100;

extern "C" fn open(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the frame of this handler, and the page that is measured.
    unsafe {
        let page = PAGE_AT.load(Ordering::Relaxed) as *mut c_void;
        libc::mprotect(page, PAGE, libc::PROT_READ | libc::PROT_WRITE);
        (*context.cast::<ucontext_t>()).uc_mcontext.gregs[libc::REG_EFL as usize] |= TRAP;
    }
}

extern "C" fn close(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: as above.
    unsafe {
        let page = PAGE_AT.load(Ordering::Relaxed) as *mut c_void;
        libc::mprotect(page, PAGE, libc::PROT_NONE);
        (*context.cast::<ucontext_t>()).uc_mcontext.gregs[libc::REG_EFL as usize] &= !TRAP;
    }
}

fn protect(at: *mut u8, protection: c_int) {
    // SAFETY: the page that is measured.
    unsafe { libc::mprotect(at.cast(), PAGE, protection) };
}

fn engine(at: *mut u8) -> Result<f64, Box<dyn core::error::Error>> {
    let mut capture = Process::new(Options::new());
    capture.start()?;
    // SAFETY: the mapping outlives the region, and is accessed by pointers only.
    let region = unsafe { capture.tracer()?.attach(&Area::new(at, PAGE))? };
    let mut count = Count::default();
    let at = at as usize;
    let worker = std::thread::spawn(move || per_access(at as *mut u8));
    while !worker.is_finished() {
        if capture.drain(&mut count)?.records == 0 {
            std::thread::sleep(core::time::Duration::from_millis(1));
        }
    }
    let nanos = worker.join().map_err(|_| "the worker panicked")?;
    region.detach();
    let _ = capture.stop()?;
    while capture.drain(&mut count)?.state != DrainState::Ended {}
    assert_eq!(count.0, u64::from(ACCESSES), "every access is an event");
    Ok(nanos)
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let device = map_shared(&doc_example_device(), 0, PAGE)?;
    let at = device.as_ptr();
    PAGE_AT.store(at as u64, Ordering::Relaxed);
    let mut best = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        let untraced = per_access(at);
        protect(at, libc::PROT_NONE);
        install(libc::SIGSEGV, skip);
        let empty = per_access(at);
        install(libc::SIGSEGV, open);
        install(libc::SIGTRAP, close);
        let classic = per_access(at);
        protect(at, libc::PROT_READ | libc::PROT_WRITE);
        let engine = engine(at)?;
        for (best, now) in best.iter_mut().zip([untraced, empty, engine, classic]) {
            *best = best.min(now);
        }
    }
    let [_, empty, ..] = best;
    let names = [
        "untraced",
        "empty SIGSEGV round trip",
        "this backend, recorder draining",
        "mprotect + trap flag, nothing recorded",
    ];
    for (name, nanos) in names.iter().zip(best) {
        println!(
            "{name:40} {nanos:9.1} ns  {:6.2} x the empty round trip",
            nanos / empty
        );
    }
    Ok(())
}
