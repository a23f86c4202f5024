//! What an instruction was, from as many of its bytes as are known.

use crate::iced::{mnemonic, parse};
use crate::{Cpu, DecodeError, DecodedInstruction, Decoder, Kind};
use alloc::format;
use alloc::string::String;
use mmiotrace_core::{Code, Width};

/// What an instruction was. The kernel's `UNKNOWN` records hold three bytes of one, which mostly
/// suffice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The disassembly where all bytes are known; else as much as is certain: `or dword […]`.
    pub text: String,
    /// What it does to memory.
    pub kind: Kind,
    /// The width of one access; the most, where makers differ.
    pub width: Option<Width>,
    /// How many of these bytes are accessed whoever made the CPU.
    pub least: Option<Width>,
    /// The bytes that this was told from.
    pub code: Code,
    /// Whether these are all bytes of the instruction, and `text` all there is to say.
    pub is_whole: bool,
}

/// What stands for bytes that are not known. Where all of them give the same instruction, kind and
/// width, these do not depend on the missing bytes.
const FILLINGS: [u8; 6] = [0x00, 0x05, 0x24, 0x4c, 0x84, 0xbf];

impl Explanation {
    /// What the instruction that begins with `code` was, on a CPU that is not known; `None` where these bytes begin no
    /// instruction, or too many different ones.
    ///
    /// ```
    /// use mmiotrace_decode::{Explanation, Kind};
    ///
    /// let known = Explanation::of(&[0x48, 0x63, 0x00]).unwrap();
    /// assert_eq!(known.text, "movsxd rax,[rax]");
    /// // or dword ptr [r8], …: the immediate is missing
    /// let partly = Explanation::of(&[0x41, 0x83, 0x08]).unwrap();
    /// assert_eq!((partly.kind, partly.width.unwrap().bytes()), (Kind::ReadModifyWrite, 4));
    /// assert!(!partly.is_whole);
    /// ```
    #[must_use]
    pub fn of(code: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::for_cpu(Cpu::UNKNOWN);
        match decoder.decode_uncached(code) {
            Ok(instruction) => Some(Self {
                text: instruction.to_text(0),
                kind: instruction.kind(),
                width: instruction.width(),
                least: least(&instruction),
                code: instruction.code(),
                is_whole: true,
            }),
            Err(DecodeError::Truncated { .. }) => partly(&mut decoder, code),
            Err(_) => None,
        }
    }
}

fn least(instruction: &DecodedInstruction) -> Option<Width> {
    Width::from_bytes(instruction.least(instruction.width()?.bytes()))
}

/// What all fillings of the missing bytes have in common.
fn partly(decoder: &mut Decoder, code: &[u8]) -> Option<Explanation> {
    let mut common: Option<Explanation> = None;
    for filling in FILLINGS {
        let mut bytes = [filling; 15];
        bytes.get_mut(..code.len())?.copy_from_slice(code);
        let Ok(instruction) = decoder.decode_uncached(&bytes) else {
            continue;
        };
        let name = mnemonic(&parse(&bytes).ok()?);
        let text = match instruction.width() {
            Some(width) if least(&instruction) != Some(width) => match least(&instruction) {
                Some(least) => format!("{name}, {least} to {width} bytes"),
                None => name,
            },
            Some(width) => format!("{name}, {width} bytes"),
            None => name,
        };
        let found = Explanation {
            text,
            kind: instruction.kind(),
            width: instruction.width(),
            least: least(&instruction),
            code: Code::from_prefix(code),
            is_whole: false,
        };
        match &common {
            Some(common) if *common != found => return None,
            _ => common = Some(found),
        }
    }
    common
}
