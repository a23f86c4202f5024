//! The keyword that begins a line.

use core::fmt;

/// What a line is, by the keyword that begins it. Says nothing of the rest of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LineKind {
    /// `R`: a read.
    Read,
    /// `W`: a write.
    Write,
    /// `MAP`: a mapping begins.
    Map,
    /// `UNMAP`: a mapping ends.
    Unmap,
    /// `MARK`: a marker, or the kernel's word that events were lost.
    Mark,
    /// `UNKNOWN`: an access that the kernel could not decode.
    Unknown,
    /// `VERSION`.
    Version,
    /// `LSPCI`: a line of `lspci`, written by recording tools.
    Lspci,
    /// `PCIDEV`: a PCI device.
    PciDev,
    /// No keyword: the line is no record.
    Other,
}

impl LineKind {
    /// All kinds, in the order in which reports list them.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Write,
        Self::Map,
        Self::Unmap,
        Self::Mark,
        Self::Unknown,
        Self::Version,
        Self::Lspci,
        Self::PciDev,
        Self::Other,
    ];

    /// The kind of a line. A keyword is followed by a blank or by the end of the line.
    #[must_use]
    #[inline]
    pub fn of(line: &[u8]) -> Self {
        match line {
            [b'R', b' ', ..] => Self::Read,
            [b'W', b' ', ..] => Self::Write,
            [b'R' | b'W' | b'M' | b'U' | b'V' | b'L' | b'P', ..] => Self::of_word(line),
            _ => Self::Other,
        }
    }

    fn of_word(line: &[u8]) -> Self {
        let end = line
            .iter()
            .position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        let word = line.get(..end.unwrap_or(line.len())).unwrap_or(line);
        Self::ALL
            .into_iter()
            .find(|kind| kind.keyword().as_bytes() == word)
            .unwrap_or(Self::Other)
    }

    /// The keyword, empty for [`Other`](Self::Other).
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Read => "R",
            Self::Write => "W",
            Self::Map => "MAP",
            Self::Unmap => "UNMAP",
            Self::Mark => "MARK",
            Self::Unknown => "UNKNOWN",
            Self::Version => "VERSION",
            Self::Lspci => "LSPCI",
            Self::PciDev => "PCIDEV",
            Self::Other => "",
        }
    }

    /// The name of the kind in filters and reports: `read`, `write`, `map`, `unmap`, `mark`,
    /// `unknown`, `version`, `lspci`, `pcidev`, `other`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Map => "map",
            Self::Unmap => "unmap",
            Self::Mark => "mark",
            Self::Unknown => "unknown",
            Self::Version => "version",
            Self::Lspci => "lspci",
            Self::PciDev => "pcidev",
            Self::Other => "other",
        }
    }

    /// The kind of that [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for LineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
