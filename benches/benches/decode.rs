//! Decoding: from bytes and registers to kind, width and address.
#![allow(missing_docs)]

use core::hint::black_box;
use criterion::{Criterion, Throughput, criterion_group};
use iced_x86::{
    Decoder as IcedDecoder, DecoderOptions, Instruction, InstructionInfoFactory, OpAccess, Register,
};
use mmiotrace_benches::instructions::{Site, accesses, mix};
use mmiotrace_benches::ratio::Comparison;
use mmiotrace_core::VirtAddr;
use mmiotrace_decode::{DecodedInstruction, Decoder, Gpr, Kind, Registers};
use yaxpeax_x86::long_mode::behavior::AccessVisitor;
use yaxpeax_x86::long_mode::{InstDecoder, RegSpec};

/// What every decoder is asked for.
type Answer = (u8, u8, u64);

#[inline]
fn ours(instruction: &DecodedInstruction, registers: &Registers) -> Answer {
    let kind = match instruction.kind() {
        Kind::Read => 1,
        Kind::Write => 2,
        _ => 3,
    };
    let width = instruction.width().map_or(0, |width| width.bytes());
    (
        kind,
        width,
        instruction
            .address(registers)
            .map_or(0, |address| address.0),
    )
}

fn registers() -> Registers {
    let mut registers = Registers::default();
    for gpr in Gpr::ALL {
        registers.set(
            gpr,
            0xffff_c900_0000_0000 + 0x1000 * u64::from(gpr.number()),
        );
    }
    registers
}

fn by_table(sites: &[Site], registers: &Registers) -> u64 {
    let mut known = 0;
    for site in sites {
        if let Some(instruction) = &Decoder::decode_by_table(&site.code) {
            black_box(ours(instruction, registers));
            known += 1;
        }
    }
    known
}

fn uncached(sites: &[Site], decoder: &mut Decoder, registers: &Registers) {
    for site in sites {
        if let Ok(instruction) = &decoder.decode_uncached(&site.code) {
            black_box(ours(instruction, registers));
        }
    }
}

fn cached(sites: &[Site], decoder: &mut Decoder, registers: &Registers) {
    for site in sites {
        if let Ok(instruction) = decoder.decode(&site.code, VirtAddr(site.pc)) {
            black_box(ours(instruction, registers));
        }
    }
}

fn iced(sites: &[Site]) {
    for site in sites {
        let mut decoder = IcedDecoder::with_ip(64, &site.code, site.pc, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        decoder.decode_out(&mut instruction);
        black_box(&instruction);
    }
}

/// iced's instruction info, with an info factory that is used again and again, as it is meant to be.
fn iced_with_info(sites: &[Site], factory: &mut InstructionInfoFactory, registers: &Registers) {
    let mut instruction = Instruction::default();
    for site in sites {
        let mut decoder = IcedDecoder::with_ip(64, &site.code, site.pc, DecoderOptions::NONE);
        decoder.decode_out(&mut instruction);
        let info = factory.info(&instruction);
        let Some(memory) = info.used_memory().first() else {
            continue;
        };
        let kind = match memory.access() {
            OpAccess::Read | OpAccess::CondRead => 1,
            OpAccess::Write | OpAccess::CondWrite => 2,
            _ => 3,
        };
        let address = memory.virtual_address(0, |register, _, _| {
            if register.is_segment_register() {
                return Some(0);
            }
            let full = register.full_register();
            Some(if full == Register::RIP {
                instruction.next_ip()
            } else {
                registers.gpr[full.number() & 15]
            })
        });
        let answer: Answer = (
            kind,
            memory.memory_size().size() as u8,
            address.unwrap_or(0),
        );
        black_box(answer);
    }
}

fn yaxpeax(sites: &[Site], decoder: &InstDecoder) {
    for site in sites {
        let _ = black_box(decoder.decode_slice(&site.code));
    }
}

struct Visitor<'a> {
    registers: &'a Registers,
    answer: Answer,
}

impl AccessVisitor for Visitor<'_> {
    fn register_read(&mut self, _: RegSpec) {}

    fn register_write(&mut self, _: RegSpec) {}

    fn get_register(&mut self, register: RegSpec) -> Option<u64> {
        Some(self.registers.gpr[usize::from(register.num() & 15)])
    }

    fn memory_read(&mut self, address: Option<u64>, size: u32) {
        self.answer = (self.answer.0 | 1, size as u8, address.unwrap_or(0));
    }

    fn memory_write(&mut self, address: Option<u64>, size: u32) {
        self.answer = (self.answer.0 | 2, size as u8, address.unwrap_or(0));
    }
}

fn yaxpeax_with_accesses(sites: &[Site], decoder: &InstDecoder, registers: &Registers) {
    for site in sites {
        let Ok(instruction) = decoder.decode_slice(&site.code) else {
            continue;
        };
        let mut visitor = Visitor {
            registers,
            answer: (0, 0, 0),
        };
        let _ = instruction.behavior().visit_accesses(&mut visitor);
        black_box(visitor.answer);
    }
}

fn compare() {
    let all = mix();
    let registers = registers();
    let bytes: usize = all.iter().map(|site| site.len).sum();
    let (mut one, mut two, mut three, mut four) = (
        Decoder::new(),
        Decoder::new(),
        Decoder::new(),
        Decoder::new(),
    );
    one.warm_up_with(0);
    two.warm_up();
    three.warm_up();
    four.warm_up_with(16384);
    let few = accesses(&all, 256, all.len());
    let mut factory = InstructionInfoFactory::new();
    let peer = InstDecoder::default();
    let known = by_table(&all, &registers);
    println!("the table knows {known} of {}", all.len());
    let mut comparison = Comparison::new("driver mix", all.len() as u64, bytes as u64);
    comparison.yardstick("iced + info + address", || {
        iced_with_info(&all, &mut factory, &registers)
    });
    comparison.case("iced alone", || iced(&all));
    comparison.case("yaxpeax alone", || yaxpeax(&all, &peer));
    comparison.case("yaxpeax + accesses", || {
        yaxpeax_with_accesses(&all, &peer, &registers)
    });
    comparison.case("table", || by_table(&all, &registers));
    comparison.case("table, then iced", || uncached(&all, &mut one, &registers));
    comparison.case("cache hit, 256 sites", || {
        cached(&few, &mut two, &registers)
    });
    comparison.case("cache miss, 1024 entries", || {
        cached(&all, &mut three, &registers)
    });
    comparison.case("cache of 16384, all sites", || {
        cached(&all, &mut four, &registers)
    });
    comparison.run(21);
}

fn decode(criterion: &mut Criterion) {
    let all = mix();
    let registers = registers();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(all.len() as u64));
    let mut cold = Decoder::new();
    cold.warm_up_with(0);
    let mut warm = Decoder::new();
    warm.warm_up();
    let few = accesses(&all, 256, all.len());
    let mut factory = InstructionInfoFactory::new();
    let peer = InstDecoder::default();
    group.bench_function("table", |bencher| {
        bencher.iter(|| by_table(&all, &registers))
    });
    group.bench_function("table-then-iced", |bencher| {
        bencher.iter(|| uncached(&all, &mut cold, &registers))
    });
    group.bench_function("cache-hit", |bencher| {
        bencher.iter(|| cached(&few, &mut warm, &registers))
    });
    group.bench_function("cache-miss", |bencher| {
        bencher.iter(|| cached(&all, &mut warm, &registers))
    });
    group.bench_function("iced", |bencher| bencher.iter(|| iced(&all)));
    group.bench_function("iced-info", |bencher| {
        bencher.iter(|| iced_with_info(&all, &mut factory, &registers));
    });
    group.bench_function("yaxpeax", |bencher| bencher.iter(|| yaxpeax(&all, &peer)));
    group.bench_function("yaxpeax-accesses", |bencher| {
        bencher.iter(|| yaxpeax_with_accesses(&all, &peer, &registers));
    });
    group.finish();
}

criterion_group!(benches, decode);

fn main() {
    compare();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
