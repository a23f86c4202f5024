//! Sets of mnemonics.

use iced_x86::{CpuidFeature, Instruction, Mnemonic as M};

/// Moves of the whole operand from or to the low bytes of one register.
pub(super) fn is_plain_move(mnemonic: M) -> bool {
    use M::*;
    matches!(
        mnemonic,
        Movaps
            | Movapd
            | Movups
            | Movupd
            | Movdqa
            | Movdqu
            | Lddqu
            | Movss
            | Movsd
            | Movd
            | Movq
            | Movlps
            | Movlpd
            | Movntps
            | Movntpd
            | Movntdq
            | Movntdqa
            | Movntq
            | Movntss
            | Movntsd
            | Vmovaps
            | Vmovapd
            | Vmovups
            | Vmovupd
            | Vmovdqa
            | Vmovdqu
            | Vlddqu
            | Vmovss
            | Vmovsd
            | Vmovd
            | Vmovq
            | Vmovlps
            | Vmovlpd
            | Vmovntps
            | Vmovntpd
            | Vmovntdq
            | Vmovntdqa
            | Vmovdqa32
            | Vmovdqa64
            | Vmovdqu8
            | Vmovdqu16
            | Vmovdqu32
            | Vmovdqu64
            | Vmovsh
            | Vmovw
            | Kmovb
            | Kmovw
            | Kmovd
            | Kmovq
            | Movdiri
            | Vmaskmovps
            | Vmaskmovpd
            | Vpmaskmovd
            | Vpmaskmovq
            | Vpcompressb
            | Vpcompressw
            | Vpcompressd
            | Vpcompressq
            | Vcompressps
            | Vcompresspd
            | Vpexpandb
            | Vpexpandw
            | Vpexpandd
            | Vpexpandq
            | Vexpandps
            | Vexpandpd
            | Vgatherdps
            | Vgatherdpd
            | Vgatherqps
            | Vgatherqpd
            | Vpgatherdd
            | Vpgatherdq
            | Vpgatherqd
            | Vpgatherqq
            | Vscatterdps
            | Vscatterdpd
            | Vscatterqps
            | Vscatterqpd
            | Vpscatterdd
            | Vpscatterdq
            | Vpscatterqd
            | Vpscatterqq
    )
}

pub(super) fn is_non_temporal(mnemonic: M) -> bool {
    use M::*;
    matches!(
        mnemonic,
        Movntps
            | Movntpd
            | Movntdq
            | Movntdqa
            | Movntq
            | Movntss
            | Movntsd
            | Vmovntps
            | Vmovntpd
            | Vmovntdq
            | Vmovntdqa
            | Maskmovq
            | Maskmovdqu
            | Vmaskmovdqu
            | Movdiri
            | Movdir64b
    )
}

/// Read-modify-writes that are atomic without a prefix (Intel SDM volume 2, CMPccXADD, AADD).
pub(super) fn is_atomic(instruction: &Instruction) -> bool {
    let features = instruction.cpuid_features();
    let atomic = |feature: &CpuidFeature| {
        matches!(*feature, CpuidFeature::CMPCCXADD | CpuidFeature::RAO_INT)
    };
    features.iter().any(atomic)
}

/// x87 instructions that record their own address and their operand's. The control instructions
/// do not (Intel SDM volume 1, section 8.1.8).
pub(super) fn is_x87(instruction: &Instruction) -> bool {
    use M::*;
    let control = matches!(
        instruction.mnemonic(),
        Fldcw
            | Fnstcw
            | Fstcw
            | Fnstsw
            | Fstsw
            | Fldenv
            | Fnstenv
            | Fstenv
            | Frstor
            | Fnsave
            | Fsave
    );
    !control
        && instruction
            .cpuid_features()
            .iter()
            .any(|feature| is_fpu(*feature))
}

fn is_fpu(feature: CpuidFeature) -> bool {
    matches!(
        feature,
        CpuidFeature::FPU | CpuidFeature::FPU287 | CpuidFeature::FPU387
    )
}

/// Whether x87, MMX or vector registers take part, or the words that control them: whatever is not
/// known to be about integers only.
pub(super) fn uses_extended_state(instruction: &Instruction) -> bool {
    use CpuidFeature as F;
    let integer = |feature: &F| {
        matches!(
            *feature,
            F::INTEL8086
                | F::INTEL8086_ONLY
                | F::INTEL186
                | F::INTEL286
                | F::INTEL286_ONLY
                | F::INTEL386
                | F::INTEL386_ONLY
                | F::INTEL386_A0_ONLY
                | F::INTEL486
                | F::INTEL486_A_ONLY
                | F::X64
                | F::BMI1
                | F::BMI2
                | F::ADX
                | F::LZCNT
                | F::POPCNT
                | F::MOVBE
                | F::MOVDIRI
                | F::CLFSH
                | F::CLFLUSHOPT
                | F::CLWB
                | F::CLZERO
                | F::TBM
                | F::CMPCCXADD
                | F::RAO_INT
        )
    };
    instruction.mnemonic() != M::Crc32 && !instruction.cpuid_features().iter().all(integer)
}
