//! Lines by a pattern of the user: kprobe events, bpftrace, printk.

use crate::error::PatternError;
use crate::scan::Scan;
use crate::stamp::{Stamp, seconds};
use crate::state::{LoggedAccess, State};
use mmiotrace_core::{AccessKind, EventSink, PhysAddr, Timestamp, Value, VirtAddr, Width};
use regex::{Captures, Regex};

/// A regular expression with named groups that takes an access out of a line.
///
/// | group | meaning |
/// | --- | --- |
/// | `kind` (needed) | begins with `r`/`R` or `w`/`W`; digits behind it are the width in bits (`w32`, `R8`) |
/// | `addr` or `offset` (one needed) | the physical address, or the offset in `window`; with `0x` or without, hexadecimal |
/// | `value` | hexadecimal; without it the value is unknown |
/// | `width` | bytes |
/// | `window` | the name of the window that `offset` is in |
/// | `time` | seconds with a fraction, or whole nanoseconds |
/// | `cpu`, `pid` | decimal |
/// | `pc` | hexadecimal |
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

const GROUPS: [&str; 10] = [
    "kind", "width", "addr", "offset", "window", "value", "time", "cpu", "pid", "pc",
];

impl Pattern {
    /// A pattern from a regular expression.
    ///
    /// # Errors
    /// Where it is none, lacks a needed group, or has a named group without meaning.
    pub fn new(expression: &str) -> Result<Self, PatternError> {
        let regex =
            Regex::new(expression).map_err(|error| PatternError::Syntax(error.to_string()))?;
        let has = |name: &str| regex.capture_names().flatten().any(|group| group == name);
        if !has("kind") {
            return Err(PatternError::MissingGroup("kind"));
        }
        if !has("addr") && !has("offset") {
            return Err(PatternError::MissingGroup("addr"));
        }
        if let Some(other) = regex
            .capture_names()
            .flatten()
            .find(|group| !GROUPS.contains(group))
        {
            return Err(PatternError::UnknownGroup(other.to_owned()));
        }
        Ok(Self(regex))
    }

    /// Whether the pattern knows the line; `Some(false)` where it matches and a group makes no
    /// sense.
    pub(crate) fn take(
        &self,
        state: &mut State,
        line: &str,
        sink: &mut dyn EventSink,
    ) -> Option<bool> {
        let groups = self.0.captures(line)?;
        Some(give(state, &groups, sink).is_some())
    }
}

fn give(state: &mut State, groups: &Captures<'_>, sink: &mut dyn EventSink) -> Option<()> {
    let text = |name: &str| groups.name(name).map(|found| found.as_str());
    let hex = |name: &str| text(name).map(|text| Scan(text).hex());
    let word = text("kind")?;
    let kind = match word.bytes().next()? {
        b'r' | b'R' => AccessKind::Read,
        b'w' | b'W' => AccessKind::Write,
        _ => return None,
    };
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    let width = match (text("width"), digits.as_str()) {
        (Some(bytes), _) => Width::from_bytes(bytes.parse().ok()?)?,
        (None, "") => state.default_width,
        (None, bits) => Width::from_bytes(u8::try_from(bits.parse::<u32>().ok()? / 8).ok()?)?,
    };
    let stamp = Stamp {
        time: text("time").map_or(Some(Timestamp::ZERO), time)?,
        cpu: text("cpu").map(str::parse).transpose().ok()?,
        pid: text("pid").map_or(Ok(0), str::parse).ok()?,
        ticks: None,
    };
    let value = hex("value").map_or(Some(None), |value| value.map(Some))?;
    let pc = VirtAddr(hex("pc").unwrap_or(Some(0))?);
    let seen = LoggedAccess {
        stamp,
        kind,
        width,
        value: value.map(|value| Value::from_printed(value, width)),
        pc,
    };
    match hex("addr") {
        Some(address) => state.absolute(seen, PhysAddr(address?), sink),
        None => state.relative(
            seen,
            text("window").unwrap_or("window"),
            hex("offset")??,
            sink,
        ),
    }
    Some(())
}

fn time(text: &str) -> Option<Timestamp> {
    if text.contains('.') {
        seconds(text)
    } else {
        text.parse().ok().map(Timestamp::from_nanos)
    }
}
