//! All encodings worth trying: prefixes x maps x opcodes x ModRM, legacy, VEX, EVEX and XOP, as far
//! as iced decodes them and they touch memory.

use crate::cpu::{decoder, host, parse, parse_for};
use crate::forms::{FORMS, Form, NO_BASE, RIP};
use crate::machine::GS_BASE;
use crate::mappings::{CODE, LANDING, TARGET};
use iced_x86::{
    Code, EncodingKind, Instruction, InstructionInfoFactory, Mnemonic, OpKind, Register,
};
use mmiotrace_decode::Maker;
use std::collections::HashSet;

/// An encoding to try.
#[derive(Clone, Debug)]
pub struct Encoding {
    /// The bytes of the instruction.
    pub bytes: Vec<u8>,
    /// iced's name of what it is.
    pub code: Code,
    /// The shape of its operands.
    pub form: &'static str,
    /// The CPU features it needs, in words.
    pub features: String,
}

/// Bytes after the opcode and operand: the immediate, if there is one. No mask in any of them is
/// empty; the third is the nesting level of `enter`.
fn immediate(number: usize) -> [u8; 8] {
    [
        [0x31, 0x21, 0x33, 0x23][number % 4],
        0x01,
        (number % 3) as u8,
        0,
        0,
        0,
        0,
        0,
    ]
}

struct Collector {
    /// What this maker's CPUs and the other's have in the bytes, and the number of the form.
    seen: HashSet<(Code, Code, usize)>,
    found: Vec<Encoding>,
    factory: InstructionInfoFactory,
}

/// Every encoding, at most one for each pair of iced `Code` and operand form, and one more where
/// makers' CPUs have different instructions in the same bytes.
#[must_use]
pub fn all() -> Vec<Encoding> {
    let mut collector = Collector {
        seen: HashSet::new(),
        found: Vec::new(),
        factory: InstructionInfoFactory::new(),
    };
    for (number, form) in FORMS.iter().enumerate() {
        legacy(number, form, &mut collector);
        if form
            .prefixes
            .iter()
            .all(|prefix| matches!(prefix, 0x64..=0x67))
        {
            vex(number, form, &mut collector);
            xop(number, form, &mut collector);
            evex(number, form, &mut collector);
        }
    }
    collector.found
}

/// The registers to put into ModRM.reg: the form's own first, then all opcode extensions.
fn registers(form: &Form) -> impl Iterator<Item = u8> + use<> {
    let own = form.register;
    core::iter::once(own).chain((0..8).map(move |n| own & 8 | n).filter(move |n| *n != own))
}

fn legacy(number: usize, form: &Form, collector: &mut Collector) {
    const MANDATORY: [&[u8]; 6] = [&[], &[0x66], &[0xf2], &[0xf3], &[0x66, 0xf2], &[0x66, 0xf3]];
    const MAPS: [&[u8]; 4] = [&[], &[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]];
    for mandatory in MANDATORY {
        for wide in [false, true] {
            for map in MAPS {
                for opcode in (0..=255u8).filter(|opcode| !is_escape(map, *opcode)) {
                    let mut last = None;
                    for register in registers(form) {
                        let (r, x, b) = form.extensions(register);
                        let rex = 0x40
                            | u8::from(wide) << 3
                            | u8::from(r) << 2
                            | u8::from(x) << 1
                            | u8::from(b);
                        let mut bytes = [form.prefixes, mandatory].concat();
                        if rex != 0x40 || form.rex {
                            bytes.push(rex);
                        }
                        bytes.extend(map);
                        bytes.push(opcode);
                        let before = bytes.len();
                        bytes.extend(form.operand(register));
                        let code = collector.offer(number, form, bytes.clone());
                        // Without ModRM the bytes after the opcode are an immediate.
                        bytes.truncate(before);
                        collector.offer_bare(number, form, bytes);
                        // Two registers, one code: the register is no part of the opcode.
                        if last.replace(code) == Some(code) {
                            break;
                        }
                    }
                }
            }
        }
    }
}

/// Prefixes and escapes to other maps: what follows them is tried there.
fn is_escape(map: &[u8], opcode: u8) -> bool {
    match map {
        [] => matches!(
            opcode,
            0x0f | 0x26 | 0x2e | 0x36 | 0x3e | 0x40..=0x4f | 0x62 | 0x64..=0x67 | 0xc4 | 0xc5 | 0xf0 | 0xf2 | 0xf3
        ),
        [0x0f] => matches!(opcode, 0x38 | 0x3a),
        _ => false,
    }
}

fn vex(number: usize, form: &Form, collector: &mut Collector) {
    for map in [1u8, 2, 3] {
        three_byte(0xc4, map, number, form, collector);
    }
}

fn xop(number: usize, form: &Form, collector: &mut Collector) {
    for map in [8u8, 9, 10] {
        three_byte(0x8f, map, number, form, collector);
    }
}

/// VEX with three bytes and XOP have the same layout.
fn three_byte(escape: u8, map: u8, number: usize, form: &Form, collector: &mut Collector) {
    for bits in 0..16u8 {
        let (pp, long, wide) = (bits & 3, bits >> 2 & 1, bits >> 3);
        for second in [form.second, 0] {
            for opcode in 0..=255u8 {
                let mut before = None;
                for register in registers(form) {
                    let (r, x, b) = form.extensions(register);
                    let inverted = u8::from(!r) << 7 | u8::from(!x) << 6 | u8::from(!b) << 5;
                    let last = wide << 7 | (!second & 15) << 3 | long << 2 | pp;
                    let mut bytes = form.prefixes.to_vec();
                    bytes.extend([escape, inverted | map, last, opcode]);
                    bytes.extend(form.operand(register));
                    let code = collector.offer(number, form, bytes);
                    if before.replace(code) == Some(code) {
                        break;
                    }
                }
            }
        }
    }
}

fn evex(number: usize, form: &Form, collector: &mut Collector) {
    for map in [1u8, 2, 3, 5, 6] {
        for bits in 0..64u8 {
            let (pp, wide, length, broadcast, masked) = (
                bits & 3,
                bits >> 2 & 1,
                bits >> 3 & 3,
                bits >> 5 & 1,
                number & 1 == 1,
            );
            if length == 3 {
                continue;
            }
            for second in [form.second, 0] {
                for opcode in 0..=255u8 {
                    let mut before = None;
                    for register in registers(form) {
                        let (r, x, b) = form.extensions(register);
                        let first =
                            u8::from(!r) << 7 | u8::from(!x) << 6 | u8::from(!b) << 5 | 0x10 | map;
                        let middle = wide << 7 | (!second & 15) << 3 | 4 | pp;
                        let last = length << 5 | broadcast << 4 | 8 | if masked { 3 } else { 0 };
                        let mut bytes = form.prefixes.to_vec();
                        bytes.extend([0x62, first, middle, last, opcode]);
                        bytes.extend(form.operand(register));
                        let code = collector.offer(number, form, bytes);
                        if before.replace(code) == Some(code) {
                            break;
                        }
                    }
                }
            }
        }
    }
}

impl Collector {
    /// An encoding with ModRM. Gives what it decodes to.
    fn offer(&mut self, number: usize, form: &Form, mut bytes: Vec<u8>) -> Code {
        bytes.extend(immediate(number));
        let instruction = parse(&bytes);
        let explicit = instruction.op_kinds().any(|kind| kind == OpKind::Memory);
        if explicit {
            self.accept(number, form, bytes, &instruction);
        }
        instruction.code()
    }

    /// An encoding without ModRM: implicit operands, and addresses in the instruction.
    fn offer_bare(&mut self, number: usize, form: &Form, mut bytes: Vec<u8>) {
        bytes.extend(immediate(number));
        let instruction = parse(&bytes);
        let modrm = instruction.op_kinds().any(|kind| kind == OpKind::Memory)
            && instruction.memory_displ_size() != 8;
        if !modrm {
            self.accept(number, form, bytes, &instruction);
        }
    }

    fn accept(
        &mut self,
        number: usize,
        form: &Form,
        mut bytes: Vec<u8>,
        instruction: &Instruction,
    ) {
        if instruction.is_invalid() {
            return;
        }
        let key = (instruction.code(), other_code(&bytes, instruction), number);
        if self.seen.contains(&key) || !uses_prefixes(form, instruction) {
            return;
        }
        if self.factory.info(instruction).used_memory().is_empty()
            && !has_memory_operand(instruction)
        {
            return;
        }
        bytes.truncate(instruction.len());
        aim_constant(&mut bytes, form, instruction);
        telling_constant(&mut bytes, number, instruction);
        self.seen.insert(key);
        self.found.push(Encoding {
            bytes,
            code: instruction.code(),
            form: form.name,
            features: features(instruction),
        });
    }
}

/// What CPUs of the other maker have in the bytes.
fn other_code(bytes: &[u8], instruction: &Instruction) -> Code {
    if instruction.encoding() != EncodingKind::Legacy {
        return instruction.code();
    }
    let other = match host().maker() {
        Some(Maker::Amd) => Maker::Intel,
        _ => Maker::Amd,
    };
    parse_for(bytes, Some(other)).code()
}

fn has_memory_operand(instruction: &Instruction) -> bool {
    instruction.op_kinds().any(|kind| kind == OpKind::Memory)
}

/// A form whose prefixes mean nothing to the instruction tries nothing new.
fn uses_prefixes(form: &Form, instruction: &Instruction) -> bool {
    form.prefixes.iter().all(|prefix| match prefix {
        0xf0 => instruction.has_lock_prefix(),
        0xf2 => instruction.has_repne_prefix() && instruction.is_string_instruction(),
        0xf3 => instruction.has_rep_prefix() && instruction.is_string_instruction(),
        _ => true,
    })
}

/// Addresses in the instruction itself point to the target: relative, absolute, `moffs`.
fn aim_constant(bytes: &mut [u8], form: &Form, instruction: &Instruction) {
    let mut decoder = decoder(bytes);
    let again = decoder.decode();
    let offsets = decoder.get_constant_offsets(&again);
    if instruction.is_call_near() && offsets.immediate_size() == 4 {
        let distance = LANDING.wrapping_sub(CODE + instruction.len() as u64);
        if let Some(to) = bytes.get_mut(offsets.immediate_offset()..offsets.immediate_offset() + 4)
        {
            to.copy_from_slice(&distance.to_le_bytes()[..4]);
        }
    }
    if !offsets.has_displacement() {
        return;
    }
    let (at, len) = (offsets.displacement_offset(), offsets.displacement_size());
    let segment = if instruction.segment_prefix() == Register::GS {
        GS_BASE
    } else {
        0
    };
    let target = match (len, form.base) {
        (8, _) => TARGET.wrapping_sub(segment),
        (4, NO_BASE) => TARGET,
        (4, RIP) => TARGET.wrapping_sub(CODE + instruction.len() as u64),
        _ => return,
    };
    if let Some(to) = bytes.get_mut(at..at + len) {
        to.copy_from_slice(&target.to_le_bytes()[..len]);
    }
}

/// Constants with which the result depends on the operand: shifts, rotates and alignments by less than
/// eight, comparisons that are neither always true nor always false, a ternary exclusive or.
fn telling_constant(bytes: &mut [u8], number: usize, instruction: &Instruction) {
    use Mnemonic::*;
    let constant = match instruction.mnemonic() {
        Rol | Ror | Rcl | Rcr | Shl | Sal | Sar | Shr | Shld | Shrd | Palignr | Vpalignr
        | Vpsllw | Vpslld | Vpsllq | Vpsrlw | Vpsrld | Vpsrlq | Vpsraw | Vpsrad | Vpsraq
        | Vpslldq | Vpsrldq => 1 + (number % 7) as u8,
        Vpcmpb | Vpcmpw | Vpcmpd | Vpcmpq | Vpcmpub | Vpcmpuw | Vpcmpud | Vpcmpuq => {
            [1, 2, 4, 5, 6][number % 5]
        }
        Vpternlogd | Vpternlogq => 0x96,
        _ => return,
    };
    let mut decoder = decoder(bytes);
    let again = decoder.decode();
    let offsets = decoder.get_constant_offsets(&again);
    if offsets.has_immediate()
        && let Some(to) = bytes.get_mut(offsets.immediate_offset())
    {
        *to = constant;
    }
}

fn features(instruction: &Instruction) -> String {
    let names: Vec<String> = instruction
        .cpuid_features()
        .iter()
        .map(|feature| format!("{feature:?}").to_lowercase())
        .collect();
    names.join("+")
}
