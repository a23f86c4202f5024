//! Keys, strings, numbers and inline tables.

use mmiotrace_core::Printable;

/// A number in hex; as a string where it is beyond TOML's integers.
pub(super) fn hex(number: u64) -> String {
    match i64::try_from(number) {
        Ok(number) => format!("{number:#x}"),
        Err(_) => format!("\"{number:#x}\""),
    }
}

/// A basic string (TOML 1.0, section String).
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // TOML asks for it up to DEL; the others would steer a terminal.
            c if !Printable::shows(c) => match u32::from(c) {
                code @ 0..=0xffff => out.push_str(&format!("\\u{code:04x}")),
                code => out.push_str(&format!("\\U{code:08x}")),
            },
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A key, bare where it may be.
pub(super) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// An inline table that is being written.
pub(super) struct Inline {
    parts: Vec<String>,
}

impl Inline {
    pub(super) const fn new() -> Self {
        Self { parts: Vec::new() }
    }

    pub(super) fn raw(&mut self, key: &str, value: &str) {
        self.parts.push(format!("{key} = {value}"));
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.raw(key, &quoted(text));
    }

    pub(super) fn text_unless_empty(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.text(key, text);
        }
    }

    pub(super) fn number_unless(&mut self, key: &str, number: u64, default: u64) {
        if number != default {
            self.raw(key, &hex(number));
        }
    }

    pub(super) fn parts(self) -> Vec<String> {
        self.parts
    }

    pub(super) fn finish(self) -> String {
        if self.parts.is_empty() {
            "{}".to_owned()
        } else {
            format!("{{ {} }}", self.parts.join(", "))
        }
    }
}
