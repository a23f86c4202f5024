//! Replaying without pacing.
#![allow(missing_docs)]
#![expect(
    unsafe_code,
    reason = "the yardstick is a bare loop of volatile writes"
)]

use core::hint::black_box;
use criterion::{Criterion, Throughput, criterion_group};
use mmiotrace_benches::ratio::Comparison;
use mmiotrace_format::Reader;
use mmiotrace_replay::{
    DryTarget, Model, ModelBuilder, Pacing, PciTarget, PlanOptions, Planned, RunOptions, Runner,
    Silent, Target, plan_trace,
};
use std::fs;
use std::path::Path;

/// Writes in each plan.
const WRITES: u32 = 100_000;
/// Registers that they go to, of four bytes each.
const REGISTERS: u32 = 1024;
const SLOT: &str = "0000:00:03.0";

/// A trace that writes registers in an order in which no two are neighbours, so that each write is a
/// step of its own; or one after the other to the same port, so that all are one upload.
fn trace(port: bool) -> String {
    let mut text =
        String::from("PCIDEV 0018 8086100e b febc0000 0 0 0 0 0 0 20000 0 0 0 0 0 0 x\n");
    for (number, (register, value)) in writes().enumerate() {
        let offset = if port { 0x40 } else { register * 4 };
        let (s, us) = (1 + number / 1_000_000, number % 1_000_000);
        text.push_str(&format!(
            "W 4 {s}.{us:06} 1 {:#x} {value:#x} 0x0 0\n",
            0xfebc_0000 + offset
        ));
    }
    text
}

fn writes() -> impl Iterator<Item = (u32, u32)> {
    (0..WRITES).map(|number| {
        let register = number.wrapping_mul(389) % REGISTERS;
        (register, number.wrapping_mul(2_654_435_761))
    })
}

fn plan(trace: &str) -> Planned {
    let mut options = PlanOptions::default();
    options.pacing = Pacing::None;
    options.stops = false;
    plan_trace(Reader::new(trace.as_bytes()), options).unwrap_or_default()
}

/// A folder that looks like that of a PCI device; its memory is a file.
fn device(folder: &Path) -> std::io::Result<()> {
    let device = folder.join(SLOT);
    fs::create_dir(&device)?;
    for (name, text) in [
        ("vendor", "0x8086\n"),
        ("device", "0x100e\n"),
        ("class", "0x020000\n"),
        (
            "resource",
            "0x00000000febc0000 0x00000000febdffff 0x0000000000040200\n",
        ),
    ] {
        fs::write(device.join(name), text)?;
    }
    fs::write(device.join("config"), [0; 256])?;
    fs::write(device.join("resource0"), vec![0; 0x20000])
}

fn pci(folder: &Path) -> Option<PciTarget> {
    Some(PciTarget::new(SLOT.parse().ok()?).with_root(folder))
}

fn bare_loop(memory: &mut [u32], writes: &[(u32, u32)]) {
    let start = memory.as_mut_ptr();
    for (register, value) in black_box(writes) {
        let index = *register as usize;
        assert!(index < memory.len());
        // SAFETY: `index` is below the length of the slice, which is borrowed mutably.
        unsafe { start.add(index).write_volatile(*value) };
    }
}

fn replay<T: Target>(planned: &Planned, target: T) -> u64 {
    let report =
        Runner::new(&planned.plan, &planned.files, target).run(&RunOptions::default(), &mut Silent);
    assert_eq!(report.writes, u64::from(WRITES), "{}", report.ending);
    report.writes
}

fn model(trace: &str) -> Model {
    ModelBuilder::from_trace(Reader::new(trace.as_bytes()))
        .unwrap_or_default()
        .build()
}

fn ratios() -> Option<()> {
    let (steps_trace, port_trace) = (trace(false), trace(true));
    let (steps, upload) = (plan(&steps_trace), plan(&port_trace));
    let folder = tempfile::tempdir().ok()?;
    device(folder.path()).ok()?;
    let flat: Vec<(u32, u32)> = writes().collect();
    let mut memory = vec![0; REGISTERS as usize];
    let model = model(&steps_trace);
    let mut comparison = Comparison::new(
        &format!(
            "replay without pacing ({} steps, and one upload of as many writes)",
            steps.plan.len()
        ),
        u64::from(WRITES),
        u64::from(WRITES) * 4,
    );
    comparison
        .yardstick("bare loop of volatile writes", || {
            bare_loop(&mut memory, &flat);
        })
        .case("dry", || {
            replay(&steps, DryTarget::new(&steps.plan, &steps.files))
        })
        .case("model", || replay(&steps, model.clone()))
        .case("pci, its memory a file", || {
            pci(folder.path()).map(|target| replay(&steps, target))
        })
        .case("pci, its memory a file, one upload", || {
            pci(folder.path()).map(|target| replay(&upload, target))
        });
    comparison.run(9);
    Some(())
}

fn benches(criterion: &mut Criterion) {
    let planned = plan(&trace(false));
    let Ok(folder) = tempfile::tempdir() else {
        return;
    };
    if device(folder.path()).is_err() {
        return;
    }
    let mut group = criterion.benchmark_group("replay");
    group
        .throughput(Throughput::Elements(u64::from(WRITES)))
        .sample_size(10);
    group.bench_function("pci, its memory a file", |bencher| {
        bencher.iter(|| pci(folder.path()).map(|target| replay(&planned, target)));
    });
    group.finish();
}

criterion_group!(criterion, benches);

fn main() {
    assert!(ratios().is_some(), "no folder for a device");
    criterion();
}
