//! The files beside a plan: what uploads write and downloads compare with.

use super::Transfer;
use mmiotrace_core::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};

/// Side files by their names. A name has no folder in it: side files stand beside their plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideFiles {
    files: BTreeMap<String, Vec<u8>>,
}

impl SideFiles {
    /// No files.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            files: BTreeMap::new(),
        }
    }

    /// The bytes of a file.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Sets the bytes of a file.
    pub fn insert(&mut self, name: impl Into<String>, bytes: Vec<u8>) {
        self.files.insert(name.into(), bytes);
    }

    /// The file of that name, made where it is not there.
    pub(crate) fn entry(&mut self, name: &str) -> &mut Vec<u8> {
        self.files.entry(name.to_owned()).or_default()
    }

    /// All files, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// The value number `index` of a transfer, where its file has it.
    #[must_use]
    pub fn value(&self, transfer: &Transfer, index: u64) -> Option<Value> {
        let width = u64::from(transfer.width.bytes());
        let from = usize::try_from(transfer.from.checked_add(index.checked_mul(width)?)?).ok()?;
        let bytes = self.get(&transfer.file)?;
        Value::from_le_bytes(bytes.get(from..from.checked_add(transfer.width.as_usize())?)?)
    }

    /// Reads the files that a plan names, from the folder that the plan stands in.
    ///
    /// # Errors
    /// Where a file cannot be read, or its name leads out of the folder.
    pub fn read(plan: &super::Plan, folder: &Path) -> io::Result<Self> {
        let mut files = Self::new();
        let steps = plan.steps().map(|(_, step)| step).chain(&plan.on_abort);
        for step in steps {
            let (super::Action::Upload(transfer) | super::Action::Download(transfer)) =
                &step.action
            else {
                continue;
            };
            if files.files.contains_key(&transfer.file) {
                continue;
            }
            let path = folder.join(plain_name(&transfer.file)?);
            let bytes = std::fs::read(&path).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
            files.insert(transfer.file.clone(), bytes);
        }
        Ok(files)
    }

    /// Writes the files into a folder.
    ///
    /// # Errors
    /// Where one cannot be written, or its name leads out of the folder.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (name, bytes) in self.iter() {
            std::fs::write(folder.join(plain_name(name)?), bytes)?;
        }
        Ok(())
    }
}

fn plain_name(name: &str) -> io::Result<&str> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(name),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name:?} is no name of a file beside the plan"),
        )),
    }
}
