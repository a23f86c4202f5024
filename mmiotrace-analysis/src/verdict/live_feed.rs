//! A checker at the end of a capture instead of a file.

use super::Checker;
use mmiotrace_core::{AccessKind, Blind, Event, EventKind, EventSink, Header, Loss, Marker};
use mmiotrace_format::{Line, LineKind, Position, Record};

/// What a capture yields, counted as one line each.
impl EventSink for Checker {
    fn event(&mut self, event: &Event) {
        self.next_line();
        let kind = match &event.kind {
            EventKind::Access(access) if access.kind == AccessKind::Read => LineKind::Read,
            EventKind::Access(_) => LineKind::Write,
            EventKind::Map(_) => LineKind::Map,
            EventKind::Unmap(_) => LineKind::Unmap,
            EventKind::UnknownOpcode(_) => LineKind::Unknown,
            _ => LineKind::Other,
        };
        self.counts().add(kind);
        if event.seq.is_some() {
            self.evidence().ours();
        }
        if event.unordered {
            self.unordered();
        }
        self.chain().end();
        Self::event(self, event, event.seq);
    }

    fn marker(&mut self, marker: &Marker<'_>) {
        self.next_line();
        self.counts().add(LineKind::Mark);
        let line = self.line_here(&[]);
        let entry = self.context.entry(line, Ok(Record::Marker(*marker)));
        Self::marker(self, marker, entry.annotation());
        self.chain().marker(&line, marker);
    }

    fn lost(&mut self, loss: &Loss) {
        self.next_line();
        self.counts().add(LineKind::Mark);
        Self::lost(self, loss);
    }

    fn blind(&mut self, blind: &Blind) {
        self.next_line();
        self.counts().add(LineKind::Mark);
        self.evidence().ours();
        Self::blind(self, blind);
    }

    fn line(&mut self, line: &[u8]) {
        self.next_line();
        self.counts().add(LineKind::Other);
        let line = self.line_here(line);
        if let Ok(Record::Other(other)) = line.parse() {
            self.other(&line, &other);
        }
    }

    fn header(&mut self, header: &Header<'_>) {
        self.next_line();
        self.counts().add(match header {
            Header::Version { .. } => LineKind::Version,
            Header::PciDev { .. } => LineKind::PciDev,
            _ => LineKind::Lspci,
        });
        Self::header(self, header);
    }
}

impl Checker {
    fn line_here<'a>(&self, bytes: &'a [u8]) -> Line<'a> {
        Line::new(bytes, Position::new(self.last_line(), 0))
    }
}
