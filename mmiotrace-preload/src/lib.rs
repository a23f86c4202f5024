//! The library that `mmiotrace record -- COMMAND` preloads: it arms what the program maps from
//! devices, and keeps the program from disturbing the capture.
//!
//! Where the environment names no channel it does nothing but call on.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod execute;
mod gate;
mod listed;
mod lookout;
mod memory;
mod next;
mod process;
mod refused;
mod session;
mod signals;
mod syscall;
mod told;
mod transfer;
