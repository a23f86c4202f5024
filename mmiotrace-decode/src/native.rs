//! What only machine code can do: single accesses of exact width and atomic operations on real
//! memory, and the trampoline that runs re-encoded code. This folder is the one place of the crate
//! with unsafe code.
//!
//! With the feature `native` alone this is integer code without a loop or a call, fit for a
//! kernel. The feature `process` adds accesses of 16 to 64 bytes, the trampoline, and the table of
//! the instructions that may fault with the place to go on at ([`recover`]).

#[cfg(target_arch = "x86_64")]
pub(crate) mod arithmetic;
mod atomic;
#[cfg(feature = "process")]
mod fixup;
mod guarded;
mod single;
#[cfg(feature = "process")]
mod trampoline;
#[cfg(feature = "process")]
mod wide;

pub use atomic::locked;
#[cfg(feature = "process")]
pub use fixup::recover;
pub use single::{read, read_word, touch, write, write_word};
#[cfg(feature = "process")]
pub(crate) use trampoline::{COMPONENTS, Frame, Slots, cpu_layout, usable};
