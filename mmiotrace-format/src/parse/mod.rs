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

pub use columns::Columns;

use crate::error::Fault;
use crate::{LineKind, Other, Record};
use cursor::Cursor;

/// Parses a line without its newline.
pub(crate) fn line(line: &[u8]) -> Result<Record<'_>, Fault> {
    // Of a carriage return at the end only the kinds that hold free text know anything.
    let content = line.strip_suffix(b"\r").unwrap_or(line);
    let kind = LineKind::of(line);
    let mut cursor = Cursor::after(content, kind.keyword().len());
    match kind {
        LineKind::Read => access::access(&mut cursor, mmiotrace_core::AccessKind::Read),
        LineKind::Write => access::access(&mut cursor, mmiotrace_core::AccessKind::Write),
        LineKind::Unknown => access::unknown(&mut cursor),
        LineKind::Map => mapping::map(&mut cursor),
        LineKind::Unmap => mapping::unmap(&mut cursor),
        LineKind::Mark => marker::marker(&mut Cursor::after(line, kind.keyword().len())),
        LineKind::Version => header::version(&mut cursor),
        LineKind::PciDev => header::pci_device(&mut cursor),
        LineKind::Lspci => Ok(header::lspci(&mut cursor)),
        LineKind::Other => Ok(Record::Other(Other::new(line))),
    }
}
