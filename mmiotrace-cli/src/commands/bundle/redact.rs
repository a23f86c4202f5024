//! Taking out what tells this very machine from all others.

use super::survey::is_text;
use mmiotrace_capture::machine::{Root, mac_addresses, serial_numbers};
use mmiotrace_core::Access;
use regex::{Captures, Regex};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What was taken out is replaced by a word and a number: the same thing by the same number, so that
/// a reader still sees what belongs together.
#[derive(Debug)]
pub(super) struct Redactor {
    on: bool,
    patterns: Vec<Pattern>,
    /// What was found, and its replacement.
    known: BTreeMap<String, String>,
    /// How often, by replacement and file.
    counts: BTreeMap<(String, &'static str), u64>,
    /// The MAC addresses of this machine, and the lines whose values hold the beginning of one.
    macs: Vec<(String, [u8; 6])>,
    suspects: BTreeMap<u64, String>,
    /// The trace is gone through twice, and is to be counted once.
    trace_counted: bool,
}

#[derive(Debug)]
struct Pattern {
    kind: &'static str,
    regex: Regex,
}

/// The trace's name in the archive.
pub(super) const TRACE: &str = "trace.mmiotrace";

/// Lines of the trace that are named, at most.
const MAX_SUSPECTS: usize = 100;

impl Redactor {
    pub(super) fn new(root: &Root, on: bool) -> Self {
        let mut redactor = Self {
            on,
            patterns: Vec::new(),
            known: BTreeMap::new(),
            counts: BTreeMap::new(),
            macs: Vec::new(),
            suspects: BTreeMap::new(),
            trace_counted: false,
        };
        if on {
            redactor.add_patterns(&serial_numbers(root));
            redactor.macs = mac_addresses(root)
                .into_iter()
                .filter_map(|mac| Some((mac.clone(), mac_bytes(&mac)?)))
                .collect();
        }
        redactor
    }

    /// First what is known of this machine, literally; then what has the form of such a thing.
    fn add_patterns(&mut self, serials: &[String]) {
        let literal = serials
            .iter()
            .map(|serial| regex::escape(serial))
            .collect::<Vec<_>>()
            .join("|");
        let sources = [
            ("serial", format!("(?i)(?<secret>{literal})")),
            // EUI-64, as PCI Express' device serial number, and longer fingerprints: taken whole.
            ("serial", r"\b(?<secret>[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){6,})\b".to_owned()),
            ("MAC", r"\b(?<secret>[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5})\b".to_owned()),
            (
                "UUID",
                r"\b(?<secret>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})\b".to_owned(),
            ),
            // "SerialNumber: X" of USB, "[SN] Serial number: X" of vital product data, "S/N X".
            (
                "serial",
                r"(?i)\b(?:serial[ _-]?(?:number|no)?|s/n)\s*[:=]\s*(?<secret>[^\s,;\]]{3,})".to_owned(),
            ),
        ];
        for (kind, source) in sources {
            if source.contains("<secret>)") {
                // No serial number is known.
                continue;
            }
            // Our own patterns; an escaped literal is one too.
            if let Ok(regex) = Regex::new(&source) {
                self.patterns.push(Pattern { kind, regex });
            }
        }
    }

    /// A text of the archive, with everything taken out.
    pub(super) fn text<'t>(&mut self, file: &'static str, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        let patterns = core::mem::take(&mut self.patterns);
        for pattern in &patterns {
            let replaced = pattern.regex.replace_all(&text, |found: &Captures<'_>| {
                self.replace(pattern.kind, file, found)
            });
            if let Cow::Owned(replaced) = replaced {
                text = Cow::Owned(replaced);
            }
        }
        self.patterns = patterns;
        text
    }

    fn replace(&mut self, kind: &str, file: &'static str, found: &Captures<'_>) -> String {
        let whole = found.get(0).map_or("", |part| part.as_str());
        let secret = found.name("secret").map_or(whole, |part| part.as_str());
        // USB prints whether there is one: "SerialNumber=3".
        let is_index = secret.bytes().all(|byte| byte.is_ascii_digit()) && secret.len() < 4;
        if secret.starts_with('[') || is_index {
            return whole.to_owned();
        }
        let key = secret.to_ascii_lowercase().replace('-', ":");
        let number = self
            .known
            .values()
            .filter(|word| word.starts_with(&format!("[{kind} ")))
            .count()
            + 1;
        let word = self
            .known
            .entry(key)
            .or_insert_with(|| format!("[{kind} {number}]"))
            .clone();
        if file != TRACE || !self.trace_counted {
            *self.counts.entry((word.clone(), file)).or_insert(0) += 1;
        }
        whole.replace(secret, &word)
    }

    /// A line of the trace as it is packed: markers and lspci lines have text.
    pub(super) fn line<'l>(&mut self, line: &'l [u8]) -> Cow<'l, [u8]> {
        if !self.on || !is_text(line) {
            return Cow::Borrowed(line);
        }
        let Ok(text) = core::str::from_utf8(line) else {
            return Cow::Borrowed(line);
        };
        match self.text(TRACE, text) {
            Cow::Borrowed(_) => Cow::Borrowed(line),
            Cow::Owned(replaced) => Cow::Owned(replaced.into_bytes()),
        }
    }

    /// The trace has been gone through once.
    pub(super) fn end_of_trace(&mut self) {
        self.trace_counted = true;
    }

    /// Notes accesses whose value holds the first four bytes of a MAC address of this machine, in
    /// either order.
    pub(super) fn look_at_access(&mut self, line: u64, access: &Access) {
        let value = access
            .value
            .as_ref()
            .filter(|_| self.suspects.len() < MAX_SUSPECTS);
        let Some(first) = value.and_then(|value| value.as_le_bytes().first_chunk::<4>()) else {
            return;
        };
        let mut reversed = *first;
        reversed.reverse();
        let found = self.macs.iter().find(|(_, mac)| {
            let half = mac.first_chunk::<4>();
            half == Some(first) || half == Some(&reversed)
        });
        if let Some((mac, _)) = found {
            self.suspects.insert(line, mac.clone());
        }
    }

    /// What was taken out, and what was not.
    pub(super) fn report(&self) -> String {
        let mut text = String::from("Taken out:\n");
        for ((word, file), count) in &self.counts {
            text.push_str(&format!("  {word}: {count} times in {file}\n"));
        }
        if self.counts.is_empty() {
            text.push_str("  nothing was found\n");
        }
        text.push_str("Not taken out: values of registers. ");
        if self.suspects.is_empty() {
            text.push_str("None holds a MAC address that this machine has now.\n");
            return text;
        }
        text.push_str("These lines of trace.mmiotrace may hold a MAC address:\n");
        for line in self.suspects.keys() {
            text.push_str(&format!("  line {line}\n"));
        }
        if self.suspects.len() >= MAX_SUSPECTS {
            text.push_str("  and perhaps more\n");
        }
        text
    }
}

fn mac_bytes(text: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|part| u8::from_str_radix(part, 16).ok())
        .collect();
    bytes?.try_into().ok()
}
