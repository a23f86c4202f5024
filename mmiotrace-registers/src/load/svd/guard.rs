//! What must be refused before svd-parser sees it.

use crate::error::{LoadError, LoadErrorKind, Position};
use crate::load::limits::{MAX_ITEMS, MAX_TEXT_BYTES};
use roxmltree::{Document, Node, ParsingOptions};

/// Clusters in clusters: svd-parser goes down by recursion.
const MAX_DEPTH: usize = 64;
/// svd-parser makes a list of the names that a `dimIndex` range stands for.
const MAX_INDEX_NAMES: u64 = 1 << 16;

pub(super) fn check(text: &str) -> Result<(), LoadError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(LoadError::new(
            LoadErrorKind::TooLarge,
            "the text is too large for a map",
        ));
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: (MAX_ITEMS * 4) as u32,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        let at = error.pos();
        let at = Position {
            line: at.row,
            column: at.col,
            byte: 0,
        };
        LoadError::new(LoadErrorKind::Syntax, error.to_string()).at(at)
    })?;
    let error = |node: Node<'_, '_>, kind, text: String| {
        let at = document.text_pos_at(node.range().start);
        LoadError::new(kind, text).at(Position {
            line: at.row,
            column: at.col,
            byte: node.range().start as u64,
        })
    };
    let root = document.root_element();
    if root.tag_name().name() != "device" {
        return Err(error(
            root,
            LoadErrorKind::Format,
            "an SVD file has <device> at its top".to_owned(),
        ));
    }
    let mut work = vec![(root, 0)];
    while let Some((node, depth)) = work.pop() {
        if depth > MAX_DEPTH {
            let text = format!("elements lie more than {MAX_DEPTH} deep in each other");
            return Err(error(node, LoadErrorKind::TooLarge, text));
        }
        if node.tag_name().name() == "dimIndex" {
            let range = node.text().and_then(|text| text.split_once('-'));
            let range = range
                .map(|(first, last)| (first.trim().parse::<u64>(), last.trim().parse::<u64>()));
            if let Some((Ok(first), Ok(last))) = range {
                if last.saturating_sub(first) > MAX_INDEX_NAMES {
                    let text = format!("a dimIndex of more than {MAX_INDEX_NAMES} names");
                    return Err(error(node, LoadErrorKind::TooLarge, text));
                }
            }
        }
        work.extend(
            node.children()
                .filter(Node::is_element)
                .map(|child| (child, depth + 1)),
        );
    }
    Ok(())
}
