//! What is asked of the machine that this runs on: programs, Debian's packages, compilers, a cache.

pub mod apt;
pub mod cache;
pub mod command;
pub mod error;
pub mod toolchain;
