//! From XML to the database as its files have it.

mod attributes;
mod definitions;
mod places;

use super::raw::{RawBitset, RawDomain, RawEnum, RawGroup, RawSpectype, SourcePos};
use crate::error::{LoadError, LoadErrorKind, Position, SourceText, Warning};
use crate::load::files::Files;
use crate::load::limits::MAX_ITEMS;
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
    fn place(&self, node: Node<'_, '_>) -> SourcePos {
        SourcePos {
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
            self.elsewhere(node, &mut context, 0, "here")?;
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

    /// What is no part of the element around it: it may be what can stand anywhere.
    fn elsewhere(
        &mut self,
        node: Node<'_, '_>,
        context: &mut Context<'_>,
        nested: usize,
        place: &str,
    ) -> Result<()> {
        if !self.top(node, context, nested)? {
            let tag = node.tag_name().name();
            self.odd(context, node, format!("<{tag}> is not known {place}"));
        }
        Ok(())
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
}
