//! The namer against the plainest reading of a map that there is: every item tried in the file's
//! order, nothing indexed, nothing remembered, values shown in the general way.

use mmiotrace_core::{Access, AccessKind, MapId, PhysAddr, Value, Width};
use mmiotrace_registers::model::{
    Block, ConditionId, Form, Item, ListId, Register, RegisterMap, TypeId,
};
use mmiotrace_registers::{CompiledMap, Known, Loader, Namer, Selection};
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::path::Path;
use std::sync::Arc;

const BASE: u64 = 0x4000_0000;

/// What lies at a place.
struct Hit<'m> {
    name: String,
    register: Option<&'m Register>,
    within: u64,
}

struct Reference<'m> {
    map: &'m RegisterMap,
    selection: &'m Selection,
}

impl<'m> Reference<'m> {
    fn may_be(&self, when: ConditionId) -> bool {
        let condition = self.map.condition(when).expect("a condition");
        condition.all_of.iter().all(|(varset, variants)| {
            !variants.is_empty()
                && self
                    .selection
                    .chosen(*varset)
                    .is_none_or(|chosen| variants.contains(chosen))
        })
    }

    fn list(&self, list: ListId, at: u64, indices: &[String]) -> Option<Hit<'m>> {
        let items = self.map.items(list).iter();
        items
            .filter(|item| self.may_be(item.when()))
            .find_map(|item| match item {
                Item::Register(register) => self.register(register, at, indices),
                Item::Block(block) if block.reserve => self.array(block, at, indices),
                Item::Block(block) => self.stripe(block, at, indices),
                _ => None,
            })
    }

    fn register(&self, register: &'m Register, at: u64, indices: &[String]) -> Option<Hit<'m>> {
        let distance = at.checked_sub(register.at)?;
        let (index, off) = match register.count {
            1 => (0, distance),
            _ => (distance / register.stride, distance % register.stride),
        };
        if off >= register.width.into() || (register.count > 1 && index >= register.count) {
            return None;
        }
        let mut name = self.named(
            &register.name,
            indices,
            register.count,
            index,
            register.index_names,
        );
        if off > 0 {
            name.push_str(&format!("+{off:#x}"));
        }
        Some(Hit {
            name,
            register: Some(register),
            within: off,
        })
    }

    fn array(&self, block: &'m Block, at: u64, indices: &[String]) -> Option<Hit<'m>> {
        assert!(block.offsets.is_empty(), "the fixtures have none here");
        let distance = at.checked_sub(block.at)?;
        let (index, off) = match block.count {
            1 => (0, distance),
            _ => (distance / block.stride, distance % block.stride),
        };
        if off >= block.stride || (block.count > 1 && index >= block.count) {
            return None;
        }
        let Some(own) = block.name.as_deref().filter(|name| !name.is_empty()) else {
            return self.list(
                block.items,
                off,
                &self.with(indices, block.count, index, block.index_names),
            );
        };
        let name = self.named(own, indices, block.count, index, block.index_names);
        match self.list(block.items, off, &[]) {
            Some(hit) => Some(Hit {
                name: format!("{name}.{}", hit.name),
                ..hit
            }),
            None => Some(Hit {
                name: format!("{name}+{off:#x}"),
                register: None,
                within: off,
            }),
        }
    }

    fn stripe(&self, block: &'m Block, at: u64, indices: &[String]) -> Option<Hit<'m>> {
        assert!(block.offsets.is_empty(), "the fixtures have none here");
        let distance = at.checked_sub(block.at)?;
        let elements = match (block.count, block.stride) {
            (1, _) | (_, 0) => 1,
            (0, stride) => distance / stride + 1,
            (count, _) => count,
        };
        (0..elements).find_map(|index| {
            let off = distance.checked_sub(index * block.stride)?;
            let Some(own) = block.name.as_deref().filter(|name| !name.is_empty()) else {
                return self.list(
                    block.items,
                    off,
                    &self.with(indices, block.count, index, block.index_names),
                );
            };
            let hit = self.list(block.items, off, &[])?;
            let name = self.named(own, indices, block.count, index, block.index_names);
            Some(Hit {
                name: format!("{name}.{}", hit.name),
                ..hit
            })
        })
    }

    fn with(
        &self,
        indices: &[String],
        count: u64,
        index: u64,
        names: Option<TypeId>,
    ) -> Vec<String> {
        let name = names.and_then(|id| match &self.map.named_type(id)?.value_type.form {
            Form::Enum(values) => values.iter().find(|value| value.value == Some(index)),
            _ => None,
        });
        let own = name.map_or_else(|| index.to_string(), |value| value.name.clone());
        let own = (count != 1).then_some(own);
        indices.iter().cloned().chain(own).collect()
    }

    fn named(
        &self,
        name: &str,
        indices: &[String],
        count: u64,
        index: u64,
        names: Option<TypeId>,
    ) -> String {
        let indices = self.with(indices, count, index, names);
        let all: String = indices.iter().map(|index| format!("[{index}]")).collect();
        format!("{name}{all}")
    }
}

/// Names and text of an access, put together byte by byte.
fn expected(
    map: &CompiledMap,
    selection: &Selection,
    list: ListId,
    at: u64,
    value: u64,
) -> (String, String) {
    let reference = Reference {
        map: map.map(),
        selection,
    };
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    let mut first = 0;
    let mut unknown = 0;
    let bits = |first: u64, len: u64| value >> (8 * first) & ((1_u64 << (8 * len)) - 1);
    while first < 4 {
        let hit = reference.list(list, at + first, &[]);
        if hit.is_none() {
            unknown += 1;
        }
        if unknown > 0 && (hit.is_some() || first == 3) {
            let begin = first + u64::from(hit.is_none()) - unknown;
            texts.push(format!("{:#x}", bits(begin, unknown)));
            unknown = 0;
        }
        let Some(hit) = hit else {
            first += 1;
            continue;
        };
        let len = match hit.register {
            Some(register) => (u64::from(register.width) - hit.within).min(4 - first),
            None => 4 - first,
        };
        texts.push(match hit.register {
            Some(register) => {
                let known = Known::part(bits(first, len), hit.within, len as u8);
                map.value_text(register, known, selection).to_string()
            }
            None => format!("{:#x}", bits(first, len)),
        });
        names.push(hit.name);
        first += len;
    }
    (names.join(","), texts.join(", "))
}

/// As many accesses as that, anywhere in the first `size` bytes, half of them to places that were
/// accessed before; with a table that holds few of them, and one that holds all.
fn compare(
    map: CompiledMap,
    domain: &str,
    (family, chip): (&str, Option<&str>),
    size: u64,
    accesses: usize,
) {
    let map = Arc::new(map);
    assert!(!map.map().by_direction);
    let space = map.map().space_named(domain).expect("the domain");
    let list = map.map().space(space).expect("the domain").items;
    let mut selection = map.selection();
    let address = mmiotrace_registers::DeviceAddress::parse("00:02.0").expect("an address");
    let namer = |slots| {
        let mut builder = Namer::builder()
            .bundled(false)
            .max_slots(slots)
            .map_for(Arc::clone(&map), address);
        if let Some(chip) = chip {
            builder = builder.variant(family, chip);
        }
        let mut namer = builder.build();
        let bar = format!("00:02.0:0={BASE:#x}+{size:#x}");
        namer.bar(&bar.parse().expect("a BAR"));
        namer
    };
    if let Some(chip) = chip {
        map.choose(&mut selection, family, chip).expect("a chip");
    }
    let mut namers = [namer(1 << 20), namer(16)];
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut random = move || proptest::prelude::Rng::next_u64(&mut rng);
    let (mut before, mut found) = (Vec::new(), 0);
    for _ in 0..accesses {
        let at = match random() % 2 {
            0 if !before.is_empty() => before[random() as usize % before.len()],
            // Not at 0, where the register that tells the chip may be.
            _ => (4 + random() % (size - 8)) & !(random() % 4),
        };
        before.push(at);
        let value = random() & 0xffff_ffff;
        let access = Access {
            kind: [AccessKind::Read, AccessKind::Write][random() as usize % 2],
            width: Width::W4,
            map_id: MapId(1),
            phys: PhysAddr(BASE + at),
            value: Value::from_u64(value, Width::W4),
        };
        let (name, text) = expected(&map, &selection, list, at, value);
        for namer in &mut namers {
            let mut named = namer.access(&access);
            assert_eq!(named.name().unwrap_or_default(), name, "{at:#x}");
            assert_eq!(named.text(), text, "{at:#x} {name} {value:#x}");
        }
        found += usize::from(!name.is_empty());
    }
    assert!(found > accesses / 100, "only {found} had a name");
}

#[test]
fn a_small_database_is_named_as_it_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rnndb/root.xml");
    for chip in [None, Some("A1"), Some("B1")] {
        let loaded = Loader::new().domain("MMIO").load(&root).expect("a map");
        let map = loaded.map.compile().expect("a sound map");
        compare(map, "MMIO", ("chip", chip), 0x1000, 20_000);
    }
}

#[test]
fn envytools_database_is_named_as_it_is_read() {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/rnndb-envytools/root.xml");
    if !root.exists() {
        eprintln!("SKIPPED: rnndb reference: there is no {}", root.display());
        return;
    }
    for chip in ["NV4", "G80", "GF119", "TU117"] {
        let loaded = Loader::new().domain("NV_MMIO").load(&root).expect("a map");
        let map = loaded.map.compile().expect("a sound map");
        compare(map, "NV_MMIO", ("chipset", Some(chip)), 0x100_0000, 3_000);
    }
}
