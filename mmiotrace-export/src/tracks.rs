//! Which accesses belong to one line of a viewer, and what it is called.

use mmiotrace_core::{Access, Event, EventKind, MapId, MappingTable, Node, PhysAddr, Width};
use std::collections::HashMap;

/// What is known of the place that an access touches. Devices are kept apart by it: two cards of one
/// kind have registers of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The device, as a person writes it: `00:02.0`.
    pub device: Option<String>,
    /// The device's BAR.
    pub bar: Option<u8>,
    /// The offset in the BAR, in bytes.
    pub offset: Option<u64>,
    /// The register's name.
    pub name: Option<String>,
}

/// Says what is known of the place that an access touches. Asked once for each place in each
/// mapping.
pub type Naming<'n> = Box<dyn FnMut(&Access) -> Identity + 'n>;

/// A naming that knows nothing: registers are called by mapping and offset.
#[must_use]
pub fn unnamed() -> Naming<'static> {
    Box::new(|_| Identity::default())
}

/// A register as a line of a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    /// Without its device.
    pub(crate) name: String,
    pub(crate) device: Option<String>,
    pub(crate) bar: Option<u8>,
    pub(crate) map_id: MapId,
    /// The widest access so far.
    pub(crate) width: Width,
}

/// What makes two places one register: device, BAR and name. Without a device the name, and where
/// that comes from a map the address, too.
type Key = (Option<String>, Option<u8>, String, Option<PhysAddr>);

/// A place in one life of a mapping: its id may be used again.
type Place = (MapId, u32, PhysAddr);

/// All registers met so far.
pub(crate) struct Tracks<'n> {
    naming: Naming<'n>,
    mappings: MappingTable<Vec<Node>>,
    /// How often each id was mapped.
    lives: HashMap<MapId, u32>,
    by_place: HashMap<Place, usize>,
    by_key: HashMap<Key, usize>,
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
            lives: HashMap::new(),
            by_place: HashMap::new(),
            by_key: HashMap::new(),
            list: Vec::new(),
        }
    }

    /// Keeps the mappings, from which registers without a name are called.
    pub(crate) fn apply(&mut self, event: &Event) {
        if let EventKind::Map(mapping) = &event.kind {
            *self.lives.entry(mapping.id).or_default() += 1;
        }
        let _ = self.mappings.apply(event);
    }

    pub(crate) fn list(&self) -> &[Track] {
        &self.list
    }

    /// The number of the access's register, counted from 0.
    pub(crate) fn number(&mut self, access: &Access) -> usize {
        let life = self.lives.get(&access.map_id).copied().unwrap_or(0);
        let place = (access.map_id, life, access.phys);
        let number = match self.by_place.get(&place) {
            Some(number) => *number,
            None => {
                let number = self.find(access);
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

    fn find(&mut self, access: &Access) -> usize {
        let Identity {
            device,
            bar,
            offset,
            name,
        } = (self.naming)(access);
        // Without a device, registers of one name at two addresses are two.
        let phys = (device.is_none() && name.is_some()).then_some(access.phys);
        let name = match (name, &device, offset) {
            (Some(name), ..) => name,
            (None, Some(_), Some(offset)) => format!("+{offset:#x}"),
            (None, ..) => self.offset_name(access),
        };
        let key = (device.clone(), bar, name.clone(), phys);
        let number = *self.by_key.entry(key).or_insert(self.list.len());
        if number == self.list.len() {
            self.list.push(Track {
                name,
                device,
                bar,
                map_id: access.map_id,
                width: access.width,
            });
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

#[cfg(test)]
mod tests {
    use super::*;
    use mmiotrace_core::{AccessKind, Mapping, Timestamp, VirtAddr};

    fn access(map_id: i32, phys: u64) -> Access {
        Access {
            kind: AccessKind::Read,
            width: Width::W4,
            map_id: MapId(map_id),
            phys: PhysAddr(phys),
            value: None,
        }
    }

    fn map(id: i32, phys: u64) -> Event {
        let mapping = Mapping {
            id: MapId(id),
            phys: PhysAddr(phys),
            virt: VirtAddr(0),
            len: 0x1000,
        };
        Event::new(Timestamp::ZERO, EventKind::Map(mapping))
    }

    #[test]
    fn one_name_on_two_devices_is_two_registers() {
        let mut tracks = Tracks::new(Box::new(|access| Identity {
            device: Some(format!("00:0{}.0", access.map_id.0)),
            bar: Some(0),
            offset: Some(0),
            name: Some("CTRL".to_owned()),
        }));
        let numbers = [(1, 0x1000), (2, 0x2000), (1, 0x1000)].map(|(id, phys)| {
            let access = access(id, phys);
            tracks.number(&access)
        });
        assert_eq!(numbers, [0, 1, 0]);
    }

    #[test]
    fn an_id_that_is_mapped_again_is_asked_for_again() {
        let mut tracks = Tracks::new(unnamed());
        tracks.apply(&map(1, 0x1000));
        assert_eq!(tracks.number(&access(1, 0x1ff0)), 0);
        tracks.apply(&Event::new(Timestamp::ZERO, EventKind::Unmap(MapId(1))));
        tracks.apply(&map(1, 0x1f00));
        assert_eq!(tracks.number(&access(1, 0x1ff0)), 1);
        let names: Vec<&str> = tracks.list().iter().map(|track| &track.name[..]).collect();
        assert_eq!(names, ["map1+0xff0", "map1+0xf0"]);
    }
}
