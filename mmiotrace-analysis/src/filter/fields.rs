//! What a filter asks of a record, whether it is parsed or not.

use super::AddressRange;
use mmiotrace_core::{AccessKind, Event, EventKind, MapId, Timestamp, VirtAddr, Width};
use mmiotrace_format::{Columns, LineKind};

/// The columns of a record. `None` where one is missing or not readable; asked only of records
/// whose kind has it.
pub(super) trait Fields {
    fn kind(&self) -> LineKind;
    fn width(&self) -> Option<Width>;
    fn map_id(&self) -> Option<MapId>;
    fn time(&self) -> Option<Timestamp>;
    fn pc(&self) -> Option<VirtAddr>;
    fn pid(&self) -> Option<i32>;
    /// The value, which may be not known.
    fn value(&self) -> Option<Option<u64>>;
    /// Whether the record's physical address, or the mapping it tells of, lies in `range`; not so
    /// of records that have none.
    fn in_range(&self, range: &AddressRange) -> Option<bool>;
}

impl Fields for Columns<'_> {
    #[inline]
    fn kind(&self) -> LineKind {
        Columns::kind(self)
    }
    #[inline]
    fn width(&self) -> Option<Width> {
        Columns::width(self)
    }
    fn map_id(&self) -> Option<MapId> {
        Columns::map_id(self)
    }
    fn time(&self) -> Option<Timestamp> {
        Columns::time(self)
    }
    fn pc(&self) -> Option<VirtAddr> {
        Columns::pc(self)
    }
    fn pid(&self) -> Option<i32> {
        Columns::pid(self)
    }
    fn value(&self) -> Option<Option<u64>> {
        Columns::value(self).map(Some)
    }
    #[inline]
    fn in_range(&self, range: &AddressRange) -> Option<bool> {
        match self.kind() {
            LineKind::Read | LineKind::Write | LineKind::Unknown => {
                Some(range.contains(self.phys()?.0))
            }
            LineKind::Map => Some(range.overlaps(self.phys()?.0, self.len()?)),
            _ => Some(false),
        }
    }
}

impl Fields for Event {
    fn kind(&self) -> LineKind {
        match &self.kind {
            EventKind::Access(access) => match access.kind {
                AccessKind::Read => LineKind::Read,
                AccessKind::Write => LineKind::Write,
            },
            EventKind::Map(_) => LineKind::Map,
            EventKind::Unmap(_) => LineKind::Unmap,
            EventKind::UnknownOpcode(_) => LineKind::Unknown,
            _ => LineKind::Other,
        }
    }
    fn width(&self) -> Option<Width> {
        self.as_access().map(|access| access.width)
    }
    fn map_id(&self) -> Option<MapId> {
        match &self.kind {
            EventKind::Access(access) => Some(access.map_id),
            EventKind::Map(mapping) => Some(mapping.id),
            EventKind::Unmap(id) => Some(*id),
            EventKind::UnknownOpcode(unknown) => Some(unknown.map_id),
            _ => None,
        }
    }
    fn time(&self) -> Option<Timestamp> {
        Some(self.time)
    }
    fn pc(&self) -> Option<VirtAddr> {
        Some(self.pc)
    }
    fn pid(&self) -> Option<i32> {
        Some(self.pid)
    }
    fn value(&self) -> Option<Option<u64>> {
        Some(self.as_access()?.value.and_then(|value| value.to_u64()))
    }
    fn in_range(&self, range: &AddressRange) -> Option<bool> {
        Some(match &self.kind {
            EventKind::Access(access) => range.contains(access.phys.0),
            EventKind::UnknownOpcode(unknown) => range.contains(unknown.phys.0),
            EventKind::Map(mapping) => range.overlaps(mapping.phys.0, mapping.len),
            _ => false,
        })
    }
}
