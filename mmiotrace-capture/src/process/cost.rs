//! What an access costs when it is traced.

#![expect(unsafe_code, reason = "mapped memory is accessed by pointers")]

use super::shared::anonymous_page;
use super::{Area, Error, Options, Process};
use mmiotrace_core::CaptureBackend;
use std::time::Instant;

/// What one access cost on this machine, in nanoseconds: the best of several rounds of writes to memory
/// of this process. A device adds its own time to both.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Cost {
    /// Traced, by one thread.
    pub traced: f64,
    /// Not traced.
    pub untraced: f64,
}

const ROUNDS: u32 = 5;
/// Few enough for the smallest ring: nobody empties it meanwhile.
const TRACED: u32 = 400;
const UNTRACED: u32 = 100_000;

/// Measures what an access costs here, by a short capture of this process's own. It takes some
/// milliseconds.
///
/// # Errors
/// Where no capture can begin, above all because one runs.
pub fn measure_cost() -> Result<Cost, Error> {
    let page = anonymous_page()?;
    let at = page.as_ptr().cast::<u32>();
    let mut capture = Process::new(Options::new());
    capture.start()?;
    let untraced = best(at, UNTRACED);
    // SAFETY: the mapping outlives the region, and is accessed by this pointer only.
    let region = unsafe {
        capture
            .tracer()?
            .attach(&Area::new(page.as_ptr(), page.len()))?
    };
    let traced = best(at, TRACED);
    region.detach();
    let _ = capture.stop()?;
    Ok(Cost { traced, untraced })
}

fn best(at: *mut u32, accesses: u32) -> f64 {
    let round = |_| {
        let begin = Instant::now();
        for number in 0..accesses {
            // SAFETY: mapped memory.
            unsafe { at.write_volatile(number) };
        }
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(accesses)
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}
