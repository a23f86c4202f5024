//! What is asked of the machine that this runs on: programs, Debian's packages, compilers, a cache.
#![forbid(unsafe_code)]

pub mod apt;
pub mod build;
pub mod cache;
pub mod command;
pub mod error;
pub mod toolchain;
