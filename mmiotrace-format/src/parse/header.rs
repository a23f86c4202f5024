//! `VERSION`, `PCIDEV` and `LSPCI`.

use super::cursor::{Cursor, fault};
use super::number;
use crate::error::Fault;
use crate::{Field, ParseErrorKind, Record};
use mmiotrace_core::{Header, PciDevice};

/// `VERSION 20070824`. Another version is a version too; what to think of it is the reader's
/// business.
pub(super) fn version<'a>(cursor: &mut Cursor<'a>) -> Result<Record<'a>, Fault> {
    let (_, version) = cursor.word();
    if version.is_empty() {
        return Err(fault(
            cursor.line().len(),
            ParseErrorKind::MissingField(Field::Version),
        ));
    }
    cursor.end()?;
    Ok(Record::Header(Header::Version {
        version,
        line: cursor.line(),
    }))
}

/// `PCIDEV %02x%02x %04x%04x %x`, seven starts, seven lengths, and the driver's name, which may
/// be empty. Mailers strip the blank before an empty name, so it may be absent altogether.
pub(super) fn pci_device<'a>(cursor: &mut Cursor<'a>) -> Result<Record<'a>, Fault> {
    let place = cursor.field(Field::BusDevfn, number::fixed_hex(4))?;
    let id = cursor.field(Field::PciId, number::fixed_hex(8))?;
    let column = cursor.line().len() - cursor.rest().len();
    let irq = cursor.field(Field::Irq, number::bare_hex)?;
    let irq = u32::try_from(irq)
        .map_err(|_| fault(column + 1, ParseErrorKind::InvalidField(Field::Irq)))?;
    let [_, _, bus, devfn] = place.to_be_bytes();
    let [v1, v0, d1, d0] = id.to_be_bytes();
    let mut device = PciDevice {
        bus,
        devfn,
        irq,
        ..PciDevice::default()
    };
    (device.vendor, device.device) = (u16::from_be_bytes([v1, v0]), u16::from_be_bytes([d1, d0]));
    for (number, bar) in (0..).zip(&mut device.bars) {
        bar.start_and_flags = cursor.field(Field::BarStart(number), number::bare_hex)?;
    }
    for (number, bar) in (0..).zip(&mut device.bars) {
        bar.len = cursor.field(Field::BarLen(number), number::bare_hex)?;
    }
    let driver = cursor.text().trim_ascii();
    Ok(Record::Header(Header::PciDev {
        device,
        driver,
        line: cursor.line(),
    }))
}

/// `LSPCI` and a line of `lspci -v`.
pub(super) fn lspci<'a>(cursor: &mut Cursor<'a>) -> Record<'a> {
    Record::Header(Header::Lspci {
        text: cursor.text().trim_ascii_end(),
        line: cursor.line(),
    })
}
