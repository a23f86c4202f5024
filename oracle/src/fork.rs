//! Processes that survive anything, since they may die.
#![expect(unsafe_code, reason = "fork")]

use crate::bus;
use crate::machine;
use crate::mappings::Mappings;
use crate::trial::Bench;
use mmiotrace_decode::Decoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::FromRawFd;

/// Encodings that one child tries. Another goes on behind one that killed it.
pub(crate) const BATCH: usize = 32;

/// Seconds after which a child is given up.
const PATIENCE: u32 = 60;

/// Lets a child do work, with a bench of its own, and returns the lines that it wrote before it ended,
/// however that was.
///
/// # Errors
/// Where no child can be made, or the work itself failed: not where it killed the child.
pub(crate) fn lines_of_child(
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
    let lines: Vec<String> = BufReader::new(read).lines().collect::<io::Result<_>>()?;
    let mut status = 0;
    // SAFETY: Waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    match lines.iter().find_map(|line| line.strip_prefix('!')) {
        Some(error) => Err(io::Error::other(error.to_owned())),
        None => Ok(lines),
    }
}

fn bench() -> io::Result<Bench> {
    let mappings = Mappings::new()?;
    let native = bus::native(&mappings);
    machine::install(native.slots())?;
    let layout = *native.xsave_layout();
    Ok(Bench {
        mappings,
        layout,
        native,
        decoder: Decoder::new(),
    })
}
