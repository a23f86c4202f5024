//! CMSIS-SVD, read leniently: one odd word costs the element it is in, never the file, and is
//! reported with its line.
//!
//! Arrays stay arrays and what is derived is looked up through the chain of elements, so that
//! neither a large `dim` nor a long chain of `derivedFrom` costs more than its text.

mod convert;
mod dim;
mod element;
mod number;
mod register;

use super::Loaded;
use super::limits::{MAX_ITEMS, MAX_TEXT_BYTES};
use crate::error::{LoadError, LoadErrorKind, Position};
use roxmltree::{Document, Node, ParsingOptions};

/// Elements in elements: clusters are read by recursion.
const MAX_DEPTH: usize = 64;

pub(super) fn load(text: &str, bar: Option<u8>) -> Result<Loaded, LoadError> {
    let document = parse(text)?;
    let root = document.root_element();
    if root.tag_name().name() != "device" {
        let text = "an SVD file has <device> at its top";
        return Err(LoadError::new(LoadErrorKind::Format, text).at(position(&document, root)));
    }
    check_depth(&document, root)?;
    convert::device(text, root, bar)
}

fn parse(text: &str) -> Result<Document<'_>, LoadError> {
    if text.len() > MAX_TEXT_BYTES {
        let text = "the text is too large for a map";
        return Err(LoadError::new(LoadErrorKind::TooLarge, text));
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: (MAX_ITEMS * 8) as u32,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        let at = Position {
            line: at.row,
            column: at.col,
            byte: 0,
        };
        LoadError::new(LoadErrorKind::Syntax, error.to_string()).at(at)
    })
}

fn check_depth(document: &Document<'_>, root: Node<'_, '_>) -> Result<(), LoadError> {
    let mut work = vec![(root, 0)];
    while let Some((node, depth)) = work.pop() {
        if depth > MAX_DEPTH {
            let text = format!("elements lie more than {MAX_DEPTH} deep in each other");
            let error = LoadError::new(LoadErrorKind::TooLarge, text);
            return Err(error.at(position(document, node)));
        }
        let children = node.children().filter(Node::is_element);
        work.extend(children.map(|child| (child, depth + 1)));
    }
    Ok(())
}

fn position(document: &Document<'_>, node: Node<'_, '_>) -> Position {
    let at = document.text_pos_at(node.range().start);
    Position {
        line: at.row,
        column: at.col,
        byte: node.range().start as u64,
    }
}
