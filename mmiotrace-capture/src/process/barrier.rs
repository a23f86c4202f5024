//! A fence in all threads of the process at once, so that a handler needs none.

#![expect(unsafe_code, reason = "a system call")]

use core::time::Duration;

/// Commands of membarrier(2) (`include/uapi/linux/membarrier.h`; since Linux 4.14).
const EXPEDITED: i32 = 1 << 3;
const REGISTER_EXPEDITED: i32 = 1 << 4;

/// Asks the kernel to be ready for [`order_all`]; whether it is.
pub(super) fn register() -> bool {
    call(REGISTER_EXPEDITED)
}

/// Has every thread of this process that runs now pass a full fence.
pub(super) fn order_all() {
    if !call(EXPEDITED) {
        // Forbidden since it was registered (a filter of the program's own). A CPU keeps what it has
        // stored to itself for much less than a microsecond.
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn call(command: i32) -> bool {
    // SAFETY: a call without memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_fence_in_all_threads() {
        // Linux 4.14 is older than all that this runs on.
        assert!(super::register());
        assert!(super::call(super::EXPEDITED));
    }
}
