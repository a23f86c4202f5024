//! Which records of a trace to keep.

mod criterion;
mod fields;
mod scan;
mod selector;

pub use criterion::{AddressRange, CriterionError, DeviceSelector, TimeRange, ValueMatch};
pub use selector::{FilterError, Selector};

use crate::KindSet;
use fields::Fields;
use mmiotrace_core::{Event, MapId, Width};
use mmiotrace_format::{Field, LineKind};
use regex::bytes::Regex;

/// What records must be to be kept. Every criterion that is set must hold; one that a record has
/// no column for does not (a `MAP` has no width, so a filter for a width keeps no `MAP`).
///
/// A filter says what is wanted; a [`Selector`], made by [`selector`](Self::selector), walks
/// through one trace and decides record by record.
///
/// ```
/// use mmiotrace_analysis::Filter;
/// use mmiotrace_core::Width;
/// use mmiotrace_format::Reader;
///
/// let trace = "MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
///              R 4 6.063646 1 0xfebc0008 0x80080783 0x0 0\n\
///              W 4 6.719459 1 0xfebc00d8 0xffffffff 0x0 0\n";
/// let mut filter = Filter::new();
/// filter.kinds("write".parse()?).width(Width::W4).phys("0xfebc0000..0xfebc1000".parse()?);
/// let mut selector = filter.selector();
/// let mut entries = Reader::new(trace.as_bytes()).entries();
/// let mut kept = Vec::new();
/// while let Some(entry) = entries.next_entry()? {
///     if selector.selects(&entry)? {
///         kept.push(entry.line().position().line());
///     }
/// }
/// selector.finish()?;
/// assert_eq!(kept, [3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Filter {
    kinds: Option<KindSet>,
    width: Option<Width>,
    phys: Option<AddressRange>,
    map_id: Option<MapId>,
    pc: Option<AddressRange>,
    pid: Option<i32>,
    cpu: Option<u32>,
    value: Option<ValueMatch>,
    time: Option<TimeRange>,
    from_mark: Option<Regex>,
    to_mark: Option<Regex>,
    device: Option<DeviceSelector>,
    context: bool,
}

impl Filter {
    /// A filter that keeps every line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keep only these kinds.
    pub const fn kinds(&mut self, kinds: KindSet) -> &mut Self {
        self.kinds = Some(kinds);
        self
    }

    /// Keep only accesses of this width, as printed: an access wider than eight bytes is several
    /// records, each with the width of its piece.
    pub const fn width(&mut self, width: Width) -> &mut Self {
        self.width = Some(width);
        self
    }

    /// Keep only accesses whose first byte lies in this range of physical addresses, and the
    /// `MAP`s of mappings that overlap it.
    pub const fn phys(&mut self, range: AddressRange) -> &mut Self {
        self.phys = Some(range);
        self
    }

    /// Keep only what has this number of a mapping.
    pub const fn map_id(&mut self, id: MapId) -> &mut Self {
        self.map_id = Some(id);
        self
    }

    /// Keep only what was done by an instruction in this range.
    pub const fn pc(&mut self, range: AddressRange) -> &mut Self {
        self.pc = Some(range);
        self
    }

    /// Keep only what this thread did.
    pub const fn pid(&mut self, pid: i32) -> &mut Self {
        self.pid = Some(pid);
        self
    }

    /// Keep only what happened on this CPU. Captures by the kernel's tracer do not tell it.
    pub const fn cpu(&mut self, cpu: u32) -> &mut Self {
        self.cpu = Some(cpu);
        self
    }

    /// Keep only accesses that moved this value.
    pub const fn value(&mut self, value: ValueMatch) -> &mut Self {
        self.value = Some(value);
        self
    }

    /// Keep only what has a time in this range.
    pub const fn time(&mut self, range: TimeRange) -> &mut Self {
        self.time = Some(range);
        self
    }

    /// Keep nothing before the first marker whose text matches the regular expression; the
    /// marker itself is kept.
    ///
    /// # Errors
    /// Where the expression is none.
    pub fn from_mark(&mut self, pattern: &str) -> Result<&mut Self, CriterionError> {
        self.from_mark = Some(regex(pattern)?);
        Ok(self)
    }

    /// Keep nothing after the first marker whose text matches the regular expression, and that
    /// does not stand before the one of [`from_mark`](Self::from_mark); the marker itself is kept.
    ///
    /// # Errors
    /// Where the expression is none.
    pub fn to_mark(&mut self, pattern: &str) -> Result<&mut Self, CriterionError> {
        self.to_mark = Some(regex(pattern)?);
        Ok(self)
    }

    /// Keep only accesses to this device's memory, and the `MAP`s and `UNMAP`s of its mappings.
    pub const fn device(&mut self, device: DeviceSelector) -> &mut Self {
        self.device = Some(device);
        self
    }

    /// Also keep what the records need to be understood, from all of the trace: `VERSION`,
    /// `PCIDEV`, `MAP`, `UNMAP`, and the markers by which a trace carries what it has no column
    /// for.
    pub const fn context(&mut self, context: bool) -> &mut Self {
        self.context = context;
        self
    }

    /// Whether no criterion is set, so that every line is kept.
    #[must_use]
    pub fn keeps_everything(&self) -> bool {
        let Self {
            kinds,
            width,
            phys,
            map_id,
            pc,
            pid,
            cpu,
            value,
            time,
            from_mark,
            to_mark,
            device,
            context: _,
        } = self;
        kinds.is_none()
            && width.is_none()
            && phys.is_none()
            && map_id.is_none()
            && pc.is_none()
            && pid.is_none()
            && cpu.is_none()
            && value.is_none()
            && time.is_none()
            && from_mark.is_none()
            && to_mark.is_none()
            && device.is_none()
    }

    /// Walks through one trace.
    #[must_use]
    pub fn selector(&self) -> Selector {
        Selector::new(self.clone())
    }

    /// Whether an event is what the criteria want that need nothing but the event. Markers and
    /// devices need the trace around it: of those a [`Selector`] knows.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.cpu.is_none_or(|cpu| event.cpu == Some(cpu)) && self.judge(event) == Some(true)
    }

    /// Whether the columns are what is wanted; `None` where one that is needed is not there or
    /// not readable. Cheap questions come first: most lines fail one of them.
    #[inline]
    fn judge(&self, fields: &impl Fields) -> Option<bool> {
        let kind = fields.kind();
        if self.kinds.is_some_and(|kinds| !kinds.contains(kind)) {
            return Some(false);
        }
        if let Some(width) = self.width {
            if !has(kind, Field::Width) {
                return Some(false);
            }
            if fields.width()? != width {
                return Some(false);
            }
        }
        if let Some(range) = &self.phys
            && !fields.in_range(range)?
        {
            return Some(false);
        }
        if self.has_rare_criteria() {
            self.judge_rare(fields)
        } else {
            Some(true)
        }
    }

    #[inline]
    pub(super) const fn has_rare_criteria(&self) -> bool {
        self.map_id.is_some()
            || self.pc.is_some()
            || self.pid.is_some()
            || self.value.is_some()
            || self.time.is_some()
    }

    #[inline(never)]
    fn judge_rare(&self, fields: &impl Fields) -> Option<bool> {
        let kind = fields.kind();
        let wanted = [
            (self.map_id.is_some(), Field::MapId),
            (self.pc.is_some(), Field::Pc),
            (self.pid.is_some(), Field::Pid),
            (self.value.is_some(), Field::Value),
            (self.time.is_some(), Field::Time),
        ];
        if wanted
            .iter()
            .any(|(wanted, field)| *wanted && !has(kind, *field))
        {
            return Some(false);
        }
        let fits = self
            .map_id
            .is_none_or_else(|id| Some(fields.map_id()? == id))?
            && self
                .time
                .is_none_or_else(|range| Some(range.contains(fields.time()?)))?
            && self.value.is_none_or_else(|value| {
                Some(fields.value()?.is_some_and(|had| value.matches(had)))
            })?
            && self
                .pc
                .is_none_or_else(|range| Some(range.contains(fields.pc()?.0)))?
            && self.pid.is_none_or_else(|pid| Some(fields.pid()? == pid))?;
        Some(fits)
    }
}

/// A criterion that may be set.
trait Criterion<T> {
    /// Whether it is not set, or else what `holds` says.
    fn is_none_or_else(&self, holds: impl FnOnce(T) -> Option<bool>) -> Option<bool>;
}

impl<T: Copy> Criterion<T> for Option<T> {
    #[inline]
    fn is_none_or_else(&self, holds: impl FnOnce(T) -> Option<bool>) -> Option<bool> {
        self.map_or(Some(true), holds)
    }
}

/// Whether records of this kind have this column.
const fn has(kind: LineKind, field: Field) -> bool {
    match kind {
        LineKind::Read | LineKind::Write => matches!(
            field,
            Field::Width
                | Field::Time
                | Field::MapId
                | Field::Phys
                | Field::Value
                | Field::Pc
                | Field::Pid
        ),
        LineKind::Unknown => {
            matches!(
                field,
                Field::Time | Field::MapId | Field::Phys | Field::Pc | Field::Pid
            )
        }
        LineKind::Map => {
            matches!(
                field,
                Field::Time | Field::MapId | Field::Phys | Field::Pc | Field::Pid
            )
        }
        LineKind::Unmap => matches!(field, Field::Time | Field::MapId | Field::Pc | Field::Pid),
        LineKind::Mark => matches!(field, Field::Time),
        _ => false,
    }
}

fn regex(pattern: &str) -> Result<Regex, CriterionError> {
    // Markers hold any bytes, so the expression may not insist on UTF-8.
    Regex::new(pattern).map_err(|error| {
        let why = error.to_string();
        let why = why
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        CriterionError::new(format!("{pattern:?} is no regular expression: {why}"))
    })
}
