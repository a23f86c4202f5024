//! From instruction bytes and registers to the exact memory accesses, and the exact way to carry
//! them out.
//!
//! A capture engine sees a page fault: some instruction touched traced device memory. This crate
//! tells what that instruction is about to do ([`Decoder`], [`DecodedInstruction::accesses`]), how
//! an engine can have it done without opening the page to anyone else
//! ([`DecodedInstruction::way`]), and does it ([`DecodedInstruction::emulate`],
//! [`DecodedInstruction::step`], and with the features `encoder` and `process` the ways `bounce`
//! and `alias`). It is pure code over bytes, registers and a [`Bus`]: the same in a kernel module,
//! in a signal handler and in a test.
//!
//! ```
//! use mmiotrace_core::{AccessKind, VirtAddr};
//! use mmiotrace_decode::{Context, Decoder, Gpr, Registers, Way};
//!
//! let mut decoder = Decoder::new();
//! decoder.warm_up();
//!
//! // lock xadd [rbx+rcx*4], edx
//! let code = [0xf0, 0x0f, 0xc1, 0x14, 0x8b];
//! let instruction = decoder.decode(&code, VirtAddr(0xffff_ffff_c000_0000))?;
//! assert!(instruction.is_locked());
//! assert_eq!(instruction.way(Context::Kernel), Way::Emulate);
//!
//! let registers = Registers::default().with(Gpr::Rbx, 0x1000).with(Gpr::Rcx, 2);
//! let accesses: Vec<_> = instruction.accesses(&registers).collect();
//! assert_eq!((accesses[0].kind, accesses[0].address), (AccessKind::Read, VirtAddr(0x1008)));
//! assert_eq!((accesses[1].kind, accesses[1].width.bytes()), (AccessKind::Write, 4));
//! # Ok::<(), mmiotrace_decode::DecodeError>(())
//! ```
//!
//! # Features
//! None is on by default; without any the crate needs `alloc` only.
//! - `encoder`: re-encoding of an instruction on another operand, for the ways `bounce` and
//!   `alias`.
//! - `process`: running what was re-encoded, in this process, and single accesses of exact width on
//!   real memory. x86-64 only; the one file with unsafe code.
//! - `text`: disassembly as text, and the report behind `mmiotrace decode`.
//! - `serde`: `Serialize` for that report.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod bus;
mod cache;
mod decoder;
mod emulate;
mod error;
mod gpr;
mod iced;
mod instruction;
mod operand;
mod operation;
mod progress;
mod registers;
mod step;
mod way;
mod xsave;

pub use access::{Accesses, DecodedAccess};
pub use bus::{Bus, BusFault, Hint, Locked, LockedOp, Place};
pub use decoder::Decoder;
pub use error::DecodeError;
pub use gpr::{Gpr, GprPart};
pub use instruction::{Data, DecodedInstruction, Kind, Repeat};
pub use operand::{Base, MemoryOperand, Segment};
pub use progress::{Exception, Progress, Stop};
pub use registers::{RegisterFile, Registers};
pub use step::Step;
pub use way::{Context, Reason, Way};
pub use xsave::{CpuState, ExtendedState, XsaveLayout};
