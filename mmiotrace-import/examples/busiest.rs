//! The registers that a log touches most: `busiest LOG`.

use mmiotrace_core::{Blind, Event, EventSink, Loss, Marker};
use mmiotrace_import::{Format, Importer, Options};
use std::collections::BTreeMap;

#[derive(Default)]
struct Counter(BTreeMap<u64, u64>);

impl EventSink for Counter {
    fn event(&mut self, event: &Event) {
        if let Some(access) = event.as_access() {
            *self.0.entry(access.phys.0).or_default() += 1;
        }
    }
    fn marker(&mut self, _: &Marker<'_>) {}
    fn lost(&mut self, loss: &Loss) {
        eprintln!("{} accesses could not be read", loss.count);
    }
    fn blind(&mut self, _: &Blind) {}
    fn line(&mut self, _: &[u8]) {}
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: busiest LOG")?;
    let log = std::fs::read(path)?;
    let format = Format::detect(&log).ok_or("no known event in this log")?;
    let mut importer = Importer::new(format, Options::default());
    let mut counter = Counter::default();
    for line in log.split_inclusive(|byte| *byte == b'\n') {
        if let Err(error) = importer.push_line(line, &mut counter) {
            eprintln!("{error}");
        }
    }
    importer.finish(&mut counter);
    let mut busiest: Vec<(u64, u64)> = counter.0.into_iter().collect();
    busiest.sort_by_key(|(address, count)| (core::cmp::Reverse(*count), *address));
    for (address, count) in busiest.into_iter().take(20) {
        println!("{count:8} {address:#x}");
    }
    Ok(())
}
