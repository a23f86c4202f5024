//! What naming costs, against reading the same trace without it.
//!
//! ```text
//! cargo run --release --example naming_speed -- TRACE [MAP [DOMAIN]]
//! ```
//!
//! The trace is read from memory, ten rounds each way, by turns, in processor time where the system
//! tells it; the fastest round counts, since everything that disturbs a round makes it slower.

use core::time::Duration;
use mmiotrace_format::{Reader, Record};
use mmiotrace_registers::{Loader, Namer};
use std::path::Path;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let trace = std::fs::read(
        arguments
            .next()
            .ok_or("naming_speed TRACE [MAP [DOMAIN]]")?,
    )?;
    let mut map = None;
    if let Some(path) = arguments.next() {
        let loader = match arguments.next() {
            Some(domain) => Loader::new().domain(domain),
            None => Loader::new(),
        };
        map = Some(Arc::new(loader.load(Path::new(&path))?.map.compile()?));
    }
    let (mut plain, mut naming, mut texts) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let (mut events, mut named) = (0_u64, 0_u64);
    for _ in 0..10 {
        let started = now();
        events = read(&trace, None, false).0;
        plain = plain.min(now() - started);
        for (with_text, best) in [(false, &mut naming), (true, &mut texts)] {
            let builder = Namer::builder();
            let mut namer = match &map {
                Some(map) => builder.map(map.clone()).build(),
                None => builder.build(),
            };
            let started = now();
            named = read(&trace, Some(&mut namer), with_text).1;
            *best = (*best).min(now() - started);
        }
    }
    println!("{events} events, {named} named; plain {plain:?}");
    for (what, took) in [("names", naming), ("names and fields as text", texts)] {
        let each = took.saturating_sub(plain).as_nanos() as f64 / events.max(1) as f64;
        let times = took.as_secs_f64() / plain.as_secs_f64();
        println!(
            "{what}: {took:?}, {times:.2} times the plain reading, {each:.0} ns more per event"
        );
    }
    Ok(())
}

/// The processor time of this thread; on systems that do not tell it, the time of day.
fn now() -> Duration {
    let nanos = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    let day = || {
        std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default()
    };
    nanos().map_or_else(day, Duration::from_nanos)
}

/// Reads a trace to its end: events, and how many of them got a name.
fn read(trace: &[u8], mut namer: Option<&mut Namer>, with_text: bool) -> (u64, u64) {
    let (mut events, mut named, mut length) = (0, 0, 0);
    let mut reader = Reader::new(trace);
    loop {
        let record = match reader.next_record() {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(mmiotrace_format::Error::Parse(_)) => continue,
            Err(_) => break,
        };
        match (&record, namer.as_deref_mut()) {
            (Record::Event(event), Some(namer)) => {
                events += 1;
                if let Some(mut access) = namer.event(event) {
                    named += u64::from(access.name().is_some());
                    if with_text {
                        length += access.text().len();
                    }
                }
            }
            (Record::Event(_), None) => events += 1,
            (Record::Header(header), Some(namer)) => namer.header(header),
            (Record::Lost(_), Some(namer)) => namer.invalidate_values(),
            _ => {}
        }
    }
    core::hint::black_box(length);
    (events, named)
}
