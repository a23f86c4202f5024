//! Taking out what tells this very machine from all others.

mod patterns;

use super::survey::text_from;
use crate::units::count_noun;
use mmiotrace_capture::machine::{Root, mac_addresses, serial_numbers};
use mmiotrace_core::Access;
use patterns::{Kind, Patterns};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What was taken out is replaced by a word and a number: the same thing by the same number, so that
/// a reader still sees what belongs together.
#[derive(Debug)]
pub(super) struct Redactor {
    /// `None`: nothing is taken out.
    patterns: Option<Patterns>,
    /// What was found, and its replacement.
    known: BTreeMap<String, (Kind, u64)>,
    /// How often, by replacement and file.
    counts: BTreeMap<(Kind, u64, &'static str), u64>,
    /// Lines before and after, of which file, if they are to be shown.
    shown: Option<Vec<Changed>>,
    /// The MAC addresses of this machine, and the lines whose values hold the beginning of one.
    macs: Vec<(String, [u8; 6])>,
    suspects: BTreeMap<u64, String>,
    /// The trace is gone through twice, and is to be counted once.
    trace_counted: bool,
    /// Whether a line of the trace was changed.
    changed_trace: bool,
}

/// A line from which something was taken out.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) file: &'static str,
    pub(super) before: String,
    pub(super) after: String,
}

/// The trace's name in the archive.
pub(super) const TRACE: &str = "trace.mmiotrace";

/// Lines of the trace that are named, at most.
const MAX_SUSPECTS: usize = 100;

/// Lines that are shown, at most.
const MAX_SHOWN: usize = 10_000;

impl Redactor {
    pub(super) fn new(root: &Root, on: bool, show: bool) -> Self {
        let (serials, macs) = if on {
            (serial_numbers(root), mac_addresses(root))
        } else {
            (Vec::new(), Vec::new())
        };
        Self {
            patterns: on.then(|| Patterns::new(&serials)),
            known: BTreeMap::new(),
            counts: BTreeMap::new(),
            shown: show.then(Vec::new),
            macs: macs
                .into_iter()
                .filter_map(|mac| Some((mac.clone(), mac_bytes(&mac)?)))
                .collect(),
            suspects: BTreeMap::new(),
            trace_counted: false,
            changed_trace: false,
        }
    }

    /// A text of the archive, with everything taken out.
    pub(super) fn text<'t>(&mut self, file: &'static str, text: &'t str) -> Cow<'t, str> {
        let mut out: Option<String> = None;
        let mut done = 0;
        for line in text.split_inclusive('\n') {
            if let Some(replaced) = self.redacted(file, line.as_bytes()) {
                let out =
                    out.get_or_insert_with(|| text.get(..done).unwrap_or_default().to_owned());
                out.push_str(&String::from_utf8_lossy(&replaced));
            } else if let Some(out) = &mut out {
                out.push_str(line);
            }
            done += line.len();
        }
        out.map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// A line with everything taken out; `None` if there was nothing.
    fn redacted(&mut self, file: &'static str, line: &[u8]) -> Option<Vec<u8>> {
        let patterns = self.patterns.take()?;
        let counts = file != TRACE || !self.trace_counted;
        let replaced = patterns.replace(line, &mut |kind, secret| {
            let numbered = self.number(kind, patterns::key(kind, secret));
            if counts {
                let (kind, number) = numbered;
                *self.counts.entry((kind, number, file)).or_insert(0) += 1;
            }
            numbered
        });
        self.patterns = Some(patterns);
        let replaced = replaced?;
        if let Some(shown) = self
            .shown
            .as_mut()
            .filter(|shown| shown.len() < MAX_SHOWN && counts)
        {
            let text = |line: &[u8]| String::from_utf8_lossy(line).trim_end().to_owned();
            shown.push(Changed {
                file,
                before: text(line),
                after: text(&replaced),
            });
        }
        Some(replaced)
    }

    /// The kind under which a thing was found first, and its number there.
    fn number(&mut self, kind: Kind, key: String) -> (Kind, u64) {
        let of_kind = self.known.values().filter(|(known, _)| *known == kind);
        let next = of_kind.count() as u64 + 1;
        *self.known.entry(key).or_insert((kind, next))
    }

    /// A line of the trace as it is packed: everything but the records of the device is text, also
    /// what is not UTF-8 and what is no record at all; of a `PCIDEV` line the driver's name.
    pub(super) fn line<'l>(&mut self, line: &'l [u8]) -> Cow<'l, [u8]> {
        let Some(from) = text_from(line).filter(|_| self.patterns.is_some()) else {
            return Cow::Borrowed(line);
        };
        let (kept, text) = line.split_at_checked(from).unwrap_or((line, &[]));
        match self.redacted(TRACE, text) {
            None => Cow::Borrowed(line),
            Some(replaced) => {
                self.changed_trace = true;
                Cow::Owned([kept, &replaced].concat())
            }
        }
    }

    /// The lines that were changed, if they were to be kept.
    pub(super) fn shown(&self) -> &[Changed] {
        self.shown.as_deref().unwrap_or_default()
    }

    /// Whether the trace that is packed is not the one that was read.
    pub(super) const fn has_changed_trace(&self) -> bool {
        self.changed_trace
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
        let kinds: BTreeSet<Kind> = self.counts.keys().map(|(kind, ..)| *kind).collect();
        for kind in kinds {
            let of_kind = || self.counts.iter().filter(|((of, ..), _)| *of == kind);
            let different: BTreeSet<u64> = of_kind().map(|((_, number, _), _)| *number).collect();
            let all: u64 = of_kind().map(|(_, count)| count).sum();
            let (different, times) = (different.len(), count_noun(all, "time"));
            text.push_str(&format!("{kind}: {different} different, {times}\n"));
            for ((_, number, file), count) in of_kind() {
                let times = count_noun(*count, "time");
                text.push_str(&format!("  [{kind} {number}]: {times} in {file}\n"));
            }
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
