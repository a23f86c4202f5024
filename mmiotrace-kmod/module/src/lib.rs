//! The engine as an object that a module of Linux is linked from.
//!
//! The C files beside this folder are the kernel's side: `entry` is what they call, `shim` what they
//! offer. Between the two lies `capture`: which mappings are traced, from when to when. What
//! happens in a fault is `mmiotrace-kmod`'s and `mmiotrace-decode`'s; `platform` says where
//! they are.
//!
//! Unsafe code is in `shim` (calls into C), `entry` (pointers from C), `device` (device
//! accesses), `heap`, `memory` (what the compiler calls to copy) and `state` (what the mutex of the C side protects), each block with its proof.
#![no_std]
#![deny(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]

extern crate alloc;

mod abi;
mod capture;
mod describe;
mod device;
mod entry;
mod frame;
mod heap;
mod mappings;
mod memory;
mod platform;
mod shim;
mod state;
