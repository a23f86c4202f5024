//! Where the files of a machine are.

use std::io;
use std::path::{Path, PathBuf};

/// The folder below which `/proc`, `/sys`, `/dev`, `/run` and `/boot` are looked for.
///
/// `/` for the machine itself. Any other folder is a recorded or made-up machine: its files are
/// read and written as plain files, and nothing is mounted there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Default for Root {
    fn default() -> Self {
        Self::system()
    }
}

impl Root {
    /// The machine itself.
    #[must_use]
    pub fn system() -> Self {
        Self(PathBuf::from("/"))
    }

    /// A machine whose files lie below `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Whether this is the machine itself.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// The place of a file of the machine; `absolute` is its path there, as `/proc/meminfo`.
    #[must_use]
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let absolute = absolute.as_ref();
        self.0.join(absolute.strip_prefix("/").unwrap_or(absolute))
    }

    /// The text of a file, white space at its end taken off; bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// What reading the file says.
    pub fn read(&self, absolute: impl AsRef<Path>) -> io::Result<String> {
        let bytes = std::fs::read(self.path(absolute))?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// The names in a folder, sorted; none where there is no such folder.
    #[must_use]
    pub fn list(&self, absolute: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(absolute)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        names.sort();
        names
    }

    /// Whether there is such a file or folder.
    #[must_use]
    pub fn exists(&self, absolute: impl AsRef<Path>) -> bool {
        self.path(absolute).exists()
    }

    /// The last name in the path that a symbolic link gives, as sysfs uses them for `driver`.
    #[must_use]
    pub fn link_name(&self, absolute: impl AsRef<Path>) -> Option<String> {
        let target = std::fs::read_link(self.path(absolute)).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_paths_stay_below_the_root() {
        assert_eq!(
            Root::new("/tmp/m").path("/proc/meminfo"),
            Path::new("/tmp/m/proc/meminfo")
        );
        assert_eq!(
            Root::system().path("/proc/meminfo"),
            Path::new("/proc/meminfo")
        );
    }
}
