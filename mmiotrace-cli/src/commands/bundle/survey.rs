//! The trace, read once before it is packed: its verdict, its device, its size.

use super::redact::{Redactor, TRACE};
use crate::commands::check;
use crate::failure::{Failure, Stop};
use crate::input::{Input, Next, Printing};
use mmiotrace_analysis::{Checker, Devices};
use mmiotrace_capture::machine::{PciAddress, PciFunction};
use mmiotrace_core::PciDevice;
use mmiotrace_format::{Annotation, Line, LineKind, Position, Record};
use std::collections::BTreeMap;

/// Markers that go into the description.
const MAX_MARKERS: usize = 1000;

/// The checksum at the end of a capture is that of the lines as they were.
const DERIVED: &[u8] = b"MARK 0.000000 mmiotrace1 derived by=redact\n";

/// What the trace says of itself.
pub(super) struct Survey {
    /// Bytes of the trace as it will be packed.
    pub(super) len: u64,
    /// What is packed after its lines: that it is no longer what its end says, if it says so.
    pub(super) tail: &'static [u8],
    pub(super) complete: bool,
    pub(super) verdict_text: String,
    pub(super) verdict_json: String,
    /// Time and text.
    pub(super) markers: Vec<String>,
    device: Option<(PciDevice, String)>,
}

impl Survey {
    pub(super) fn take(
        trace: &str,
        wanted: Option<PciAddress>,
        redactor: &mut Redactor,
    ) -> Result<Self, Stop> {
        let mut entries = Input::open(trace, Printing::Afterwards)?.entries();
        let (mut checker, mut devices, mut counts) =
            (Checker::new(), Devices::new(), BTreeMap::new());
        let (mut len, mut markers, mut number, mut line) = (0, Vec::new(), 0, Vec::new());
        let mut end_is_promised = false;
        loop {
            let entry = match entries.next() {
                Next::Given(entry) => entry,
                Next::Invalid(error) => {
                    checker.invalid(&error);
                    continue;
                }
                Next::Failed(failure) => return Err(failure.into()),
                Next::End => break,
            };
            checker.entry(&entry);
            line.extend_from_slice(entry.line().as_bytes());
            if !entry.is_fused() {
                number += 1;
            }
            if entry.ends_line() {
                len += redactor.line(&line).len() as u64;
                line.clear();
            }
            match entry.record() {
                Ok(Record::Header(header)) => drop(devices.apply(header)),
                Ok(Record::Event(event)) => {
                    if let Some(access) = event.as_access() {
                        redactor.look_at_access(number, access);
                        if let Some(place) = devices.locate(access.phys) {
                            *counts.entry((place.bus, place.devfn)).or_insert(0u64) += 1;
                        }
                    }
                }
                Ok(Record::Marker(marker)) if marker.is_reserved() => {
                    let annotation = entry.annotation();
                    end_is_promised |= matches!(annotation, Some(Ok(Annotation::Capture { .. })));
                }
                Ok(Record::Marker(marker)) if markers.len() < MAX_MARKERS => {
                    markers.push(format!(
                        "{} {}",
                        marker.time,
                        String::from_utf8_lossy(marker.text)
                    ));
                }
                _ => {}
            }
        }
        drop(entries);
        redactor.end_of_trace();
        let tail = if end_is_promised && redactor.has_changed_trace() {
            DERIVED
        } else {
            &[]
        };
        len += tail.len() as u64;
        let verdict = checker.finish();
        let busiest = counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|(place, _)| place);
        let place = match wanted {
            Some(address) => Some((address.bus, address.slot << 3 | address.function)),
            None => busiest,
        };
        let device = place.and_then(|(bus, devfn)| devices.get(bus, devfn));
        if let (Some(wanted), None) = (wanted, device) {
            let failure = Failure::new(trace, format!("the trace names no PCI device {wanted}"));
            return Err(failure
                .advise("leave --device out, or see: mmiotrace stat")
                .into());
        }
        Ok(Self {
            len,
            tail,
            complete: verdict.complete,
            verdict_text: check::text(TRACE, &verdict),
            verdict_json: serde_json::to_string_pretty(&verdict).unwrap_or_default() + "\n",
            markers,
            device: device.map(|device| (device.pci, device.driver.clone())),
        })
    }

    /// Vendor and device as `10de0640`, as in the name that the kernel's documentation gives.
    pub(super) fn pci_id(&self) -> String {
        match &self.device {
            Some((pci, _)) => format!("{:04x}{:04x}", pci.vendor, pci.device),
            None => "unknown".to_owned(),
        }
    }

    pub(super) fn device_text(&self) -> String {
        match &self.device {
            Some((pci, _)) => format!(
                "{:02x}:{:02x}.{} [{:04x}:{:04x}]",
                pci.bus,
                pci.slot(),
                pci.function(),
                pci.vendor,
                pci.device
            ),
            None => "not known: the trace has no accesses to a device that it names".to_owned(),
        }
    }

    /// Whether that function of the machine is the device.
    pub(super) fn is_device(&self, function: &PciFunction) -> bool {
        self.device.as_ref().is_some_and(|(pci, _)| {
            (pci.bus, pci.devfn, pci.vendor)
                == (
                    function.device.bus,
                    function.device.devfn,
                    function.device.vendor,
                )
        })
    }

    /// The driver that the trace names.
    pub(super) fn driver(&self) -> Option<String> {
        self.device
            .as_ref()
            .map(|(_, driver)| driver.clone())
            .filter(|driver| !driver.is_empty())
    }
}

/// Hands on the trace as it is packed.
pub(super) fn copy(
    trace: &str,
    redactor: &mut Redactor,
    hand_on: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Stop> {
    let mut entries = Input::open(trace, Printing::Afterwards)?.entries();
    let mut line = Vec::new();
    loop {
        match entries.next() {
            Next::Given(entry) => {
                line.extend_from_slice(entry.line().as_bytes());
                if entry.ends_line() {
                    hand_on(&redactor.line(&line))?;
                    line.clear();
                }
            }
            Next::Invalid(_) => {}
            Next::Failed(failure) => return Err(failure.into()),
            Next::End => return Ok(()),
        }
    }
}

/// Where the text that people or the machine wrote begins in a line: behind the columns of a PCI
/// device its driver; all of a line that is no record of the device, or begins like one and is none.
/// `None` for a record of the device.
pub(super) fn text_from(line: &[u8]) -> Option<usize> {
    /// The columns before the driver: the keyword, place, ids, interrupt, 7 starts, 7 lengths.
    const BEFORE_DRIVER: usize = 18;
    match LineKind::of(line) {
        LineKind::Mark | LineKind::Lspci | LineKind::Other | LineKind::Version => Some(0),
        kind => match (Line::new(line, Position::START).parse(), kind) {
            (Err(_), _) => Some(0),
            (Ok(_), LineKind::PciDev) => {
                let mut blanks = (0..line.len()).filter(|at| line.get(*at) == Some(&b' '));
                Some(
                    blanks
                        .nth(BEFORE_DRIVER - 1)
                        .map_or(line.len(), |at| at + 1),
                )
            }
            (Ok(_), _) => None,
        },
    }
}
