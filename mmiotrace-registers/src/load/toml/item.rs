//! Registers and blocks.

use super::reference;
use super::table::{Result, Table, Value};
use super::value_type::{access, on, read_effect, value_type, write_effect};
use crate::error::LoadErrorKind;
use crate::load::limits::MAX_ITEMS;
use crate::model::{Block, Item, ListId, NamedType, Register, RegisterMap, TypeId, low_mask};
use core::ops::Range;
use std::collections::HashMap;

/// What all items of a file share.
pub(super) struct Reader<'t> {
    pub(super) map: RegisterMap,
    /// The groups by name.
    pub(super) groups: HashMap<String, ListId>,
    /// Where each item stands in the text, for errors that come up later.
    pub(super) spans: HashMap<(ListId, u32), Range<usize>>,
    pub(super) source: super::table::Source<'t>,
    pub(super) items: usize,
}

/// What a space says about its registers.
#[derive(Clone, Copy)]
pub(super) struct Defaults {
    pub(super) width: u8,
    pub(super) cell: u8,
}

impl Reader<'_> {
    /// `registers = [ … ]` as a list.
    pub(super) fn list(&mut self, value: &Value<'_>, defaults: Defaults) -> Result<ListId> {
        let mut items = Vec::new();
        let mut spans = Vec::new();
        for entry in value.array()? {
            self.items += 1;
            if self.items > MAX_ITEMS {
                return Err(entry.error(LoadErrorKind::TooLarge, "the map has too many registers"));
            }
            items.push(self.item(&entry.table()?, defaults)?);
            spans.push(entry.span());
        }
        let list = self.map.add_list(items);
        self.spans.extend(
            spans
                .into_iter()
                .enumerate()
                .map(|(number, span)| ((list, number as u32), span)),
        );
        Ok(list)
    }

    fn item(&mut self, table: &Table<'_>, defaults: Defaults) -> Result<Item> {
        let registers = table.take("registers");
        let group = table.take("group");
        let memory = table.take("memory");
        let item = match (registers, group, memory) {
            (None, None, None) => Item::Register(self.register(table, defaults)?),
            (Some(registers), None, None) => {
                let items = self.list(&registers, defaults)?;
                Item::Block(self.block(table, items)?)
            }
            (None, Some(group), None) => {
                let name = group.str()?;
                let Some(items) = self.groups.get(name).copied() else {
                    let text = format!("there is no group `{name}` before this one");
                    return Err(group.error(LoadErrorKind::Dangling, text));
                };
                Item::Block(self.block(table, items)?)
            }
            (None, None, Some(memory)) => {
                let items = self.map.add_list(Vec::new());
                let block = self.block(table, items)?;
                Item::Block(Block {
                    stride: memory.number()?,
                    reserve: true,
                    ..block
                })
            }
            _ => {
                let text = "only one of `registers`, `group` and `memory` can be there";
                return Err(table.error(LoadErrorKind::Invalid, text));
            }
        };
        table.finish()?;
        Ok(item)
    }

    fn register(&mut self, table: &Table<'_>, defaults: Defaults) -> Result<Register> {
        let name = table.require("name")?.string()?;
        let width = match table.take("width") {
            Some(width) => width.number_below(9)? as u8,
            None => defaults.width,
        };
        let count = table.take("count").map_or(Ok(1), |value| value.number())?;
        let stride = match table.take("stride") {
            Some(stride) => stride.number()?,
            None if count == 1 => 0,
            None => u64::from(width / defaults.cell.max(1)),
        };
        let bits = u32::from(width) * 8;
        Ok(Register {
            at: table.require("at")?.number()?,
            count,
            stride,
            index_names: self.index_names(table)?,
            value_type: value_type(&mut self.map, table, bits.max(2))?,
            when: on(&mut self.map, table)?,
            access: access(table)?,
            read_effect: read_effect(table)?,
            write_effect: write_effect(table)?,
            volatile: table
                .take("volatile")
                .map_or(Ok(false), |value| value.bool())?,
            reset: table
                .take("reset")
                .map(|value| value.number())
                .transpose()?,
            reserved: table
                .take("reserved")
                .map_or(Ok(0), |value| reserved(&value))?,
            doc: table.string_or_empty("doc")?,
            spec: table.string_or_empty("spec")?,
            ..Register::new(name, 0, width)
        })
    }

    fn block(&mut self, table: &Table<'_>, items: ListId) -> Result<Block> {
        let name = table.take("name").map(|value| value.string()).transpose()?;
        let offsets = match table.take("offsets") {
            Some(offsets) => offsets
                .array()?
                .map(|value| value.number())
                .collect::<Result<_>>()?,
            None => Vec::new(),
        };
        let stripe = table
            .take("stripe")
            .map_or(Ok(false), |value| value.bool())?;
        let stride = table
            .take("stride")
            .map(|value| value.number())
            .transpose()?;
        // A group with a size reserves its place, unless it is called a stripe.
        Ok(Block {
            at: table.take("at").map_or(Ok(0), |value| value.number())?,
            count: table.take("count").map_or(Ok(1), |value| value.number())?,
            stride: stride.unwrap_or(0),
            offsets,
            reserve: stride.is_some_and(|stride| stride > 0) && !stripe,
            index_names: self.index_names(table)?,
            when: on(&mut self.map, table)?,
            doc: table.string_or_empty("doc")?,
            spec: table.string_or_empty("spec")?,
            ..Block::new(name, 0, items)
        })
    }

    /// The names of an array's elements: a shared type with values, or a list of names.
    fn index_names(&mut self, table: &Table<'_>) -> Result<Option<TypeId>> {
        let Some(value) = table.take("index") else {
            return Ok(None);
        };
        let name = value.str()?;
        let found = self
            .map
            .types
            .iter()
            .position(|known: &NamedType| known.name == name);
        match found {
            Some(at) => Ok(Some(TypeId(at as u32))),
            None => Err(value.error(
                LoadErrorKind::Dangling,
                format!("there is no type `{name}` in [types]"),
            )),
        }
    }
}

/// Reserved bits: a mask, `"31:24"`, or a list of both.
fn reserved(value: &Value<'_>) -> Result<u64> {
    if let Some(list) = value.as_array() {
        return list
            .map(|entry| reserved(&entry))
            .try_fold(0, |mask, part| Ok(mask | part?));
    }
    if value.is_integer() {
        return value.number();
    }
    if let Some(mask) = value
        .str()?
        .strip_prefix("0x")
        .and(crate::number::parse(value.str()?))
    {
        return Ok(mask);
    }
    let (low, high) = reference::bits(value)?;
    Ok(low_mask(u32::from(high - low) + 1) << low)
}
