//! From a device to a map.

use super::derive::Sources;
use super::register::one_line;
use crate::error::{LoadError, LoadErrorKind, Warning};
use crate::load::Loaded;
use crate::load::limits::MAX_ITEMS;
use crate::model::{
    Block, EnumValue, Form, Item, ListId, NamedType, Place, Register, RegisterMap, Space, TypeId,
};
use svd_parser::svd::derive_from::DeriveFrom;
use svd_parser::svd::{
    Cluster, Device, DimElement, MaybeArray, Peripheral, Register as SvdRegister, RegisterCluster,
    RegisterProperties,
};

/// Lists (`NAME%s`) up to this length have their names made; longer ones stay arrays.
const MAX_LIST: u32 = 1024;
const MAX_WARNINGS: usize = 1000;

type Result<T> = core::result::Result<T, LoadError>;

pub(super) struct Converter<'d> {
    pub(super) sources: Sources<'d>,
    map: RegisterMap,
    warnings: Vec<Warning>,
    items: usize,
}

pub(super) fn device(device: &Device, bar: Option<u8>) -> Result<Loaded> {
    let mut converter = Converter {
        sources: Sources::new(device),
        map: RegisterMap::new(device.name.as_str()),
        warnings: Vec::new(),
        items: 0,
    };
    converter.map.doc = one_line(Some(&device.description));
    converter.map.source = one_line(device.vendor.as_deref());
    let mut blocks = Vec::new();
    for peripheral in &device.peripherals {
        blocks.extend(converter.peripheral(peripheral, &device.default_register_properties)?);
    }
    converter.spaces(blocks, bar);
    Ok(Loaded {
        map: converter.map,
        warnings: converter.warnings,
    })
}

/// A peripheral, before it is known whether it is a space or a part of one.
struct Found {
    name: String,
    base: u64,
    /// How many bytes it has.
    len: u64,
    /// How many, and how many bytes apart.
    array: Option<(u32, u32)>,
    items: ListId,
    doc: String,
}

impl Converter<'_> {
    pub(super) fn count(&mut self) -> Result<()> {
        self.items += 1;
        if self.items > MAX_ITEMS {
            return Err(LoadError::new(
                LoadErrorKind::TooLarge,
                "the device has too many registers",
            ));
        }
        Ok(())
    }

    pub(super) fn warn(&mut self, text: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(Warning::new(text));
        }
    }

    fn peripheral(
        &mut self,
        peripheral: &Peripheral,
        inherited: &RegisterProperties,
    ) -> Result<Option<Found>> {
        self.count()?;
        let array = match peripheral {
            MaybeArray::Array(_, dim) => Some((dim.dim, dim.dim_increment)),
            MaybeArray::Single(_) => None,
        };
        let info = self.sources.peripheral(peripheral)?;
        let properties = info.default_register_properties.derive_from(inherited);
        // What is derived is looked up under the name that it was written under.
        let scope = info
            .derived_from
            .clone()
            .unwrap_or_else(|| info.name.clone());
        let children = info.registers.clone().unwrap_or_default();
        let items = self.children(&children, &properties, &scope)?;
        let blocks = info.address_block.iter().flatten();
        let end = blocks
            .map(|block| u64::from(block.offset) + u64::from(block.size))
            .max();
        let items = self.map.add_list(items);
        Ok(Some(Found {
            name: plain_name(&info.name),
            base: info.base_address,
            len: end.unwrap_or(0),
            array,
            items,
            doc: one_line(info.description.as_deref()),
        }))
    }

    /// One space for each peripheral, at its address; or one BAR with all of them.
    fn spaces(&mut self, found: Vec<Found>, bar: Option<u8>) {
        if let Some(bar) = bar {
            let blocks = found
                .into_iter()
                .map(|found| Item::Block(block_of(&found, found.base)));
            let items = blocks.collect();
            let list = self.map.add_list(items);
            self.map
                .add_space(Space::new("REGISTERS", Place::Bar(bar), list));
            return;
        }
        for found in found {
            let (list, len) = match found.array {
                None => (found.items, found.len),
                Some((dim, increment)) => {
                    let block = Item::Block(block_of(&found, 0));
                    (
                        self.map.add_list(vec![block]),
                        u64::from(dim).saturating_mul(increment.into()),
                    )
                }
            };
            // Several peripherals may share a name only by mistake; the first keeps it.
            if self.map.space_named(&found.name).is_some() {
                self.warn(format!("there is a peripheral {} already", found.name));
                continue;
            }
            let size = (len > 0).then_some(len);
            let space = Space {
                size,
                doc: found.doc,
                ..Space::new(found.name, Place::Physical(found.base), list)
            };
            self.map.add_space(space);
        }
    }

    fn children(
        &mut self,
        children: &[RegisterCluster],
        properties: &RegisterProperties,
        scope: &str,
    ) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(children.len());
        for child in children {
            self.count()?;
            match child {
                RegisterCluster::Register(register) => {
                    self.registers(register, properties, scope, &mut items)?
                }
                RegisterCluster::Cluster(cluster) => {
                    self.clusters(cluster, properties, scope, &mut items)?
                }
            }
        }
        Ok(items)
    }

    fn registers(
        &mut self,
        register: &SvdRegister,
        properties: &RegisterProperties,
        scope: &str,
        items: &mut Vec<Item>,
    ) -> Result<()> {
        let info = self.sources.of_register(register, scope)?;
        let MaybeArray::Array(_, dim) = register else {
            items.push(Item::Register(
                self.register(&info, &info.name, properties, scope)?,
            ));
            return Ok(());
        };
        if is_list(&info.name, dim) {
            let one = self.register(&info, "", properties, scope)?;
            for (number, index) in dim.indexes().enumerate() {
                self.count()?;
                let name = info.name.replace("%s", &index);
                let at = one
                    .at
                    .saturating_add(u64::from(dim.dim_increment) * number as u64);
                items.push(Item::Register(Register {
                    name,
                    at,
                    ..one.clone()
                }));
            }
            return Ok(());
        }
        let one = self.register(&info, &plain_name(&info.name), properties, scope)?;
        items.push(Item::Register(Register {
            count: u64::from(dim.dim),
            stride: u64::from(dim.dim_increment.max(1)),
            index_names: self.index_names(&info.name, dim),
            ..one
        }));
        Ok(())
    }

    fn clusters(
        &mut self,
        cluster: &Cluster,
        properties: &RegisterProperties,
        scope: &str,
        items: &mut Vec<Item>,
    ) -> Result<()> {
        let info = self.sources.cluster(cluster, scope)?;
        let properties = info.default_register_properties.derive_from(properties);
        let scope = format!("{scope}.{}", info.name);
        let children = self.children(&info.children, &properties, &scope)?;
        let list = self.map.add_list(children);
        let doc = one_line(info.description.as_deref());
        let at = u64::from(info.address_offset);
        match cluster {
            MaybeArray::Single(_) => {
                items.push(Item::Block(Block {
                    doc,
                    ..Block::new(Some(info.name), at, list)
                }));
            }
            MaybeArray::Array(_, dim) if is_list(&info.name, dim) => {
                for (number, index) in dim.indexes().enumerate() {
                    self.count()?;
                    let name = info.name.replace("%s", &index);
                    let at = at.saturating_add(u64::from(dim.dim_increment) * number as u64);
                    items.push(Item::Block(Block {
                        doc: doc.clone(),
                        ..Block::new(Some(name), at, list)
                    }));
                }
            }
            MaybeArray::Array(_, dim) => items.push(Item::Block(Block {
                count: u64::from(dim.dim),
                stride: u64::from(dim.dim_increment.max(1)),
                index_names: self.index_names(&info.name, dim),
                doc,
                ..Block::new(Some(plain_name(&info.name)), at, list)
            })),
        }
        Ok(())
    }

    /// The names of elements where they are not just their numbers.
    fn index_names(&mut self, name: &str, dim: &DimElement) -> Option<TypeId> {
        let names = dim.dim_index.as_ref()?;
        let numbered = names
            .iter()
            .enumerate()
            .all(|(number, name)| name.parse() == Ok(number));
        if numbered {
            return None;
        }
        let values = names
            .iter()
            .enumerate()
            .map(|(number, name)| EnumValue::new(name.as_str(), number as u64));
        let named = NamedType::new(
            format!("{}_index", plain_name(name)),
            Form::Enum(values.collect()).into(),
        );
        Some(self.map.add_type(named))
    }
}

fn block_of(found: &Found, at: u64) -> Block {
    let (count, stride) = found.array.map_or((1, 0), |(dim, increment)| {
        (dim.into(), increment.max(1).into())
    });
    Block {
        count,
        stride,
        doc: found.doc.clone(),
        ..Block::new(Some(found.name.clone()), at, found.items)
    }
}

/// Whether an array is a list of names, and short enough to make them.
fn is_list(name: &str, dim: &DimElement) -> bool {
    !name.contains("[%s]") && name.contains("%s") && dim.dim <= MAX_LIST
}

/// The name without the place of the index.
fn plain_name(name: &str) -> String {
    name.replace("[%s]", "").replace("%s", "")
}
