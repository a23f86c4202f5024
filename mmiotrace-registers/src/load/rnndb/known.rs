//! What is known of databases besides what they say: where a domain is found, how a chip is told.

use crate::model::{
    Detect, DetectRule, DetectThen, DeviceMatch, FieldRef, Indirect, RegisterMap, RegisterRef,
    Space, SpaceId, SpaceLocation, Window,
};

/// NVIDIA's PCI vendor id.
const NVIDIA: u16 = 0x10de;

/// The BAR that a domain is, where that is known.
pub(super) fn bar_of(domain: &str) -> Option<u8> {
    (domain == "NV_MMIO").then_some(0)
}

/// Adds what is known of the database of envytools.
pub(super) fn complete(map: &mut RegisterMap) {
    let Some(mmio) = map.space_named("NV_MMIO") else {
        return;
    };
    if map
        .space(mmio)
        .is_none_or(|space| space.place != SpaceLocation::Bar(0))
    {
        return;
    }
    map.devices = vec![DeviceMatch::Pci {
        vendor: NVIDIA,
        first: 0,
        last: u16::MAX,
    }];
    if crate::index::find_register(map, mmio, "PMC.ID").is_some() {
        detect_chipset(map, mmio);
    }
    // The CRTC registers of both heads, behind index (0x3d4) and data (0x3d5) ports (IBM VGA).
    let Some(crtc) = map.space_named("NV_CR") else {
        return;
    };
    let heads = [("HEAD0", 0x60_13d4), ("HEAD1", 0x60_33d4)];
    for ((name, at), port) in
        heads
            .into_iter()
            .zip(registers_at(map, mmio, heads.map(|(_, at)| at)))
    {
        if let Some(port) = port {
            index_data(map, mmio, crtc, name, at, port);
        }
    }
}

/// The first register says which chip it is, in one of three layouts (envytools, PMC.ID): from
/// NV10 on bit 7 is set and bits 28:20 are the chipset; NV4 and NV5 have 4 in bits 15:12; before,
/// bits 19:16 are the chipset.
fn detect_chipset(map: &mut RegisterMap, mmio: SpaceId) {
    let Some(chipset) = map.varset_named("chipset") else {
        return;
    };
    let Some(varset) = map.varsets.get_mut(chipset.0 as usize) else {
        return;
    };
    let mut rules = vec![DetectRule::new(
        0x80,
        0x80,
        DetectThen::Id { low: 20, high: 28 },
    )];
    let old = [
        (0x000f_f000, 0x0001_0000, "NV1"),
        // The low byte of NV3T is at least 0x20.
        (0x000f_f0e0, 0x0003_0000, "NV3"),
        (0x000f_f000, 0x0003_0000, "NV3T"),
        (0x00f0_f000, 0x0000_4000, "NV4"),
        (0x0000_f000, 0x0000_4000, "NV5"),
    ];
    for (mask, equals, name) in old {
        if let Some(variant) = varset.position(name) {
            rules.push(DetectRule::new(mask, equals, DetectThen::Variant(variant)));
        }
    }
    let field = FieldRef::new(RegisterRef::new(mmio, "PMC.ID"), None);
    varset.detect = Some(Detect {
        rules,
        ..Detect::by_id(field)
    });
}

/// The space of a domain once more, behind an index port at `at` and the data port after it.
fn index_data(
    map: &mut RegisterMap,
    mmio: SpaceId,
    inner: SpaceId,
    name: &str,
    at: u64,
    port: String,
) {
    let Some(items) = map.space(inner).map(|space| space.items) else {
        return;
    };
    let select = FieldRef::new(RegisterRef::new(mmio, port), None);
    let window = Window::new(mmio, select, at + 1, 1);
    map.add_space(Space::new(
        name,
        SpaceLocation::Behind(Box::new(Indirect::Window(window))),
        items,
    ));
}

/// The full names of the one-byte registers at these bytes.
fn registers_at<const N: usize>(
    map: &RegisterMap,
    space: SpaceId,
    at: [u64; N],
) -> [Option<String>; N] {
    let Ok(compiled) = map.clone().compile() else {
        return [const { None }; N];
    };
    let selection = compiled.selection();
    at.map(|at| {
        let located = compiled.lookup(space, at, None, &selection)?;
        located
            .register
            .filter(|register| located.within == 0 && register.width == 1)?;
        Some(located.name)
    })
}
