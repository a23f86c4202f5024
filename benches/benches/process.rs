//! An access in user space: untraced, by the engine with a recorder draining, and in the classic way. The
//! yardstick is a SIGSEGV whose handler does nothing but skip the instruction: no tracer that sees
//! accesses by signals can be cheaper.
#![allow(missing_docs)]
#![allow(unsafe_code, reason = "signal handlers and device memory")]

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use criterion::{Criterion, criterion_group};
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use mmiotrace_benches::ratio::{Comparison, thread_time};
use mmiotrace_capture::RingOptions;
use mmiotrace_capture::process::{
    Area, Options, Process, SharedMapping, Tracer, doc_example_device, map_shared,
};
use mmiotrace_core::{Blind, CaptureBackend, DrainState, Event, EventSink, Loss, Marker};

const PAGE: usize = 4096;
/// Few, so that what else the machine does falls on all alike.
const ACCESSES: u32 = 4_000;
const ROUNDS: usize = 61;

static PAGE_AT: AtomicU64 = AtomicU64::new(0);

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

/// CPU time of this thread for [`ACCESSES`] times `mov [rdi], eax`, which is two bytes long.
fn stores(at: *mut u8) -> Duration {
    let begin = thread_time();
    for _ in 0..ACCESSES {
        // SAFETY: device memory, or memory whose fault is handled.
        unsafe { asm!("mov dword ptr [rdi], eax", in("rdi") at, in("eax") 7) };
    }
    thread_time().saturating_sub(begin)
}

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

fn install(signal: c_int, handler: Handler) {
    // SAFETY: an action of ours, with a handler that is fit for it.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        libc::sigaction(signal, &raw const action, core::ptr::null_mut());
    }
}

/// As every tracer's handler must be: it cannot be interrupted, and does not rely on the program's stack
/// (the main thread has an alternate one).
fn install_guarded(signal: c_int, handler: Handler) {
    // SAFETY: as in `install`.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER | libc::SA_ONSTACK;
        libc::sigfillset(&raw mut action.sa_mask);
        libc::sigdelset(&raw mut action.sa_mask, signal);
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

/// With the page inaccessible, and other handlers than the last case had.
fn protected(device: &SharedMapping, work: impl FnOnce(*mut u8) -> Duration) -> Duration {
    let protect = |protection| {
        // SAFETY: the page that is measured.
        unsafe { libc::mprotect(device.as_ptr().cast(), PAGE, protection) }
    };
    protect(libc::PROT_NONE);
    let time = work(device.as_ptr());
    protect(libc::PROT_READ | libc::PROT_WRITE);
    time
}

/// Through the engine, while another thread takes what is recorded.
fn engine(device: &SharedMapping) -> Duration {
    let mut capture = Process::new(Options::new());
    capture.start().expect("a capture begins");
    let tracer = capture.tracer().expect("it runs");
    // SAFETY: the mapping outlives the region, and is accessed by pointers only.
    let region = unsafe { tracer.attach(&Area::new(device.as_ptr(), PAGE)) }.expect("traced");
    let done = AtomicBool::new(false);
    let (time, count) = std::thread::scope(|scope| {
        let recorder = scope.spawn(|| {
            let mut count = Count::default();
            while !done.load(Ordering::Relaxed) {
                // As `record` does.
                if capture.drain(&mut count).expect("drained").state == DrainState::Idle {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            let _ = capture.stop().expect("stopped");
            while capture.drain(&mut count).expect("drained").state != DrainState::Ended {}
            count.0
        });
        let time = stores(device.as_ptr());
        region.detach();
        done.store(true, Ordering::Relaxed);
        (time, recorder.join().expect("recorded"))
    });
    assert_eq!(count, u64::from(ACCESSES), "every access is an event");
    time
}

fn ratios() {
    Tracer::enroll_thread().expect("a signal stack");
    let device = map_shared(&doc_example_device(), 0, PAGE).expect("a page");
    PAGE_AT.store(device.as_ptr() as u64, Ordering::Relaxed);
    let items = u64::from(ACCESSES);
    let mut comparison = Comparison::new("an access in user space", items, 4 * items);
    comparison
        .measured_yardstick("empty SIGSEGV round trip", || {
            install(libc::SIGSEGV, skip);
            protected(&device, stores)
        })
        .measured_yardstick(
            "the same, on a stack of its own, all signals blocked",
            || {
                install_guarded(libc::SIGSEGV, skip);
                protected(&device, stores)
            },
        )
        .measured_case("untraced", || stores(device.as_ptr()))
        .measured_case("engine, recorder draining", || engine(&device))
        .measured_case("mprotect + trap flag, no record", || {
            install(libc::SIGSEGV, open);
            install(libc::SIGTRAP, close);
            protected(&device, stores)
        });
    comparison.run(ROUNDS);
}

fn benches(criterion: &mut Criterion) {
    let device = map_shared(&doc_example_device(), 0, PAGE).expect("a page");
    let mut capture =
        Process::new(Options::new().with_ring(RingOptions::new().with_slots(1 << 20)));
    capture.start().expect("a capture begins");
    let tracer = capture.tracer().expect("it runs");
    // SAFETY: the mapping outlives the region, and is accessed by pointers only.
    let region = unsafe { tracer.attach(&Area::new(device.as_ptr(), PAGE)) }.expect("traced");
    let mut group = criterion.benchmark_group("process");
    group.sample_size(10);
    group.bench_function("4000 accesses and their drain", |bencher| {
        let mut count = Count::default();
        bencher.iter(|| {
            let time = stores(device.as_ptr());
            let _ = capture.drain(&mut count).expect("drained");
            time
        });
    });
    group.finish();
    region.detach();
}

criterion_group!(criterion, benches);

fn main() {
    ratios();
    criterion();
}
