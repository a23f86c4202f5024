//! What registers hold: enums, bitsets, and the types of values.

use super::attributes::{doc_of, variants_of};
use super::{Context, Database, Kind, Result};
use crate::error::LoadErrorKind;
use crate::load::rnndb::raw::{RawBitset, RawEnum, RawField, RawSpectype, RawType, RawValue};
use roxmltree::Node;

impl Database {
    pub(super) fn parse_enum(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<()> {
        let Some(name) = self.name(node, context) else {
            return Ok(());
        };
        let inline = self.boolean(node, context, "inline");
        let make = || RawEnum {
            name: name.clone(),
            inline,
            variants: variants_of(node),
            values: Vec::new(),
        };
        let (at, _) = self.merged(Kind::Enum, &name, |all| &mut all.enums, make);
        if self.enums[at].inline != inline {
            self.odd(
                context,
                node,
                format!("enum {name} is inline here and not elsewhere"),
            );
        }
        for child in node.children().filter(Node::is_element) {
            if child.tag_name().name() == "value" {
                if let Some(value) = self.value(child, context, nested + 1)? {
                    self.enums[at].values.push(value);
                }
            } else {
                self.elsewhere(child, context, nested + 1, "in an enum")?;
            }
        }
        Ok(())
    }

    pub(super) fn bitset(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<()> {
        let Some(name) = self.name(node, context) else {
            return Ok(());
        };
        let inline = self.boolean(node, context, "inline");
        let make = || RawBitset {
            name: name.clone(),
            inline,
            variants: variants_of(node),
            fields: Vec::new(),
        };
        let (at, _) = self.merged(Kind::Bitset, &name, |all| &mut all.bitsets, make);
        for child in node.children().filter(Node::is_element) {
            if child.tag_name().name() == "bitfield" {
                if let Some(field) = self.field(child, context, nested + 1)? {
                    self.bitsets[at].fields.push(field);
                }
            } else {
                self.elsewhere(child, context, nested + 1, "in a bitset")?;
            }
        }
        Ok(())
    }

    pub(super) fn spectype(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<()> {
        let Some(name) = self.name(node, context) else {
            return Ok(());
        };
        let value_type = self.value_type(node, context, nested)?;
        if self.spectypes.iter().any(|known| known.name == name) {
            self.odd(context, node, format!("there is a spectype {name} already"));
        } else {
            let place = context.place(node);
            self.spectypes.push(RawSpectype {
                name,
                value_type,
                place,
            });
        }
        Ok(())
    }

    pub(super) fn value_type(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<RawType> {
        let mut value_type = RawType {
            name: node.attribute("type").map(str::to_owned),
            shr: self.number(node, context, "shr")?.unwrap_or(0),
            add: self.number(node, context, "add")?.unwrap_or(0),
            align: self.number(node, context, "align")?.unwrap_or(0),
            radix: self.number(node, context, "radix")?.unwrap_or(0),
            ..RawType::default()
        };
        if value_type.shr > 63 || value_type.radix > 63 {
            return Err(context.error(
                node,
                LoadErrorKind::Invalid,
                "shr and radix are at most 63",
            ));
        }
        for child in node.children().filter(Node::is_element) {
            match child.tag_name().name() {
                "value" => value_type
                    .values
                    .extend(self.value(child, context, nested + 1)?),
                "bitfield" => value_type
                    .fields
                    .extend(self.field(child, context, nested + 1)?),
                _ => self.elsewhere(child, context, nested + 1, "here")?,
            }
        }
        Ok(value_type)
    }

    fn value(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<Option<RawValue>> {
        self.count(context, node, nested)?;
        let Some(name) = self.name(node, context) else {
            return Ok(None);
        };
        for child in node.children().filter(Node::is_element) {
            self.elsewhere(child, context, nested + 1, "in a value")?;
        }
        let value = self.number(node, context, "value")?;
        let (variants, doc, place) = (variants_of(node), doc_of(node), context.place(node));
        Ok(Some(RawValue {
            name,
            value,
            variants,
            doc,
            place,
        }))
    }

    fn field(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<Option<RawField>> {
        self.count(context, node, nested)?;
        let Some(name) = self.name(node, context) else {
            return Ok(None);
        };
        let single = self.number(node, context, "pos")?;
        let low = single.or(self.number(node, context, "low")?);
        let high = single.or(self.number(node, context, "high")?);
        let (Some(low), Some(high)) = (low, high) else {
            self.odd(context, node, format!("bitfield {name} has no place"));
            return Ok(None);
        };
        if low > high || high > 63 {
            self.odd(
                context,
                node,
                format!("bitfield {name}: bits {high}:{low} are no bits"),
            );
            return Ok(None);
        }
        Ok(Some(RawField {
            name,
            low: low as u8,
            high: high as u8,
            value_type: self.value_type(node, context, nested)?,
            variants: variants_of(node),
            doc: doc_of(node),
            place: context.place(node),
        }))
    }
}
