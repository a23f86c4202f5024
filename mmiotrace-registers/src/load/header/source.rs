//! From text to definitions: lines, comments, conditions, enums.

use crate::error::{LoadError, LoadErrorKind};
use crate::load::limits::{MAX_ITEMS, MAX_TEXT_BYTES};
use std::collections::HashMap;

/// How deep structures may lie in structures; what lies deeper is no register.
const MAX_NESTED: usize = 4;

/// A header's definitions, in its order.
#[derive(Debug, Default)]
pub(super) struct Source<'t> {
    pub(super) defines: Vec<Define<'t>>,
    pub(super) by_name: HashMap<&'t str, usize>,
    pub(super) structs: Vec<super::structs::Struct<'t>>,
}

/// A `#define`, or a constant of an enum.
#[derive(Clone, Debug)]
pub(super) struct Define<'t> {
    pub(super) name: &'t str,
    /// The names of its arguments, of a macro that has any.
    pub(super) arguments: Option<Vec<&'t str>>,
    pub(super) body: Body<'t>,
    /// The comment behind it, without its marks.
    pub(super) comment: &'t str,
    /// How many blanks there are between `#` and the name, other than one.
    pub(super) indent: usize,
    /// The line before it is empty.
    pub(super) after_blank: bool,
    pub(super) kind: Kind,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Body<'t> {
    /// Text of one line.
    Line(&'t str),
    /// Text of several lines, put together.
    Lines(String),
    /// The enum constant before it and how many steps after that; `None`: from 0.
    After(Option<&'t str>, u64),
}

impl Body<'_> {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Line(text) => text,
            Self::Lines(text) => text,
            Self::After(..) => "",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Macro,
    Enum,
}

impl<'t> Source<'t> {
    pub(super) fn read(text: &'t str) -> Result<Self, LoadError> {
        // Looking for the end of a brace that is never closed must not be done over and over.
        let mut budget = text.len().saturating_mul(16).saturating_add(1 << 20);
        Self::read_part(text, 0, &mut budget)
    }

    fn read_part(text: &'t str, depth: usize, budget: &mut usize) -> Result<Self, LoadError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(LoadError::new(
                LoadErrorKind::TooLarge,
                "the text is too large for a header",
            ));
        }
        let mut source = Self::default();
        let mut lines = Lines { rest: text };
        // `#if 0` and what it holds is not there; of other conditions all branches are.
        let mut off: Vec<bool> = Vec::new();
        let mut blank = true;
        while let Some((line, joined)) = lines.next() {
            let trimmed = line.trim_start();
            let after_blank = core::mem::replace(&mut blank, trimmed.is_empty());
            let Some(directive) = trimmed.strip_prefix('#') else {
                if depth < MAX_NESTED && starts_block(trimmed) {
                    let here = offset_in(text, trimmed);
                    let consumed = source.block(&text[here..], depth, budget)?;
                    lines.skip_to(text, here + consumed);
                }
                continue;
            };
            let hash = directive.len();
            let directive = directive.trim_start();
            let hash = hash - directive.len();
            if let Some(condition) = directive.strip_prefix("if") {
                off.push(condition.trim() == "0");
            } else if directive.starts_with("else") || directive.starts_with("elif") {
                if let Some(off) = off.last_mut() {
                    *off = false;
                }
            } else if directive.starts_with("endif") {
                off.pop();
            } else if let Some(rest) = directive.strip_prefix("define")
                && !off.contains(&true)
            {
                source.define(rest, joined, (hash, after_blank));
            }
            if source.defines.len() > MAX_ITEMS {
                return Err(LoadError::new(
                    LoadErrorKind::TooLarge,
                    "the header has too many definitions",
                ));
            }
        }
        Ok(source)
    }

    fn define(
        &mut self,
        rest: &'t str,
        joined: Option<String>,
        (hash, after_blank): (usize, bool),
    ) {
        let name_at = rest.trim_start();
        let indent = hash + rest.len() - name_at.len();
        let Some(len) = name_len(name_at) else { return };
        let (name, after) = name_at.split_at(len);
        let (arguments, after) = match after
            .strip_prefix('(')
            .and_then(|inner| inner.split_once(')'))
        {
            Some((arguments, after)) => {
                (Some(arguments.split(',').map(str::trim).collect()), after)
            }
            None => (None, after),
        };
        let (body, comment) = strip_comment(after);
        let body = match joined {
            // The joined text begins with the same words; only what is behind counts.
            Some(joined) => {
                Body::Lines(joined_body(&joined, arguments.is_some()).unwrap_or_default())
            }
            None => Body::Line(body),
        };
        self.add(Define {
            name,
            arguments,
            body,
            comment,
            indent,
            after_blank,
            kind: Kind::Macro,
        });
    }

    pub(super) fn add(&mut self, define: Define<'t>) {
        let at = self.defines.len();
        // The first definition counts: others are branches for other chips or compilers.
        if let std::collections::hash_map::Entry::Vacant(entry) = self.by_name.entry(define.name) {
            entry.insert(at);
            self.defines.push(define);
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Define<'t>> {
        self.defines.get(*self.by_name.get(name)?)
    }

    /// An enum or structure that begins at the start of `text`. Gives its length.
    fn block(
        &mut self,
        text: &'t str,
        depth: usize,
        budget: &mut usize,
    ) -> Result<usize, LoadError> {
        let head_end = text
            .char_indices()
            .nth(200)
            .map_or(text.len(), |(at, _)| at);
        let Some(open) = text[..head_end].find('{') else {
            return Ok(text.len().min(1));
        };
        let head = &text[..open];
        if head.contains(';') || head.contains(')') {
            return Ok(open.min(1));
        }
        let Some(close) = matching_brace(&text[open..], budget) else {
            return Ok(open + 1);
        };
        let inner = &text[open + 1..open + close];
        let mut words = head.split_whitespace().filter(|word| *word != "typedef");
        match words.next() {
            Some("enum") => self.enum_constants(inner),
            Some(kind @ ("struct" | "union")) => {
                let name = words.next().unwrap_or("");
                // Definitions stand between members; those are read as if they stood outside.
                let nested = Source::read_part(inner, depth + 1, budget)?;
                nested
                    .defines
                    .into_iter()
                    .for_each(|define| self.add(define));
                super::structs::parse(name, inner, kind == "union")
                    .into_iter()
                    .for_each(|found| self.structs.push(found));
            }
            _ => {}
        }
        Ok(open + close + 1)
    }

    fn enum_constants(&mut self, inner: &'t str) {
        let mut last: Option<&'t str> = None;
        let mut steps = 0;
        let mut rest = inner;
        while let Some((entry, comment, after)) = enum_entry(rest) {
            rest = after;
            let entry = entry.trim();
            let Some(len) = name_len(entry) else { continue };
            let (name, value) = entry.split_at(len);
            let body = match value.trim_start().strip_prefix('=') {
                Some(value) => {
                    last = Some(name);
                    steps = 0;
                    Body::Line(value.trim())
                }
                None => {
                    let body = Body::After(last, steps + u64::from(last.is_some()));
                    steps += 1;
                    body
                }
            };
            let define = Define {
                name,
                arguments: None,
                body,
                comment,
                indent: 1,
                after_blank: false,
                kind: Kind::Enum,
            };
            self.add(define);
        }
    }
}

/// Lines, with those that end in a backslash joined.
struct Lines<'t> {
    rest: &'t str,
}

impl<'t> Lines<'t> {
    /// The line (of joined ones the first), and the joined text.
    fn next(&mut self) -> Option<(&'t str, Option<String>)> {
        if self.rest.is_empty() {
            return None;
        }
        let first = self.take();
        let Some(mut joined) = first.strip_suffix('\\').map(str::to_owned) else {
            return Some((first, None));
        };
        while !self.rest.is_empty() {
            let line = self.take();
            joined.push(' ');
            match line.strip_suffix('\\') {
                Some(part) => joined.push_str(part),
                None => {
                    joined.push_str(line);
                    break;
                }
            }
        }
        Some((first, Some(joined)))
    }

    fn take(&mut self) -> &'t str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        line.trim_end()
    }

    fn skip_to(&mut self, text: &'t str, at: usize) {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at += 1;
        }
        let here = offset_in(text, self.rest);
        if at > here {
            self.rest = &text[at..];
        }
    }
}

/// Where a part of a text begins in it.
fn offset_in(text: &str, part: &str) -> usize {
    // Both are slices of one text; a part from elsewhere would only give a useless place.
    (part.as_ptr() as usize)
        .saturating_sub(text.as_ptr() as usize)
        .min(text.len())
}

fn starts_block(line: &str) -> bool {
    let line = line.strip_prefix("typedef").map_or(line, str::trim_start);
    ["enum", "struct", "union"].iter().any(|word| {
        line.strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '{']))
    })
}

/// The length of the name at the start, or `None` where there is none.
pub(super) fn name_len(text: &str) -> Option<usize> {
    let len = text
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    (len > 0 && !text.starts_with(|first: char| first.is_ascii_digit())).then_some(len)
}

/// What stands before a comment, and the comment.
fn strip_comment(text: &str) -> (&str, &str) {
    let block = text.find("/*");
    let line = text.find("//");
    match (block, line) {
        (Some(block), line) if line.is_none_or(|line| block < line) => {
            let comment = &text[block + 2..];
            (
                text[..block].trim(),
                comment.split("*/").next().unwrap_or("").trim(),
            )
        }
        (_, Some(line)) => (text[..line].trim(), text[line + 2..].trim()),
        _ => (text.trim(), ""),
    }
}

/// The body of a definition on several lines: behind the name and its arguments.
fn joined_body(joined: &str, has_arguments: bool) -> Option<String> {
    let after = joined
        .trim_start()
        .strip_prefix('#')?
        .trim_start()
        .strip_prefix("define")?
        .trim_start();
    let after = &after[name_len(after)?..];
    let after = if has_arguments {
        after.split_once(')')?.1
    } else {
        after
    };
    let mut body = String::new();
    let mut rest = after;
    while let Some((before, comment)) = rest.split_once("/*") {
        body.push_str(before);
        body.push(' ');
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    body.push_str(rest.split("//").next().unwrap_or(""));
    Some(body.trim().to_owned())
}

/// Where the brace that is open at the start is closed.
fn matching_brace(text: &str, budget: &mut usize) -> Option<usize> {
    let mut depth = 0usize;
    let mut in_comment = false;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        *budget = budget.checked_sub(1)?;
        match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'*')) if !in_comment => in_comment = true,
            (b'*', Some(b'/')) if in_comment => in_comment = false,
            (b'{', _) if !in_comment => depth += 1,
            (b'}', _) if !in_comment => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The next constant of an enum, its comment, and the rest.
fn enum_entry(text: &str) -> Option<(&str, &str, &str)> {
    let text = skip_comments(text);
    if text.is_empty() {
        return None;
    }
    let mut depth = 0usize;
    let mut end = text.len();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                end = at;
                break;
            }
            b'/' if text[at..].starts_with("/*") => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let entry = &text[..end];
    let rest = text[end..].strip_prefix(',').unwrap_or(&text[end..]);
    let trimmed = rest.trim_start_matches([' ', '\t', ',']);
    match trimmed
        .strip_prefix("/*")
        .and_then(|comment| comment.split_once("*/"))
    {
        Some((comment, after)) => Some((
            entry,
            comment.trim(),
            after.trim_start().strip_prefix(',').unwrap_or(after),
        )),
        None => Some((entry, "", rest)),
    }
}

/// The text behind blanks, comments and directives.
fn skip_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        if let Some(comment) = text.strip_prefix("/*") {
            text = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if text.starts_with("//") || text.starts_with('#') {
            text = text.split_once('\n').map_or("", |(_, after)| after);
        } else {
            return text;
        }
    }
}
