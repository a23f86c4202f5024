//! What `mmiotrace decode` prints.

use crate::{Context, DecodeError, Decoder, RegisterFile, Way};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

/// One instruction with given registers, as `mmiotrace decode --json` prints it.
///
/// ```
/// use mmiotrace_decode::{DecodeReport, Decoder, Gpr, Registers};
///
/// let registers = Registers::default().with(Gpr::Rdi, 0x1000).with(Gpr::Rax, 5);
/// let report = DecodeReport::new(&mut Decoder::new(), &[0x89, 0x47, 0x04], &registers)?;
/// assert_eq!(report.text, "mov [rdi+4],eax");
/// assert_eq!(report.accesses[0].value.as_deref(), Some("0x5"));
/// assert_eq!(report.way.process, "emulate");
/// # Ok::<(), mmiotrace_decode::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DecodeReport {
    /// Bytes of the instruction.
    pub length: u8,
    /// The disassembly.
    pub text: String,
    /// The accesses in order, at most [`MOST_ACCESSES`](Self::MOST_ACCESSES).
    pub accesses: Vec<AccessReport>,
    /// Whether there are more accesses than are listed. Left out of the JSON unless true.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "core::ops::Not::not"))]
    pub more: bool,
    /// Whether it accesses memory of which only state that is not at hand tells how much
    /// ([`DecodedInstruction::has_unknown_extent`](crate::DecodedInstruction::has_unknown_extent)). Left out of the JSON unless true.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "core::ops::Not::not"))]
    pub unknown: bool,
    /// What makers' CPUs do differently with these bytes. Left out of the JSON where all do the same.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub makers: Option<MakersReport>,
    /// How to have it done.
    pub way: WayReport,
    /// Why not, where the way is `cannot`. Left out of the JSON where both ways are something else.
    #[cfg_attr(
        feature = "serde",
        serde(skip_serializing_if = "ReasonReport::is_empty")
    )]
    pub reason: ReasonReport,
}

/// One access of a [`DecodeReport`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AccessReport {
    /// `read` or `write`.
    pub kind: &'static str,
    /// Bytes, 1 to 64; the most, where makers differ and the CPU is not known.
    pub width: u8,
    /// How many of them are accessed whoever made the CPU. Left out of the JSON where that is all.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub least: Option<u8>,
    /// The address in hex.
    pub address: String,
    /// The value in hex, where the registers tell it.
    pub value: Option<String>,
    /// Whether memory or registers that are not known decide that the access is made at all. Left
    /// out of the JSON unless true.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "core::ops::Not::not"))]
    pub conditional: bool,
}

/// What makers' CPUs do differently, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MakersReport {
    /// The CPU that the report is for.
    pub cpu: String,
    /// What Intel's CPUs do.
    pub intel: &'static str,
    /// What AMD's CPUs do.
    pub amd: &'static str,
}

/// The ways of a [`DecodeReport`], in the words of [`Way::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WayReport {
    /// In a user process.
    pub process: &'static str,
    /// In the kernel.
    pub kernel: &'static str,
}

/// The reasons of a [`DecodeReport`], in the words of [`Reason::as_str`](crate::Reason::as_str).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ReasonReport {
    /// Why not in a user process.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub process: Option<&'static str>,
    /// Why not in the kernel.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub kernel: Option<&'static str>,
}

impl ReasonReport {
    /// Whether there is nothing to explain.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.process.is_none() && self.kernel.is_none()
    }
}

impl DecodeReport {
    /// How many accesses are listed: a `rep` may make any number.
    pub const MOST_ACCESSES: usize = 4096;

    /// The report on the instruction at the beginning of `code`, at `registers.rip`.
    ///
    /// # Errors
    /// Where the bytes are no instruction, or end before it does.
    pub fn new<R: RegisterFile + ?Sized>(
        decoder: &mut Decoder,
        code: &[u8],
        registers: &R,
    ) -> Result<Self, DecodeError> {
        let instruction = decoder.decode_uncached(code)?;
        let mut accesses = instruction.accesses(registers);
        let listed = accesses
            .by_ref()
            .take(Self::MOST_ACCESSES)
            .map(|access| AccessReport {
                kind: access.kind.as_str(),
                width: access.width.bytes(),
                least: (access.least != access.width).then(|| access.least.bytes()),
                address: format!("{:#x}", access.address.0),
                value: access.value.map(|value| format!("{value:#x}")),
                conditional: access.conditional,
            });
        let listed = listed.collect();
        let ways = [Context::Process, Context::Kernel].map(|context| instruction.way(context));
        let reasons = ways.map(|way| way.reason().map(crate::Reason::as_str));
        Ok(Self {
            length: instruction.len(),
            text: instruction.to_text(registers.registers().rip),
            accesses: listed,
            more: accesses.next().is_some(),
            unknown: instruction.has_unknown_extent(),
            makers: instruction.difference().map(|difference| MakersReport {
                cpu: decoder.cpu().to_string(),
                intel: difference.intel,
                amd: difference.amd,
            }),
            way: WayReport {
                process: Way::as_str(ways[0]),
                kernel: Way::as_str(ways[1]),
            },
            reason: ReasonReport {
                process: reasons[0],
                kernel: reasons[1],
            },
        })
    }
}
