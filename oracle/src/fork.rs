//! Processes that survive anything, since they may die.
#![expect(unsafe_code, reason = "fork")]

use crate::bus;
use crate::machine;
use crate::place::Place;
use crate::trial::Bench;
use mmiotrace_decode::Decoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::FromRawFd;

/// Encodings that one child tries. Another goes on behind one that killed it.
pub(crate) const BATCH: usize = 32;

/// Seconds after which a child is given up.
const PATIENCE: u32 = 60;

/// Lets a child do work, with a bench of its own, and gives the lines that it has told until it ended,
/// however that was.
///
/// # Errors
/// Where no child can be made, or the work itself failed: not where it killed the child.
pub(crate) fn told_by_child(
    work: impl FnOnce(Bench, &mut File) -> io::Result<()>,
) -> io::Result<Vec<String>> {
    let mut ends = [0; 2];
    // SAFETY: The child uses what is its own after the fork: copies of this process's data, whose
    // allocator the C library makes usable, and no other thread's.
    let child = unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return Err(io::Error::last_os_error());
        }
        libc::fork()
    };
    if child < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: Both descriptors are new, and each gets one owner on each side.
    let (read, write) = unsafe { (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1])) };
    if child == 0 {
        drop(read);
        let mut write = write;
        // SAFETY: An alarm that nobody handles ends the process.
        unsafe { libc::alarm(PATIENCE) };
        let status = bench().and_then(|bench| work(bench, &mut write));
        let status = status.map_or_else(
            |error| {
                drop(writeln!(write, "!{error}"));
                1
            },
            |()| 0,
        );
        // SAFETY: Ends this process without running what belongs to the parent.
        unsafe { libc::_exit(status) };
    }
    drop(write);
    let told: Vec<String> = BufReader::new(read).lines().collect::<io::Result<_>>()?;
    let mut status = 0;
    // SAFETY: Waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    match told.iter().find_map(|line| line.strip_prefix('!')) {
        Some(error) => Err(io::Error::other(error.to_owned())),
        None => Ok(told),
    }
}

fn bench() -> io::Result<Bench> {
    let place = Place::new()?;
    let native = bus::native(&place);
    machine::install(native.slots())?;
    let layout = *native.xsave_layout();
    Ok(Bench {
        place,
        layout,
        native,
        decoder: Decoder::new(),
    })
}
