//! Which register of which device an access touches, for what is drawn and exported.

use super::Names;
use mmiotrace_core::{Access, EventKind, MapId, PhysAddr};
use mmiotrace_export::Identity;
use mmiotrace_format::Entry;
use mmiotrace_registers::Named;
use std::collections::HashMap;

/// Follows a trace, and knows the places of it that were accessed.
pub(crate) struct Identities {
    names: Names,
    known: HashMap<(MapId, PhysAddr), Identity>,
}

impl Identities {
    pub(crate) fn new(names: Names) -> Self {
        Self {
            names,
            known: HashMap::new(),
        }
    }

    /// Takes an entry.
    pub(crate) fn see(&mut self, entry: &Entry<'_>) {
        let event = entry.event();
        if event.is_some_and(|event| matches!(event.kind, EventKind::Map(_))) {
            // Its id may have been another mapping's.
            self.known.clear();
        }
        let named = self.names.follow(entry);
        let access = event.and_then(|event| event.as_access());
        if let (Some(named), Some(access)) = (named, access) {
            self.known
                .entry((access.map_id, access.phys))
                .or_insert_with(|| identity(&named));
        }
    }

    /// What is known of an access of a record that was taken. One that several records carry has the
    /// place of its first.
    pub(crate) fn of(&self, access: &Access) -> Identity {
        let known = self.known.get(&(access.map_id, access.phys));
        known.cloned().unwrap_or_default()
    }
}

fn identity(named: &Named<'_>) -> Identity {
    Identity {
        device: named
            .device_facts()
            .map(|device| device.address.to_string()),
        bar: named.bar(),
        offset: named.offset(),
        name: named.name().map(str::to_owned),
    }
}
