//! Differences between what ran natively and what was carried out.

use crate::machine::FLAGS;
use crate::state::{Memory, State};
use mmiotrace_decode::{Gpr, RegisterFile, XsaveLayout};

/// The first difference in registers and extended state, in words.
pub(crate) fn registers(native: &State, ours: &State, layout: &XsaveLayout) -> Option<String> {
    for gpr in Gpr::ALL {
        let (native, ours) = (native.registers.get(gpr), ours.registers.get(gpr));
        if native != ours {
            return Some(format!("{gpr} is {ours:#x}, natively {native:#x}"));
        }
    }
    if native.registers.rip != ours.registers.rip {
        return Some(format!(
            "rip is {:#x}, natively {:#x}",
            ours.registers.rip, native.registers.rip
        ));
    }
    let changed = (native.registers.rflags ^ ours.registers.rflags) & FLAGS;
    if changed != 0 {
        return Some(format!(
            "flags differ in {changed:#x}: natively {:#x}",
            native.registers.rflags & FLAGS
        ));
    }
    extended(native, ours, layout)
}

fn extended(native: &State, ours: &State, layout: &XsaveLayout) -> Option<String> {
    let (native, ours) = (Canonical::new(native, layout), Canonical::new(ours, layout));
    if native.x87 != ours.x87 {
        let at = native.x87.iter().zip(&ours.x87).position(|(n, o)| n != o);
        return Some(format!("x87 state differs at byte {at:?}"));
    }
    if native.mxcsr != ours.mxcsr {
        return Some(format!(
            "MXCSR is {:#x}, natively {:#x}",
            ours.mxcsr, native.mxcsr
        ));
    }
    for (number, (native, ours)) in native.vectors.iter().zip(&ours.vectors).enumerate() {
        if native != ours {
            return Some(format!(
                "vector {number} is {ours:02x?}, natively {native:02x?}"
            ));
        }
    }
    for (number, (native, ours)) in native.opmasks.iter().zip(&ours.opmasks).enumerate() {
        if native != ours {
            return Some(format!("k{number} is {ours:x?}, natively {native:x?}"));
        }
    }
    None
}

/// The extended state without what differs by the way it was saved: components in their initial
/// state, reserved bytes, and the last x87 instruction's address, operand and opcode, which CPUs
/// keep or not.
struct Canonical {
    /// Control, status and tag word, then the stack with ten bytes each.
    x87: Vec<u8>,
    mxcsr: u32,
    vectors: Vec<Option<[u8; 64]>>,
    opmasks: Vec<Option<u64>>,
}

impl Canonical {
    fn new(state: &State, layout: &XsaveLayout) -> Self {
        let area = &state.area.0;
        let in_use = |bit: u32| area[512] >> bit & 1 == 1;
        let mut x87 = vec![0x7f, 0x03, 0, 0, 0];
        x87.resize(5 + 80, 0);
        if in_use(0) {
            x87[..5].copy_from_slice(&area[..5]);
            for (slot, from) in x87[5..].chunks_mut(10).zip(area[32..160].chunks(16)) {
                slot.copy_from_slice(&from[..10]);
            }
        }
        let mxcsr = u32::from_le_bytes([area[24], area[25], area[26], area[27]]);
        let cpu = state.cpu(layout);
        let vectors = (0..32).map(|number| cpu.vector(number)).collect();
        let opmasks = (0..8).map(|number| cpu.opmask(number)).collect();
        Self {
            x87,
            mxcsr,
            vectors,
            opmasks,
        }
    }
}

/// The first difference in memory, in words.
pub(crate) fn memory(native: &Memory, ours: &Memory) -> Option<String> {
    for (name, native, ours) in [("A", &native.a, &ours.a), ("B", &native.b, &ours.b)] {
        if let Some(at) = native.iter().zip(ours).position(|(n, o)| n != o) {
            return Some(format!(
                "region {name} differs at {at:#x}: {:#x}, natively {:#x}",
                ours[at], native[at]
            ));
        }
    }
    None
}
