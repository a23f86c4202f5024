//! Where registers are: domains, groups, arrays.

use super::attributes::{doc_of, variants_of};
use super::{Context, Database, Kind, Result};
use crate::error::LoadErrorKind;
use crate::load::rnndb::raw::{RawBlock, RawDomain, RawGroup, RawItem, RawRegister};
use crate::model::AccessMode;
use roxmltree::Node;

impl Database {
    pub(super) fn group(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<()> {
        let Some(name) = self.name(node, context) else {
            return Ok(());
        };
        let make = || RawGroup {
            name: name.clone(),
            items: Vec::new(),
        };
        let (at, _) = self.merged(Kind::Group, &name, |all| &mut all.groups, make);
        let items = self.items(node, context, nested)?;
        self.groups[at].items.extend(items);
        Ok(())
    }

    pub(super) fn domain(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<()> {
        let Some(name) = self.name(node, context) else {
            return Ok(());
        };
        let width = self.number(node, context, "width")?.unwrap_or(8);
        let size = self
            .number(node, context, "size")?
            .filter(|size| *size != 0);
        if !matches!(width, 8 | 16 | 32 | 64) {
            let text = format!("domain {name}: a cell has 8, 16, 32 or 64 bits, not {width}");
            return Err(context.error(node, LoadErrorKind::Invalid, text));
        }
        let make = || RawDomain {
            name: name.clone(),
            width,
            size: None,
            variants: variants_of(node),
            items: Vec::new(),
            doc: doc_of(node),
        };
        let (at, _) = self.merged(Kind::Domain, &name, |all| &mut all.domains, make);
        let known = &mut self.domains[at];
        let conflict = known.width != width || known.size.zip(size).is_some_and(|(a, b)| a != b);
        known.size = known.size.or(size);
        if conflict {
            self.odd(
                context,
                node,
                format!("domain {name} has another width or size elsewhere; that one counts"),
            );
        }
        let items = self.items(node, context, nested)?;
        self.domains[at].items.extend(items);
        Ok(())
    }

    fn items(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<Vec<RawItem>> {
        let mut items = Vec::new();
        for child in node.children().filter(Node::is_element) {
            self.count(context, child, nested)?;
            match child.tag_name().name() {
                "use-group" => {
                    // envytools calls the attribute `name`, its schema and Mesa call it `ref`.
                    match child.attribute("name").or_else(|| child.attribute("ref")) {
                        Some(name) => {
                            items.push(RawItem::UseGroup {
                                name: name.to_owned(),
                                place: context.place(child),
                            });
                        }
                        None => self.odd(context, child, "<use-group> without a name".to_owned()),
                    }
                }
                "array" | "stripe" => items.push(RawItem::Block(Box::new(self.block(
                    child,
                    context,
                    nested + 1,
                )?))),
                tag @ ("reg8" | "reg16" | "reg32" | "reg64") => {
                    let width = tag[3..].parse::<u8>().unwrap_or(32) / 8;
                    if let Some(register) = self.register(child, context, width, nested + 1)? {
                        items.push(RawItem::Register(Box::new(register)));
                    }
                }
                _ => self.elsewhere(child, context, nested + 1, "here")?,
            }
        }
        Ok(items)
    }

    fn block(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<RawBlock> {
        let array = node.tag_name().name() == "array";
        let offsets = match node.attribute("offsets") {
            Some(list) => list
                .split(',')
                .map(|word| crate::number::parse(word).ok_or(word))
                .collect::<core::result::Result<Vec<_>, _>>()
                .map_err(|word| {
                    context.error(
                        node,
                        LoadErrorKind::Invalid,
                        format!("`{word}` is no offset"),
                    )
                })?,
            None => Vec::new(),
        };
        let block = RawBlock {
            array,
            name: node.attribute("name").map(str::to_owned),
            offset: self.number(node, context, "offset")?.unwrap_or(0),
            offsets,
            dynamic: node.has_attribute("doffset") || node.has_attribute("doffsets"),
            stride: self.number(node, context, "stride")?.unwrap_or(0),
            length: self.number(node, context, "length")?.unwrap_or(1),
            index: node.attribute("index").map(str::to_owned),
            variants: variants_of(node),
            items: self.items(node, context, nested)?,
            doc: doc_of(node),
            place: context.place(node),
        };
        if array && block.stride == 0 {
            let name = block.name.as_deref().unwrap_or("without a name");
            return Err(context.error(
                node,
                LoadErrorKind::Invalid,
                format!("array {name} has no stride"),
            ));
        }
        Ok(block)
    }

    fn register(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        width: u8,
        nested: usize,
    ) -> Result<Option<RawRegister>> {
        let Some(name) = self.name(node, context) else {
            return Ok(None);
        };
        let access = match node.attribute("access") {
            None => AccessMode::ReadWrite,
            Some(word) => AccessMode::from_name(word).unwrap_or_else(|| {
                self.odd(context, node, format!("{name}: `{word}` is no access"));
                AccessMode::ReadWrite
            }),
        };
        Ok(Some(RawRegister {
            name,
            width,
            offset: self.number(node, context, "offset")?.unwrap_or(0),
            stride: self.number(node, context, "stride")?.unwrap_or(0),
            length: self.number(node, context, "length")?.unwrap_or(1),
            access,
            value_type: self.value_type(node, context, nested)?,
            variants: variants_of(node),
            doc: doc_of(node),
            place: context.place(node),
        }))
    }
}
