//! A filter on its way through a trace.

use super::scan::{FirstBytes, Quick};
use super::{DeviceSelector, Filter, criterion};
use crate::{AddressRange, Devices};
use mmiotrace_core::{Bar, Event, EventKind, Header, MapId, Marker, Timestamp};
use mmiotrace_format::{Annotation, Context, Entry, Layout, LineKind, ParseError, Record};
use std::collections::HashSet;

/// At most so many mappings of the wanted device are followed at a time; of more, the `UNMAP`s
/// are not kept.
const MAX_MAPPINGS: usize = 65_536;

/// A filter on its way through one trace: shown every record in turn, it says which to keep.
///
/// It looks only at what the filter needs. A line whose other columns are broken is kept or
/// dropped by those that are asked for.
#[derive(Debug)]
pub struct Selector {
    pub(super) filter: Filter,
    span: Span,
    /// Of blocks of lines; entries have theirs.
    pub(super) context: Context,
    /// When the trace promised an end that the copy cannot keep: that is still to be said.
    pub(super) derived: Option<Timestamp>,
    devices: Devices,
    wanted: Wanted,
    /// Whether each line needs more than its own columns.
    stateful: bool,
    /// Where only lines that begin so need to be looked at.
    pub(super) first_bytes: Option<FirstBytes>,
    pub(super) quick: Option<Quick>,
    pub(super) layout: Layout,
}

/// Why a filter cannot be applied to a trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// The trace has no `PCIDEV` line of the device, so nobody knows its addresses.
    #[error("the trace has no PCIDEV line of {device}{}", list(known))]
    UnknownDevice {
        /// What was wanted.
        device: DeviceSelector,
        /// The devices that the trace names, as `BB:DD.F`.
        known: Vec<String>,
    },
    /// The device has no such memory range.
    #[error("{device} is no memory range: the device has none of that number")]
    NoSuchBar {
        /// What was wanted.
        device: DeviceSelector,
    },
    /// The trace has no marker where a span of it is to begin or to end.
    #[error("no marker matches {pattern}{}", if *.after_first { " after the first" } else { "" })]
    NoSuchMark {
        /// What was wanted.
        pattern: String,
        /// There is one where the span begins, and this is of its end.
        after_first: bool,
    },
}

fn list(known: &[String]) -> String {
    match known {
        [] => "; it has none at all".to_owned(),
        known => format!("; it names {}", known.join(", ")),
    }
}

/// Where the trace stands between the markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Before,
    Within,
    After,
}

/// The wanted device, as far as the trace has told of it.
#[derive(Debug, Default)]
struct Wanted {
    /// Memory ranges that the device has now.
    ranges: Vec<AddressRange>,
    mappings: HashSet<MapId>,
    told: bool,
    bar_told: bool,
}

impl Selector {
    pub(super) fn new(filter: Filter) -> Self {
        let span = if filter.from_mark.is_some() {
            Span::Before
        } else {
            Span::Within
        };
        let marks = filter.from_mark.is_some() || filter.to_mark.is_some();
        let stateful = marks || filter.device.is_some() || filter.cpu.is_some() || filter.context;
        let first_bytes = FirstBytes::of(filter.kinds).filter(|_| !stateful);
        let quick = Quick::of(&filter).filter(|_| !stateful);
        Self {
            filter,
            span,
            context: Context::new(),
            derived: None,
            devices: Devices::new(),
            wanted: Wanted::default(),
            stateful,
            first_bytes,
            quick,
            layout: Layout::new(),
        }
    }

    /// Whether to keep the next record of the trace.
    ///
    /// # Errors
    /// If a column that the filter needs is not there or not readable. The next record may be
    /// shown all the same.
    #[inline]
    pub fn selects(&mut self, entry: &Entry<'_>) -> Result<bool, ParseError> {
        if self.stateful {
            return self.selects_in_context(entry);
        }
        if let Some(Ok(annotation)) = entry.annotation() {
            self.look_at(annotation, entry);
        }
        self.judge_columns(entry)
    }

    /// Whether no later line can be kept, so that reading on is of no use.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.span == Span::After && !self.filter.context
    }

    /// Says that the trace is at its end.
    ///
    /// # Errors
    /// Where the trace did not tell what the filter needs: then what was kept is not the answer.
    pub fn finish(&self) -> Result<(), FilterError> {
        let (from, to) = (&self.filter.from_mark, &self.filter.to_mark);
        let missing = match self.span {
            Span::Before => from.as_ref(),
            Span::Within => to.as_ref(),
            Span::After => None,
        };
        if let Some(pattern) = missing {
            return Err(FilterError::NoSuchMark {
                pattern: pattern.to_string(),
                after_first: self.span == Span::Within && from.is_some(),
            });
        }
        let Some(device) = self.filter.device else {
            return Ok(());
        };
        if !self.wanted.told && !self.is_done() {
            let known = self
                .devices
                .as_slice()
                .iter()
                .map(crate::Device::slot_name)
                .collect();
            return Err(FilterError::UnknownDevice { device, known });
        }
        if self.wanted.told && device.bar.is_some() && !self.wanted.bar_told {
            return Err(FilterError::NoSuchBar { device });
        }
        Ok(())
    }

    #[cold]
    fn look_at(&mut self, annotation: &Annotation<'_>, entry: &Entry<'_>) {
        if let Annotation::Capture {
            end_promised: true, ..
        } = annotation
        {
            self.derived = Some(time_of(entry));
        }
    }

    fn selects_in_context(&mut self, entry: &Entry<'_>) -> Result<bool, ParseError> {
        match entry.line().kind() {
            LineKind::Mark => self.selects_marker(entry),
            LineKind::PciDev => {
                if let Record::Header(header) = entry.record()? {
                    self.learn_device(header);
                }
                Ok(self.filter.context || self.judge_plain(entry)?)
            }
            LineKind::Version => Ok(self.filter.context || self.judge_plain(entry)?),
            LineKind::Read
            | LineKind::Write
            | LineKind::Unknown
            | LineKind::Map
            | LineKind::Unmap => self.selects_event(entry),
            _ => self.judge_plain(entry),
        }
    }

    fn selects_marker(&mut self, entry: &Entry<'_>) -> Result<bool, ParseError> {
        let Record::Marker(marker) = entry.record()? else {
            return self.judge_plain(entry);
        };
        if let Some(Ok(annotation)) = entry.annotation() {
            self.look_at(annotation, entry);
        }
        let before = self.span;
        self.pass_marker(marker);
        // Both markers of the span belong to it.
        let within = before == Span::Within || self.span == Span::Within || before != self.span;
        let context = self.filter.context && marker.is_reserved();
        let has_no_device = self.filter.device.is_none();
        Ok(context
            || has_no_device && within && before != Span::After && self.judge_columns(entry)?)
    }

    fn pass_marker(&mut self, marker: &Marker<'_>) {
        let matches = |pattern: &Option<regex::bytes::Regex>| {
            pattern
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(marker.text))
        };
        if self.span == Span::Before && matches(&self.filter.from_mark) {
            self.span = Span::Within;
            // A marker is not its own end, where both expressions match it.
            return;
        }
        if self.span == Span::Within && matches(&self.filter.to_mark) {
            self.span = Span::After;
        }
    }

    fn selects_event(&mut self, entry: &Entry<'_>) -> Result<bool, ParseError> {
        let kind = entry.line().kind();
        let keep_context = self.filter.context && matches!(kind, LineKind::Map | LineKind::Unmap);
        let is_wanted = match self.filter.device {
            None => true,
            Some(_) => match entry.record()? {
                Record::Event(event) => self.wanted.has(event),
                _ => return Ok(false),
            },
        };
        Ok(keep_context
            || is_wanted && self.in_span(entry.origin().cpu) && self.judge_columns(entry)?)
    }

    fn in_span(&self, cpu: Option<u32>) -> bool {
        self.span == Span::Within && self.filter.cpu.is_none_or(|wanted| cpu == Some(wanted))
    }

    /// A record that has neither device nor CPU.
    fn judge_plain(&self, entry: &Entry<'_>) -> Result<bool, ParseError> {
        Ok(self.filter.device.is_none() && self.in_span(None) && self.judge_columns(entry)?)
    }

    #[inline]
    fn judge_columns(&self, entry: &Entry<'_>) -> Result<bool, ParseError> {
        let kept = match entry.event() {
            Some(event) => self.filter.judge(event),
            None => self.filter.judge(&entry.line().columns()),
        };
        match kept {
            Some(kept) => Ok(kept),
            // The parser says what is wrong. Should it find nothing, the columns are no use.
            None => entry.record().map(|_| false),
        }
    }

    fn learn_device(&mut self, header: &Header<'_>) {
        let Some(selector) = &self.filter.device else {
            return;
        };
        let Header::PciDev { device, .. } = header else {
            return;
        };
        self.devices.apply(header);
        if (device.bus, device.devfn) == (selector.device.bus, selector.device.devfn()) {
            let ranges = device.bars.iter().enumerate().filter(|(number, bar)| {
                bar.is_memory()
                    && selector
                        .bar
                        .is_none_or(|wanted| usize::from(wanted) == *number)
            });
            self.wanted.ranges = ranges.filter_map(|(_, bar)| range_of(bar)).collect();
            self.wanted.told = true;
            self.wanted.bar_told |= !self.wanted.ranges.is_empty();
        }
    }
}

fn time_of(entry: &Entry<'_>) -> Timestamp {
    match entry.record() {
        Ok(Record::Marker(marker)) => marker.time,
        _ => Timestamp::ZERO,
    }
}

fn range_of(bar: &Bar) -> Option<AddressRange> {
    AddressRange::new(bar.start().0, bar.start().0.saturating_add(bar.len))
}

impl Wanted {
    /// Whether an event touches the device. Follows its mappings.
    fn has(&mut self, event: &Event) -> bool {
        match &event.kind {
            EventKind::Access(access) => self.holds(|range| criterion::phys_in(range, access.phys)),
            EventKind::UnknownOpcode(unknown) => {
                self.holds(|range| criterion::phys_in(range, unknown.phys))
            }
            EventKind::Map(mapping) => {
                let touches = self.holds(|range| range.overlaps(mapping.phys.0, mapping.len));
                if touches && self.mappings.len() < MAX_MAPPINGS {
                    self.mappings.insert(mapping.id);
                }
                touches
            }
            EventKind::Unmap(id) => self.mappings.remove(id),
            _ => false,
        }
    }

    fn holds(&self, fits: impl Fn(&AddressRange) -> bool) -> bool {
        self.ranges.iter().any(fits)
    }
}
