//! One file per family of events, and the table of all of them.

mod gpu;
mod kvm;
mod memory_region;
mod pattern;
mod regmap;
mod rwmmio;
mod vfio;

pub use pattern::Pattern;

use crate::Format;
use crate::stamp::Stamp;
use crate::state::State;
use mmiotrace_core::EventSink;

/// What a handler says of a line that names its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// An access was given to the sink, or is kept until its second half comes.
    Access,
    /// No access, but worth keeping in its place: it becomes a marker.
    Note,
    /// Used for its content, or the second telling of an access.
    Silent,
}

/// Takes the text behind the event's name; `None` where it is not as the event is printed.
pub(crate) type Handler = fn(&mut State, Stamp, &str, &mut dyn EventSink) -> Option<Taken>;

/// An event that some tool prints.
pub(crate) struct SourceEvent {
    pub(crate) name: &'static str,
    pub(crate) format: Format,
    pub(crate) handler: Handler,
}

const fn event(name: &'static str, format: Format, handler: Handler) -> SourceEvent {
    SourceEvent {
        name,
        format,
        handler,
    }
}

/// All events. A name that begins another stands behind it.
pub(crate) const EVENTS: &[SourceEvent] = &[
    event("vfio_region_write", Format::QemuVfio, vfio::write),
    event("vfio_region_read", Format::QemuVfio, vfio::read),
    event("vfio_region_setup", Format::QemuVfio, vfio::setup),
    event("vfio_pci_read_config", Format::QemuVfio, vfio::read_config),
    event(
        "vfio_pci_write_config",
        Format::QemuVfio,
        vfio::write_config,
    ),
    event("vfio_msi_interrupt", Format::QemuVfio, vfio::note),
    event("vfio_rom_read", Format::QemuVfio, vfio::note),
    event(
        "memory_region_ops_write",
        Format::QemuMemoryRegion,
        memory_region::write,
    ),
    event(
        "memory_region_ops_read",
        Format::QemuMemoryRegion,
        memory_region::read,
    ),
    event("rwmmio_post_write", Format::Ftrace, rwmmio::post_write),
    event("rwmmio_post_read", Format::Ftrace, rwmmio::post_read),
    event("rwmmio_write", Format::Ftrace, rwmmio::write),
    event("rwmmio_read", Format::Ftrace, rwmmio::read),
    event("kvm_mmio", Format::Ftrace, kvm::mmio),
    event("kvm_exit", Format::Ftrace, kvm::exit),
    event("i915_reg_rw", Format::Ftrace, gpu::i915),
    event("amdgpu_device_rreg", Format::Ftrace, gpu::amdgpu_read),
    event("amdgpu_device_wreg", Format::Ftrace, gpu::amdgpu_write),
    event("amdgpu_mm_rreg", Format::Ftrace, gpu::amdgpu_read),
    event("amdgpu_mm_wreg", Format::Ftrace, gpu::amdgpu_write),
    event("regmap_reg_read_cache", Format::Ftrace, regmap::cached),
    event("regmap_reg_read", Format::Ftrace, regmap::read),
    event("regmap_reg_write", Format::Ftrace, regmap::write),
];

/// Where the name stands as a whole word, or `None`.
pub(crate) fn position(line: &str, name: &str) -> Option<usize> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(name).map(|(at, _)| at).find(|at| {
        let before = line.get(..*at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + name.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}
