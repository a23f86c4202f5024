//! The top of a file.

use super::item::{Defaults, Reader};
use super::reference;
use super::table::{Result, Source, Table, Value};
use super::value_type;
use crate::error::{CompileError, LoadError, LoadErrorKind, Position, Subject};
use crate::index::overlaps;
use crate::model::{Detect, DetectRule, DetectThen, Item, RegisterMap, SpaceId, Varset};
use core::ops::Range;
use std::collections::HashMap;
use toml::Spanned;
use toml::de::DeTable;

pub(super) fn read(
    text: &str,
    root: &Spanned<DeTable<'_>>,
) -> core::result::Result<RegisterMap, LoadError> {
    let source = Source { text };
    let table = Table::new(source, root.get_ref(), 0..0);
    let map = RegisterMap::new(table.require("name")?.string()?);
    let mut reader = Reader {
        map,
        groups: HashMap::new(),
        spans: HashMap::new(),
        source,
        items: 0,
    };
    reader.map.doc = table.string_or_empty("doc")?;
    reader.map.source = table.string_or_empty("source")?;
    if let Some(devices) = table.take("match") {
        reader.map.devices = devices
            .array()?
            .map(|value| reference::device_match(&value))
            .collect::<Result<_>>()?;
    }
    if let Some(value) = table.take("by_direction") {
        reader.map.by_direction = value.bool()?;
    }
    let detects = match table.take("variants") {
        Some(variants) => reader.variants(&variants.table()?)?,
        None => Vec::new(),
    };
    if let Some(types) = table.take("types") {
        value_type::types(&mut reader.map, &types.table()?)?;
    }
    if let Some(groups) = table.take("groups") {
        reader.groups(&groups.table()?)?;
    }
    let mut spaces = Vec::new();
    if let Some(value) = table.take("space") {
        for space in value.array()? {
            spaces.push(space.span());
            reader.space(&space.table()?)?;
        }
    }
    table.finish()?;
    for (varset, detect) in detects.into_iter().enumerate() {
        let detect = detect
            .map(|value| reader.detect(varset, &value))
            .transpose()?;
        reader.map.varsets[varset].detect = detect;
    }
    reader.finish(&spaces)
}

impl Reader<'_> {
    /// `[variants.FAMILY]` with `names`, `ids` and `detect`; the last can only be understood when
    /// the spaces are known.
    fn variants<'v>(&mut self, table: &Table<'v>) -> Result<Vec<Option<Value<'v>>>> {
        let mut detects = Vec::new();
        for (key, value) in table.each() {
            let table = value.table()?;
            let names = table.require("names")?;
            let variants = names
                .array()?
                .map(|value| value.string())
                .collect::<Result<Vec<_>>>()?;
            let mut varset = Varset::new(key.name, variants);
            if let Some(wrong) = varset.variants.iter().find(|name| !is_variant_name(name)) {
                return Err(names.invalid(format!(
                    "`{wrong}` is no name of a variant (space, `-`, `:`, `;`)"
                )));
            }
            if let Some(ids) = table.take("ids") {
                varset.ids = ids
                    .array()?
                    .map(|value| id(&value))
                    .collect::<Result<_>>()?;
                if varset.ids.len() != varset.variants.len() {
                    return Err(ids.invalid("there must be one id for each name (\"\" for none)"));
                }
            }
            if let Some(pci) = table.take("pci") {
                varset.pci = pci
                    .array()?
                    .map(|value| pci_id(&value))
                    .collect::<Result<_>>()?;
                if varset.pci.len() != varset.variants.len() {
                    return Err(
                        pci.invalid("there must be one device for each name (\"\" for none)")
                    );
                }
            }
            detects.push(table.take("detect"));
            table.finish()?;
            self.map.add_varset(varset);
        }
        Ok(detects)
    }

    /// `"SPACE/REGISTER:FIELD"`, or a table with `field` and `rules`.
    fn detect(&self, varset: usize, value: &Value<'_>) -> Result<Detect> {
        let space = Some(SpaceId(0));
        if value.is_str() {
            return Ok(Detect::by_id(reference::field_ref(
                &self.map, space, value,
            )?));
        }
        let table = value.table()?;
        let field = reference::field_ref(&self.map, space, &table.require("field")?)?;
        let rules = table.require("rules")?;
        let rules = rules
            .array()?
            .map(|rule| self.detect_rule(varset, &rule.table()?))
            .collect::<Result<_>>()?;
        table.finish()?;
        Ok(Detect {
            rules,
            ..Detect::by_id(field)
        })
    }

    fn detect_rule(&self, varset: usize, table: &Table<'_>) -> Result<DetectRule> {
        let mask = table.require("mask")?.number()?;
        let equals = table.require("equals")?.number()?;
        let then = match (table.take("id"), table.take("variant")) {
            (Some(bits), None) => {
                let (low, high) = reference::bits(&bits)?;
                DetectThen::Id { low, high }
            }
            (None, Some(variant)) => {
                let place = self.map.varsets.get(varset).zip(Some(variant.str()?));
                let place = place.and_then(|(varset, name)| varset.position(name));
                let missing =
                    || variant.error(LoadErrorKind::Dangling, "the family has no such variant");
                DetectThen::Variant(place.ok_or_else(missing)?)
            }
            _ => {
                return Err(table.error(
                    LoadErrorKind::Invalid,
                    "a rule needs either `id` or `variant`",
                ));
            }
        };
        table.finish()?;
        Ok(DetectRule::new(mask, equals, then))
    }

    fn groups(&mut self, table: &Table<'_>) -> Result<()> {
        for (key, value) in table.each() {
            let table = value.table()?;
            let width = table
                .take("width")
                .map_or(Ok(4), |value| value.number_below(9))? as u8;
            let cell = table
                .take("cell")
                .map_or(Ok(1), |value| value.number_below(9))? as u8;
            let list = self.list(&table.require("registers")?, Defaults { width, cell })?;
            table.finish()?;
            if let Some(list) = self.map.lists.get_mut(list.0 as usize) {
                list.name = Some(key.name.to_owned());
            }
            self.groups.insert(key.name.to_owned(), list);
        }
        Ok(())
    }

    /// Everything that can only be checked when all is there.
    fn finish(self, spaces: &[Range<usize>]) -> core::result::Result<RegisterMap, LoadError> {
        for space in 0..self.map.spaces.len() {
            self.refuse_overlaps(SpaceId(space as u32))?;
        }
        let (spans, source) = (self.spans, self.source);
        let place = |error: &CompileError| match error.subject {
            Subject::Space(space) => spaces.get(space.0 as usize).cloned(),
            Subject::Item(list, number) => spans.get(&(list, number)).cloned(),
            _ => None,
        };
        // What compiling finds is said with the place of its subject; the map itself stays plain.
        let compiled = self.map.compile().map_err(|error| match place(&error) {
            Some(span) => source.error(&span, error.kind, error.text),
            None => LoadError::from(error),
        })?;
        Ok(compiled.into_map())
    }

    fn refuse_overlaps(&self, id: SpaceId) -> core::result::Result<(), LoadError> {
        let mut first = None;
        overlaps(&self.map, id, &mut |a, b| {
            first.get_or_insert((a, b));
        });
        let (Some((a, b)), Some(space)) = (first, self.map.space(id)) else {
            return Ok(());
        };
        let items = self.map.items(space.items);
        let name = |number: u32| match items.get(number as usize) {
            Some(Item::Register(register)) => register.name.as_str(),
            _ => "",
        };
        let span = |number| {
            self.spans
                .get(&(space.items, number))
                .cloned()
                .unwrap_or(0..0)
        };
        let line = Position::of_byte(self.source.text, span(a).start).line;
        let text = format!("{} lies over {} of line {line}", name(b), name(a));
        Err(self.source.error(&span(b), LoadErrorKind::Overlap, text))
    }
}

fn is_variant_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || matches!(c, '-' | ':' | ';'))
}

fn id(value: &Value<'_>) -> Result<Option<u64>> {
    if value.is_str() && value.str()?.is_empty() {
        Ok(None)
    } else {
        value.number().map(Some)
    }
}

fn pci_id(value: &Value<'_>) -> Result<Option<crate::model::DeviceMatch>> {
    if value.str()?.is_empty() {
        return Ok(None);
    }
    match reference::device_match(value)? {
        pci @ crate::model::DeviceMatch::Pci { .. } => Ok(Some(pci)),
        _ => Err(value.invalid("expected a PCI id, as `8086:100e`")),
    }
}
