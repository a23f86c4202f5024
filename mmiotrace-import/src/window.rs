//! The address windows that a log speaks of, and their numbers as mappings.

use mmiotrace_core::{
    Event, EventKind, EventSink, MapId, Mapping, Marker, PhysAddr, Timestamp, VirtAddr,
};
use std::collections::BTreeMap;

/// A window whose address the user knows: `0000:01:00.0:region0=0xfe000000+0x1000000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownWindow {
    /// The name by which the log speaks of it.
    pub name: String,
    /// Its first physical address.
    pub base: PhysAddr,
    /// Its length in bytes.
    pub len: u64,
}

/// A window that has no known address is shown from this address times its number: far above
/// device memory, so that it is not taken for a real one.
const MADE_UP_STRIDE: u64 = 1 << 40;

#[derive(Clone, Copy, Debug)]
struct Window {
    id: MapId,
    base: Option<PhysAddr>,
    len: Option<u64>,
    /// The mapping that has been told to the sink.
    told: Option<Mapping>,
}

/// All windows met so far.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    by_name: BTreeMap<String, Window>,
    next_id: i32,
}

impl Windows {
    pub(crate) fn new(known: &[KnownWindow]) -> Self {
        let mut windows = Self::default();
        for window in known {
            let entry = windows.entry(&window.name);
            entry.base = Some(window.base);
            entry.len = Some(window.len);
        }
        windows
    }

    fn entry(&mut self, name: &str) -> &mut Window {
        let Self { by_name, next_id } = self;
        by_name.entry(name.to_owned()).or_insert_with(|| {
            *next_id = next_id.saturating_add(1);
            Window {
                id: MapId(*next_id),
                base: None,
                len: None,
                told: None,
            }
        })
    }

    /// The log says how long the window is.
    pub(crate) fn set_len(&mut self, name: &str, len: u64) {
        self.entry(name).len = Some(len);
    }

    /// The log says where the window begins.
    pub(crate) fn set_base(&mut self, name: &str, base: PhysAddr) {
        self.entry(name).base = Some(base);
    }

    /// The mapping and address of an offset in a window, after the window has been told to the
    /// sink as a mapping.
    pub(crate) fn relative(
        &mut self,
        name: &str,
        offset: u64,
        time: Timestamp,
        sink: &mut dyn EventSink,
    ) -> (MapId, PhysAddr) {
        let window = self.entry(name);
        let number = u64::from(window.id.0.unsigned_abs());
        let base = window
            .base
            .unwrap_or(PhysAddr(number.saturating_mul(MADE_UP_STRIDE)));
        let len = window.len.unwrap_or(MADE_UP_STRIDE);
        let mapping = Mapping {
            id: window.id,
            phys: base,
            virt: VirtAddr(0),
            len,
        };
        if window.told != Some(mapping) {
            if window.told.is_some() {
                sink.event(&Event::new(time, EventKind::Unmap(window.id)));
            }
            let made_up = if window.base.is_none() {
                ", whose address is not known"
            } else {
                ""
            };
            let text = format!("import: map {} is {name}{made_up}", window.id);
            sink.marker(&Marker {
                time,
                text: text.as_bytes(),
            });
            sink.event(&Event::new(time, EventKind::Map(mapping)));
            window.told = Some(mapping);
        }
        (mapping.id, PhysAddr(base.0.wrapping_add(offset)))
    }

    /// The mapping of a physical address: a known window's, which is told to the sink, or 0.
    pub(crate) fn absolute(
        &mut self,
        phys: PhysAddr,
        time: Timestamp,
        sink: &mut dyn EventSink,
    ) -> MapId {
        let holds = |window: &Window| {
            let offset = phys.offset_from(window.base?)?;
            (offset < window.len?).then_some(offset)
        };
        let found = self
            .by_name
            .iter()
            .find_map(|(name, window)| Some((name.clone(), holds(window)?)));
        match found {
            Some((name, offset)) => self.relative(&name, offset, time, sink).0,
            None => MapId(0),
        }
    }
}
