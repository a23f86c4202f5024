//! The lines that runs on other CPUs have recorded, against the decoder for those CPUs: on any machine.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, missing_docs)]

use mmiotrace_core::VirtAddr;
use mmiotrace_decode::{
    Bus, BusFault, Cpu, DecodedInstruction, Decoder, Gpr, Hint, Locked, LockedOp, MemoryKind,
    Progress, RegisterFile, Registers, Stop,
};
use std::collections::BTreeMap;

/// The list items of a page's section `name:`, without their backquotes.
fn lines(page: &'static str, name: &str) -> Vec<&'static str> {
    let start = page.find(&format!("\n{name}:\n")).unwrap();
    let items = page[start..].lines().skip(3);
    let items = items.map_while(|line| line.strip_prefix("- `")?.strip_suffix('`'));
    items.collect()
}

fn page(cpu: &str) -> &'static str {
    let found = oracle::RECORDED.iter().find(|(name, _)| *name == cpu);
    found.unwrap().1
}

fn code(line: &str) -> Vec<u8> {
    let hex = line.split(' ').next().unwrap();
    let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

fn decode(cpu: Cpu, line: &str) -> DecodedInstruction {
    Decoder::for_cpu(cpu).decode_uncached(&code(line)).unwrap()
}

/// Every register at the same address, and one mask for all.
struct File {
    registers: Registers,
    mask: u64,
}

impl RegisterFile for File {
    fn registers(&self) -> &Registers {
        &self.registers
    }

    fn opmask(&self, _: u8) -> Option<u64> {
        Some(self.mask)
    }
}

fn file(mask: u64) -> File {
    let registers = Registers {
        gpr: [0x1000_0000; 16],
        ..Registers::default()
    };
    File { registers, mask }
}

/// How many bytes there are from the first to the last that is accessed.
fn hull(instruction: &DecodedInstruction, file: &File) -> u64 {
    let accesses = instruction.accesses(file).map(|access| {
        let start = access.address.0;
        (start, start + u64::from(access.width.bytes()))
    });
    let hull = accesses.reduce(|one, two| (one.0.min(two.0), one.1.max(two.1)));
    hull.map_or(0, |(start, end)| end - start)
}

/// `… 1 bytes past the edge above: Done, extent 0x10..0x18 says otherwise`: the extent is AMD's, whose
/// CPU agreed with it at that commit; Intel's CPU does not touch its last byte.
#[test]
fn recorded_extents_hold_for_both_makers() {
    let mut tried = BTreeMap::new();
    for line in lines(page("intel-6-207"), "extent") {
        let Some((_, extent)) = line.split_once("above: Done, extent ") else {
            continue;
        };
        let ends: Vec<u64> = extent
            .split(' ')
            .next()
            .unwrap()
            .split("..")
            .map(|end| u64::from_str_radix(end.trim_start_matches("0x"), 16).unwrap())
            .collect();
        let name = line.split(' ').nth(1).unwrap().to_owned();
        if name.starts_with("EVEX_") {
            continue;
        }
        let amd = hull(&decode(Cpu::AMD, line), &file(0));
        assert_eq!(amd, ends[1] - ends[0], "{line}");
        let intel = hull(&decode(Cpu::INTEL, line), &file(0));
        let expected = match name.as_str() {
            "Movsxd_r16_rm16" | "Popq_FS" | "Popq_GS" => 2,
            "Retfd" | "Retfd_imm16" => 4 + 2,
            "Retfq" | "Retfq_imm16" => 8 + 2,
            "Iretd" => 4 * 4 + 2,
            "Iretq" => 4 * 8 + 2,
            _ => panic!("{line}"),
        };
        assert_eq!(intel, expected, "{line}");
        *tried.entry(name).or_insert(0) += 1;
    }
    assert_eq!(tried.len(), 9, "{tried:?}");
    assert!(tried.values().sum::<i32>() > 130, "{tried:?}");
}

/// Complex numbers of two halves: one bit of the mask decides over both.
#[test]
fn recorded_masks_decide_over_whole_numbers() {
    let page = page("intel-6-207");
    let both = [lines(page, "extent"), lines(page, "kind")].concat();
    let complex: Vec<_> = both
        .iter()
        .filter(|line| line.contains("EVEX_Vf"))
        .collect();
    assert_eq!(complex.len(), 39);
    for line in complex {
        for cpu in [Cpu::INTEL, Cpu::AMD, Cpu::UNKNOWN] {
            let instruction = decode(cpu, line);
            assert_eq!(hull(&instruction, &file(0b10)), 0, "{line}");
            assert_eq!(hull(&instruction, &file(0b01)), 4, "{line}");
        }
    }
}

struct NoMemory;

impl Bus for NoMemory {
    fn locate(&self, _: VirtAddr, _: usize) -> MemoryKind {
        MemoryKind::Memory
    }

    fn read_device(&mut self, address: VirtAddr, _: &mut [u8]) -> Result<(), BusFault> {
        Err(BusFault { address })
    }

    fn write_device(&mut self, address: VirtAddr, _: &[u8], _: Hint) -> Result<(), BusFault> {
        Err(BusFault { address })
    }

    fn locked(&mut self, address: VirtAddr, _: u8, _: LockedOp) -> Result<Locked, BusFault> {
        Err(BusFault { address })
    }

    fn read_memory(&mut self, address: VirtAddr, _: &mut [u8]) -> Result<(), BusFault> {
        Err(BusFault { address })
    }

    fn write_memory(&mut self, address: VirtAddr, _: &[u8]) -> Result<(), BusFault> {
        Err(BusFault { address })
    }

    fn prepare_write(&mut self, address: VirtAddr, _: usize) -> Result<(), BusFault> {
        Err(BusFault { address })
    }
}

/// `… emulate: rcx is 0xdb75d23000000000, natively 0x0`: what AMD's CPU leaves, and Intel's.
#[test]
fn recorded_registers_hold_after_no_element() {
    let page = page("intel-6-207");
    let both = [lines(page, "way-kernel"), lines(page, "way-process")].concat();
    assert_eq!(both.len(), 20);
    for line in both {
        let (_, numbers) = line.split_once("rcx is 0x").unwrap();
        let (amd, intel) = numbers.split_once(", natively 0x").unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (amd, intel) = (number(amd), number(intel));
        for (cpu, left) in [(Cpu::AMD, amd), (Cpu::INTEL, intel)] {
            let mut after = Registers::default().with(Gpr::Rcx, amd);
            let done = decode(cpu, line).emulate(&mut after, &mut NoMemory, 3);
            assert_eq!(done, Ok(Progress::Done), "{line}");
            assert_eq!(after.get(Gpr::Rcx), left, "{line}");
        }
        let mut after = Registers::default().with(Gpr::Rcx, amd);
        let refused = decode(Cpu::UNKNOWN, line).emulate(&mut after, &mut NoMemory, 3);
        assert!(matches!(refused, Err(Stop::Cannot(_))), "{line}");
    }
}
