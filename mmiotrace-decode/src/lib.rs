//! From instruction bytes and registers to the exact memory accesses, and the exact way to carry
//! them out.
//!
//! A capture engine sees a page fault: some instruction touched traced device memory. This crate
//! tells what that instruction is about to do ([`Decoder`], [`DecodedInstruction::accesses`]), how
//! an engine can have it done without opening the page to anyone else
//! ([`DecodedInstruction::way`]), and does it ([`DecodedInstruction::emulate`],
//! [`DecodedInstruction::step`], and with the features `process` the ways `bounce` and
//! `alias`). It is pure code over bytes, registers and a [`Bus`]: the same in a kernel module,
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
//! - `native`: single accesses of exact width and atomic operations on real memory, for a [`Bus`]
//!   over it. Integer code only, fit for a kernel. Unsafe code; x86-64 only.
//! - `encoder`: re-encoding of an instruction on another operand, for the ways `bounce` and
//!   `alias`.
//! - `process`: running what was re-encoded, in this process; implies both.
//! - `text`: disassembly as text, and the report behind `mmiotrace decode`.
//! - `elf`: a driver's code ([`CodeImage`]), to look up what an `UNKNOWN` record's instruction was.
//! - `serde`: `Serialize` for that report.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod bus;
mod cache;
mod cpu;
#[cfg(target_arch = "x86_64")]
mod cpuid;
mod decoder;
mod emulate;
mod error;
mod gpr;
mod iced;
#[cfg(feature = "elf")]
mod image;
mod instruction;
mod kernel_decoder;
#[cfg(feature = "native")]
pub mod native;
mod operand;
mod operation;
mod plain;
#[cfg(feature = "process")]
mod process;
mod progress;
#[cfg(feature = "encoder")]
mod reencode;
mod registers;
mod step;
mod table;
#[cfg(feature = "text")]
mod text;
mod way;
mod xsave;

pub use access::{Accesses, DecodedAccess};
pub use bus::{Bus, BusFault, Hint, Locked, LockedOp, MemoryKind};
pub use cpu::{Cpu, Difference, Maker, ParseCpuError};
pub use decoder::Decoder;
pub use error::DecodeError;
pub use gpr::{Gpr, GprPart};
#[cfg(feature = "elf")]
pub use image::{CodeImage, CodePlace, ImageError};
pub use instruction::{Data, DecodedInstruction, Kind, Repeat};
pub use kernel_decoder::{KernelMistake, KernelView};
pub use operand::{Base, MemoryOperand, Segment};
pub use plain::PlainMove;
#[cfg(feature = "process")]
pub use process::{AliasBus, Native};
pub use progress::{Exception, Progress, Stop};
#[cfg(feature = "encoder")]
pub use reencode::{Reencoded, Reencoder};
pub use registers::{RegisterFile, Registers};
pub use step::Step;
#[cfg(feature = "text")]
pub use text::{AccessReport, DecodeReport, Explanation, MakersReport, ReasonReport, WayReport};
pub use way::{Context, Reason, Way};
pub use xsave::{CpuState, ExtendedState, XsaveLayout};

/// The example of the README is tested as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
