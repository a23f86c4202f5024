//! A recorder over the module's backend: writes a trace until standard input ends.
//!
//! ```text
//! kmod_record FILE all             every mapping that is made from now on
//! kmod_record FILE START-END …     mappings that touch these physical ranges (hex)
//! kmod_record FILE premapped START-END …   those that exist already, too
//! kmod_record FILE resume          goes on where a recorder died
//! ```
//!
//! Further words: `ring=BYTES` for each CPU's ring, `interval` for no lock around accesses.

use core::error::Error;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use mmiotrace_capture::kmod::{Kmod, Options, premapped};
use mmiotrace_capture::machine::Root;
use mmiotrace_capture::{DeviceOrder, RingOptions};
use mmiotrace_core::{CaptureBackend, DrainState, PhysAddr};
use mmiotrace_format::Writer;
use std::fs::File;
use std::io::{BufWriter, Read};

static ENDED: AtomicBool = AtomicBool::new(false);

fn options(words: &[String]) -> Result<Options, Box<dyn Error>> {
    let mut options = Options::new();
    let mut ring = RingOptions::new().with_bytes(16 << 20);
    let mut ranges = Vec::new();
    for word in words {
        options = match word.as_str() {
            "all" => options.with_all(),
            "resume" => options.resuming(),
            "interval" => {
                ring = ring.with_order(DeviceOrder::Interval);
                options
            }
            "premapped" => options,
            word => match word.strip_prefix("ring=") {
                Some(bytes) => {
                    ring = ring.with_bytes(bytes.parse()?);
                    options
                }
                None => {
                    ranges.push(range(word)?);
                    options
                }
            },
        };
    }
    if words.iter().any(|word| word == "premapped") {
        for mapping in premapped(&Root::system(), &ranges)? {
            eprintln!(
                "already mapped: {} {} {}",
                mapping.phys, mapping.len, mapping.caller
            );
            options = options.with_premapped(mapping);
        }
    }
    Ok(ranges
        .into_iter()
        .fold(options.with_ring(ring), Options::with_range))
}

fn range(word: &str) -> Result<core::ops::Range<PhysAddr>, Box<dyn Error>> {
    let (start, end) = word.split_once('-').ok_or("a range is START-END")?;
    let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16);
    Ok(PhysAddr(number(start)?)..PhysAddr(number(end)?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, words) = arguments
        .split_first()
        .ok_or("usage: kmod_record FILE all|resume|START-END…")?;
    let mut capture = Kmod::new(options(words)?);
    let mut writer = Writer::capture(BufWriter::new(File::create(file)?), capture.name());
    capture.start()?;
    eprintln!("recording");
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        ENDED.store(true, Ordering::Relaxed);
    });
    while !ENDED.load(Ordering::Relaxed) {
        if capture.drain(&mut writer)?.state == DrainState::Idle {
            writer.flush()?;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let state = capture.state()?;
    let summary = capture.stop()?;
    while capture.drain(&mut writer)?.state != DrainState::Ended {}
    writer.end()?;
    eprintln!("{summary:?}, mappings refused: {}", state.refused);
    Ok(())
}
