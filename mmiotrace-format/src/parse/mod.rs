//! From the bytes of one line to a record. The grammar, one file per group of keywords.

mod access;
pub(crate) mod annotation;
mod columns;
mod cursor;
mod header;
mod mapping;
mod marker;
mod number;
pub(crate) mod other;

pub use columns::{Columns, Layout};

use crate::error::Fault;
use crate::{LineKind, Other, Record};
use cursor::Cursor;

/// Parses a line without its newline.
pub(crate) fn line(line: &[u8]) -> Result<Record<'_>, Fault> {
    let kind = LineKind::of(line);
    // A carriage return before the newline is a blank, or part of a text.
    let mut cursor = Cursor::after(line, kind.keyword().len());
    match kind {
        LineKind::Read => access::access(&mut cursor, mmiotrace_core::AccessKind::Read),
        LineKind::Write => access::access(&mut cursor, mmiotrace_core::AccessKind::Write),
        LineKind::Unknown => access::unknown(&mut cursor),
        LineKind::Map => mapping::map(&mut cursor),
        LineKind::Unmap => mapping::unmap(&mut cursor),
        LineKind::Mark => marker::marker(&mut cursor),
        LineKind::Version => header::version(&mut cursor),
        LineKind::PciDev => header::pci_device(&mut cursor),
        LineKind::Lspci => Ok(header::lspci(&mut cursor)),
        LineKind::Other => Ok(Record::Other(Other::new(line))),
    }
}
