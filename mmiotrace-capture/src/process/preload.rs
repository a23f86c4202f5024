//! What the library does that is preloaded into programs (`mmiotrace-preload`), but for the symbols
//! that it replaces: it traces what the program maps from devices, keeps the program from disturbing
//! the capture, and reports what is not traced.
//!
//! Only for a library that replaces those functions of the C library. Nothing here is traced before
//! [`begin`].

mod blocked;
mod deferred;
mod efault;
mod mapping_lock;
mod mapping_scan;
mod mappings;
mod programs;
mod report;
mod session;

pub use super::action::swap_program_action;
pub use efault::{Watched, report_stream_buffer};
pub use mapping_scan::{report_uring, scan_before_exec, scan_before_exit};
pub use mappings::{MapRequest, RemapRequest, map, protect, remap, unmap};
pub use programs::{Strings, check, check_found, check_open};
pub use report::keeping_errno;
pub use session::{begin, end, enroll_thread, is_active, traces};
