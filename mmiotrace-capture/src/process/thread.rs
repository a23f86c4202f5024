//! Threads: their ids, and the signals they block.

#![expect(
    unsafe_code,
    reason = "a thread-local word that a signal handler may read, and system calls"
)]

use super::Error;
use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicBool, Ordering};

// One word for each thread, in the part of thread-local memory that every thread has from its
// first instruction: the language's own thread-local variables may allocate where this crate is in
// a shared library.
global_asm!(
    ".pushsection .tbss.mmiotrace_thread, \"awT\", @nobits",
    // Seen by the crate's other objects, and by nobody outside the program or library.
    ".globl mmiotrace_thread",
    ".hidden mmiotrace_thread",
    ".type mmiotrace_thread, @object",
    ".size mmiotrace_thread, 4",
    ".balign 4",
    "mmiotrace_thread: .zero 4",
    ".popsection",
);

/// Whether a child of `vfork` may be running: it has its parent's thread-local memory.
static ASK_ALWAYS: AtomicBool = AtomicBool::new(false);

/// From now on the kernel is asked for the thread's id each time.
pub(crate) fn ask_always() {
    ASK_ALWAYS.store(true, Ordering::Relaxed);
}

/// The kernel's id of this thread. For signal handlers too.
#[inline]
pub(crate) fn id() -> i32 {
    let known: i32;
    // SAFETY: the word is this thread's own, and reading it changes nothing.
    unsafe {
        asm!(
            "mov {at}, qword ptr [rip + mmiotrace_thread@GOTTPOFF]",
            "mov {known:e}, dword ptr fs:[{at}]",
            at = out(reg) _,
            known = out(reg) known,
            options(nostack, readonly, preserves_flags)
        );
    }
    if known != 0 && !ASK_ALWAYS.load(Ordering::Relaxed) {
        return known;
    }
    // SAFETY: a call without arguments.
    let id = unsafe { libc::syscall(libc::SYS_gettid) };
    let id = i32::try_from(id).unwrap_or(0);
    set(id);
    id
}

/// Forgets the id: after a fork the thread has another.
pub(super) fn forget() {
    set(0);
}

fn set(id: i32) {
    // SAFETY: the word is this thread's own.
    unsafe {
        asm!(
            "mov {at}, qword ptr [rip + mmiotrace_thread@GOTTPOFF]",
            "mov dword ptr fs:[{at}], {id:e}",
            at = out(reg) _,
            id = in(reg) id,
            options(nostack, preserves_flags)
        );
    }
}

/// Whether a thread exists, in any process that this one may know of. For signal handlers too.
pub(crate) fn is_alive(thread: i32) -> bool {
    // SAFETY: a call without memory; signal 0 is none.
    let sent = unsafe { libc::syscall(libc::SYS_tkill, thread, 0) };
    // Not permitted means that it exists. The thread's error number is the handler's to
    // keep.
    sent == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// Whether the thread that an owner's number names exists. For signal handlers too.
pub(crate) fn owner_is_alive(owner: u64) -> bool {
    let id = u32::try_from(owner & 0xffff_ffff)
        .ok()
        .and_then(|id| i32::try_from(id).ok());
    id.is_none_or(is_alive)
}

/// If all threads of this process but this one have ended: how the first one did, as wait(2) has it.
pub(super) fn end_of_the_others() -> Option<i32> {
    let own = id();
    let first = i32::try_from(std::process::id()).ok()?;
    let mut end = None;
    for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        let thread: i32 = task.file_name().to_str()?.parse().ok()?;
        if thread == own {
            continue;
        }
        let stat = std::fs::read(task.path().join("stat"));
        // One that is gone by now has ended too.
        let Ok(stat) = stat else { continue };
        let name_end = stat.iter().rposition(|byte| *byte == b')')?;
        let fields = core::str::from_utf8(stat.get(name_end + 2..)?).ok()?;
        let mut fields = fields.split_ascii_whitespace();
        // Fields 3 and 52 of proc(5).
        if !matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        if thread == first {
            end = fields.nth(48).and_then(|code| code.parse().ok());
        }
    }
    end
}

/// How often the masks are read, 5 ms apart, before a blocked signal counts.
const MASK_READS: u32 = 20;

/// Fails where a thread of this process blocks SIGSEGV.
pub(super) fn check_masks() -> Result<(), Error> {
    // The C library blocks all signals in a thread that is just being made: that passes.
    for _ in 1..MASK_READS {
        if read_masks().is_ok() {
            return Ok(());
        }
        std::thread::sleep(core::time::Duration::from_millis(5));
    }
    read_masks()
}

/// As [`check_masks`], without waiting.
pub(super) fn read_masks() -> Result<(), Error> {
    let system = |what| move |source| Error::System { what, source };
    let mut blocked: Vec<i32> = Vec::new();
    let tasks = std::fs::read_dir("/proc/self/task").map_err(system("list threads"))?;
    for task in tasks {
        let task = task.map_err(system("list threads"))?;
        // A thread that has ended meanwhile blocks nothing.
        let Ok(status) = std::fs::read_to_string(task.path().join("status")) else {
            continue;
        };
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigBlk:"))
            .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        let bit = 1 << (libc::SIGSEGV - 1);
        // The backend's own worker blocks all signals, and accesses no device.
        let is_worker = status.lines().next() == Some("Name:\tmmiotrace");
        if !is_worker && mask.is_some_and(|mask| mask & bit != 0) {
            let name = task.file_name();
            blocked.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
        }
    }
    match blocked.as_slice() {
        [] => Ok(()),
        [thread, more @ ..] => Err(Error::SignalBlocked {
            thread: *thread,
            more: !more.is_empty(),
        }),
    }
}

/// Unblocks SIGSEGV in this thread.
pub(crate) fn unblock() {
    // SAFETY: the set is ours, and initialised before it is used.
    unsafe {
        let mut set: libc::sigset_t = core::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGSEGV);
        libc::sigaddset(&raw mut set, libc::SIGBUS);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, core::ptr::null_mut());
    }
}
