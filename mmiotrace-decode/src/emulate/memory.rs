//! Accesses of one operand: whole where it lies in one place, by pieces where it straddles.

use crate::{Bus, Hint, MemoryKind, Reason, Stop};
use mmiotrace_core::VirtAddr;

/// A read of `width` bytes, up to eight.
pub(super) fn read<B: Bus + ?Sized>(bus: &mut B, address: u64, width: u8) -> Result<u64, Stop> {
    let mut bytes = [0; 8];
    let into = bytes
        .get_mut(..usize::from(width))
        .ok_or(Reason::NotEncodable)?;
    read_into(bus, address, into)?;
    Ok(u64::from_le_bytes(bytes))
}

/// A read of an operand.
pub(crate) fn read_into<B: Bus + ?Sized>(
    bus: &mut B,
    address: u64,
    into: &mut [u8],
) -> Result<(), Stop> {
    match bus.locate(VirtAddr(address), into.len()) {
        MemoryKind::Device => bus.read_device(VirtAddr(address), into)?,
        MemoryKind::Memory => bus.read_memory(VirtAddr(address), into)?,
        MemoryKind::Mixed => read_pieces(bus, address, into)?,
    }
    Ok(())
}

/// A write of the lowest `width` bytes, up to eight.
pub(super) fn write<B: Bus + ?Sized>(
    bus: &mut B,
    address: u64,
    width: u8,
    value: u64,
    hint: Hint,
) -> Result<(), Stop> {
    let bytes = value.to_le_bytes();
    let bytes = bytes
        .get(..usize::from(width))
        .ok_or(Reason::NotEncodable)?;
    write_from(bus, address, bytes, hint)
}

/// A write of an operand.
pub(crate) fn write_from<B: Bus + ?Sized>(
    bus: &mut B,
    address: u64,
    bytes: &[u8],
    hint: Hint,
) -> Result<(), Stop> {
    match bus.locate(VirtAddr(address), bytes.len()) {
        MemoryKind::Device => bus.write_device(VirtAddr(address), bytes, hint)?,
        MemoryKind::Memory => bus.write_memory(VirtAddr(address), bytes)?,
        MemoryKind::Mixed => write_pieces(bus, address, bytes, hint)?,
    }
    Ok(())
}

/// Makes sure that a later [`write()`] of this operand cannot fail for want of ordinary memory.
pub(crate) fn prepare<B: Bus + ?Sized>(bus: &mut B, address: u64, width: u8) -> Result<(), Stop> {
    match bus.locate(VirtAddr(address), usize::from(width)) {
        MemoryKind::Device => {}
        MemoryKind::Memory => bus.prepare_write(VirtAddr(address), usize::from(width))?,
        MemoryKind::Mixed => {
            for at in (0..u64::from(width)).map(|n| address.wrapping_add(n)) {
                if bus.locate(VirtAddr(at), 1) == MemoryKind::Memory {
                    bus.prepare_write(VirtAddr(at), 1)?;
                }
            }
        }
    }
    Ok(())
}

/// The next piece of an operand of which `left` bytes are left: as many bytes of one place as a
/// single access of a power of two can move. The CPU splits such an operand too: a page ends in it.
fn piece<B: Bus + ?Sized>(bus: &B, address: u64, left: usize) -> (MemoryKind, usize) {
    for len in [8, 4, 2] {
        if len <= left {
            let place = bus.locate(VirtAddr(address), len);
            if place != MemoryKind::Mixed {
                return (place, len);
            }
        }
    }
    (bus.locate(VirtAddr(address), 1), 1)
}

fn read_pieces<B: Bus + ?Sized>(
    bus: &mut B,
    mut address: u64,
    mut into: &mut [u8],
) -> Result<(), Stop> {
    while !into.is_empty() {
        let (place, len) = piece(bus, address, into.len());
        let (now, rest) = into.split_at_mut(len);
        match place {
            MemoryKind::Device => bus.read_device(VirtAddr(address), now)?,
            _ => bus.read_memory(VirtAddr(address), now)?,
        }
        address = address.wrapping_add(len as u64);
        into = rest;
    }
    Ok(())
}

fn write_pieces<B: Bus + ?Sized>(
    bus: &mut B,
    mut address: u64,
    mut bytes: &[u8],
    hint: Hint,
) -> Result<(), Stop> {
    while !bytes.is_empty() {
        let (place, len) = piece(bus, address, bytes.len());
        let (now, rest) = bytes.split_at(len);
        match place {
            MemoryKind::Device => bus.write_device(VirtAddr(address), now, hint)?,
            _ => bus.write_memory(VirtAddr(address), now)?,
        }
        address = address.wrapping_add(len as u64);
        bytes = rest;
    }
    Ok(())
}
