//! The log of what the devices saw: QEMU's trace events `memory_region_ops_read` and `_write`.
//!
//! A line is `memory_region_ops_write cpu 0 mr 0x… addr 0xfea00004 value 0x1 size 4 name 'edu-mmio'`;
//! `addr` is the guest's physical address, for a port its number. Callbacks of devices run under
//! one lock of QEMU, so the log is a total order.

use host::error::{AtPath, Error, Result};
use std::path::Path;

/// One access, as the device saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeviceAccess {
    pub(crate) phys: u64,
    pub(crate) width: u8,
    pub(crate) write: bool,
    pub(crate) value: u64,
    /// The number of the CPU; `None` where a device did it (DMA).
    pub(crate) cpu: Option<u32>,
    /// QEMU's name of the region, as an index into [`DeviceLog::names`].
    pub(crate) region: usize,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Access(DeviceAccess),
    /// The guest's function `phase`.
    Phase(u8),
}

/// The log of a run.
#[derive(Debug, Default)]
pub(crate) struct DeviceLog {
    pub(crate) entries: Vec<Entry>,
    pub(crate) names: Vec<String>,
}

/// The port that the guest's function `phase` writes to.
const PHASE_PORT: u64 = 0x5f0;

/// Which lines of QEMU's log are kept.
#[derive(Debug, Default)]
pub(crate) struct Filter;

impl Filter {
    /// `None` where the line is not of the log. Most of the log is ports, the interrupt
    /// controllers and timers (0xfec00000 and above): a million lines in a boot.
    pub(crate) fn keeps(&self, line: &[u8]) -> Option<bool> {
        if !line.starts_with(b"memory_region_ops_") {
            return None;
        }
        let phys = field(line, b" addr ")?;
        Some(
            phys == PHASE_PORT
                || (phys >= 0x8000_0000 && !(0xfec0_0000..0x1_0000_0000).contains(&phys)),
        )
    }
}

impl DeviceLog {
    /// Reads the filtered log.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).at(path)?;
        let mut log = Self::default();
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if !line.is_empty() {
                let entry = log.parse(line);
                let text = || {
                    format!(
                        "{}:{}: no line of the devices' log",
                        path.display(),
                        number + 1
                    )
                };
                log.entries
                    .push(entry.ok_or_else(|| Error::Failed(text()))?);
            }
        }
        Ok(log)
    }

    fn parse(&mut self, line: &[u8]) -> Option<Entry> {
        let phys = field(line, b" addr ")?;
        let value = field(line, b" value ")?;
        if phys == PHASE_PORT {
            return Some(Entry::Phase(u8::try_from(value).ok()?));
        }
        Some(Entry::Access(DeviceAccess {
            phys,
            width: u8::try_from(field(line, b" size ")?).ok()?,
            write: line.starts_with(b"memory_region_ops_write"),
            value,
            cpu: field(line, b" cpu ").and_then(|cpu| u32::try_from(cpu).ok()),
            region: self.region(line)?,
        }))
    }

    fn region(&mut self, line: &[u8]) -> Option<usize> {
        let at = find(line, b" name '")?;
        let name = line.get(at..)?.split(|byte| *byte == b'\'').next()?;
        let name = String::from_utf8_lossy(name);
        Some(
            self.names
                .iter()
                .position(|known| *known == name)
                .unwrap_or_else(|| {
                    self.names.push(name.into_owned());
                    self.names.len() - 1
                }),
        )
    }

    /// The accesses between two phases; `None` is the beginning and the end of the log.
    pub(crate) fn between(
        &self,
        from: Option<u8>,
        to: Option<u8>,
    ) -> impl Iterator<Item = &DeviceAccess> {
        let begin = from.map_or(0, |phase| self.position(phase));
        let end = to.map_or(self.entries.len(), |phase| self.position(phase));
        self.entries
            .get(begin..end)
            .unwrap_or(&[])
            .iter()
            .filter_map(|entry| match entry {
                Entry::Access(access) => Some(access),
                Entry::Phase(_) => None,
            })
    }

    fn position(&self, phase: u8) -> usize {
        let found = self
            .entries
            .iter()
            .position(|entry| *entry == Entry::Phase(phase));
        found.unwrap_or(self.entries.len())
    }
}

/// Where `key` ends in `line`.
fn find(line: &[u8], key: &[u8]) -> Option<usize> {
    line.windows(key.len())
        .position(|window| window == key)
        .map(|at| at + key.len())
}

/// The number after `key`: decimal, or hex after `0x`. A negative one (`cpu -1`) is `None`.
fn field(line: &[u8], key: &[u8]) -> Option<u64> {
    let rest = line.get(find(line, key)?..)?;
    let word = rest.split(|byte| *byte == b' ').next()?;
    let word = core::str::from_utf8(word).ok()?.trim();
    match word.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] =
        b"memory_region_ops_write cpu 3 mr 0x55d addr 0xfea00004 value 0x1 size 4 name 'edu-mmio'";

    #[test]
    fn a_line_of_qemu_7_2() {
        let mut log = DeviceLog::default();
        let Some(Entry::Access(access)) = log.parse(LINE) else {
            panic!("not parsed")
        };
        let expected = DeviceAccess {
            phys: 0xfea0_0004,
            width: 4,
            write: true,
            value: 1,
            cpu: Some(3),
            region: 0,
        };
        assert_eq!(access, expected);
        assert_eq!(log.names, ["edu-mmio"]);
    }

    #[test]
    fn the_filter_drops_chips_and_keeps_phases() {
        let line = |phys: &str| {
            format!("memory_region_ops_read cpu 0 mr 0x1 addr {phys} value 0x1 size 1 name 'x'")
        };
        assert_eq!(Filter.keeps(line("0xfee00300").as_bytes()), Some(false));
        assert_eq!(Filter.keeps(line("0x3f8").as_bytes()), Some(false));
        assert_eq!(Filter.keeps(line("0x5f0").as_bytes()), Some(true));
        assert_eq!(Filter.keeps(LINE), Some(true));
        assert_eq!(Filter.keeps(b"qemu-system-x86_64: warning"), None);
    }
}
