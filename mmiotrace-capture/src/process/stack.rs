//! Alternate signal stacks.

#![expect(unsafe_code, reason = "a stack is mapped and given to the kernel")]

use super::Error;

/// Room for the kernel's frame (with AMX over 11 KiB), a second one for a fault of the engine's own
/// code, and the handler.
const LEN: usize = 64 * 1024;

/// Gives this thread an alternate signal stack, where it has none as large. It stays mapped: when a
/// thread ends, nothing shows whether it is still in use.
pub(super) fn enlarge() -> Result<(), Error> {
    // SAFETY: the structure is ours, and any bits are one.
    let mut now: libc::stack_t = unsafe { core::mem::zeroed() };
    // SAFETY: as above; nothing is changed.
    if unsafe { libc::sigaltstack(core::ptr::null(), &raw mut now) } != 0 {
        return Err(Error::last("ask for the signal stack"));
    }
    let disabled = now.ss_flags & libc::SS_DISABLE != 0;
    if now.ss_flags & libc::SS_ONSTACK != 0 || (!disabled && now.ss_size >= LEN) {
        return Ok(());
    }
    // SAFETY: a new mapping at an address of the kernel's choice.
    let start = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
            LEN,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(Error::last("map a signal stack"));
    }
    let stack = libc::stack_t {
        ss_sp: start,
        ss_flags: 0,
        ss_size: LEN,
    };
    // SAFETY: memory of ours, which stays mapped.
    if unsafe { libc::sigaltstack(&raw const stack, core::ptr::null_mut()) } != 0 {
        return Err(Error::last("set a signal stack"));
    }
    Ok(())
}
