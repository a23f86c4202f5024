//! What tells the captures apart, in a trace and in each source of a merged one.

use super::capture::Capture;
pub(super) use crate::merge::source_of;
use crate::merge::{MAX_SOURCES, Origin};
use mmiotrace_core::{Event, EventKind, MapId};
use mmiotrace_format::Annotation;

/// A source of a merged trace, and who captured it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MergedSource {
    /// Its number, from 1. Its map ids begin at a million times one less.
    pub number: usize,
    /// What the merged trace calls it.
    pub name: String,
    /// Who captured it, as far as its lines show.
    pub capture: Capture,
}

/// The lowest kernel address, with 5-level page tables.
const KERNEL_HALF: u64 = 0xff00_0000_0000_0000;

/// Gathers what tells the captures apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    whole: Signs,
    merged: Option<Box<Merged>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    announced: Option<Capture>,
    /// There is an event or a loss: captures of ours would have said more of it.
    happened: bool,
    ours: bool,
    user_mapping: bool,
    imported: bool,
}

impl Signs {
    const fn capture(self) -> Capture {
        match self {
            Self { imported: true, .. } => Capture::Imported,
            Self {
                announced: Some(announced),
                ..
            } => announced,
            Self {
                ours: false,
                happened: false,
                ..
            } => Capture::Unknown,
            Self { ours: false, .. } => Capture::Kernel,
            Self { user_mapping, .. } if user_mapping => Capture::Process,
            Self { .. } => Capture::Kmod,
        }
    }
}

/// The sources of a merged trace.
#[derive(Clone, Debug, Default)]
struct Merged {
    sources: Vec<(String, Signs)>,
    /// The index of the source whose the next line is, where it has no map id to tell.
    next: usize,
    /// The lines before the next event say something of it that only our captures say.
    speaks_of_event: bool,
}

impl Merged {
    fn signs(&mut self, source: usize) -> Option<&mut Signs> {
        self.sources.get_mut(source).map(|(_, signs)| signs)
    }

    fn take_next(&mut self) -> usize {
        core::mem::take(&mut self.next)
    }

    fn event(&mut self, event: &Event) {
        let id = match &event.kind {
            EventKind::Access(access) => access.map_id,
            EventKind::UnknownOpcode(unknown) => unknown.map_id,
            EventKind::Map(mapping) => mapping.id,
            EventKind::Unmap(id) => *id,
            _ => MapId::UNLISTED,
        };
        let announced = self.take_next();
        let source = source_of(id).unwrap_or(announced);
        let speaks_of_event = core::mem::take(&mut self.speaks_of_event);
        if let Some(signs) = self.signs(source) {
            signs.happened = true;
            signs.ours |= speaks_of_event || event.pid != 0;
            if let EventKind::Map(mapping) = &event.kind {
                signs.user_mapping |= is_user(mapping.virt.0);
            }
        }
    }

    /// Of annotations that `merge` makes itself only those say something that have a number.
    fn annotation(&mut self, annotation: &Annotation<'_>) {
        match *annotation {
            Annotation::Source { n, seq } => {
                self.next = n as usize - 1;
                if let Some(Some(_)) = seq {
                    self.is_ours();
                }
            }
            // Before an event of another source than the line before: nothing is said of it yet.
            Annotation::Cpu { cpu: None } => {
                self.next = 0;
                self.speaks_of_event = false;
            }
            Annotation::Seq { seq: None } => self.next = 0,
            Annotation::Cpu { .. } | Annotation::Seq { .. } => {
                self.next = 0;
                self.speaks_of_event = true;
            }
            Annotation::Wide { .. } | Annotation::Value { .. } | Annotation::Unordered => {
                self.speaks_of_event = true;
            }
            // The loss itself is the next line.
            Annotation::Lost { .. } => {
                let source = self.next;
                if let Some(signs) = self.signs(source) {
                    signs.ours = true;
                }
            }
            Annotation::Derived { .. } => {}
            Annotation::Capture { backend, .. } => {
                let announced = Capture::announced(backend);
                if let Some(signs) = self.is_ours() {
                    signs.announced = signs.announced.or(Some(announced));
                }
            }
            // Of a lost line of any source, merging makes a loss without one.
            _ => {
                let _ = self.is_ours();
            }
        }
    }

    /// The source of the next record is not the kernel's tracer.
    fn is_ours(&mut self) -> Option<&mut Signs> {
        let source = self.take_next();
        let signs = self.signs(source)?;
        signs.ours = true;
        Some(signs)
    }
}

const fn is_user(virt: u64) -> bool {
    virt != 0 && virt < KERNEL_HALF
}

impl Evidence {
    #[inline]
    pub(super) fn event(&mut self, event: &Event) {
        if let Some(merged) = &mut self.merged {
            return merged.event(event);
        }
        self.whole.happened = true;
        self.whole.ours |= event.pid != 0;
        if let EventKind::Map(mapping) = &event.kind {
            self.whole.user_mapping |= is_user(mapping.virt.0);
        }
    }

    /// What only our captures know of an event.
    pub(super) const fn ours(&mut self) {
        self.whole.ours = true;
    }

    /// An annotation: the kernel's tracer has none.
    pub(super) fn annotation(&mut self, annotation: &Annotation<'_>) {
        if let Some(merged) = &mut self.merged {
            return merged.annotation(annotation);
        }
        match annotation {
            // What made the copy says nothing of what made the capture.
            Annotation::Derived { .. } => {}
            Annotation::Capture { backend, .. } => {
                self.whole.ours = true;
                let announced = Capture::announced(backend);
                self.whole.announced = self.whole.announced.or(Some(announced));
            }
            _ => self.whole.ours = true,
        }
    }

    /// What may have been an annotation.
    pub(super) fn damaged_annotation(&mut self) {
        match &mut self.merged {
            Some(merged) => {
                let _ = merged.is_ours();
            }
            None => self.whole.ours = true,
        }
    }

    /// Events were lost.
    pub(super) fn lost(&mut self) {
        let signs = match &mut self.merged {
            None => Some(&mut self.whole),
            Some(merged) => {
                let source = merged.take_next();
                merged.signs(source)
            }
        };
        signs.into_iter().for_each(|signs| signs.happened = true);
    }

    /// A line that is neither an event nor a marker: whose it was has been told.
    pub(super) fn line(&mut self) {
        if let Some(merged) = &mut self.merged {
            merged.next = 0;
        }
    }

    /// The text of a marker of somebody else's. An import begins with one that says so, a merged
    /// trace with one for each source.
    pub(super) fn marker(&mut self, text: &[u8]) {
        if let Some((number, Origin { name, .. })) = Origin::parse(text) {
            let merged = self.merged.get_or_insert_default();
            merged.next = 0;
            if number == merged.sources.len() + 1 && number <= MAX_SOURCES {
                merged.sources.push((name, Signs::default()));
            }
            return;
        }
        let is_import = text.starts_with(b"import: ");
        let signs = match &mut self.merged {
            None => Some(&mut self.whole),
            Some(merged) => {
                let source = merged.take_next();
                merged.signs(source)
            }
        };
        if let Some(signs) = signs.filter(|_| is_import) {
            signs.imported = true;
        }
    }

    pub(super) fn capture(&self) -> Capture {
        match self.merged {
            Some(_) => Capture::Merged,
            None => self.whole.capture(),
        }
    }

    pub(super) fn sources(&self) -> Vec<MergedSource> {
        let sources = self.merged.iter().flat_map(|merged| &merged.sources);
        (1..)
            .zip(sources)
            .map(|(number, (name, signs))| MergedSource {
                number,
                name: name.clone(),
                capture: signs.capture(),
            })
            .collect()
    }
}
