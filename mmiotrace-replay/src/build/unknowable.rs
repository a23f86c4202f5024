//! The list of what the trace cannot know.

use super::regions::RegionFinder;
use crate::plan::{Evidence, Place, Unknowable, UnknowableKind};
use mmiotrace_core::Value;

/// A place in the trace that points beyond it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    pub(super) kind: UnknowableKind,
    pub(super) line: u64,
    pub(super) place: Option<Place>,
    pub(super) value: Option<Value>,
    /// How many events it stands for.
    pub(super) count: u64,
}

/// How many signs of a kind a plan shows.
const MAX_SHOWN: usize = 8;

pub(super) fn list(signs: Vec<Sign>, regions: &RegionFinder) -> Vec<Unknowable> {
    let mut list: Vec<Unknowable> = UnknowableKind::ALL
        .iter()
        .map(|kind| of_kind(*kind, &signs, regions))
        .collect();
    list.retain(|unknowable| unknowable.signs > 0 || always(unknowable.kind));
    list
}

/// What no trace of memory accesses has, sign or not.
const fn always(kind: UnknowableKind) -> bool {
    matches!(
        kind,
        UnknowableKind::HostMemory | UnknowableKind::Interrupts | UnknowableKind::ConfigSpace
    )
}

fn of_kind(kind: UnknowableKind, signs: &[Sign], regions: &RegionFinder) -> Unknowable {
    let of_kind = || signs.iter().filter(|sign| sign.kind == kind);
    let mut count: u64 = of_kind().map(|sign| sign.count).sum();
    let shown = of_kind().take(MAX_SHOWN);
    let evidence = shown
        .map(|sign| Evidence {
            line: sign.line,
            place: sign.place,
            value: sign.value,
        })
        .collect();
    if kind == UnknowableKind::PortIo {
        count = regions.io_ranges.len() as u64;
    }
    Unknowable {
        kind,
        text: text(kind, count, regions),
        evidence,
        signs: count,
    }
}

fn text(kind: UnknowableKind, signs: u64, regions: &RegionFinder) -> String {
    match (kind, signs) {
        (UnknowableKind::HostMemory, 0) => {
            "What the device read from host memory (DMA) is not in the trace. No register got an address there."
                .to_owned()
        }
        (UnknowableKind::HostMemory, n) => format!(
            "{n} writes hand the device addresses in the recorded machine's memory. What stood there is not in the \
             trace, and the addresses mean nothing on another machine."
        ),
        (UnknowableKind::Interrupts, 0) => {
            "When interrupts came is not in the trace; the replay takes none.".to_owned()
        }
        (UnknowableKind::Interrupts, n) => format!(
            "{n} writes set up interrupt messages for the recorded machine's processors. The replay takes no interrupt."
        ),
        (UnknowableKind::ConfigSpace, _) => {
            "PCI configuration accesses (bus mastering, power state, MSI enable) are not in the trace.".to_owned()
        }
        (UnknowableKind::PortIo, _) => format!(
            "The device has I/O ports ({}); what the driver did there, resets among it, is not in the trace.",
            regions.io_ranges.join(", ")
        ),
        (UnknowableKind::Undecoded, n) => {
            format!("{n} accesses were seen but not, or wrongly, decoded; they are skipped.")
        }
        (UnknowableKind::Lost, n) => format!("{n} events were lost while recording."),
        (UnknowableKind::Unseen, n) => {
            format!("{n} times pages or mappings were not watched; what was done there is absent.")
        }
    }
}
