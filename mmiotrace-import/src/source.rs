//! One file per family of events, and the table of all of them.

mod gpu;
mod kvm;
mod memory_region;
mod mmiotrace;
mod pattern;
mod regmap;
mod rwmmio;
mod vfio;

pub use pattern::Pattern;

use crate::Format;
use crate::stamp::Stamp;
use crate::state::State;
use mmiotrace_core::{AccessKind, EventSink};

/// What a handler says of a line that names its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// An access was given to the sink, or is kept until its second half comes.
    Access,
    /// No access, but worth keeping in its place: it becomes a marker.
    Note,
    /// Used for its content, or the second telling of an access.
    Silent,
    /// So many accesses that the log does not hold; the line itself is kept as a marker.
    Lost(u64),
}

/// A line that names an event: when and where it was logged, and the text behind the name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'l> {
    pub(crate) stamp: Stamp,
    pub(crate) rest: &'l str,
}

/// Takes a line; `None` where it is not as the event is printed.
pub(crate) type Handler = fn(&mut State, Line<'_>, &mut dyn EventSink) -> Option<Taken>;

/// An event that some tool prints.
pub(crate) struct SourceEvent {
    pub(crate) name: &'static str,
    pub(crate) format: Format,
    pub(crate) how: How,
}

/// What is done with a line that names the event.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// The handler knows what it is.
    By(Handler),
    /// An access of this kind.
    Access(
        AccessKind,
        fn(AccessKind, &mut State, Line<'_>, &mut dyn EventSink) -> Option<Taken>,
    ),
    /// Kept as it is.
    Note,
    /// The second telling of an access, or of none.
    Silent,
    /// A text that somebody wrote into the log; it says nothing of what the log is.
    Text,
}

const fn event(name: &'static str, format: Format, how: How) -> SourceEvent {
    SourceEvent { name, format, how }
}

/// All events.
#[rustfmt::skip]
pub(crate) const EVENTS: &[SourceEvent] = {
    use AccessKind::{Read, Write};
    use Format::{Ftrace, QemuMemoryRegion, QemuVfio};
    use How::{Access, By, Note, Silent, Text};
    &[
        event("vfio_region_write", QemuVfio, By(vfio::write)),
        event("vfio_region_read", QemuVfio, By(vfio::read)),
        event("vfio_region_setup", QemuVfio, By(vfio::setup)),
        event("vfio_pci_read_config", QemuVfio, By(vfio::read_config)),
        event("vfio_pci_write_config", QemuVfio, By(vfio::write_config)),
        event("vfio_msi_interrupt", QemuVfio, Note),
        event("vfio_rom_read", QemuVfio, Note),
        event("memory_region_ops_write", QemuMemoryRegion, Access(Write, memory_region::access)),
        event("memory_region_ops_read", QemuMemoryRegion, Access(Read, memory_region::access)),
        event("Invalid write at addr", QemuMemoryRegion, By(memory_region::refused)),
        event("Invalid read at addr", QemuMemoryRegion, By(memory_region::refused)),
        event("rwmmio_post_write", Ftrace, Silent),
        event("rwmmio_post_read", Ftrace, By(rwmmio::post_read)),
        event("rwmmio_write", Ftrace, By(rwmmio::write)),
        event("rwmmio_read", Ftrace, By(rwmmio::read)),
        event("kvm_mmio", Ftrace, By(kvm::mmio)),
        event("kvm_fast_mmio", Ftrace, By(kvm::fast_mmio)),
        event("kvm_exit", Ftrace, By(kvm::exit)),
        event("i915_reg_rw", Ftrace, By(gpu::intel)),
        event("xe_reg_rw", Ftrace, By(gpu::intel)),
        event("amdgpu_device_rreg", Ftrace, Access(Read, gpu::amdgpu)),
        event("amdgpu_device_wreg", Ftrace, Access(Write, gpu::amdgpu)),
        event("amdgpu_mm_rreg", Ftrace, Access(Read, gpu::amdgpu)),
        event("amdgpu_mm_wreg", Ftrace, Access(Write, gpu::amdgpu)),
        event("regmap_reg_read_cache", Ftrace, Silent),
        event("regmap_reg_read", Ftrace, Access(Read, regmap::access)),
        event("regmap_reg_write", Ftrace, Access(Write, regmap::access)),
        event("regmap_bulk_read", Ftrace, Access(Read, regmap::bulk)),
        event("regmap_bulk_write", Ftrace, Access(Write, regmap::bulk)),
        event("mmiotrace_rw", Ftrace, By(mmiotrace::access)),
        event("mmiotrace_map", Ftrace, By(mmiotrace::mapping)),
        event("tracing_mark_write", Ftrace, Text),
        event("print", Ftrace, Text),
        event("bprint", Ftrace, Text),
        event("bputs", Ftrace, Text),
    ]
};

/// The event that a line names and where: the first on the line, since what is behind it may be
/// anybody's text.
pub(crate) fn find(line: &str, format: Option<Format>) -> Option<(&'static SourceEvent, usize)> {
    let events = EVENTS.iter().filter(|event| match format {
        Some(format) => event.format == format,
        None => !matches!(event.how, How::Text),
    });
    let found = events.filter_map(|event| {
        let at = position(line, event.name)?;
        // ftrace puts a colon before the name, as the end of the time or of the subsystem.
        let before = line.get(..at)?.trim_end();
        let stands = event.format != Format::Ftrace || before.is_empty() || before.ends_with(':');
        stands.then_some((event, at))
    });
    found.min_by_key(|(_, at)| *at)
}

/// Where the name stands as a whole word, or `None`.
fn position(line: &str, name: &str) -> Option<usize> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(name).map(|(at, _)| at).find(|at| {
        let before = line.get(..*at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + name.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}
