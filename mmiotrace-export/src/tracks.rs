//! Which accesses belong to one line of a viewer, and what it is called.

use mmiotrace_core::{Access, Event, MapId, MappingTable, Node, PhysAddr, Width};
use std::collections::HashMap;

/// Gives the name of the register that an access touches, or `None` where it has none. Asked once
/// for each place in each mapping.
pub type Naming<'n> = Box<dyn FnMut(&Access) -> Option<String> + 'n>;

/// A naming that knows no name: registers are called by mapping and offset.
#[must_use]
pub fn unnamed() -> Naming<'static> {
    Box::new(|_| None)
}

/// A register as a line of a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) name: String,
    pub(crate) map_id: MapId,
    /// The widest access so far.
    pub(crate) width: Width,
}

/// All registers met so far.
pub(crate) struct Tracks<'n> {
    naming: Naming<'n>,
    mappings: MappingTable<Vec<Node>>,
    by_place: HashMap<(MapId, PhysAddr), usize>,
    by_name: HashMap<String, usize>,
    list: Vec<Track>,
}

impl core::fmt::Debug for Tracks<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tracks")
            .field("list", &self.list)
            .finish_non_exhaustive()
    }
}

impl<'n> Tracks<'n> {
    pub(crate) fn new(naming: Naming<'n>) -> Self {
        Self {
            naming,
            mappings: MappingTable::new(),
            by_place: HashMap::new(),
            by_name: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// Keeps the mappings, from which registers without a name are called.
    pub(crate) fn apply(&mut self, event: &Event) {
        let _ = self.mappings.apply(event);
    }

    pub(crate) fn list(&self) -> &[Track] {
        &self.list
    }

    /// The number of the access's register, counted from 0. Places with one name are one register.
    pub(crate) fn number(&mut self, access: &Access) -> usize {
        let place = (access.map_id, access.phys);
        let number = match self.by_place.get(&place) {
            Some(number) => *number,
            None => {
                let name = (self.naming)(access).unwrap_or_else(|| self.offset_name(access));
                let number = *self.by_name.entry(name.clone()).or_insert(self.list.len());
                if number == self.list.len() {
                    self.list.push(Track {
                        name,
                        map_id: access.map_id,
                        width: access.width,
                    });
                }
                self.by_place.insert(place, number);
                number
            }
        };
        if let Some(track) = self.list.get_mut(number) {
            let printed = access.value.map_or(access.width, |value| value.width());
            track.width = track.width.max(access.width).max(printed);
        }
        number
    }

    fn offset_name(&self, access: &Access) -> String {
        let offset = self
            .mappings
            .get(access.map_id)
            .and_then(|mapping| mapping.offset_of(access.phys));
        match offset {
            Some(offset) => format!("map{}+{offset:#x}", access.map_id),
            None => format!("{:#x}", access.phys),
        }
    }
}
