//! The library that `mmiotrace record -- COMMAND` preloads: functions of the C library, replaced by
//! ones that let [`mmiotrace_capture::process::preload`] know what the program does.
//!
//! If the environment names no channel, every one just calls the C library's own.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod efault;
mod execl;
mod execute;
mod memory;
mod process;
mod real_fns;
mod signals;
mod syscall;
mod transfer;

use mmiotrace_capture::process::preload;

#[used]
#[expect(
    unsafe_code,
    reason = "the loader calls a function of ours before main"
)]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

extern "C" fn begin() {
    preload::begin();
}

#[used]
#[expect(unsafe_code, reason = "the loader calls a function of ours after main")]
#[unsafe(link_section = ".fini_array")]
static END: extern "C" fn() = end;

extern "C" fn end() {
    preload::end();
}
