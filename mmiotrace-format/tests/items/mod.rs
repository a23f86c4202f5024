//! What a sink is given, kept.
#![allow(dead_code, missing_docs, unreachable_pub)]

use mmiotrace_core::{Blind, Event, EventSink, Header, Loss, Marker, Timestamp};
use mmiotrace_format::{Block, Lifter, Writer};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Event(Event),
    Marker(Timestamp, Vec<u8>),
    Lost(Loss),
    Blind(Blind),
    Header(Vec<u8>),
    Line(Vec<u8>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items(pub Vec<Item>);

impl EventSink for Items {
    fn event(&mut self, event: &Event) {
        self.0.push(Item::Event(*event));
    }
    fn marker(&mut self, marker: &Marker<'_>) {
        self.0.push(Item::Marker(marker.time, marker.text.to_vec()));
    }
    fn lost(&mut self, loss: &Loss) {
        self.0.push(Item::Lost(*loss));
    }
    fn blind(&mut self, blind: &Blind) {
        self.0.push(Item::Blind(*blind));
    }
    fn line(&mut self, line: &[u8]) {
        self.0.push(Item::Line(line.to_vec()));
    }
    fn header(&mut self, header: &Header<'_>) {
        self.0.push(Item::Header(header.as_bytes().to_vec()));
    }
}

impl Items {
    /// What a trace says.
    pub fn lifted(trace: &[u8]) -> Self {
        let (mut items, mut lifter) = (Self::default(), Lifter::new());
        for line in Block::new(trace).lines().flatten() {
            let _ = lifter.push_line(&line, &mut items);
        }
        lifter.finish(&mut items);
        items
    }

    /// The trace that a writer makes of it. Of a header only the bytes are kept, so it goes in as
    /// a line.
    pub fn written(&self) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for item in &self.0 {
            match item {
                Item::Event(event) => writer.event(event),
                Item::Marker(time, text) => writer.marker(&Marker { time: *time, text }),
                Item::Lost(loss) => writer.lost(loss),
                Item::Blind(blind) => writer.blind(blind),
                Item::Header(line) | Item::Line(line) => writer.line(line),
            }
        }
        writer.into_inner().unwrap_or_default()
    }

    /// With times as the text carries them: in whole microseconds.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        for item in &mut self.0 {
            let time = match item {
                Item::Event(event) => &mut event.time,
                Item::Marker(time, _) => time,
                Item::Lost(loss) => &mut loss.time,
                Item::Blind(blind) => &mut blind.time,
                Item::Header(_) | Item::Line(_) => continue,
            };
            *time = Timestamp::from_micros(time.as_micros_rounded()).unwrap_or(*time);
        }
        self
    }
}
