//! The signal handler.

#![expect(unsafe_code, reason = "a signal handler gets pointers from the kernel")]

use super::action::Delivery;
use super::code::Code;
use super::desk::{self, Seat, Told};
use super::frame::SignalFrame;
use super::home::Home;
use super::space::UserSpace;
use super::{current, life, maps, thread};
use core::mem;
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use mmiotrace_core::VirtAddr;
use mmiotrace_decode::Exception;
use mmiotrace_kmod::{Claim, Fault, Raise};

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

/// What the program is to be told instead of being returned to.
enum Outcome {
    Return,
    /// The signal as it came.
    AsItCame,
    /// Another.
    Signal(Told),
}

/// Handles the signals of [`super::action::TAKEN`].
pub(super) extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the handler is installed with SA_SIGINFO, after the desks are furnished: the kernel gives both.
    let (signal, delivery) = unsafe { handle(signal, info, context.cast()) };
    // Nothing of the engine is in use any more: the program's handler may not come back. It finds nearly
    // all of the room that it would have without us: its stack may be as small as two signals need.
    // SAFETY: this is the handler, and both are the kernel's.
    unsafe { delivery.carry_out(signal, info, context.cast()) };
}

/// Does all but to call the program's handler: on the stack that the thread has for signals where that has
/// room, and beyond the first look on another where it has not.
///
/// # Safety
/// In a handler; `info` and `context` are the kernel's, and the desks are furnished.
#[inline(never)]
unsafe fn handle(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut ucontext_t,
) -> (c_int, Delivery) {
    // SAFETY: the caller's promise.
    let (told, mut frame) = unsafe {
        let told = Told {
            signal,
            code: (*info).si_code,
            address: (*info).si_addr() as u64,
        };
        (told, SignalFrame::new(context))
    };
    let thread = thread::id();
    // A fault in the engine's own code comes on the stack that the engine runs on.
    if let Some(landing) = current::recover(frame.rip()) {
        desk::note(thread, told, frame.floating());
        frame.set_rip(landing);
        return (signal, Delivery::Return);
    }
    // SAFETY: the thread's own word, which interrupted code may be about to read.
    let error = unsafe { *libc::__errno_location() };
    let seat = Seat::take(thread, std::thread::yield_now);
    let mut delivery = (signal, Delivery::Return);
    let roomy = frame.has_room();
    let mut work = || {
        if !roomy {
            frame.disarm_stack();
        }
        let outcome = match current::home(&seat) {
            Some(home) => on_fault(home, thread, &told, &mut frame, &seat),
            None => without_capture(&told, &frame),
        };
        delivery = deliver(outcome, &told, &mut frame, info);
    };
    if roomy {
        work();
    } else {
        // SAFETY: the caller's promise. A panic ends the process, as in every function of the C ABI.
        unsafe { seat.call(work) };
    }
    drop(seat);
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = error };
    delivery
}

/// How the program gets its signal, if it is to have one; `info` then says what it is to see.
fn deliver(
    outcome: Outcome,
    came: &Told,
    frame: &mut SignalFrame,
    info: *mut siginfo_t,
) -> (c_int, Delivery) {
    let (signal, again) = match outcome {
        Outcome::Return => return (came.signal, Delivery::Return),
        // A fault of the CPU's comes again where it is met again; what others have sent does not.
        Outcome::AsItCame => (came.signal, came.code > 0),
        Outcome::Signal(told) => {
            // SAFETY: the kernel's structure on the signal stack, which is the handler's to change.
            unsafe { info.write(info_of(&told)) };
            (told.signal, false)
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

fn info_of(told: &Told) -> siginfo_t {
    const {
        assert!(mem::size_of::<FaultInfo>() == mem::size_of::<siginfo_t>());
    }
    let info = FaultInfo {
        signal: told.signal,
        error: 0,
        code: told.code,
        padding: 0,
        address: told.address,
        rest: [0; 13],
    };
    // SAFETY: same size, plain data, and the fields stand where the kernel puts them.
    unsafe { mem::transmute(info) }
}

fn without_capture(told: &Told, frame: &SignalFrame) -> Outcome {
    let late = told.signal == libc::SIGSEGV
        && told.code == ACCESS_ERROR
        && current::was_traced(told.address)
        && life::allows(&Fault {
            address: VirtAddr(told.address),
            write: frame.error_code() & ERROR_WRITE != 0,
        });
    if late {
        Outcome::Return
    } else {
        Outcome::AsItCame
    }
}

fn on_fault(
    home: &Home,
    thread: i32,
    told: &Told,
    frame: &mut SignalFrame,
    seat: &Seat,
) -> Outcome {
    if told.signal != libc::SIGSEGV || frame.error_code() & ERROR_FETCH != 0 {
        return Outcome::AsItCame;
    }
    if told.code == NOT_MAPPED && maps::at(told.address).is_none() {
        // Where a region is traced something is always mapped.
        home.note_unmapped(told.address);
        return Outcome::AsItCame;
    }
    // The kernel says "not mapped" also where it emulates an instruction itself (`sgdt`, `sldt`, `str` on
    // a CPU with UMIP; arch/x86/kernel/umip.c) and could not write its result.
    if told.code != ACCESS_ERROR && told.code != NOT_MAPPED {
        return Outcome::AsItCame;
    }
    let fault = Fault {
        address: VirtAddr(told.address),
        write: frame.error_code() & ERROR_WRITE != 0,
    };
    let code = Code::read(frame.rip());
    frame.set_code(code);
    // SAFETY: the seat keeps the home alive.
    let space = unsafe { UserSpace::in_handler(home, thread, code) };
    match home.engine().on_page_fault(&space, frame, fault) {
        Claim::Handled => Outcome::Return,
        Claim::Raise(raise) => {
            if let Some(floating) = seat.floating() {
                frame.set_floating(&floating);
            }
            Outcome::Signal(raised(home, raise, seat, frame))
        }
        _ => Outcome::AsItCame,
    }
}

/// The signal that the program natively gets.
fn raised(home: &Home, raise: Raise, seat: &Seat, frame: &SignalFrame) -> Told {
    let said = seat.told();
    let at = |address: VirtAddr| Told {
        signal: said.map_or(libc::SIGBUS, |said| said.signal),
        code: said.map_or(BUS_ADDRESS, |said| said.code),
        address: address.0,
    };
    match (raise, said) {
        (Raise::Memory(address) | Raise::Device(address), _) => at(address),
        (Raise::Exception(Exception::Native), Some(said)) => {
            let slot = home.is_slot(said.address);
            let address = if slot {
                frame.rip()
            } else {
                home.original(said.address)
            };
            Told { address, ..said }
        }
        _ => Told {
            signal: libc::SIGFPE,
            code: DIVIDED_BY_ZERO,
            address: frame.rip(),
        },
    }
}
