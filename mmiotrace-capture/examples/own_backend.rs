//! A capture backend by somebody else: `CaptureBackend` over a made-up source, lines of text as a logic
//! analyser may print them. The verdict and the writer take it as they take ours.

use mmiotrace_analysis::{Checker, Verdict};
use mmiotrace_core::{
    Access, AccessKind, CaptureBackend, DrainState, Drained, Event, EventKind, EventSink, MapId,
    Mapping, Marker, PhysAddr, Summary, Timestamp, Value, VirtAddr, Width,
};
use mmiotrace_format::Writer;
use std::io::Write;

/// Kind, address and value, one access a microsecond.
struct Analyser<'a>(core::slice::Iter<'a, &'a str>, u64);

impl CaptureBackend for Analyser<'_> {
    type Error = std::io::Error;

    fn name(&self) -> &str {
        "analyser"
    }

    fn start(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn drain(&mut self, sink: &mut dyn EventSink) -> Result<Drained, Self::Error> {
        let Some(line) = self.0.next() else {
            return Ok(Drained {
                records: 0,
                state: DrainState::Ended,
            });
        };
        self.1 += 1;
        let time = Timestamp::from_nanos(self.1 * 1000);
        sink.event(&Event::new(time, parse(line)?));
        Ok(Drained {
            records: 1,
            state: DrainState::Pending,
        })
    }

    fn marker(&mut self, _: &[u8]) -> Result<(), Self::Error> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn stop(&mut self) -> Result<Summary, Self::Error> {
        let mut summary = Summary::default();
        summary.events = self.1;
        Ok(summary)
    }
}

fn parse(line: &str) -> Result<EventKind, std::io::Error> {
    let fields: Vec<&str> = line.split(' ').collect();
    let hex = |at: usize| {
        fields
            .get(at)
            .and_then(|text| u64::from_str_radix(text, 16).ok())
    };
    let (Some(phys), Some(number)) = (hex(1), hex(2)) else {
        return Err(std::io::ErrorKind::InvalidData.into());
    };
    let kind = match fields.first() {
        Some(&"map") => {
            let (id, phys, virt) = (MapId(1), PhysAddr(phys), VirtAddr(0));
            return Ok(EventKind::Map(Mapping {
                id,
                phys,
                virt,
                len: number,
            }));
        }
        Some(&"get") => AccessKind::Read,
        _ => AccessKind::Write,
    };
    let (width, map_id, phys) = (Width::W4, MapId(1), PhysAddr(phys));
    let value = Value::from_le_bytes(&number.to_le_bytes()[..4]);
    Ok(EventKind::Access(Access {
        kind,
        width,
        map_id,
        phys,
        value,
    }))
}

/// What the analyser has printed.
pub(crate) const LINES: [&str; 3] = [
    "map fe000000 1000",
    "put fe000010 1",
    "get fe000014 80000001",
];

/// Writes the trace, and gives the verdict on it.
pub(crate) fn capture(out: impl Write) -> Result<Verdict, Box<dyn core::error::Error>> {
    let (mut writer, mut checker) = (Writer::new(out), Checker::new());
    // A sink takes from a backend; each has a run of its own.
    for sink in [&mut writer as &mut dyn EventSink, &mut checker] {
        let mut analyser = Analyser(LINES.iter(), 0);
        // Not the kernel's tracer, whose mistakes this one does not make.
        sink.marker(&Marker {
            time: Timestamp::ZERO,
            text: b"mmiotrace1 capture backend=analyser",
        });
        analyser.start()?;
        while analyser.drain(sink)?.state != DrainState::Ended {}
        analyser.stop()?;
    }
    writer.flush()?;
    Ok(checker.finish())
}

#[cfg_attr(test, allow(dead_code, reason = "the test has a main of its own"))]
fn main() -> Result<(), Box<dyn core::error::Error>> {
    let verdict = capture(std::io::stdout())?;
    eprintln!("complete: {}", verdict.complete);
    Ok(())
}
