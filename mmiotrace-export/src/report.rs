//! A trace at a glance: one self-contained page, or one picture.

mod chunk;
mod collect;
mod grid;
mod html;
mod svg;

use crate::tracks::Naming;
use collect::Collected;
use mmiotrace_core::{Blind, Event, EventSink, Loss, Marker};
use std::io::{self, Write};

/// How bad a line of the verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The trace is whole, or a remark.
    Good,
    /// Something that does not make the trace incomplete.
    Note,
    /// The trace is incomplete.
    Bad,
}

/// Something that lasted, drawn as a bar on its register's row: a poll, a delay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The first and the last record, counted from 0 over the accesses.
    pub accesses: (u64, u64),
    /// What it says when pointed at.
    pub text: String,
}

/// Gathers events and draws them: a map of registers over time (reads and writes, zoom and pan),
/// lanes of values, markers, losses and blind intervals in red, tables, and the verdict on top.
///
/// The page needs no network. Down-sampled levels are embedded for the whole view; single accesses
/// are embedded compressed in pieces and unpacked when looked at, so pages of five million records
/// stay quick. Everything is held in memory until it is written: 24 bytes an access.
#[derive(Debug)]
pub struct Report<'n> {
    collected: Collected<'n>,
    title: String,
    verdict: Vec<(Severity, String)>,
    bars: Vec<Bar>,
}

impl<'n> Report<'n> {
    /// A report that calls registers by `naming`.
    pub fn new(title: &str, naming: Naming<'n>) -> Self {
        Self {
            collected: Collected::new(naming),
            title: title.to_owned(),
            verdict: Vec::new(),
            bars: Vec::new(),
        }
    }

    /// Adds a line of the verdict, shown on top.
    pub fn verdict(&mut self, severity: Severity, text: &str) {
        self.verdict.push((severity, text.to_owned()));
    }

    /// Adds a bar. Bars past the last access are not drawn.
    pub fn bar(&mut self, bar: Bar) {
        self.bars.push(bar);
    }

    /// Writes the page.
    ///
    /// # Errors
    /// The first that writing met.
    pub fn write_html(&self, out: &mut dyn Write) -> io::Result<()> {
        html::write(self, out)
    }

    /// Writes the map as a picture, without what needs a pointer.
    ///
    /// # Errors
    /// The first that writing met.
    pub fn write_svg(&self, out: &mut dyn Write) -> io::Result<()> {
        svg::write(self, out)
    }
}

impl EventSink for Report<'_> {
    fn event(&mut self, event: &Event) {
        self.collected.event(event);
    }
    fn marker(&mut self, marker: &Marker<'_>) {
        self.collected.marker(marker);
    }
    fn lost(&mut self, loss: &Loss) {
        self.collected.lost(loss);
    }
    fn blind(&mut self, blind: &Blind) {
        self.collected.blind(blind);
    }
    fn line(&mut self, _: &[u8]) {}
}
