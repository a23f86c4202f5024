//! The signal handler.

#![expect(unsafe_code, reason = "a signal handler gets pointers from the kernel")]

use super::action::Delivery;
use super::capture::Capture;
use super::code::Code;
use super::frame::SignalFrame;
use super::handler_stack::{self, SignalInfo, StackGuard};
use super::space::UserSpace;
use super::{current, maps, recently_traced, thread, unannounced};
use crate::engine::{Claim, Fault, Raise};
use core::arch::asm;
use core::mem;
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use mmiotrace_core::VirtAddr;
use mmiotrace_decode::Exception;

/// `si_code` of a fault on a page that is mapped without the right asked for; and on one that is
/// not mapped (`include/uapi/asm-generic/siginfo.h`).
const ACCESS_ERROR: c_int = 2;
const NOT_MAPPED: c_int = 1;
/// `si_code` of a bus error on an address that does not exist, and of a division by zero.
const BUS_ADDRESS: c_int = 2;
const DIVIDED_BY_ZERO: c_int = 1;
/// Bits of the page fault's error code (Intel SDM volume 3, section 5.7).
const ERROR_WRITE: u64 = 1 << 1;
const ERROR_FETCH: u64 = 1 << 4;

/// How the program goes on.
enum Outcome {
    Return,
    /// The signal as it came.
    AsItCame,
    /// Another.
    Signal(SignalInfo),
}

/// Handles the signals of [`super::action::TAKEN`].
pub(super) extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the handler is installed with SA_SIGINFO, after the stacks are mapped: the kernel gives both.
    let (signal, delivery) = unsafe { handle(signal, info, context.cast()) };
    // Nothing of the engine is in use any more: the program's handler may not come back. It runs with
    // almost its whole stack available, which may be as small as two signals need.
    // SAFETY: this is the handler, and both are the kernel's.
    unsafe { delivery.carry_out(signal, info, context.cast()) };
}

/// Does all but to call the program's handler: on the stack that the thread has for signals where that has
/// room, and beyond the first look on another where it has not.
///
/// # Safety
/// In a handler; `info` and `context` are the kernel's, and the stacks are mapped.
#[inline(never)]
unsafe fn handle(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut ucontext_t,
) -> (c_int, Delivery) {
    // SAFETY: the caller's promise.
    let (came, mut frame) = unsafe {
        let came = SignalInfo {
            signal,
            code: (*info).si_code,
            address: (*info).si_addr() as u64,
        };
        (came, SignalFrame::new(context))
    };
    if frame.checks_alignment() {
        allow_unaligned();
    }
    if unannounced::is_child() {
        // SAFETY: the engine was not entered in this process.
        unsafe { unannounced::begin() };
    }
    let thread = thread::id();
    // A fault in the engine's own code comes on the stack that the engine runs on.
    if let Some(landing) = current::recover(frame.rip()) {
        handler_stack::note(thread, came, frame.floating());
        frame.set_rip(landing);
        return (signal, Delivery::Return);
    }
    // SAFETY: the thread's own word, which interrupted code may be about to read.
    let error = unsafe { *libc::__errno_location() };
    let guard = StackGuard::take(thread, std::thread::yield_now);
    let mut delivery = (signal, Delivery::Return);
    let roomy = frame.has_room();
    let mut work = || {
        if !roomy {
            frame.disarm_stack();
        }
        let outcome = match current::capture(&guard) {
            Some(capture) => on_fault(capture, thread, &came, &mut frame, &guard),
            None => without_capture(&came, &frame),
        };
        delivery = deliver(outcome, &came, &mut frame, info);
    };
    if roomy {
        work();
    } else {
        // SAFETY: the caller's promise. A panic ends the process, as in every function of the C ABI.
        unsafe { guard.call(work) };
    }
    drop(guard);
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = error };
    delivery
}

/// Has the engine's own code make accesses that are not aligned, until the handler returns.
#[cold]
fn allow_unaligned() {
    // SAFETY: only the flag AC is changed, which nothing here depends on.
    unsafe {
        asm!(
            "pushfq",
            "and dword ptr [rsp], {without}",
            "popfq",
            without = const !(1 << 18),
        );
    }
}

/// How the program gets its signal, if it is to have one; `info` then says what it is to see.
fn deliver(
    outcome: Outcome,
    came: &SignalInfo,
    frame: &mut SignalFrame,
    info: *mut siginfo_t,
) -> (c_int, Delivery) {
    let (signal, again) = match outcome {
        Outcome::Return => return (came.signal, Delivery::Return),
        // A fault of the CPU's comes again where it is met again; what others have sent does not.
        Outcome::AsItCame => (came.signal, came.code > 0),
        Outcome::Signal(came) => {
            // SAFETY: the kernel's structure on the signal stack, which is the handler's to change.
            unsafe { info.write(info_of(&came)) };
            (came.signal, false)
        }
    };
    frame.rearm_stack();
    // SAFETY: called in the handler, with what the kernel gave it.
    let delivery = unsafe { Delivery::of(signal, info, frame.mask(), again) };
    (signal, delivery)
}

/// `siginfo_t` as the kernel fills it for a fault: signal, error number, code, and at byte 16 the
/// address.
#[repr(C)]
struct FaultInfo {
    signal: c_int,
    error: c_int,
    code: c_int,
    padding: c_int,
    address: u64,
    rest: [u64; 13],
}

fn info_of(came: &SignalInfo) -> siginfo_t {
    const {
        assert!(mem::size_of::<FaultInfo>() == mem::size_of::<siginfo_t>());
    }
    let info = FaultInfo {
        signal: came.signal,
        error: 0,
        code: came.code,
        padding: 0,
        address: came.address,
        rest: [0; 13],
    };
    // SAFETY: same size, plain data, and the fields are where the kernel puts them.
    unsafe { mem::transmute(info) }
}

fn without_capture(came: &SignalInfo, frame: &SignalFrame) -> Outcome {
    let late = came.signal == libc::SIGSEGV
        && came.code == ACCESS_ERROR
        && recently_traced::contains(came.address)
        && maps::allows(&Fault {
            address: VirtAddr(came.address),
            write: frame.error_code() & ERROR_WRITE != 0,
        });
    if late {
        Outcome::Return
    } else {
        Outcome::AsItCame
    }
}

fn on_fault(
    capture: &Capture,
    thread: i32,
    came: &SignalInfo,
    frame: &mut SignalFrame,
    guard: &StackGuard,
) -> Outcome {
    if came.signal != libc::SIGSEGV || frame.error_code() & ERROR_FETCH != 0 {
        return Outcome::AsItCame;
    }
    if came.code == NOT_MAPPED && capture.handler.unmapped.check(came.address) {
        capture.handler.wakeup.wake();
        return Outcome::AsItCame;
    }
    // The kernel says "not mapped" also where it emulates an instruction itself (`sgdt`, `sldt`, `str` on
    // a CPU with UMIP; arch/x86/kernel/umip.c) and could not write its result.
    if came.code != ACCESS_ERROR && came.code != NOT_MAPPED {
        return Outcome::AsItCame;
    }
    let fault = Fault {
        address: VirtAddr(came.address),
        write: frame.error_code() & ERROR_WRITE != 0,
    };
    let code = Code::read(frame.rip());
    frame.set_code(code);
    let space = UserSpace::in_handler(&capture.handler, thread, code);
    match capture.handler.engine().on_page_fault(&space, frame, fault) {
        Claim::Handled => Outcome::Return,
        Claim::Raise(raise) => {
            if let Some(floating) = guard.floating() {
                frame.set_floating(&floating);
            }
            Outcome::Signal(raised(capture, raise, guard, frame))
        }
        // For the program nothing is mapped there.
        _ if capture.regions.is_reserved(came.address) => Outcome::Signal(SignalInfo {
            code: NOT_MAPPED,
            ..*came
        }),
        _ => Outcome::AsItCame,
    }
}

/// The signal that the program natively gets.
fn raised(capture: &Capture, raise: Raise, guard: &StackGuard, frame: &SignalFrame) -> SignalInfo {
    let said = guard.signal_info();
    let at = |address: VirtAddr| SignalInfo {
        signal: said.map_or(libc::SIGBUS, |said| said.signal),
        code: said.map_or(BUS_ADDRESS, |said| said.code),
        address: address.0,
    };
    match (raise, said) {
        (Raise::Memory(address) | Raise::Device(address), _) => at(address),
        (Raise::Exception(Exception::Native), Some(said)) => {
            let slot = capture.handler.is_slot(said.address);
            let address = if slot {
                frame.rip()
            } else {
                capture.regions.original(said.address)
            };
            SignalInfo { address, ..said }
        }
        _ => SignalInfo {
            signal: libc::SIGFPE,
            code: DIVIDED_BY_ZERO,
            address: frame.rip(),
        },
    }
}
