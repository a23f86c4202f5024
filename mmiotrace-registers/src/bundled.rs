//! The maps that come with the crate.

use crate::index::CompiledMap;
use crate::model::RegisterMap;
use std::sync::{Arc, OnceLock};

/// Name and text of each map. Where two fit a device equally, the first is taken.
const TEXTS: &[(&str, &str)] = &[
    ("ahci", include_str!("../maps/ahci.toml")),
    ("bochs-display", include_str!("../maps/bochs-display.toml")),
    ("demo", include_str!("../maps/demo.toml")),
    ("e1000", include_str!("../maps/e1000.toml")),
    ("e1000e", include_str!("../maps/e1000e.toml")),
    ("edu", include_str!("../maps/edu.toml")),
    ("ehci", include_str!("../maps/ehci.toml")),
    ("hda", include_str!("../maps/hda.toml")),
    ("nvme", include_str!("../maps/nvme.toml")),
    ("ohci", include_str!("../maps/ohci.toml")),
    ("sdhci", include_str!("../maps/sdhci.toml")),
    ("virtio-pci", include_str!("../maps/virtio-pci.toml")),
    ("xhci", include_str!("../maps/xhci.toml")),
];

/// The maps that come with the crate, each written from its public specification.
#[must_use]
pub fn maps() -> &'static [Arc<CompiledMap>] {
    static MAPS: OnceLock<Vec<Arc<CompiledMap>>> = OnceLock::new();
    // A map that does not load is left out; the tests load every one.
    MAPS.get_or_init(|| TEXTS.iter().filter_map(|(_, text)| compile(text)).collect())
}

/// The TOML text of a bundled map, to begin an own one with.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    TEXTS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

/// The names of the bundled maps.
pub fn names() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|(name, _)| *name)
}

fn compile(text: &str) -> Option<Arc<CompiledMap>> {
    RegisterMap::from_toml(text)
        .ok()?
        .compile()
        .ok()
        .map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_loads_and_is_called_as_it_says() {
        for (name, text) in TEXTS {
            let map =
                RegisterMap::from_toml(text).unwrap_or_else(|error| panic!("{name}.toml: {error}"));
            assert_eq!(map.name, *name);
            let compiled = map.compile().unwrap();
            assert_eq!(compiled.warnings(), [], "{name}");
        }
        assert_eq!(maps().len(), TEXTS.len());
    }
}
