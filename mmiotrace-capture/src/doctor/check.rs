//! What a check found.

use core::fmt;

/// A backend that `doctor` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Backend {
    /// Programs in user space.
    Process,
    /// The module of our own.
    Kmod,
    /// The kernel's own tracer.
    Tracefs,
}

impl Backend {
    /// All of them, the one that needs least first.
    pub const ALL: [Self; 3] = [Self::Process, Self::Kmod, Self::Tracefs];

    /// `process`, `kmod`, `tracefs`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Kmod => "kmod",
            Self::Tracefs => "tracefs",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works so, and more is to be had.
    Note,
    /// It works, but the capture suffers, or something must be done by the way.
    Warning,
    /// It does not work so.
    Missing,
    /// It cannot be told from here.
    Unknown,
}

impl Status {
    /// `ok`, `note`, `warning`, `missing`, `unknown`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Check {
    /// The backend that needs it.
    pub backend: Backend,
    /// What was looked at, one word: `lockdown`, `tracer`, `memory`, …
    pub name: &'static str,
    /// How it came out.
    pub status: Status,
    /// What was found, a sentence.
    pub found: String,
    /// What mends it: a command, or words for what no command does. `None` where nothing is to be
    /// mended.
    pub mend: Option<String>,
}

/// Checks of one backend, being made.
#[derive(Debug)]
pub(super) struct Checks {
    backend: Backend,
    pub(super) list: Vec<Check>,
}

impl Checks {
    pub(super) const fn new(backend: Backend) -> Self {
        Self {
            backend,
            list: Vec::new(),
        }
    }

    pub(super) fn ok(&mut self, name: &'static str, found: impl Into<String>) {
        self.add(name, Status::Ok, found.into(), None);
    }

    pub(super) fn unknown(&mut self, name: &'static str, found: impl Into<String>) {
        self.add(name, Status::Unknown, found.into(), None);
    }

    pub(super) fn note(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.add(name, Status::Note, found.into(), Some(mend.into()));
    }

    pub(super) fn warning(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.add(name, Status::Warning, found.into(), Some(mend.into()));
    }

    pub(super) fn missing(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.add(name, Status::Missing, found.into(), Some(mend.into()));
    }

    fn add(&mut self, name: &'static str, status: Status, found: String, mend: Option<String>) {
        self.list.push(Check {
            backend: self.backend,
            name,
            status,
            found,
            mend,
        });
    }
}
