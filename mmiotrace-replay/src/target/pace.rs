//! Waiting to the microsecond.

use core::time::Duration;
use std::time::Instant;

/// What a sleeping thread may oversleep.
const SLACK: Duration = Duration::from_millis(1);

/// Waits at least `time`, and hardly more.
pub(crate) fn wait(time: Duration) {
    if time.is_zero() {
        return;
    }
    let begun = Instant::now();
    if let Some(sleep) = time.checked_sub(SLACK) {
        std::thread::sleep(sleep);
    }
    while begun.elapsed() < time {
        core::hint::spin_loop();
    }
}
