//! Writes down what is done.

use super::Target;
use crate::plan::{Device, Place, Region, RegionId};
use core::time::Duration;
use mmiotrace_core::Marker;
use mmiotrace_core::{
    Access, AccessKind, Event, EventKind, MapId, Mapping, PhysAddr, Timestamp, Value, VirtAddr,
    Width,
};
use mmiotrace_format::{Line, Position, Record, Writer};
use std::io::{self, Write};
use std::time::Instant;

/// What the trace says that it was captured by.
const BACKEND: &str = "replay";

/// A target that passes everything on to another, and writes a trace of it: format 20070824, the
/// same that the run was planned from, to be checked, compared and planned again.
///
/// Mapping ids are the numbers of the regions plus one. Reads are written after they were
/// answered, writes after they were done; an access that failed is not in the trace.
#[derive(Debug)]
pub struct Recorder<T, W: Write> {
    inner: T,
    out: Writer<W>,
    regions: Vec<Opened>,
    /// Whether devices and mappings are written: once the first access comes, all are known.
    headed: bool,
    begun: Instant,
    error: Option<io::Error>,
}

#[derive(Debug)]
struct Opened {
    id: RegionId,
    device: Option<Device>,
    region: Region,
    base: PhysAddr,
}

impl<T: Target, W: Write> Recorder<T, W> {
    /// Records what is done on `inner`.
    pub fn new(inner: T, out: W) -> Self {
        let mut recorder = Self {
            inner,
            out: Writer::capture(out, BACKEND),
            regions: Vec::new(),
            headed: false,
            begun: Instant::now(),
            error: None,
        };
        recorder.line(b"VERSION 20070824\n");
        recorder
    }

    /// The target and what was written to.
    ///
    /// # Errors
    /// The first error of writing the trace, or a mark that no trace may hold
    /// ([`Marker::check_text`]). The run went on without it.
    pub fn into_parts(mut self) -> Result<(T, W), io::Error> {
        self.head();
        let ids: Vec<MapId> = self
            .regions
            .iter()
            .map(|opened| map_id(opened.id))
            .collect();
        for id in ids {
            let event = Event::new(self.now(), EventKind::Unmap(id));
            let result = self.out.write_event(&event);
            self.keep(result);
        }
        let ended = self.out.end();
        self.keep(ended);
        match self.error.take() {
            Some(error) => Err(error),
            None => Ok((self.inner, self.out.into_inner()?)),
        }
    }

    fn keep(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }

    fn line(&mut self, bytes: &[u8]) {
        let result = self.out.write_line(&Line::new(bytes, Position::START));
        self.keep(result);
    }

    /// Writes which devices there are and where their memory lies now.
    fn head(&mut self) {
        if core::mem::replace(&mut self.headed, true) {
            return;
        }
        let mut lines: Vec<String> = Vec::new();
        for opened in &self.regions {
            let Some(device) = &opened.device else {
                continue;
            };
            let line = pci_line(device, &self.regions);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        for line in lines {
            self.line(line.as_bytes());
        }
        let mappings: Vec<Mapping> = self.regions.iter().map(Opened::mapping).collect();
        for mapping in mappings {
            let event = Event::new(self.now(), EventKind::Map(mapping));
            let result = self.out.write_event(&event);
            self.keep(result);
        }
    }

    fn now(&self) -> Timestamp {
        let elapsed = self.inner.clock().unwrap_or_else(|| self.begun.elapsed());
        Timestamp::from_nanos(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    fn access(&mut self, kind: AccessKind, at: Place, value: Value) {
        self.head();
        let opened = self.regions.iter().find(|opened| opened.id == at.region);
        let Some(phys) = opened.and_then(|opened| opened.base.checked_add(at.offset)) else {
            return;
        };
        let map_id = map_id(at.region);
        let access = Access {
            kind,
            width: value.width(),
            map_id,
            phys,
            value: Some(value),
        };
        let event = Event::new(self.now(), EventKind::Access(access));
        let result = self.out.write_event(&event);
        self.keep(result);
    }
}

impl Opened {
    fn mapping(&self) -> Mapping {
        Mapping {
            id: map_id(self.id),
            phys: self.base,
            virt: VirtAddr(0),
            len: self.region.len,
        }
    }
}

/// The `PCIDEV` line of a device, with the BARs that are open.
fn pci_line(device: &Device, regions: &[Opened]) -> String {
    let (mut starts, mut lens) = ([0; 7], [0; 7]);
    for opened in regions
        .iter()
        .filter(|opened| opened.device.as_ref() == Some(device))
    {
        let bar = usize::from(opened.region.bar.unwrap_or(0)).min(6);
        (starts[bar], lens[bar]) = (opened.base.0, opened.region.len);
    }
    let hex = |numbers: [u64; 7]| numbers.map(|number| format!("{number:x}")).join(" ");
    let place = bus_devfn(&device.recorded_at);
    let (vendor, id) = (device.vendor, device.device);
    format!(
        "PCIDEV {place:04x} {vendor:04x}{id:04x} 0 {} {} {}\n",
        hex(starts),
        hex(lens),
        device.driver
    )
}

/// `00:03.0` as the bus in the upper byte, device and function in the lower.
fn bus_devfn(slot: &str) -> u16 {
    let parse = || {
        let (bus, rest) = slot.split_once(':')?;
        let (device, function) = rest.split_once('.')?;
        let number = |text: &str| u16::from_str_radix(text, 16).ok();
        Some(number(bus)? << 8 | (number(device)? & 0x1f) << 3 | (number(function)? & 7))
    };
    parse().unwrap_or(0)
}

fn map_id(id: RegionId) -> MapId {
    MapId(i32::from(id.0) + 1)
}

impl<T: Target, W: Write> Target for Recorder<T, W> {
    type Error = T::Error;

    fn open(
        &mut self,
        device: Option<&Device>,
        id: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, T::Error> {
        let base = self.inner.open(device, id, region)?;
        let (device, region) = (device.cloned(), region.clone());
        self.regions.push(Opened {
            id,
            device,
            region,
            base,
        });
        Ok(base)
    }

    fn read(&mut self, at: Place, width: Width) -> Result<Value, T::Error> {
        let value = self.inner.read(at, width)?;
        self.access(AccessKind::Read, at, value);
        Ok(value)
    }

    fn write(&mut self, at: Place, value: &Value) -> Result<(), T::Error> {
        self.inner.write(at, value)?;
        self.access(AccessKind::Write, at, *value);
        Ok(())
    }

    fn delay(&mut self, time: Duration) {
        self.inner.delay(time);
    }

    fn clock(&self) -> Option<Duration> {
        self.inner.clock()
    }

    fn mark(&mut self, text: &str) {
        self.inner.mark(text);
        if let Err(error) = Marker::check_text(text.as_bytes()) {
            self.keep(Err(io::Error::new(io::ErrorKind::InvalidInput, error)));
            return;
        }
        self.head();
        let marker = Marker {
            time: self.now(),
            text: text.as_bytes(),
        };
        let result = self.out.write_record(&Record::Marker(marker));
        self.keep(result);
    }

    fn is_real(&self) -> bool {
        self.inner.is_real()
    }
}
