//! What the C side offers, as safe functions. The contracts are in `shim.h`.
#![expect(unsafe_code, reason = "calls into C")]

use core::ffi::c_void;
use core::ptr::NonNull;

mod raw {
    use core::ffi::c_void;

    unsafe extern "C" {
        pub(super) fn mmiotrace_shim_hooks_install() -> i32;
        pub(super) fn mmiotrace_shim_hooks_stop_maps();
        pub(super) fn mmiotrace_shim_hooks_remove();
        pub(super) fn mmiotrace_shim_split(virt: u64, len: u64) -> i32;
        pub(super) fn mmiotrace_shim_join(virt: u64, len: u64);
        pub(super) fn mmiotrace_shim_is_mapped(virt: u64, len: u64, phys: u64) -> bool;
        pub(super) fn mmiotrace_shim_is_present(virt: u64) -> bool;
        pub(super) fn mmiotrace_shim_arm(virt: u64, len: u64);
        pub(super) fn mmiotrace_shim_disarm(virt: u64, len: u64);
        pub(super) fn mmiotrace_shim_flush();
        pub(super) fn mmiotrace_shim_quiesce();
        pub(super) fn mmiotrace_shim_alias(virt: u64, phys: u64, len: u64) -> u64;
        pub(super) fn mmiotrace_shim_unalias(alias: u64);
        pub(super) fn mmiotrace_shim_alloc(size: usize, align: usize) -> *mut c_void;
        pub(super) fn mmiotrace_shim_free(at: *mut c_void);
        pub(super) fn mmiotrace_shim_alloc_shared(size: usize) -> *mut c_void;
        pub(super) fn mmiotrace_shim_free_shared(at: *mut c_void);
        pub(super) fn mmiotrace_shim_map_shared(area: *mut c_void, at: *mut c_void) -> i32;
        pub(super) fn mmiotrace_shim_read(from: u64, to: *mut c_void, len: usize) -> i32;
        pub(super) fn mmiotrace_shim_write(to: u64, from: *const c_void, len: usize) -> i32;
        pub(super) fn mmiotrace_shim_can_write(to: u64, len: usize) -> bool;
        // The kernel's own, which takes and gives as a shim would.
        pub(super) fn sched_clock() -> u64;
        pub(super) fn mmiotrace_shim_move_wide(to: *mut c_void, from: *const c_void, width: usize) -> bool;
        pub(super) fn mmiotrace_shim_vector(number: u32, at: *mut c_void) -> bool;
        pub(super) fn mmiotrace_shim_cpu() -> u32;
        pub(super) fn mmiotrace_shim_gs_base() -> u64;
        pub(super) fn mmiotrace_shim_thread() -> i32;
        pub(super) fn mmiotrace_shim_relax();
        pub(super) fn mmiotrace_shim_yield();
        pub(super) fn mmiotrace_shim_lock();
        pub(super) fn mmiotrace_shim_unlock();
        pub(super) fn mmiotrace_shim_control_lock();
        pub(super) fn mmiotrace_shim_control_unlock();
        pub(super) fn mmiotrace_shim_log(text: *const u8, len: usize);
        pub(super) fn mmiotrace_shim_panic(text: *const u8, len: usize) -> !;
        pub(super) fn mmiotrace_shim_schedule(milliseconds: u32);
    }
}

/// Plain calls: numbers in, numbers out, nothing of Rust's is touched.
macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident = $raw:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $($(#[$doc])*
        pub(crate) fn $name($($argument: $type),*) $(-> $result)? {
            // SAFETY: the function takes and gives numbers only and has no precondition but its
            // context (shim.h), which the caller keeps.
            unsafe { raw::$raw($($argument),*) }
        })*
    };
}

plain! {
    /// Puts the hooks into place; 0 or a negative error number. May sleep.
    hooks_install = mmiotrace_shim_hooks_install() -> i32;
    /// Stops the notice of new mappings. May sleep, until nobody is in such a notice: the caller
    /// holds no lock that one takes.
    hooks_stop_maps = mmiotrace_shim_hooks_stop_maps();
    /// Takes all hooks away, as `hooks_stop_maps`. Nothing is armed any more.
    hooks_remove = mmiotrace_shim_hooks_remove();
    /// Gives every page of a range an entry of its own. May sleep.
    split = mmiotrace_shim_split(virt: u64, len: u64) -> i32;
    /// Takes that back. May sleep.
    join = mmiotrace_shim_join(virt: u64, len: u64);
    /// Whether a range is mapped to the memory that begins at `phys`.
    is_mapped = mmiotrace_shim_is_mapped(virt: u64, len: u64, phys: u64) -> bool;
    /// Whether the page of an address is present. Any context.
    is_present = mmiotrace_shim_is_present(virt: u64) -> bool;
    /// Makes pages not present; `flush` has to follow.
    arm = mmiotrace_shim_arm(virt: u64, len: u64);
    /// Makes pages present again. Any context.
    disarm = mmiotrace_shim_disarm(virt: u64, len: u64);
    /// Has all CPUs forget old translations. May sleep.
    flush = mmiotrace_shim_flush();
    /// Waits until every CPU has been outside of fault context. May sleep.
    quiesce = mmiotrace_shim_quiesce();
    /// A second mapping of the same memory with the same cache type; 0 where there is none to be
    /// had. May sleep.
    alias = mmiotrace_shim_alias(virt: u64, phys: u64, len: u64) -> u64;
    /// Ends a second mapping that nobody uses any more. May sleep.
    unalias = mmiotrace_shim_unalias(alias: u64);
    /// Whether memory can be written. Any context.
    can_write = mmiotrace_shim_can_write(to: u64, len: usize) -> bool;
    /// Nanoseconds of the clock that dmesg shows, and ftrace's "local". Any context.
    now = sched_clock() -> u64;
    /// The number of this CPU. Any context.
    cpu = mmiotrace_shim_cpu() -> u32;
    /// The base of the segment `gs`. Any context.
    gs_base = mmiotrace_shim_gs_base() -> u64;
    /// The id of the current thread. Any context.
    thread = mmiotrace_shim_thread() -> i32;
    /// Waits a moment in a loop. Any context.
    relax = mmiotrace_shim_relax();
    /// Lets others run. May sleep.
    yield_now = mmiotrace_shim_yield();
    /// Has `entry`'s work function called after a while. Any context.
    schedule = mmiotrace_shim_schedule(milliseconds: u32);
}

/// Runs `f` while nobody else changes what is traced. May sleep.
pub(crate) fn locked<R>(f: impl FnOnce(&Locked) -> R) -> R {
    // SAFETY: a mutex that is initialised where it is defined; no caller holds it (no function that
    // is called under it calls this one).
    unsafe { raw::mmiotrace_shim_lock() };
    let result = f(&Locked(()));
    // SAFETY: taken above.
    unsafe { raw::mmiotrace_shim_unlock() };
    result
}

/// Proof that the mutex is held.
pub(crate) struct Locked(());

/// Runs `f` while nobody else begins or ends a capture. May sleep.
pub(crate) fn controlling<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: as in `locked`.
    unsafe { raw::mmiotrace_shim_control_lock() };
    let result = f();
    // SAFETY: taken above.
    unsafe { raw::mmiotrace_shim_control_unlock() };
    result
}

/// Reads memory that may not be there. Any context.
pub(crate) fn read(from: u64, into: &mut [u8]) -> bool {
    // SAFETY: the destination is valid for its length; a source that is not there is an error.
    unsafe { raw::mmiotrace_shim_read(from, into.as_mut_ptr().cast(), into.len()) == 0 }
}

/// Writes memory that may not be there: memory that an instruction under emulation writes. Any
/// context.
pub(crate) fn write(to: u64, bytes: &[u8]) -> bool {
    // SAFETY: the source is valid for its length; a destination that is not there is an error, and
    // one that is there is what the emulated instruction writes.
    unsafe { raw::mmiotrace_shim_write(to, bytes.as_ptr().cast(), bytes.len()) == 0 }
}

/// The lowest 32 bytes (16 on CPUs without AVX) of a vector register of the code that faulted, zeros above
/// them; `None` for a number above 15. In a fault of code that uses vector registers.
pub(crate) fn vector(number: u8) -> Option<[u8; 64]> {
    let mut bytes = [0; 64];
    // SAFETY: 64 bytes of room, of which at most 32 are written. Only an instruction that has such a
    // register asks, so it is there.
    unsafe { raw::mmiotrace_shim_vector(u32::from(number), bytes.as_mut_ptr().cast()) }.then_some(bytes)
}

/// # Safety
/// One access of `width` bytes, 16, 32 or 64, at `to` and at `from` is allowed, and the code that faulted
/// uses vector registers. `false` where nothing was done.
pub(crate) unsafe fn move_wide(to: *mut u8, from: *const u8, width: usize) -> bool {
    // SAFETY: the caller's promise; the register that is used is put back.
    unsafe { raw::mmiotrace_shim_move_wide(to.cast(), from.cast(), width) }
}

/// Zeroed memory that user space can map; `None` where there is not enough. May sleep.
pub(crate) fn alloc_shared(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: any size is allowed.
    NonNull::new(unsafe { raw::mmiotrace_shim_alloc_shared(size) }.cast())
}

/// # Safety
/// `at` is from `alloc_shared` and nobody in the kernel uses it any more.
pub(crate) unsafe fn free_shared(at: NonNull<u8>) {
    // SAFETY: the caller's promise. Pages that user space has mapped live until it unmaps them.
    unsafe { raw::mmiotrace_shim_free_shared(at.as_ptr().cast()) }
}

/// Maps such memory into a process; a negative error number if that failed.
///
/// # Safety
/// `area` is a mapping that is being made (`struct vm_area_struct`); `at` is from `alloc_shared`.
pub(crate) unsafe fn map_shared(area: *mut c_void, at: *mut u8, _lock: &Locked) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { raw::mmiotrace_shim_map_shared(area, at.cast()) }
}

/// Memory for Rust's collections. May sleep.
pub(crate) fn alloc(size: usize, align: usize) -> *mut u8 {
    // SAFETY: any size is allowed; an alignment is a power of two.
    unsafe { raw::mmiotrace_shim_alloc(size, align).cast() }
}

/// # Safety
/// `at` is from `alloc` and not used any more.
pub(crate) unsafe fn free(at: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { raw::mmiotrace_shim_free(at.cast()) }
}

/// Writes a line to the kernel's log. Not in an NMI.
pub(crate) fn log(text: &str) {
    // SAFETY: the text is valid for its length.
    unsafe { raw::mmiotrace_shim_log(text.as_ptr(), text.len()) }
}

/// The end: a defect of this module.
pub(crate) fn panic(text: &str) -> ! {
    // SAFETY: as in `log`.
    unsafe { raw::mmiotrace_shim_panic(text.as_ptr(), text.len()) }
}
