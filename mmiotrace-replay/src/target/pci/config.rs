//! The command register of a PCI device.

use super::{PciError, Refusal};
use mmiotrace_core::PciAddress;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Offset of the command register, and its bits (PCI Local Bus Specification 3.0, 6.2.2).
const COMMAND: u64 = 4;
const MEMORY: u16 = 1 << 1;
const BUS_MASTER: u16 = 1 << 2;

/// The configuration space of a device, through its file `config`.
#[derive(Debug)]
pub(super) struct Config {
    path: PathBuf,
}

/// What was changed in a device's command register; dropping it puts that back.
#[derive(Debug)]
pub(super) struct Restore {
    file: File,
    command: u16,
}

impl Config {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            path: folder.join("config"),
        }
    }

    /// Switches memory decoding on and bus mastering off.
    pub(super) fn prepare(&self, slot: PciAddress) -> Result<Restore, PciError> {
        let fail = |source| PciError::File {
            path: self.path.clone(),
            source,
            hint: " (root is needed)",
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&self.path)
            .map_err(fail)?;
        let command = read_command(&file).map_err(fail)?;
        if command == u16::MAX {
            return Err(PciError::Refused {
                slot,
                refusal: Refusal::Gone,
            });
        }
        let restore = Restore { file, command };
        let wanted = (command | MEMORY) & !BUS_MASTER;
        if wanted != command {
            restore
                .file
                .write_all_at(&wanted.to_le_bytes(), COMMAND)
                .map_err(fail)?;
        }
        Ok(restore)
    }
}

fn read_command(file: &File) -> io::Result<u16> {
    let mut bytes = [0; 2];
    file.read_exact_at(&mut bytes, COMMAND)?;
    Ok(u16::from_le_bytes(bytes))
}

impl Drop for Restore {
    fn drop(&mut self) {
        // A device that is gone cannot be put back, and nobody is left to be told.
        if read_command(&self.file)
            .is_ok_and(|command| command != self.command && command != u16::MAX)
        {
            let _ = self.file.write_all_at(&self.command.to_le_bytes(), COMMAND);
        }
    }
}
