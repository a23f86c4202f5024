//! The CPU as the judge of `mmiotrace-decode`.
//!
//! [`encodings::all`] lists encodings of every instruction with a memory operand: prefixes, maps,
//! opcodes, ModRM, VEX, EVEX. [`run`] has each executed by the CPU in child processes, on random
//! registers and memory, and compares:
//!
//! - what is touched and written, by taking the memory away and by making it read-only;
//! - which bytes, by sliding the operand against a missing page, and by what changes;
//! - what is read, by changing the memory and looking for a change of the outcome;
//! - the values that the decoder tells beforehand;
//! - each way to carry the instruction out against the instruction itself: registers, flags, x87,
//!   SSE and AVX state, memory, and the accesses that an engine would record.
//!
//! Linux on x86-64 only.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod aim;
mod bus;
mod bytes;
mod child;
mod compare;
mod cpu;
pub mod encodings;
pub mod engine;
mod extent;
mod fork;
mod forms;
mod kinds;
mod machine;
mod mappings;
mod random;
mod report;
mod results;
mod state;
mod tally;
mod trial;
mod ways;

pub use cpu::{RECORDED, host, is_recorded};
pub use report::{Category, Report, Status};
pub use results::{results, results_path};
pub use tally::Tally;

use encodings::Encoding;
use mmiotrace_decode::Decoder;
use std::io;
use std::sync::Mutex;

/// Tests these encodings, with `workers` processes at a time.
///
/// # Errors
/// Where no process can be made.
pub fn run(encodings: &[&Encoding], workers: usize) -> io::Result<Tally> {
    // A table that another thread is just building would be locked in a child for ever.
    let mut decoder = Decoder::new();
    decoder.warm_up_with(0);
    let numbered: Vec<(usize, &Encoding)> = encodings.iter().copied().enumerate().collect();
    let all = Mutex::new((Tally::default(), decoder));
    let each = numbered.len().div_ceil(workers.max(1)).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = numbered
            .chunks(each)
            .map(|part| {
                let all = &all;
                scope.spawn(move || {
                    child::run(part, &mut |number, report| {
                        if let (Ok(mut guard), Some(encoding)) = (all.lock(), encodings.get(number))
                        {
                            let (tally, decoder) = &mut *guard;
                            tally.add(encoding, &report, decoder);
                        }
                    })
                })
            })
            .collect();
        for thread in threads {
            thread
                .join()
                .map_err(|_| io::Error::other("a worker panicked"))??;
        }
        Ok::<(), io::Error>(())
    })?;
    let (tally, _) = all
        .into_inner()
        .map_err(|_| io::Error::other("a worker panicked"))?;
    Ok(tally)
}
