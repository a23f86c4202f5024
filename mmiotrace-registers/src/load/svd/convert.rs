//! From a device to a map.

use super::dim::{Dim, plain_name};
use super::element::{Element, Sources, XmlNode, text};
use super::number;
use super::register::one_line;
use crate::error::{LoadError, LoadErrorKind, SourceText, Warning};
use crate::load::Loaded;
use crate::load::limits::{MAX_ITEMS, MAX_WARNINGS};
use crate::model::{
    AccessMode, Block, EnumValue, Form, Item, ListId, NamedType, Register, RegisterMap, Space,
    SpaceLocation, TypeId,
};
use roxmltree::NodeId;
use std::collections::HashMap;
use std::path::PathBuf;

/// Lists (`NAME%s`) up to this length have their names made; longer ones stay arrays.
const MAX_LIST: u64 = 1024;

type Result<T> = core::result::Result<T, LoadError>;

pub(super) struct Converter<'d> {
    sources: Sources<'d>,
    text: SourceText,
    map: RegisterMap,
    warnings: Vec<Warning>,
    items: usize,
    /// Lists of peripherals by what they are made of: derived ones share them.
    shared: HashMap<(NodeId, Inherited<'d>), (ListId, u64)>,
}

/// What registers take from what holds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Inherited<'d> {
    pub(super) bits: Option<u64>,
    pub(super) access: Option<AccessMode>,
    pub(super) reset: Option<u64>,
    /// What the names of a peripheral's registers begin with; only at its top.
    prepend: &'d str,
    /// What they end with.
    pub(super) append: &'d str,
}

pub(super) fn device(text: &str, root: XmlNode<'_>, bar: Option<u8>) -> Result<Loaded> {
    let device = Element::alone(root);
    let mut converter = Converter {
        sources: Sources::new(root),
        text: SourceText::new(PathBuf::new(), text.to_owned()),
        map: RegisterMap::new(device.text("name").unwrap_or_default()),
        warnings: Vec::new(),
        items: 0,
        shared: HashMap::new(),
    };
    converter.map.doc = one_line(device.text("description"));
    converter.map.source = one_line(device.text("vendor"));
    if converter
        .number(&device, "addressUnitBits")
        .is_some_and(|bits| bits != 8)
    {
        converter.warn(root, "addressUnitBits is not 8; offsets are taken as bytes");
    }
    let inherited = Inherited {
        bits: converter.number(&device, "width"),
        ..Inherited::default()
    };
    let inherited = converter.inherited(&device, inherited);
    let peripherals = device.child("peripherals").map(Element::alone);
    let mut found = Vec::new();
    for node in peripherals
        .iter()
        .flat_map(|all| all.children(&["peripheral"]))
    {
        converter.peripheral(node, inherited, &mut found)?;
    }
    if found.is_empty() {
        let text = "the device has no peripheral with registers";
        return Err(LoadError::new(LoadErrorKind::Missing, text));
    }
    converter.spaces(found, bar);
    Ok(Loaded {
        map: converter.map,
        warnings: converter.warnings,
    })
}

/// A peripheral, before it is known whether it is a space or a part of one.
struct Found<'d> {
    node: XmlNode<'d>,
    name: String,
    base: u64,
    /// How many bytes it has: those it claims, and those that its registers have.
    len: u64,
    /// How many, and how many bytes apart.
    array: Option<(u64, u64)>,
    items: ListId,
    doc: String,
}

impl<'d> Converter<'d> {
    pub(super) fn count(&mut self) -> Result<()> {
        self.items += 1;
        if self.items > MAX_ITEMS {
            let text = "the device has too many registers";
            return Err(LoadError::new(LoadErrorKind::TooLarge, text));
        }
        Ok(())
    }

    pub(super) fn warn(&mut self, node: XmlNode<'_>, text: impl Into<String>) {
        if self.warnings.len() < MAX_WARNINGS {
            let mut warning = Warning::new(text);
            warning.position = Some(self.text.position(node.range().start));
            // Elements that are used several times are still odd only once.
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// The element with what it is derived from.
    pub(super) fn element(&mut self, node: XmlNode<'d>) -> Result<Element<'d>> {
        let (element, missing) = self
            .sources
            .element(node)
            .map_err(|error| error.at(self.text.position(node.range().start)))?;
        if let Some(missing) = missing {
            let text = format!("derived from `{missing}`, which does not exist; taken as it is");
            self.warn(node, text);
        }
        Ok(element)
    }

    pub(super) fn number(&mut self, element: &Element<'d>, name: &str) -> Option<u64> {
        let text = element.text(name)?;
        let number = number::parse(text);
        if number.is_none() {
            let node = element.child(name).unwrap_or(element.own());
            self.warn(
                node,
                format!("{name}: `{text}` is no number; taken as not there"),
            );
        }
        number
    }

    /// The name; something to call it by where it has none.
    pub(super) fn name(&mut self, element: &Element<'d>) -> &'d str {
        element.text("name").unwrap_or_else(|| {
            self.warn(element.own(), "it has no name");
            "UNNAMED"
        })
    }

    fn inherited(&mut self, element: &Element<'d>, above: Inherited<'d>) -> Inherited<'d> {
        Inherited {
            bits: self.number(element, "size").or(above.bits),
            access: self.access(element).or(above.access),
            reset: self.number(element, "resetValue").or(above.reset),
            ..above
        }
    }

    /// The array that it is, where it is one. Derived elements are arrays only by what they say
    /// themselves, or where their own name has the place of an index.
    pub(super) fn dim(&mut self, element: &Element<'d>) -> Option<Dim<'d>> {
        let own = Element::alone(element.own());
        let from = if own.child("dim").is_some()
            || own.text("name").is_some_and(|name| name.contains("%s"))
        {
            element
        } else {
            &own
        };
        let count = self.number(from, "dim")?;
        let increment = self.number(from, "dimIncrement").unwrap_or(0);
        let (dim, understood) = Dim::new(count, increment, from.text("dimIndex"));
        if !understood {
            let node = from.child("dimIndex").unwrap_or(element.own());
            self.warn(
                node,
                format!("dimIndex does not name {count} elements; the others have numbers"),
            );
        }
        if increment == 0 && count > 1 {
            self.warn(
                element.own(),
                "dimIncrement is missing or 0; only the first element is kept",
            );
            return Some(Dim::new(1, 1, from.text("dimIndex")).0);
        }
        Some(dim)
    }

    fn peripheral(
        &mut self,
        node: XmlNode<'d>,
        above: Inherited<'d>,
        found: &mut Vec<Found<'d>>,
    ) -> Result<()> {
        self.count()?;
        let element = self.element(node)?;
        let name = self.name(&element);
        let Some(base) = self.number(&element, "baseAddress") else {
            self.warn(node, format!("{name} has no baseAddress; it is left out"));
            return Ok(());
        };
        let inherited = Inherited {
            prepend: element.text("prependToName").unwrap_or_default(),
            append: element.text("appendToName").unwrap_or_default(),
            ..self.inherited(&element, above)
        };
        let (items, end) = match element.child("registers") {
            Some(registers) => self.shared(registers, inherited)?,
            // Many peripherals (cores, memories) have none.
            None => return Ok(()),
        };
        let mut len = end;
        for block in element.children(&["addressBlock"]) {
            let usage = text(block, "usage");
            if !matches!(usage, Some("registers" | "buffer" | "reserved")) {
                let what = usage.map_or("no usage".to_owned(), |usage| format!("usage `{usage}`"));
                self.warn(
                    block,
                    format!("{name}: an addressBlock with {what}; taken as registers"),
                );
            }
            let block = Element::alone(block);
            let offset = self.number(&block, "offset").unwrap_or(0);
            let size = self.number(&block, "size").unwrap_or(0);
            len = len.max(offset.saturating_add(size));
        }
        let doc = one_line(element.text("description"));
        let dim = self.dim(&element);
        let one = |name: String, base, array| Found {
            node,
            name,
            base,
            len,
            array,
            items,
            doc: doc.clone(),
        };
        match dim {
            Some(dim) if is_list(name, &dim) => {
                for number in 0..dim.count {
                    self.count()?;
                    let name = name.replace("%s", &dim.name(number));
                    let base = base.saturating_add(dim.increment.saturating_mul(number));
                    found.push(one(name, base, None));
                }
            }
            Some(dim) => found.push(one(
                plain_name(name),
                base,
                Some((dim.count, dim.increment)),
            )),
            None => found.push(one(name.to_owned(), base, None)),
        }
        Ok(())
    }

    /// The list of a `registers` element, made once for all peripherals that are derived from it,
    /// and where its last register ends.
    fn shared(
        &mut self,
        registers: XmlNode<'d>,
        inherited: Inherited<'d>,
    ) -> Result<(ListId, u64)> {
        let key = (registers.id(), inherited);
        if let Some(known) = self.shared.get(&key) {
            return Ok(*known);
        }
        let (items, end) = self.children(&Element::alone(registers), inherited)?;
        let list = self.map.add_list(items);
        self.shared.insert(key, (list, end));
        Ok((list, end))
    }

    /// One space for each peripheral, at its address; or one BAR with all of them. The names of
    /// the registers begin with the peripheral's: most recur in each.
    fn spaces(&mut self, found: Vec<Found<'d>>, bar: Option<u8>) {
        if let Some(bar) = bar {
            let blocks = found
                .into_iter()
                .map(|found| Item::Block(block_of(&found, found.base)));
            let items = blocks.collect();
            let list = self.map.add_list(items);
            self.map
                .add_space(Space::new("REGISTERS", SpaceLocation::Bar(bar), list));
            return;
        }
        for found in found {
            let list = self.map.add_list(vec![Item::Block(block_of(&found, 0))]);
            let (last, stride) = found
                .array
                .map_or((0, 0), |(count, stride)| (count.saturating_sub(1), stride));
            let len = last.saturating_mul(stride).saturating_add(found.len);
            let name = self.space_name(&found);
            let space = Space {
                size: (len > 0).then_some(len),
                doc: found.doc,
                ..Space::new(name, SpaceLocation::Physical(found.base), list)
            };
            self.map.add_space(space);
        }
    }

    /// Spaces are told apart by their names, whatever the file calls its peripherals.
    fn space_name(&mut self, found: &Found<'d>) -> String {
        if self.map.space_named(&found.name).is_none() {
            return found.name.clone();
        }
        self.warn(
            found.node,
            format!("there is another peripheral {}", found.name),
        );
        let mut names = (2..).map(|number: u32| format!("{}_{number}", found.name));
        let free = names.find(|name| self.map.space_named(name).is_none());
        free.unwrap_or_default()
    }

    /// Registers and clusters, and where the last of them ends.
    fn children(
        &mut self,
        holder: &Element<'d>,
        inherited: Inherited<'d>,
    ) -> Result<(Vec<Item>, u64)> {
        let mut items = Vec::new();
        let mut end = 0;
        for node in holder.children(&["register", "cluster"]) {
            self.count()?;
            let element = self.element(node)?;
            let Some(at) = self.number(&element, "addressOffset") else {
                let name = self.name(&element);
                self.warn(node, format!("{name} has no addressOffset; it is left out"));
                continue;
            };
            let dim = self.dim(&element);
            let name = format!("{}{}", inherited.prepend, self.name(&element));
            let below = Inherited {
                prepend: "",
                ..inherited
            };
            let len = if node.has_tag_name("cluster") {
                self.cluster(&element, name, at, dim.as_ref(), below, &mut items)?
            } else {
                self.registers(&element, name, at, dim.as_ref(), below, &mut items)?
            };
            let last = dim.map_or(0, |dim| {
                dim.count.saturating_sub(1).saturating_mul(dim.increment)
            });
            end = end.max(at.saturating_add(last).saturating_add(len));
        }
        Ok((items, end))
    }

    /// A register or an array of registers. Returns how many bytes one has.
    fn registers(
        &mut self,
        element: &Element<'d>,
        name: String,
        at: u64,
        dim: Option<&Dim<'d>>,
        inherited: Inherited<'d>,
        items: &mut Vec<Item>,
    ) -> Result<u64> {
        let name = format!("{name}{}", inherited.append);
        let inherited = self.inherited(element, inherited);
        let one = self.register(element, at, inherited)?;
        let len = u64::from(one.width);
        let Some(dim) = dim else {
            items.push(Item::Register(Register { name, ..one }));
            return Ok(len);
        };
        if !is_list(&name, dim) {
            items.push(Item::Register(Register {
                name: plain_name(&name),
                count: dim.count,
                stride: dim.increment,
                index_names: self.index_names(element.own(), &name, dim),
                ..one
            }));
            return Ok(len);
        }
        for number in 0..dim.count {
            self.count()?;
            items.push(Item::Register(Register {
                name: name.replace("%s", &dim.name(number)),
                at: at.saturating_add(dim.increment.saturating_mul(number)),
                ..one.clone()
            }));
        }
        Ok(len)
    }

    /// A cluster or an array of clusters. Returns how many bytes one has.
    fn cluster(
        &mut self,
        element: &Element<'d>,
        name: String,
        at: u64,
        dim: Option<&Dim<'d>>,
        inherited: Inherited<'d>,
        items: &mut Vec<Item>,
    ) -> Result<u64> {
        let inherited = self.inherited(element, inherited);
        let (children, end) = self.children(element, inherited)?;
        let list = self.map.add_list(children);
        let doc = one_line(element.text("description"));
        let Some(dim) = dim else {
            items.push(Item::Block(Block {
                doc,
                ..Block::new(Some(name), at, list)
            }));
            return Ok(end);
        };
        if !is_list(&name, dim) {
            items.push(Item::Block(Block {
                count: dim.count,
                stride: dim.increment,
                index_names: self.index_names(element.own(), &name, dim),
                doc,
                ..Block::new(Some(plain_name(&name)), at, list)
            }));
            return Ok(end);
        }
        for number in 0..dim.count {
            self.count()?;
            let at = at.saturating_add(dim.increment.saturating_mul(number));
            items.push(Item::Block(Block {
                doc: doc.clone(),
                ..Block::new(Some(name.replace("%s", &dim.name(number))), at, list)
            }));
        }
        Ok(end)
    }

    /// The names of elements where they are not just their numbers.
    fn index_names(&mut self, node: XmlNode<'d>, name: &str, dim: &Dim<'d>) -> Option<TypeId> {
        if dim.is_numbered() {
            return None;
        }
        if dim.count > MAX_LIST {
            self.warn(
                node,
                format!(
                    "{name}: the names of its elements are left out, there are more than {MAX_LIST}"
                ),
            );
            return None;
        }
        let values = (0..dim.count).map(|number| EnumValue::new(dim.name(number), number));
        let named = NamedType::new(
            format!("{}_index", plain_name(name)),
            Form::Enum(values.collect()).into(),
        );
        Some(self.map.add_type(named))
    }
}

fn block_of(found: &Found<'_>, at: u64) -> Block {
    let (count, stride) = found.array.unwrap_or((1, 0));
    Block {
        count,
        stride,
        doc: found.doc.clone(),
        ..Block::new(Some(found.name.clone()), at, found.items)
    }
}

/// Whether an array is a list of names, and short enough to make them.
fn is_list(name: &str, dim: &Dim<'_>) -> bool {
    !name.contains("[%s]") && name.contains("%s") && dim.count <= MAX_LIST
}
