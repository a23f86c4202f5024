//! The CPU at hand, and those whose runs are checked in.

use iced_x86::{Decoder, DecoderOptions, Instruction};
use mmiotrace_decode::{Cpu, Maker};
use std::sync::OnceLock;

/// The runs that are checked in, in `oracle/results/`: the CPU and the page.
pub const RECORDED: &[(&str, &str)] = &[
    ("amd-26-2", include_str!("../results/amd-26-2.md")),
    ("intel-6-207", include_str!("../results/intel-6-207.md")),
];

/// Whether a run on this CPU is checked in, so that it must agree in everything.
#[must_use]
pub fn is_recorded(cpu: Cpu) -> bool {
    let name = cpu.to_string();
    RECORDED.iter().any(|(known, _)| *known == name)
}

/// The CPU at hand. Asked once: in a virtual machine each time takes as long as thousands of
/// instructions.
#[must_use]
pub fn host() -> Cpu {
    static HOST: OnceLock<Cpu> = OnceLock::new();
    *HOST.get_or_init(Cpu::host)
}

/// iced's view of an instruction, as the CPU at hand has it.
pub(crate) fn parse(bytes: &[u8]) -> Instruction {
    parse_for(bytes, host().maker())
}

/// iced's view of an instruction, as CPUs of a maker have it.
pub(crate) fn parse_for(bytes: &[u8], maker: Option<Maker>) -> Instruction {
    decoder_for(bytes, maker).decode()
}

pub(crate) fn decoder(bytes: &[u8]) -> Decoder<'_> {
    decoder_for(bytes, host().maker())
}

fn decoder_for(bytes: &[u8], maker: Option<Maker>) -> Decoder<'_> {
    let options = match maker {
        Some(Maker::Amd) => DecoderOptions::AMD,
        _ => DecoderOptions::NONE,
    };
    Decoder::new(64, bytes, options)
}
