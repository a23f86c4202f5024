//! From XML to the database as its files have it.

use super::raw::{
    Place, RawBitset, RawBlock, RawDomain, RawEnum, RawField, RawGroup, RawItem, RawRegister,
    RawSpectype, RawType, RawValue, RawVariants,
};
use crate::error::{LoadError, LoadErrorKind, Position, SourceText, Warning};
use crate::load::files::Files;
use crate::load::limits::MAX_ITEMS;
use crate::model::AccessMode;
use roxmltree::{Document, Node, ParsingOptions};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

/// How deep elements may lie in each other, and files import files.
const MAX_DEPTH: usize = 64;
const MAX_WARNINGS: usize = 1000;

type Result<T> = core::result::Result<T, LoadError>;

/// All files of a database, in the order of their imports.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) enums: Vec<RawEnum>,
    pub(super) bitsets: Vec<RawBitset>,
    pub(super) spectypes: Vec<RawSpectype>,
    pub(super) groups: Vec<RawGroup>,
    pub(super) domains: Vec<RawDomain>,
    pub(super) warnings: Vec<Warning>,
    names: HashMap<(Kind, String), usize>,
    files: HashSet<PathBuf>,
    items: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Enum,
    Bitset,
    Group,
    Domain,
}

/// The file being read.
struct Context<'c> {
    file: &'c Rc<SourceText>,
    files: &'c mut dyn Files,
    depth: usize,
}

impl Context<'_> {
    fn place(&self, node: Node<'_, '_>) -> Place {
        Place {
            file: Rc::clone(self.file),
            byte: node.range().start,
        }
    }

    fn error(&self, node: Node<'_, '_>, kind: LoadErrorKind, text: impl Into<String>) -> LoadError {
        self.place(node).error(kind, text)
    }
}

impl Database {
    /// Reads a file and what it imports; a file that was read before is not read again.
    pub(super) fn file(&mut self, name: &str, files: &mut dyn Files, depth: usize) -> Result<()> {
        let (path, text) = files.read(name)?;
        if !self.files.insert(path.clone()) {
            return Ok(());
        }
        // No DTD: entities that grow are refused with it. What a node costs bounds the memory.
        let options = ParsingOptions {
            allow_dtd: false,
            nodes_limit: (MAX_ITEMS * 4) as u32,
            ..ParsingOptions::default()
        };
        let file = Rc::new(SourceText::new(path, text));
        let document = Document::parse_with_options(file.text(), options).map_err(|error| {
            let at = error.pos();
            let at = Position {
                line: at.row,
                column: at.col,
                byte: 0,
            };
            LoadError::new(LoadErrorKind::Syntax, error.to_string())
                .at(at)
                .in_file(&file.path)
        })?;
        let root = document.root_element();
        let mut context = Context {
            file: &file,
            files,
            depth,
        };
        if root.tag_name().name() != "database" {
            return Err(context.error(
                root,
                LoadErrorKind::Format,
                "an rnndb file has <database> at its top",
            ));
        }
        for node in root.children().filter(Node::is_element) {
            if !self.top(node, &mut context, 0)? {
                self.odd(
                    &context,
                    node,
                    format!("<{}> is not known here", node.tag_name().name()),
                );
            }
        }
        Ok(())
    }

    fn odd(&mut self, context: &Context<'_>, node: Node<'_, '_>, text: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(context.place(node).warning(text));
        }
    }

    fn count(&mut self, context: &Context<'_>, node: Node<'_, '_>, nested: usize) -> Result<()> {
        self.items += 1;
        if self.items > MAX_ITEMS {
            return Err(context.error(
                node,
                LoadErrorKind::TooLarge,
                "the database has too many elements",
            ));
        }
        if nested > MAX_DEPTH {
            let text = format!("elements lie more than {MAX_DEPTH} deep in each other");
            return Err(context.error(node, LoadErrorKind::TooLarge, text));
        }
        Ok(())
    }

    /// What may stand anywhere and means the same everywhere. Says whether it was that.
    fn top(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
    ) -> Result<bool> {
        self.count(context, node, nested)?;
        match node.tag_name().name() {
            "import" => self.import(node, context)?,
            "enum" => self.parse_enum(node, context, nested)?,
            "bitset" => self.bitset(node, context, nested)?,
            "spectype" => self.spectype(node, context, nested)?,
            "group" => self.group(node, context, nested)?,
            "domain" => self.domain(node, context, nested)?,
            "doc" | "brief" | "copyright" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn import(&mut self, node: Node<'_, '_>, context: &mut Context<'_>) -> Result<()> {
        let Some(name) = node.attribute("file") else {
            return Err(context.error(node, LoadErrorKind::Missing, "<import> needs a file"));
        };
        if context.depth >= MAX_DEPTH {
            let text = format!("files import files more than {MAX_DEPTH} deep");
            return Err(context.error(node, LoadErrorKind::TooLarge, text));
        }
        let place = context.place(node);
        let read = self.file(name, context.files, context.depth + 1);
        // An error of the file itself has its place there.
        read.map_err(|error| {
            error
                .at(place.file.position(place.byte))
                .in_file(&place.file.path)
        })
    }

    /// The element of that kind and name, made where it is not there: same names are merged.
    fn merged<T>(
        &mut self,
        kind: Kind,
        name: &str,
        list: fn(&mut Self) -> &mut Vec<T>,
        make: impl FnOnce() -> T,
    ) -> (usize, bool) {
        let key = (kind, name.to_owned());
        if let Some(known) = self.names.get(&key) {
            return (*known, false);
        }
        list(self).push(make());
        let at = list(self).len() - 1;
        self.names.insert(key, at);
        (at, true)
    }

    fn parse_enum(
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
            } else if !self.top(child, context, nested + 1)? {
                self.odd(
                    context,
                    child,
                    format!("<{}> is not known in an enum", child.tag_name().name()),
                );
            }
        }
        Ok(())
    }

    fn bitset(
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
            } else if !self.top(child, context, nested + 1)? {
                self.odd(
                    context,
                    child,
                    format!("<{}> is not known in a bitset", child.tag_name().name()),
                );
            }
        }
        Ok(())
    }

    fn spectype(
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

    fn group(
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

    fn domain(
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
                tag => {
                    if !self.top(child, context, nested + 1)? {
                        self.odd(context, child, format!("<{tag}> is not known here"));
                    }
                }
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

    fn value_type(
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
                tag => {
                    if !self.top(child, context, nested + 1)? {
                        self.odd(context, child, format!("<{tag}> is not known here"));
                    }
                }
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
            if !self.top(child, context, nested + 1)? {
                self.odd(
                    context,
                    child,
                    format!("<{}> is not known in a value", child.tag_name().name()),
                );
            }
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

    fn name(&mut self, node: Node<'_, '_>, context: &Context<'_>) -> Option<String> {
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

    fn boolean(&mut self, node: Node<'_, '_>, context: &Context<'_>, key: &str) -> bool {
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

    fn number(&self, node: Node<'_, '_>, context: &Context<'_>, key: &str) -> Result<Option<u64>> {
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

fn variants_of(node: Node<'_, '_>) -> RawVariants {
    let get = |key| node.attribute(key).map(str::to_owned);
    RawVariants {
        prefix: get("prefix"),
        varset: get("varset"),
        variants: get("variants"),
    }
}

/// `<brief>`, else `<doc>`, in one line.
fn doc_of(node: Node<'_, '_>) -> String {
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
