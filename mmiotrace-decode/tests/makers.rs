//! What makers' CPUs do differently is what the table says, and no more.

use mmiotrace_core::AccessKind;
use mmiotrace_decode::{
    Context, Cpu, DecodedAccess, DecodedInstruction, Decoder, Gpr, Reason, Registers, Way,
};

/// Calls `each` with the bytes of prefixes x map x opcode x ModRM.
fn every_encoding(mut each: impl FnMut(&[u8])) {
    let prefixes: &[&[u8]] = &[
        &[],
        &[0x66],
        &[0x67],
        &[0xf3],
        &[0x67, 0xf3],
        &[0x66, 0x67, 0xf2],
        &[0x48],
        &[0x66, 0x48],
        &[0x66, 0x41],
        &[0x67, 0xf3, 0x48],
        &[0x64, 0x66],
        &[0xf0],
    ];
    for prefixes in prefixes {
        for map in [&[][..], &[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]] {
            for opcode in 0..=255u8 {
                for modrm in 0..=255u8 {
                    let tail = [0x24, 0x31, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08];
                    each(&[prefixes, map, &[opcode, modrm], &tail].concat());
                }
            }
        }
    }
}

fn registers() -> Registers {
    let mut registers = Registers {
        gpr: [0x1_0000; 16],
        rip: 0x40_0000,
        ..Registers::default()
    };
    registers.set(Gpr::Rsp, 0x2_0000);
    registers.set(Gpr::Rcx, 1);
    registers
}

fn accesses(instruction: &DecodedInstruction) -> Vec<DecodedAccess> {
    instruction.accesses(&registers()).take(64).collect()
}

#[test]
fn makers_differ_where_the_table_says() {
    let mut intel = Decoder::for_cpu(Cpu::INTEL);
    let mut amd = Decoder::for_cpu(Cpu::AMD);
    let mut unknown = Decoder::for_cpu(Cpu::UNKNOWN);
    let (mut differ, mut same) = (0, 0);
    every_encoding(|code| {
        let answers = [&mut intel, &mut amd, &mut unknown].map(|it| it.decode_uncached(code).ok());
        let [Some(intel), Some(amd), Some(unknown)] = answers else {
            // `lock mov cr0` is an instruction of AMD's only.
            let [intel, amd, unknown] = answers;
            assert_eq!((intel, unknown), (None, None), "{code:02x?}");
            let differs = amd.is_none_or(|amd| amd.difference().is_some());
            assert!(differs, "{code:02x?}");
            return;
        };
        if intel.difference().is_none() {
            assert_eq!((intel, intel), (amd, unknown), "{code:02x?}");
            same += 1;
            return;
        }
        differ += 1;
        assert_eq!(intel.difference(), amd.difference(), "{code:02x?}");
        assert_eq!(intel.difference(), unknown.difference(), "{code:02x?}");
        assert!(unknown.is_cpu_unknown() && !intel.is_cpu_unknown());
        between(code, &unknown, &[intel, amd]);
    });
    assert!(differ > 1000 && same > 100_000, "{differ} {same}");
}

/// What each maker's CPU accesses is at least and at most what is said where the maker is not known.
fn between(code: &[u8], unknown: &DecodedInstruction, makers: &[DecodedInstruction]) {
    let bytes = |access: &DecodedAccess| {
        let end = access.address.0 + u64::from(access.width.bytes());
        access.address.0..end
    };
    let sure = |access: &DecodedAccess| {
        let all = bytes(access);
        let least = u64::from(access.least.bytes());
        match access.kind {
            AccessKind::Read => all.start..all.start + least,
            AccessKind::Write => all.end - least..all.end,
        }
    };
    let said = accesses(unknown);
    for maker in makers {
        let made = accesses(maker);
        assert_eq!(made.len(), said.len(), "{code:02x?}");
        for access in &made {
            assert_eq!(access.least, access.width, "{code:02x?}");
            for at in bytes(access) {
                let told = said
                    .iter()
                    .any(|said| said.kind == access.kind && bytes(said).contains(&at));
                assert!(told, "{code:02x?}: {access:?}, {said:?}");
            }
        }
        for access in said.iter().filter(|access| !access.conditional) {
            for at in sure(access) {
                let done = made
                    .iter()
                    .any(|made| made.kind == access.kind && bytes(made).contains(&at));
                assert!(done, "{code:02x?}: {access:?}, {made:?}");
            }
        }
        assert_eq!(maker.kind(), unknown.kind(), "{code:02x?}");
    }
}

/// Where an unknown CPU would do another thing, the engine leaves it to the CPU or refuses.
#[test]
fn an_unknown_cpu_is_not_emulated() {
    let mut decoder = Decoder::for_cpu(Cpu::UNKNOWN);
    let movsxd = decoder.decode_uncached(&[0x66, 0x63, 0x03]).unwrap();
    assert_eq!(movsxd.way(Context::Process), Way::Alias);
    assert_eq!(movsxd.way(Context::Kernel), Way::Step);
    for code in [&[0x66, 0xff, 0x13][..], &[0x66, 0xc3], &[0x66, 0xff, 0x23]] {
        let branch = decoder.decode_uncached(code).unwrap();
        assert_eq!(
            branch.way(Context::Kernel),
            Way::Cannot(Reason::VendorSpecific)
        );
    }
}

/// Atomic without a prefix: not to be done as a read and a write.
#[test]
fn atomics_without_lock_are_not_split() {
    let mut decoder = Decoder::new();
    // cmpbxadd [rbx], ecx, edx; aadd [rbx], ecx
    for code in [
        &[0xc4, 0xe2, 0x69, 0xe2, 0x0b][..],
        &[0x0f, 0x38, 0xfc, 0x0b],
    ] {
        let atomic = decoder.decode_uncached(code).unwrap();
        assert!(atomic.is_locked(), "{atomic:?}");
        assert_eq!(atomic.way(Context::Process), Way::Alias);
    }
}

/// iced follows the two rows that are about its own reading of the bytes.
#[test]
fn lengths_are_the_makers() {
    let len = |cpu: Cpu, code: &[u8]| {
        let decoded = Decoder::for_cpu(cpu).decode_uncached(code);
        decoded.unwrap().len()
    };
    for (code, intel, amd) in [
        (&[0x66, 0xe8, 1, 0, 0, 0][..], 6, 4),
        (&[0x66, 0x48, 0xe8, 1, 0, 0, 0], 7, 7),
        (&[0x66, 0x0f, 0x84, 1, 0, 0, 0], 7, 5),
        (&[0x0f, 0xff, 0xc0], 3, 2),
    ] {
        assert_eq!((len(Cpu::INTEL, code), len(Cpu::AMD, code)), (intel, amd));
        assert_eq!(len(Cpu::UNKNOWN, code), intel);
    }
}
