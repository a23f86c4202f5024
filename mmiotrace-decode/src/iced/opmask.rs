//! Memory operands of EVEX instructions under a mask register.
//!
//! iced calls a masked load a full `Read` and a masked store `CondWrite`. Which bytes are accessed
//! depends on whether the instruction suppresses faults of elements that the mask leaves out: the SDM
//! says so by exception classes (volume 2, section 2.8), and CPUs with AVX-512 do so (measured, see the
//! crate `oracle`).

use crate::DecodedInstruction;
use crate::operation::{Shape, VectorInfo};
use iced_x86::{Instruction, MemorySize, Mnemonic as M, OpKind};

/// EVEX with a mask other than `k0`, `decoded.shape` being what it is without one.
pub(super) fn masked(
    instruction: &Instruction,
    size: MemorySize,
    decoded: &mut DecodedInstruction,
) {
    let write = decoded.shape != Shape::Read;
    if !write && reads_all(instruction) {
        decoded.width = size.size() as u8;
        return;
    }
    let element = element(instruction, size);
    let elements = (size.size() / element).max(1) as u8;
    let mut info = VectorInfo {
        mask: instruction.op_mask().number() as u8,
        mask_is_vector: false,
        index: 0,
        index_width: 0,
    };
    decoded.width = element as u8;
    decoded.detail = elements;
    decoded.shape = match instruction.mnemonic() {
        M::Vpcompressb
        | M::Vpcompressw
        | M::Vpcompressd
        | M::Vpcompressq
        | M::Vcompressps
        | M::Vcompresspd => Shape::PackedWrite,
        M::Vpexpandb | M::Vpexpandw | M::Vpexpandd | M::Vpexpandq | M::Vexpandps | M::Vexpandpd => {
            Shape::PackedRead
        }
        _ if size.is_broadcast() || is_broadcast(instruction.mnemonic()) => Shape::AnyRead,
        _ if write => Shape::MaskedWrite,
        _ => Shape::MaskedRead,
    };
    if decoded.shape == Shape::AnyRead {
        // The mask has a bit for every element of the register.
        decoded.detail = (register_len(instruction, decoded) / element).clamp(1, 64) as u8;
        info.index = elements;
    }
    decoded.immediate = info.pack();
}

/// Bytes of the register that the mask is about.
fn register_len(instruction: &Instruction, decoded: &DecodedInstruction) -> usize {
    // A comparison's result is a mask register; its other operand is as long as what is compared.
    if instruction.op0_register().is_k() {
        instruction.op1_register().size()
    } else {
        usize::from(decoded.register_width)
    }
}

/// Bytes of memory for one bit of the mask.
fn element(instruction: &Instruction, size: MemorySize) -> usize {
    match instruction.mnemonic() {
        // iced gives what is multiplied and added up inside an element.
        M::Vpmuludq | M::Vpmuldq => 8,
        M::Vpdpbusd | M::Vpdpbusds | M::Vpdpwssd | M::Vpdpwssds | M::Vdpbf16ps => 4,
        M::Vbroadcastf32x2 | M::Vbroadcasti32x2 => 4,
        // A complex number is one element of two halves.
        M::Vfmulcph | M::Vfcmulcph | M::Vfmaddcph | M::Vfcmaddcph => 4,
        M::Vfmulcsh | M::Vfcmulcsh | M::Vfmaddcsh | M::Vfcmaddcsh => 4,
        _ => size.element_size().max(1),
    }
}

/// Loads that repeat their operand.
fn is_broadcast(mnemonic: M) -> bool {
    use M::*;
    matches!(
        mnemonic,
        Vbroadcastss
            | Vbroadcastsd
            | Vpbroadcastb
            | Vpbroadcastw
            | Vpbroadcastd
            | Vpbroadcastq
            | Vbroadcastf32x2
            | Vbroadcastf32x4
            | Vbroadcastf32x8
            | Vbroadcastf64x2
            | Vbroadcastf64x4
            | Vbroadcasti32x2
            | Vbroadcasti32x4
            | Vbroadcasti32x8
            | Vbroadcasti64x2
            | Vbroadcasti64x4
    )
}

/// Whether all of the operand is read whatever the mask says, because its elements do not go to
/// elements of the result one by one: exception classes E4NF, E5NF and E6NF.
fn reads_all(instruction: &Instruction) -> bool {
    use M::*;
    match instruction.mnemonic() {
        // One count for all; by a constant, elements are shifted each for itself.
        Vpsllw | Vpslld | Vpsllq | Vpsrlw | Vpsrld | Vpsrlq | Vpsraw | Vpsrad | Vpsraq => {
            instruction.op2_kind() == OpKind::Memory
        }
        Vunpcklps | Vunpcklpd | Vunpckhps | Vunpckhpd | Vpunpcklbw | Vpunpcklwd | Vpunpckldq
        | Vpunpcklqdq | Vpunpckhbw | Vpunpckhwd | Vpunpckhdq | Vpunpckhqdq | Vpacksswb
        | Vpackssdw | Vpackuswb | Vpackusdw => true,
        Vshufps | Vshufpd | Vshuff32x4 | Vshuff64x2 | Vshufi32x4 | Vshufi64x2 | Vpshufb
        | Vpshufd | Vpshufhw | Vpshuflw | Vpalignr | Valignd | Valignq | Vmovddup | Vmovshdup
        | Vmovsldup => true,
        Vpermb | Vpermw | Vpermd | Vpermq | Vpermps | Vpermpd | Vpermi2b | Vpermi2w | Vpermi2d
        | Vpermi2q | Vpermi2ps | Vpermi2pd | Vpermt2b | Vpermt2w | Vpermt2d | Vpermt2q
        | Vpermt2ps | Vpermt2pd | Vpermilps | Vpermilpd => true,
        Vinsertf32x4 | Vinsertf32x8 | Vinsertf64x2 | Vinsertf64x4 | Vinserti32x4 | Vinserti32x8
        | Vinserti64x2 | Vinserti64x4 => true,
        Vpmaddwd | Vpmaddubsw | Vdbpsadbw | Vpconflictd | Vpconflictq | Vpmultishiftqb
        | Vgf2p8affineqb | Vgf2p8affineinvqb | Vcvtne2ps2bf16 => true,
        _ => false,
    }
}
