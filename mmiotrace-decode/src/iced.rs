//! Everything that the table does not know: iced-x86 decodes it, and this module says it in our
//! words. The only files that name iced, with those for encoding and text.

mod classify;
mod makers;
mod native;
mod operand;
mod opmask;
mod ways;

pub(crate) use ways::emulated;

use crate::{DecodeError, DecodedInstruction, Maker};
use iced_x86::{Decoder, DecoderError, DecoderOptions, Instruction, InstructionInfoFactory};

/// The instructions with the longest lists in iced's info: `enter 0, 31` touches 62 places in
/// memory (measured: the most of 3 million random instructions), `fxrstor`, `xrstor`, `fnsave` and
/// `vzeroall` name the most registers.
pub(crate) const LONGEST: [&[u8]; 6] = [
    &[0xc8, 0x00, 0x00, 0x1f],
    &[0x0f, 0xae, 0x0f],
    &[0x0f, 0xae, 0x2f],
    &[0x0f, 0xae, 0x07],
    &[0xdd, 0x37],
    &[0xc5, 0xfc, 0x77],
];

/// iced's decoder with its working memory.
pub(crate) struct Fallback {
    factory: Option<InstructionInfoFactory>,
}

impl core::fmt::Debug for Fallback {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Fallback")
            .field("warm", &self.factory.is_some())
            .finish()
    }
}

impl Fallback {
    pub(crate) const fn new() -> Self {
        Self { factory: None }
    }

    /// Makes iced allocate what it ever will: its tables, and the lists of the info factory.
    pub(crate) fn warm_up(&mut self) {
        for code in LONGEST {
            // Only the allocation matters here.
            let _ = self.decode(code, None);
            if let (Ok(instruction), Some(factory)) = (parse(code), self.factory.as_mut()) {
                let _ = factory.info(&instruction);
            }
        }
    }

    /// The instruction as CPUs of `maker` have it. Where that is not known, it is as Intel's CPUs have
    /// it, but with the most bytes that any maker's access.
    pub(crate) fn decode(
        &mut self,
        code: &[u8],
        maker: Option<Maker>,
    ) -> Result<DecodedInstruction, DecodeError> {
        let factory = self.factory.get_or_insert_with(InstructionInfoFactory::new);
        let instruction = parse_at(code, 0, maker)?;
        let len = instruction.len().min(15);
        let mut bytes = [0; 15];
        bytes[..len].copy_from_slice(code.get(..len).ok_or(DecodeError::Invalid)?);
        let mut decoded = DecodedInstruction::bare(bytes, len as u8);
        decoded.memory = operand::memory(&instruction);
        if !classify::classify(&instruction, maker, &mut decoded) {
            native::describe(&instruction, factory, maker, &mut decoded);
        }
        if let Some(row) = makers::difference(&instruction, code, maker) {
            decoded.set_difference(row, maker);
        }
        decoded.ways = ways::ways(&instruction, factory, &decoded);
        Ok(decoded)
    }
}

/// iced's view of the instruction at address 0, as Intel's CPUs have it.
pub(crate) fn parse(code: &[u8]) -> Result<Instruction, DecodeError> {
    parse_at(code, 0, None)
}

/// iced's view of the instruction at `rip`, as CPUs of `maker` have it: as Intel's where that is not
/// known.
pub(crate) fn parse_at(
    code: &[u8],
    rip: u64,
    maker: Option<Maker>,
) -> Result<Instruction, DecodeError> {
    let window = code.get(..15).unwrap_or(code);
    let options = match maker {
        Some(Maker::Amd) => DecoderOptions::AMD,
        _ => DecoderOptions::NONE,
    };
    let mut decoder = Decoder::with_ip(64, window, rip, options);
    let instruction = decoder.decode();
    match decoder.last_error() {
        DecoderError::None if !instruction.is_invalid() => Ok(instruction),
        DecoderError::NoMoreBytes if code.len() < 15 => {
            Err(DecodeError::Truncated { have: code.len() })
        }
        _ => Err(DecodeError::Invalid),
    }
}

/// The instruction's name in lower case.
#[cfg(feature = "text")]
pub(crate) fn mnemonic(instruction: &Instruction) -> alloc::string::String {
    alloc::format!("{:?}", instruction.mnemonic()).to_lowercase()
}
