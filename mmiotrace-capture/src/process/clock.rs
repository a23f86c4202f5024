//! Time, by system calls that a signal handler may make.

#![expect(unsafe_code, reason = "system calls")]

use core::time::Duration;
use mmiotrace_core::Timestamp;

/// The time on the clock of all captures in processes: since boot, as ftrace's by default.
#[inline]
pub(super) fn now() -> Timestamp {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time is a local variable, which the call fills.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Timestamp::from_nanos(seconds.wrapping_mul(1_000_000_000).wrapping_add(nanos))
}

/// Sleeps. Not by the C library, whose `nanosleep` a cancelled thread never returns from.
pub(super) fn sleep(duration: Duration) {
    let time = libc::timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    };
    // SAFETY: the time is a local variable; the remaining time is not asked for.
    unsafe {
        libc::syscall(
            libc::SYS_nanosleep,
            &raw const time,
            core::ptr::null_mut::<libc::timespec>(),
        );
    }
}
