//! Attributes of elements, and their documentation.

use super::{Context, Database, Result};
use crate::error::LoadErrorKind;
use crate::load::rnndb::raw::RawVariants;
use roxmltree::Node;

impl Database {
    pub(super) fn name(&mut self, node: Node<'_, '_>, context: &Context<'_>) -> Option<String> {
        // Nothing can be referred to or shown by an empty name either.
        let name = node.attribute("name").filter(|name| !name.is_empty());
        if name.is_none() {
            self.odd(
                context,
                node,
                format!("<{}> without a name", node.tag_name().name()),
            );
        }
        name.map(str::to_owned)
    }

    pub(super) fn boolean(&mut self, node: Node<'_, '_>, context: &Context<'_>, key: &str) -> bool {
        match node.attribute(key) {
            Some("yes" | "1" | "true") => true,
            None | Some("no" | "0" | "false") => false,
            Some(other) => {
                self.odd(
                    context,
                    node,
                    format!("{key}: `{other}` is neither yes nor no"),
                );
                false
            }
        }
    }

    pub(super) fn number(
        &self,
        node: Node<'_, '_>,
        context: &Context<'_>,
        key: &str,
    ) -> Result<Option<u64>> {
        let Some(text) = node.attribute(key) else {
            return Ok(None);
        };
        match crate::number::parse(text) {
            Some(number) => Ok(Some(number)),
            None => {
                let text = format!("{key}: `{text}` is no number below 2^64");
                Err(context.error(node, LoadErrorKind::Invalid, text))
            }
        }
    }
}

pub(super) fn variants_of(node: Node<'_, '_>) -> RawVariants {
    let get = |key| node.attribute(key).map(str::to_owned);
    RawVariants {
        prefix: get("prefix"),
        varset: get("varset"),
        variants: get("variants"),
    }
}

/// `<brief>`, else `<doc>`, in one line.
pub(super) fn doc_of(node: Node<'_, '_>) -> String {
    let find = |tag: &str| {
        node.children()
            .find(|child| child.has_tag_name(tag) || child.tag_name().name() == tag)
    };
    let Some(doc) = find("brief").or_else(|| find("doc")) else {
        return String::new();
    };
    let mut words = Vec::new();
    for text in doc
        .descendants()
        .filter(Node::is_text)
        .filter_map(|node| node.text())
    {
        words.extend(text.split_whitespace());
    }
    words.join(" ")
}
