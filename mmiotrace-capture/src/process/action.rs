//! The program's own signal actions: kept beside the engine's handler, and obeyed if a signal is
//! not the engine's.

#![expect(
    unsafe_code,
    reason = "signal actions are pointers to functions of unknown languages"
)]

use super::Error;
use core::mem;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use libc::{c_int, c_void, sigaction, siginfo_t, sigset_t, ucontext_t};
use std::sync::OnceLock;

/// The signals by which the CPU reports an instruction: those that the engine's handler takes.
pub(crate) const TAKEN: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];

/// A signal handler as `SA_SIGINFO` wants it.
pub(super) type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// The engine's handler, once it was installed.
static OURS: OnceLock<Handler> = OnceLock::new();

/// Words of a `sigaction`: handler, mask (16 words), flags and restorer.
const WORDS: usize = mem::size_of::<sigaction>().div_ceil(8);

/// A signal action that a handler can read while another thread changes it.
struct Kept {
    /// Odd while it is being written.
    version: AtomicU32,
    words: [AtomicU64; WORDS],
}

static KEPT: [Kept; TAKEN.len()] = [const {
    Kept {
        version: AtomicU32::new(0),
        words: [const { AtomicU64::new(0) }; WORDS],
    }
}; TAKEN.len()];

/// The action of a signal, as the program wants it. Plain data: any bits are one.
#[derive(Clone, Copy)]
#[repr(C)]
union Action {
    action: sigaction,
    words: [u64; WORDS],
}

fn kept(signal: c_int) -> Option<&'static Kept> {
    let at = TAKEN.iter().position(|taken| *taken == signal)?;
    KEPT.get(at)
}

/// Keeps an action as the program's own. One caller at a time.
fn keep(signal: c_int, action: &sigaction) {
    let Some(kept) = kept(signal) else { return };
    let mut all = Action { words: [0; WORDS] };
    all.action = *action;
    kept.version.fetch_add(1, Ordering::AcqRel);
    // SAFETY: the union was all zero before the action was put in: every byte is initialised.
    for (to, from) in kept.words.iter().zip(unsafe { all.words }) {
        to.store(from, Ordering::Relaxed);
    }
    kept.version.fetch_add(1, Ordering::Release);
}

/// The action that the program wants for a signal that the engine takes. For handlers too.
pub(crate) fn of_program(signal: c_int) -> Option<sigaction> {
    let kept = kept(signal)?;
    loop {
        let version = kept.version.load(Ordering::Acquire);
        let words = core::array::from_fn(|at| {
            let word: Option<&AtomicU64> = kept.words.get(at);
            word.map_or(0, |word| word.load(Ordering::Relaxed))
        });
        core::sync::atomic::fence(Ordering::Acquire);
        if version & 1 == 0 && kept.version.load(Ordering::Relaxed) == version {
            // SAFETY: the words were an action when they were kept, or are zero: the default.
            return Some(unsafe { Action { words }.action });
        }
        core::hint::spin_loop();
    }
}

/// Sets what the program wants for a signal that the engine takes, and returns what it wanted, both
/// as `struct sigaction` of the C library; for a library that replaces `sigaction`. `false` if the
/// signal is not taken, or if the action is the engine's own: then the C library is to be asked.
///
/// # Safety
/// `new` is null or points to a `sigaction`; so does `old`, to one that may be written.
#[must_use]
pub unsafe fn swap_program_action(signal: i32, new: *const c_void, old: *mut c_void) -> bool {
    let Some(ours) = OURS.get().map(|ours| *ours as usize) else {
        return false;
    };
    // SAFETY: the caller's promise.
    let new = unsafe { new.cast::<sigaction>().as_ref() };
    if new.is_some_and(|new| new.sa_sigaction == ours) {
        return false;
    }
    let Some(now) = of_program(signal) else {
        return false;
    };
    if let Some(new) = new {
        keep(signal, new);
    }
    // SAFETY: the caller's promise.
    if let Some(old) = unsafe { old.cast::<sigaction>().as_mut() } {
        *old = now;
    }
    true
}

/// The kernel's `struct sigaction` (`include/linux/signal_types.h`, x86-64). In a preloaded library the
/// C library's functions are ours, which would only note what the program wants: the kernel is asked
/// itself.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct KernelAction {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

/// Bytes of the kernel's signal set.
const KERNEL_SET: usize = 8;

/// What the kernel has for a signal now, and `new` in its place if there is one.
fn kernel_action(signal: c_int, new: Option<&KernelAction>) -> Option<KernelAction> {
    let mut old = KernelAction::default();
    let new = new.map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: structures of ours, as the kernel reads and writes them. The only new action is the
    // default one, which is no function.
    let done = unsafe {
        let old = &raw mut old;
        libc::syscall(libc::SYS_rt_sigaction, signal, new, old, KERNEL_SET)
    };
    (done == 0).then_some(old)
}

/// Sets this thread's mask, as the kernel has it: bit n - 1 for signal n.
fn set_mask(mask: u64) {
    // SAFETY: a set of ours.
    unsafe {
        let none = core::ptr::null_mut::<u64>();
        let mask = &raw const mask;
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            mask,
            none,
            KERNEL_SET,
        );
    }
}

const fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// A set as the kernel has it: the first word of the C library's.
const fn word(set: &sigset_t) -> u64 {
    const { assert!(mem::size_of::<sigset_t>() >= KERNEL_SET && mem::align_of::<sigset_t>() >= 8) };
    // SAFETY: as large and as aligned as asserted, and plain data.
    unsafe { *core::ptr::from_ref(set).cast::<u64>() }
}

/// Takes the signals: `handler` gets them from now on, what was there before is kept.
pub(super) fn install(handler: Handler) -> Result<(), Error> {
    let handler = *OURS.get_or_init(|| handler);
    for signal in TAKEN {
        let ours = ours(handler);
        // SAFETY: both actions are whole, and the handler is fit for these signals.
        let mut old: sigaction = unsafe { mem::zeroed() };
        // SAFETY: as above.
        if unsafe { libc::sigaction(signal, &raw const ours, &raw mut old) } != 0 {
            return Err(Error::last("install a signal handler"));
        }
        if old.sa_sigaction != ours.sa_sigaction {
            keep(signal, &old);
        }
    }
    Ok(())
}

/// Takes the signals again where the program has put its own handlers in the engine's place.
/// Whether it had.
pub(super) fn reinstall() -> bool {
    let Some(handler) = OURS.get().copied() else {
        return false;
    };
    let ours = handler as usize;
    let displaced = TAKEN
        .iter()
        .any(|signal| kernel_action(*signal, None).is_some_and(|now| now.handler != ours));
    displaced && install(handler).is_ok()
}

fn ours(handler: Handler) -> sigaction {
    // SAFETY: all bits zero is an action.
    let mut action: sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    // The engine's own code may fault in the handler: the same signals must come then, and nothing
    // else may.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: the mask is part of the action.
    unsafe {
        libc::sigfillset(&raw mut action.sa_mask);
        for signal in TAKEN {
            libc::sigdelset(&raw mut action.sa_mask, signal);
        }
    }
    action
}

/// How a signal goes on to the program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delivery {
    /// The return from the engine's handler is all.
    Return,
    /// The program's own handler is called.
    Call {
        handler: usize,
        /// Whether it takes three arguments (SA_SIGINFO).
        with_info: bool,
        /// What is blocked meanwhile.
        mask: u64,
    },
}

impl Delivery {
    /// What the kernel would do with this signal if the engine were not there: the program's handler,
    /// or its death. `mask` is the interrupted code's; `again` says that the instruction would raise
    /// the same once more.
    ///
    /// # Safety
    /// In the engine's handler; `info` is what the program is to see.
    pub(super) unsafe fn of(
        signal: c_int,
        info: *mut siginfo_t,
        mask: &sigset_t,
        again: bool,
    ) -> Self {
        let wanted = of_program(signal);
        // A signal that was sent (`raise`, `kill`) can be ignored; one of the CPU's own cannot: the kernel
        // then takes the default action (`force_sig_info_to_task` in kernel/signal.c).
        // SAFETY: the caller's promise.
        let was_sent = unsafe { (*info).si_code } <= 0;
        let is = |action: &sigaction, handler| action.sa_sigaction == handler;
        if was_sent && wanted.is_some_and(|action| is(&action, libc::SIG_IGN)) {
            return Self::Return;
        }
        let action =
            wanted.filter(|action| !is(action, libc::SIG_DFL) && !is(action, libc::SIG_IGN));
        let Some(action) = action else {
            // SAFETY: the caller's promise.
            unsafe { die_of(signal, info, mask, again) };
            return Self::Return;
        };
        if action.sa_flags & libc::SA_RESETHAND != 0 {
            // SAFETY: all bits zero is the default action.
            let default = unsafe { mem::zeroed() };
            keep(signal, &default);
        }
        let own = if action.sa_flags & libc::SA_NODEFER == 0 {
            bit(signal)
        } else {
            0
        };
        let all = word(mask) | word(&action.sa_mask) | own;
        // A handler of the program may make traced accesses.
        let taken = TAKEN.iter().fold(0, |all, taken| all | bit(*taken));
        Self::Call {
            handler: action.sa_sigaction,
            with_info: action.sa_flags & libc::SA_SIGINFO != 0,
            mask: all & !taken,
        }
    }

    /// Calls the program's handler, if there is one to be called. It may not come back. The stack is
    /// the program's, and may be small.
    ///
    /// # Safety
    /// As for [`Delivery::of`]; `context` is the kernel's.
    #[inline]
    pub(super) unsafe fn carry_out(
        self,
        signal: c_int,
        info: *mut siginfo_t,
        context: *mut ucontext_t,
    ) {
        let Self::Call {
            handler,
            with_info,
            mask,
        } = self
        else {
            return;
        };
        set_mask(mask);
        // SAFETY: the handler's type is given by its flags (sigaction(2)).
        unsafe {
            if with_info {
                let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                    mem::transmute(handler);
                handler(signal, info, context.cast());
            } else {
                let handler: extern "C" fn(c_int) = mem::transmute(handler);
                handler(signal);
            }
        }
    }
}

/// Ends the process by this signal, as if it were not handled.
///
/// # Safety
/// As for [`Delivery::of`].
unsafe fn die_of(signal: c_int, info: *mut siginfo_t, mask: &sigset_t, again: bool) {
    let _ = kernel_action(signal, Some(&KernelAction::default()));
    if again {
        // The instruction faults again on the return, and the kernel's record of the death is that of
        // the instruction.
        return;
    }
    // SAFETY: the signal is queued to this thread with what the kernel or the engine said of it, and
    // comes when the mask lets it: now.
    unsafe {
        libc::syscall(
            libc::SYS_rt_tgsigqueueinfo,
            libc::getpid(),
            super::thread::id(),
            signal,
            info,
        );
        set_mask(word(mask) & !bit(signal));
    }
}

/// Ends the process by a signal, whose action is the default one then.
pub(super) fn end_by(signal: c_int) {
    let _ = kernel_action(signal, Some(&KernelAction::default()));
    set_mask(!bit(signal));
    // SAFETY: a signal to this thread.
    unsafe {
        libc::syscall(
            libc::SYS_tgkill,
            libc::getpid(),
            super::thread::id(),
            signal,
        );
        libc::_exit(128 + signal);
    }
}
