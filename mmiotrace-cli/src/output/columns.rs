//! Named accesses as columns.

use super::color::{Style, paint, paint_with};
use super::digits::{
    hex_digit, push_decimal, push_fraction, push_hex, push_left, push_right, push_time,
};
use super::text::{printable, push_printable};
use core::fmt::Write as _;
use core::time::Duration;
use mmiotrace_core::{AccessKind, Event, EventKind, Timestamp};
use mmiotrace_registers::{DeviceId, Inference, Inner, Named, Part, Verbosity};

/// How wide the columns of place and name are, unless their text is longer.
const PLACE: usize = 20;
const NAME: usize = 24;

/// How wide the time is, and the time since the line before.
const TIME: usize = 14;
const PASSED: usize = 10;

/// Prints one line for each record.
#[derive(Debug)]
pub(super) struct Columns {
    color: bool,
    last: Option<Timestamp>,
    /// What is put together here, to be padded.
    word: String,
    /// The device and BAR of the last access, and their text.
    region: Option<(DeviceId, u8)>,
    region_text: String,
}

impl Columns {
    pub(super) const fn new(color: bool) -> Self {
        Self {
            color,
            last: None,
            word: String::new(),
            region: None,
            region_text: String::new(),
        }
    }

    /// A line for an access, or one that could not be decoded.
    pub(super) fn access(
        &mut self,
        out: &mut String,
        event: &Event,
        mut named: Named<'_>,
        symbol: Option<&str>,
    ) {
        self.time(out, event.time);
        self.operation(out, &event.kind);
        self.place(out, event, &named);
        self.name(out, named.name());
        self.value(out, event, &named);
        if named.verbosity() >= Verbosity::Fields {
            self.meaning(out, &mut named);
        }
        if let Some(changed) = named.changed().filter(|changed| *changed != 0) {
            out.push_str(" ^");
            push_hex(out, changed);
        }
        if let Some(inner) = named.inner() {
            self.inner(out, &inner);
        }
        self.inference(out, named.inference());
        if let Some(symbol) = symbol {
            out.push_str("  ");
            paint(out, self.color, Style::Faint, symbol);
        }
        out.push('\n');
    }

    /// A line for anything else: its time, where it has one, and a text.
    pub(super) fn other(
        &mut self,
        out: &mut String,
        time: Option<Timestamp>,
        word: &str,
        text: &str,
    ) {
        match time {
            Some(time) => self.time(out, time),
            None => out.push_str(&" ".repeat(26)),
        }
        let style = match word {
            "MARK" => Style::Marker,
            "LOST" | "BLIND" => Style::Bad,
            _ => Style::Faint,
        };
        self.word.clear();
        let _ = write!(self.word, "{word} ");
        self.word.push_str(text);
        paint(out, self.color, style, self.word.trim_start());
        out.push('\n');
    }

    /// The time, and how much has passed since the line before.
    fn time(&mut self, out: &mut String, time: Timestamp) {
        self.word.clear();
        push_time(&mut self.word, time);
        push_right(out, &self.word, TIME);
        self.word.clear();
        // What was added to a trace and happened at no time has 0.
        let last = match time {
            Timestamp::ZERO => None,
            _ => self.last.replace(time),
        };
        match last.map(|last| time.since(last)) {
            Some(Some(passed)) => duration(&mut self.word, passed),
            // The clock went back: `check` tells it.
            Some(None) => self.word.push_str("back"),
            None => {}
        }
        paint_with(out, self.color, Style::Faint, |out| {
            push_right(out, &self.word, PASSED);
        });
    }

    fn operation(&mut self, out: &mut String, kind: &EventKind) {
        let (style, letter, width) = match kind {
            EventKind::Access(access) => {
                let width = access.width.bytes();
                match access.kind {
                    AccessKind::Read => (Style::Read, "R", Some(width)),
                    AccessKind::Write => (Style::Write, "W", Some(width)),
                }
            }
            _ => (Style::Bad, "??", None),
        };
        self.word.clear();
        self.word.push_str(letter);
        if let Some(width) = width {
            push_decimal(&mut self.word, width.into());
        }
        paint_with(out, self.color, style, |out| push_left(out, &self.word, 3));
    }

    /// `00:02.0:0+0xd8`; without a device the physical address.
    fn place(&mut self, out: &mut String, event: &Event, named: &Named<'_>) {
        self.word.clear();
        let phys = match &event.kind {
            EventKind::Access(access) => access.phys.0,
            EventKind::UnknownOpcode(unknown) => unknown.phys.0,
            _ => 0,
        };
        match (named.device(), named.bar(), named.offset()) {
            (Some(device), Some(bar), Some(offset)) => {
                if self.region != Some((device, bar)) {
                    self.region = Some((device, bar));
                    self.region_text.clear();
                    if let Some(device) = named.device_facts() {
                        let _ = write!(self.region_text, "{}:{bar}+", device.address);
                    }
                }
                self.word.push_str(&self.region_text);
                push_hex(&mut self.word, offset);
            }
            (_, _, Some(offset)) if named.map().is_some() => {
                push_hex(&mut self.word, phys);
                self.word.push_str(" +");
                push_hex(&mut self.word, offset);
            }
            _ => push_hex(&mut self.word, phys),
        }
        paint_with(out, self.color, Style::Faint, |out| {
            push_left(out, &self.word, PLACE);
        });
    }

    fn name(&mut self, out: &mut String, name: Option<&str>) {
        let style = if name.is_some() {
            Style::Name
        } else {
            Style::Faint
        };
        paint_with(out, self.color, style, |out| {
            push_left(out, &printable(name.unwrap_or("?")), NAME);
        });
    }

    /// All digits that the width has; those that changed stand out.
    fn value(&mut self, out: &mut String, event: &Event, named: &Named<'_>) {
        let EventKind::Access(access) = &event.kind else {
            return out.push_str("not decoded");
        };
        let Some(value) = access.value else {
            return out.push_str("not known");
        };
        let digits = usize::from(access.width.bytes().min(8)) * 2;
        let Some(number) = named.number() else {
            // Wider than eight bytes: the bytes as they lie in memory.
            for byte in value.as_le_bytes() {
                let _ = write!(out, "{byte:02x}");
            }
            return;
        };
        let changed = named.changed().unwrap_or(0);
        out.push_str("0x");
        for digit in (0..digits).rev() {
            let differs = changed >> (4 * digit) & 0xf != 0;
            paint_with(out, self.color && differs, Style::Changed, |out| {
                out.push(hex_digit(number >> (4 * digit)));
            });
        }
    }

    /// What the value means, where that is more than the number.
    fn meaning(&self, out: &mut String, named: &mut Named<'_>) {
        let Some(number) = named.number() else { return };
        if !self.color {
            let text = named.text();
            if !is_plain(text, number) {
                out.push(' ');
                push_printable(out, text);
            }
            return;
        }
        let changed = named.changed().unwrap_or(0);
        let mut text = String::new();
        for (count, part) in named.parts().enumerate() {
            if count > 0 {
                text.push_str(", ");
            }
            part_in_color(&mut text, &part, changed);
        }
        if !is_plain(&text, number) {
            out.push(' ');
            out.push_str(&text);
        }
    }

    /// ` => PHY.CONTROL R 0x1140 { … }`.
    fn inner(&self, out: &mut String, inner: &Inner<'_>) {
        out.push_str(" => ");
        let mut place = String::new();
        let _ = match (inner.name, inner.offset) {
            (Some(name), _) => write!(place, "{}.{name}", inner.space),
            (None, Some(offset)) => write!(place, "{}+{offset:#x}", inner.space),
            (None, None) => write!(place, "{}+?", inner.space),
        };
        paint(out, self.color, Style::Name, &place);
        let letter = match inner.kind {
            AccessKind::Read => 'R',
            AccessKind::Write => 'W',
        };
        let _ = write!(out, " {letter} {:#x}", inner.value);
        let mut text = String::new();
        if let Some(part) = &inner.part {
            part.write_text(&mut text);
        }
        if !text.is_empty() && !is_plain(&text, inner.value) {
            out.push(' ');
            push_printable(out, &text);
        }
        self.inference(out, inner.inference);
    }

    /// ` (inferred: place)`.
    fn inference(&self, out: &mut String, inference: Inference) {
        if !inference.is_none() {
            let text = format!(" (inferred: {inference})");
            paint(out, self.color, Style::Faint, &text);
        }
    }
}

/// Whether a text says no more than the number.
fn is_plain(text: &str, number: u64) -> bool {
    // Nearly all texts begin otherwise, and those are told at once.
    match text.as_bytes() {
        [digit] if number < 10 => u64::from(digit.wrapping_sub(b'0')) == number,
        [b'0', b'x', ..] => text
            .strip_prefix("0x")
            .is_some_and(|digits| u64::from_str_radix(digits, 16) == Ok(number)),
        _ => false,
    }
}

/// The same text that [`Part::write_text`] gives, with the fields that changed standing out.
fn part_in_color(out: &mut String, part: &Part<'_>, changed: u64) {
    let mut fields = part.fields().peekable();
    if fields.peek().is_none() {
        let mut text = String::new();
        part.write_text(&mut text);
        return push_printable(out, &text);
    }
    // From the access's place to the register's.
    let own = changed.checked_shr(u32::from(part.first) * 8).unwrap_or(0);
    let shift = u32::try_from(part.within.saturating_mul(8)).unwrap_or(64);
    let changed = own.checked_shl(shift).unwrap_or(0);
    let mut separator = "{ ";
    for field in fields {
        let bits = (field.low..=field.high).fold(0, |mask, bit| mask | 1u64 << bit);
        let differs = changed & bits != 0;
        if field.is_flag() && field.value == 0 {
            continue;
        }
        let text = match (field.is_flag(), field.is_partial()) {
            (true, _) => field.name().to_owned(),
            (false, true) => {
                format!("{}[{}] = {:#x}", field.name(), field.bits(), field.value)
            }
            (false, false) => format!("{} = {}", field.name(), field.text()),
        };
        out.push_str(separator);
        paint(out, differs, Style::Changed, &text);
        separator = " | ";
    }
    let rest = part.remainder();
    if rest != 0 {
        let _ = write!(out, "{separator}{rest:#x}");
        separator = " | ";
    }
    out.push_str(if separator == "{ " { "{ 0 }" } else { " }" });
}

/// `+12us`, `+1.234ms`, `+2.500s`.
fn duration(out: &mut String, passed: Duration) {
    let nanos = passed.as_nanos().saturating_add(500);
    let micros = u64::try_from(nanos / 1000).unwrap_or(u64::MAX);
    out.push('+');
    let (whole, thousandths, unit) = match micros {
        0..1_000 => (micros, None, "us"),
        1_000..1_000_000 => (micros / 1000, Some(micros % 1000), "ms"),
        _ => (micros / 1_000_000, Some(micros / 1000 % 1000), "s"),
    };
    push_decimal(out, whole);
    if let Some(thousandths) = thousandths {
        out.push('.');
        push_fraction(out, thousandths, 3);
    }
    out.push_str(unit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (micros, text) in [
            (0, "+0us"),
            (999, "+999us"),
            (1_234, "+1.234ms"),
            (2_500_000, "+2.500s"),
        ] {
            let mut out = String::new();
            duration(&mut out, Duration::from_micros(micros));
            assert_eq!(out, text);
        }
    }

    #[test]
    fn plain_numbers() {
        assert!(is_plain("0x1f", 0x1f));
        assert!(!is_plain("0x1f", 0x1e));
        assert!(!is_plain("{ 0 }", 0));
        assert!(is_plain("3", 3));
        assert!(!is_plain("16", 16));
    }
}
