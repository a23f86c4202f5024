//! A recorder over the module's backend in 60 lines: writes a trace until standard input ends.
//!
//! ```text
//! kmod_record FILE all             every mapping that is made from now on
//! kmod_record FILE START-END …     mappings that touch these physical ranges (hex)
//! kmod_record FILE premapped START-END …   those that exist already, too
//! ```

use mmiotrace_capture::kmod::{Kmod, Options, premapped};
use mmiotrace_capture::machine::Root;
use mmiotrace_core::{CaptureBackend, DrainState, PhysAddr};
use mmiotrace_format::Writer;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static ENDED: AtomicBool = AtomicBool::new(false);

fn options(arguments: &[String]) -> Result<Options, Box<dyn Error>> {
    let mut options = Options::new().with_ring_bytes(16 << 20);
    let mut ranges = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            "all" => options = options.with_all(),
            "premapped" => {}
            range => {
                let (start, end) = range.split_once('-').ok_or("a range is START-END")?;
                let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16);
                ranges.push(PhysAddr(number(start)?)..PhysAddr(number(end)?));
            }
        }
    }
    if arguments.iter().any(|argument| argument == "premapped") {
        for mapping in premapped(&Root::system(), &ranges)? {
            eprintln!("already mapped: {} {} {}", mapping.phys, mapping.len, mapping.caller);
            options = options.with_premapped(mapping);
        }
    }
    Ok(ranges.into_iter().fold(options, Options::with_range))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, rest) = arguments.split_first().ok_or("usage: kmod_record FILE all|START-END…")?;
    let mut writer = Writer::new(BufWriter::new(File::create(file)?));
    let mut capture = Kmod::new(options(rest)?);
    capture.start()?;
    eprintln!("recording");
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        ENDED.store(true, Ordering::Relaxed);
    });
    while !ENDED.load(Ordering::Relaxed) {
        if capture.drain(&mut writer)?.state == DrainState::Idle {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let state = capture.state()?;
    let summary = capture.stop()?;
    while capture.drain(&mut writer)?.state != DrainState::Ended {}
    writer.flush()?;
    eprintln!("{summary:?}, mappings refused: {}", state.refused);
    Ok(())
}
