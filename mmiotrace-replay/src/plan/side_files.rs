//! The files beside a plan: what uploads write and downloads compare with.

use super::Transfer;
use mmiotrace_core::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path};

/// The largest side file, in bytes: 1 GiB.
pub const MAX_SIDE_FILE: u64 = 1 << 30;

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
    /// If a file cannot be read, is not a plain file (a link, a pipe, a device), is larger than
    /// [`MAX_SIDE_FILE`] bytes, or its name leads out of the folder.
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
            let bytes = read_plain(&path).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?;
            files.insert(transfer.file.clone(), bytes);
        }
        Ok(files)
    }

    /// Writes the files into a folder.
    ///
    /// # Errors
    /// If one cannot be written, another thing than a plain file has its name, or that name leads
    /// out of the folder.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (name, bytes) in self.iter() {
            let path = folder.join(plain_name(name)?);
            // What another put there in the file's place is not written through.
            if std::fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) {
                return Err(not_plain());
            }
            std::fs::write(path, bytes)?;
        }
        Ok(())
    }
}

/// A plan comes from anybody: it must not make a run read `/dev/zero`, wait at a pipe, or take
/// what a link leads to.
fn read_plain(path: &Path) -> io::Result<Vec<u8>> {
    // Asked before it is opened: opening a pipe waits, and opening a device may do something.
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(not_plain());
    }
    let file = File::open(path)?;
    let there = file.metadata()?;
    if !there.is_file() {
        return Err(not_plain());
    }
    if there.len() > MAX_SIDE_FILE {
        let what = format!("is larger than {MAX_SIDE_FILE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let mut bytes = Vec::new();
    file.take(MAX_SIDE_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn not_plain() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "is not a plain file (a link, a pipe, a device or a folder)",
    )
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
