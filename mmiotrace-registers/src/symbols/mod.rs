//! Instruction addresses as symbol and offset.

#[cfg(feature = "symbols")]
mod elf;
mod kallsyms;
mod table;

pub use table::{InvalidSymbols, Symbol, Symbols};
