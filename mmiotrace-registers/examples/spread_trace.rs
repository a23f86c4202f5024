//! Writes a trace whose accesses are spread evenly over the registers of a map, each with a value
//! that did not come before: the worst there is for naming. Of arrays the first ELEMENTS elements
//! count.
//!
//! ```text
//! cargo run --release --example spread_trace -- MAP DOMAIN EVENTS ELEMENTS > TRACE
//! ```

use mmiotrace_registers::Loader;
use mmiotrace_registers::model::{Block, Item, ListId, RegisterMap};
use std::io::Write as _;
use std::path::Path;

/// BAR 0 of the made-up card: its start and length.
const BAR: (u64, u64) = (0xf000_0000, 0x100_0000);
/// PMC.ID of a GF119.
const CHIP: &str = "0x0d9000a1";

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, domain, events, elements] = arguments.as_slice() else {
        return Err("spread_trace MAP DOMAIN EVENTS ELEMENTS".into());
    };
    let map = Loader::new().domain(domain).load(Path::new(path))?.map;
    let space = map.space_named(domain).ok_or("there is no such domain")?;
    let items = map.space(space).map(|space| space.items);
    let mut places = Vec::new();
    collect(
        &map,
        items.ok_or("an empty domain")?,
        Spread::default(),
        &mut places,
    );
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    writeln!(out, "VERSION 20070824")?;
    writeln!(
        out,
        "PCIDEV 0100 10de1040 10 {:x} 0 0 0 0 0 0 {:x} 0 0 0 0 0 0 card",
        BAR.0, BAR.1
    )?;
    writeln!(
        out,
        "MAP 1.000000 1 {:#x} 0xffffc90000000000 {:#x} 0x0 0",
        BAR.0, BAR.1
    )?;
    writeln!(out, "R 4 1.000001 1 {:#x} {CHIP} 0x0 0", BAR.0)?;
    let elements = elements.parse()?;
    let mut random = Random(1);
    let mut written = 0;
    while written < events.parse::<u64>()? {
        let place = &places[random.below(places.len() as u64) as usize];
        let at = place.pick(&mut random, elements) & !3;
        if at + 4 > BAR.1 || at == 0 {
            continue;
        }
        let kind = if random.below(2) == 0 { 'R' } else { 'W' };
        let (phys, value) = (BAR.0 + at, random.next() as u32);
        writeln!(
            out,
            "{kind} 4 1.{:06} 1 {phys:#x} {value:#x} 0x0 0",
            written % 1_000_000
        )?;
        written += 1;
    }
    Ok(out.flush()?)
}

/// Where a register lies: its first place, and how many of it lie how far apart, for each array
/// that it is in.
#[derive(Clone, Default)]
struct Spread {
    at: u64,
    arrays: Vec<(u64, u64)>,
}

impl Spread {
    fn within(&self, at: u64, count: u64, stride: u64) -> Self {
        let mut inner = self.clone();
        inner.at = inner.at.saturating_add(at);
        if count > 1 {
            inner.arrays.push((count, stride));
        }
        inner
    }

    fn pick(&self, random: &mut Random, elements: u64) -> u64 {
        let element = |(count, stride): &(u64, u64)| {
            random.below((*count).min(elements)).saturating_mul(*stride)
        };
        self.at
            .saturating_add(self.arrays.iter().map(element).sum())
    }
}

fn collect(map: &RegisterMap, list: ListId, around: Spread, places: &mut Vec<Spread>) {
    for item in map.items(list) {
        match item {
            Item::Register(register) => {
                places.push(around.within(register.at, register.count, register.stride));
            }
            Item::Block(block) => {
                let at = block.offsets.first().copied().unwrap_or(block.at);
                let Block {
                    count,
                    stride,
                    items,
                    ..
                } = block;
                collect(map, *items, around.within(at, *count, *stride), places);
            }
            _ => {}
        }
    }
}

/// xorshift64* (Vigna 2016): the same numbers on every run.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
