//! Elements, with what they take from those that they are derived from.

use crate::error::{LoadError, LoadErrorKind};
use roxmltree::{Node, NodeId};
use std::collections::HashMap;

/// How long a chain of `derivedFrom` may be.
const MAX_CHAIN: usize = 1024;
/// How many elements of one name may be tried, all look-ups together.
const MAX_TRIED: u32 = 16 << 20;

pub(super) type XmlNode<'d> = Node<'d, 'd>;

/// The kinds of elements that can be derived from.
const KINDS: [&str; 5] = [
    "peripheral",
    "cluster",
    "register",
    "field",
    "enumeratedValues",
];

/// An element, and those it is derived from, nearest first.
#[derive(Clone, Debug)]
pub(super) struct Element<'d> {
    nodes: Vec<XmlNode<'d>>,
}

impl<'d> Element<'d> {
    /// An element that is derived from nothing.
    pub(super) fn alone(node: XmlNode<'d>) -> Self {
        Self { nodes: vec![node] }
    }

    /// The element as it is written.
    pub(super) fn own(&self) -> XmlNode<'d> {
        self.nodes[0]
    }

    /// The nearest child element of that name.
    pub(super) fn child(&self, name: &str) -> Option<XmlNode<'d>> {
        self.nodes.iter().find_map(|node| child(*node, name))
    }

    /// The text of the nearest child element of that name that has one.
    pub(super) fn text(&self, name: &str) -> Option<&'d str> {
        let mut texts = self
            .nodes
            .iter()
            .filter_map(|node| child(*node, name)?.text());
        texts.find_map(|text| Some(text.trim()).filter(|text| !text.is_empty()))
    }

    /// The child elements of these names of the nearest element that has any.
    pub(super) fn children(&self, names: &'static [&str]) -> impl Iterator<Item = XmlNode<'d>> {
        let of = move |node: &XmlNode<'d>| {
            let is_one = move |child: &XmlNode<'d>| names.contains(&child.tag_name().name());
            node.children().filter(is_one)
        };
        let nearest = self.nodes.iter().find(|node| of(node).next().is_some());
        nearest.map(of).into_iter().flatten()
    }
}

/// The child element of that name.
pub(super) fn child<'d>(node: XmlNode<'d>, name: &str) -> Option<XmlNode<'d>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// The text of a child element, without blanks around it; `None` where there is none.
pub(super) fn text<'d>(node: XmlNode<'d>, name: &str) -> Option<&'d str> {
    let text = child(node, name)?.text()?.trim();
    (!text.is_empty()).then_some(text)
}

/// Everything that can be derived from, by kind and name.
pub(super) struct Sources<'d> {
    named: HashMap<(&'d str, &'d str), Vec<XmlNode<'d>>>,
    /// The same by what holds it.
    siblings: HashMap<(NodeId, &'d str), XmlNode<'d>>,
    tries_left: u32,
}

impl<'d> Sources<'d> {
    pub(super) fn new(root: XmlNode<'d>) -> Self {
        let mut sources = Self {
            named: HashMap::new(),
            siblings: HashMap::new(),
            tries_left: MAX_TRIED,
        };
        for node in root.descendants() {
            let kind = node.tag_name().name();
            let (true, Some(name)) = (KINDS.contains(&kind), text(node, "name")) else {
                continue;
            };
            sources.named.entry((kind, name)).or_default().push(node);
            if let Some(parent) = node.parent() {
                sources.siblings.entry((parent.id(), name)).or_insert(node);
            }
        }
        sources
    }

    /// The element with all that it is derived from; and the name in the chain that leads nowhere.
    pub(super) fn element(
        &mut self,
        node: XmlNode<'d>,
    ) -> Result<(Element<'d>, Option<&'d str>), LoadError> {
        let mut element = Element::alone(node);
        let mut last = node;
        while let Some(base) = last.attribute("derivedFrom") {
            let Some(found) = self.find(last, base.trim()) else {
                return Ok((element, Some(base)));
            };
            if element.nodes.contains(&found) {
                let text = format!("derivedFrom `{base}` leads in a circle");
                return Err(LoadError::new(LoadErrorKind::Cycle, text));
            }
            if element.nodes.len() > MAX_CHAIN {
                let text = format!("derivedFrom leads on for more than {MAX_CHAIN} elements");
                return Err(LoadError::new(LoadErrorKind::TooLarge, text));
            }
            element.nodes.push(found);
            last = found;
        }
        Ok((element, None))
    }

    /// The element that `from` means by a path: a neighbour, or one whose holders have the names
    /// before it.
    fn find(&mut self, from: XmlNode<'d>, path: &str) -> Option<XmlNode<'d>> {
        let kind = from.tag_name().name();
        let is_kind = |node: &&XmlNode<'d>| node.has_tag_name(kind);
        if let Some(parent) = from.parent() {
            let near = self.siblings.get(&(parent.id(), path)).filter(is_kind);
            if let Some(near) = near.filter(|near| **near != from) {
                return Some(*near);
            }
        }
        let mut parts = path.rsplit('.');
        let candidates = self.named.get(&(kind, parts.next()?))?;
        let holders: Vec<&str> = parts.collect();
        let fits = |node: &&XmlNode<'d>| {
            let named = node
                .ancestors()
                .skip(1)
                .filter(|node| KINDS.contains(&node.tag_name().name()));
            let mut names = named.map(|node| text(node, "name").unwrap_or_default());
            holders.iter().all(|holder| names.next() == Some(*holder))
        };
        let mut found = None;
        for candidate in candidates {
            self.tries_left = self.tries_left.checked_sub(1)?;
            if fits(&candidate) {
                found = Some(*candidate);
                // Where nothing else has the name it is derived from itself, which is a circle.
                if *candidate != from {
                    break;
                }
            }
        }
        found
    }
}
