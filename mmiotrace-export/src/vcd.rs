//! Value change dumps (IEEE 1364-2005, section 18), for GTKWave, Surfer and the like.

mod scopes;

use crate::tracks::{Naming, Tracks};
use mmiotrace_core::{
    AccessKind, Blind, BlindEdge, Event, EventKind, EventSink, Loss, Marker, Printable, Timestamp,
    Value,
};
use scopes::Scopes;
use std::io::{self, Write};

/// Writes events as a value change dump.
///
/// Each register is a vector of its last value and two events, `NAME.rd` and `NAME.wr`, that fire
/// at each access. Registers of a device are in a scope for it, in that one for the BAR, and in
/// that one for what the name says before its first dot. `lost` counts lost events, `blind` is 1 while a page is blind. Markers become
/// comments.
///
/// A dump declares its variables first, so the whole trace is held in memory: 32 bytes an access.
/// Times in a dump never go back; where the trace's do, the access stands at the time before it
/// ([`VcdSummary::moved`]).
#[derive(Debug)]
pub struct VcdExporter<'n, W> {
    inner: W,
    tracks: Tracks<'n>,
    changes: Vec<(Timestamp, Change)>,
    wide: Vec<Value>,
    texts: Vec<Vec<u8>>,
}

/// What there is to say of a finished dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VcdSummary {
    /// Registers.
    pub registers: usize,
    /// Records whose time was before that of their predecessor; they stand at the latter.
    pub moved: u64,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Access {
        track: u32,
        kind: AccessKind,
        value: Stored,
    },
    Lost(u64),
    Blind(bool),
    Text(u32),
}

#[derive(Clone, Copy, Debug)]
enum Stored {
    Unknown,
    Number(u64),
    Wide(u32),
}

/// The codes of the two variables that belong to no register.
const LOST: usize = 0;
const BLIND: usize = 1;
const FIRST_TRACK: usize = 2;

impl<'n, W: Write> VcdExporter<'n, W> {
    /// An exporter that calls registers by `naming`.
    pub fn new(inner: W, naming: Naming<'n>) -> Self {
        Self {
            inner,
            tracks: Tracks::new(naming),
            changes: Vec::new(),
            wide: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// Writes the dump and gives the sink of bytes back.
    ///
    /// # Errors
    /// The first that writing met.
    pub fn finish(mut self) -> io::Result<(W, VcdSummary)> {
        self.place_untimed();
        self.write_declarations()?;
        let moved = self.write_changes()?;
        self.inner.flush()?;
        Ok((
            self.inner,
            VcdSummary {
                registers: self.tracks.list().len(),
                moved,
            },
        ))
    }

    /// What was put into a trace afterwards (a header, an importer's note) has the time 0, which is
    /// none: it goes to the first record that has one.
    fn place_untimed(&mut self) {
        let timed = |(time, _): &&(Timestamp, Change)| *time != Timestamp::ZERO;
        let Some(first) = self.changes.iter().find(timed).map(|(time, _)| *time) else {
            return;
        };
        let untimed = self.changes.iter_mut();
        for (time, _) in untimed.take_while(|(time, _)| *time == Timestamp::ZERO) {
            *time = first;
        }
    }

    fn write_declarations(&mut self) -> io::Result<()> {
        let scopes = Scopes::of(self.tracks.list());
        // The time axis begins where the trace does: a viewer shows from the first time on.
        let first = self.changes.first().map(|(time, _)| *time);
        let out = &mut self.inner;
        writeln!(
            out,
            "$version mmiotrace $end\n$timescale 1 ns $end\n$scope module mmiotrace $end"
        )?;
        writeln!(out, "$var integer 64 {} lost $end", code(LOST))?;
        writeln!(out, "$var wire 1 {} blind $end", code(BLIND))?;
        scopes.write(self.tracks.list(), out)?;
        writeln!(out, "$upscope $end\n$enddefinitions $end")?;
        if let Some(first) = first {
            writeln!(out, "#{}", first.as_nanos())?;
        }
        writeln!(out, "$dumpvars\nb0 {}\n0{}", code(LOST), code(BLIND))?;
        for number in 0..self.tracks.list().len() {
            let [value, ..] = codes(number);
            writeln!(out, "bx {value}")?;
        }
        writeln!(out, "$end")
    }

    fn write_changes(&mut self) -> io::Result<u64> {
        let out = &mut self.inner;
        // The declarations have written it.
        let mut now = self.changes.first().map(|(time, _)| *time);
        let mut moved = 0;
        let mut lost: u64 = 0;
        for (time, change) in &self.changes {
            let time = match now {
                Some(now) if *time < now => {
                    moved += 1;
                    now
                }
                _ => *time,
            };
            if now != Some(time) {
                writeln!(out, "#{}", time.as_nanos())?;
                now = Some(time);
            }
            match change {
                Change::Access { track, kind, value } => {
                    let [id, read, write] = codes(*track as usize);
                    match value {
                        Stored::Unknown => write!(out, "bx")?,
                        Stored::Number(number) => write!(out, "b{number:b}")?,
                        Stored::Wide(at) => {
                            write!(out, "b")?;
                            let bytes = self
                                .wide
                                .get(*at as usize)
                                .map_or(&[][..], |value| value.as_le_bytes());
                            bytes
                                .iter()
                                .rev()
                                .try_for_each(|byte| write!(out, "{byte:08b}"))?;
                        }
                    }
                    let fired = if *kind == AccessKind::Read {
                        read
                    } else {
                        write
                    };
                    writeln!(out, " {id}\n1{fired}")?;
                }
                Change::Lost(count) => {
                    lost = lost.saturating_add(*count);
                    writeln!(out, "b{lost:b} {}", code(LOST))?;
                }
                Change::Blind(blind) => writeln!(out, "{}{}", u8::from(*blind), code(BLIND))?,
                Change::Text(at) => {
                    let text = self.texts.get(*at as usize).map_or(&[][..], |text| text);
                    // A `$end` in the text would end the comment early.
                    let text = Printable::from_bytes(text).to_string().replace('$', "_");
                    writeln!(out, "$comment {text} $end")?;
                }
            }
        }
        Ok(moved)
    }
}

/// The three variables of a register: value, reads, writes.
fn codes(track: usize) -> [String; 3] {
    [0, 1, 2].map(|part| code(FIRST_TRACK + 3 * track + part))
}

/// The short code of a variable: printable characters from `!` to `~`, as few as do.
fn code(mut number: usize) -> String {
    let mut code = String::new();
    loop {
        code.push(char::from(b'!' + (number % 94) as u8));
        number /= 94;
        if number == 0 {
            return code;
        }
        number -= 1;
    }
}

impl<W: Write> EventSink for VcdExporter<'_, W> {
    fn event(&mut self, event: &Event) {
        self.tracks.apply(event);
        let EventKind::Access(access) = &event.kind else {
            return;
        };
        let value = match access.value.map(|value| (value.to_u64(), value)) {
            None => Stored::Unknown,
            Some((Some(number), _)) => Stored::Number(number),
            Some((None, value)) => {
                self.wide.push(value);
                Stored::Wide(u32::try_from(self.wide.len() - 1).unwrap_or(u32::MAX))
            }
        };
        let track = u32::try_from(self.tracks.number(access)).unwrap_or(u32::MAX);
        self.changes.push((
            event.time,
            Change::Access {
                track,
                kind: access.kind,
                value,
            },
        ));
    }

    fn marker(&mut self, marker: &Marker<'_>) {
        self.texts.push(marker.text.to_vec());
        let at = u32::try_from(self.texts.len() - 1).unwrap_or(u32::MAX);
        self.changes.push((marker.time, Change::Text(at)));
    }

    fn lost(&mut self, loss: &Loss) {
        // The kernel prints losses with time 0: they belong where they stand.
        let time = self
            .changes
            .last()
            .map_or(loss.time, |(time, _)| loss.time.max(*time));
        self.changes.push((time, Change::Lost(loss.count)));
    }

    fn blind(&mut self, blind: &Blind) {
        self.changes
            .push((blind.time, Change::Blind(blind.edge == BlindEdge::Begin)));
    }

    fn line(&mut self, _: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::code;
    use std::collections::HashSet;

    #[test]
    fn codes_are_short_and_never_repeat() {
        let codes: HashSet<String> = (0..100_000).map(code).collect();
        assert_eq!(codes.len(), 100_000);
        assert!(
            codes
                .iter()
                .all(|code| code.len() <= 3 && code.bytes().all(|byte| byte.is_ascii_graphic()))
        );
    }
}
