//! The archive that Linux unpacks as its first root file system: cpio, format "newc"
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`).

use cpio::newc::{Builder, ModeFileType, trailer};
use host::error::{Error, Result};
use std::collections::BTreeSet;
use std::io::Write;

/// An archive being written. Linux makes no parent folders by itself, so they are added here.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    inode: u32,
    folders: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Archive {
    /// Adds a file with its parent folders.
    pub(crate) fn file(&mut self, path: &str, content: &[u8], executable: bool) -> Result<()> {
        self.parents(path)?;
        self.files.insert(path.to_owned());
        let mode = if executable { 0o755 } else { 0o644 };
        self.entry(path, ModeFileType::Regular, mode, content)
    }

    /// Whether there is such a file already.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// Adds a folder with its parents.
    pub(crate) fn folder(&mut self, path: &str) -> Result<()> {
        self.parents(path)?;
        if self.folders.insert(path.to_owned()) {
            self.entry(path, ModeFileType::Directory, 0o755, &[])?;
        }
        Ok(())
    }

    /// The whole archive.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        trailer(self.bytes).map_err(|error| Error::Failed(format!("the archive: {error}")))
    }

    fn parents(&mut self, path: &str) -> Result<()> {
        for (at, _) in path.match_indices('/') {
            let parent = path.get(..at).unwrap_or_default().to_owned();
            if !parent.is_empty() && self.folders.insert(parent.clone()) {
                self.entry(&parent, ModeFileType::Directory, 0o755, &[])?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, kind: ModeFileType, mode: u32, content: &[u8]) -> Result<()> {
        let failed = |error| Error::Failed(format!("{path} in the archive: {error}"));
        let size = u32::try_from(content.len())
            .map_err(|_| format!("{path} is too large for the archive"))?;
        self.inode += 1;
        let entry = Builder::new(path)
            .ino(self.inode)
            .mode(mode)
            .set_mode_file_type(kind);
        let mut writer = entry.write(&mut self.bytes, size);
        writer.write_all(content).map_err(failed)?;
        writer.finish().map(drop).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// The judge is the cpio program.
    #[test]
    fn cpio_reads_the_archive() {
        let mut archive = Archive::default();
        archive.file("bin/a", b"abc", true).unwrap();
        archive.folder("dev").unwrap();
        let bytes = archive.finish().unwrap();
        let child = Command::new("cpio")
            .args(["-t", "-v", "--numeric-uid-gid", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("SKIPPED: cpio_reads_the_archive: the cpio program is not installed");
            return;
        };
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        let listed: Vec<(&str, &str)> = listed
            .lines()
            .map(|line| (&line[..10], line.rsplit(' ').next().unwrap()))
            .collect();
        assert_eq!(
            listed,
            [
                ("drwxr-xr-x", "bin"),
                ("-rwxr-xr-x", "bin/a"),
                ("drwxr-xr-x", "dev")
            ]
        );
    }
}
