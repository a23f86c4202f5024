//! The archive that Linux unpacks as its first root file system: cpio, format "newc"
//! (`Documentation/driver-api/early-userspace/buffer-format.rst`).

/// An archive being written.
#[derive(Debug, Default)]
pub(crate) struct Cpio {
    bytes: Vec<u8>,
    inode: u32,
    folders: std::collections::BTreeSet<String>,
    files: std::collections::BTreeSet<String>,
}

impl Cpio {
    /// Adds a file with its parent folders.
    pub(crate) fn file(&mut self, path: &str, content: &[u8], executable: bool) {
        self.parents(path);
        self.files.insert(path.to_owned());
        self.entry(
            path,
            if executable { 0o100_755 } else { 0o100_644 },
            content,
        );
    }

    /// Whether there is such a file already.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// Adds a folder with its parents.
    pub(crate) fn folder(&mut self, path: &str) {
        self.parents(path);
        if self.folders.insert(path.to_owned()) {
            self.entry(path, 0o040_755, &[]);
        }
    }

    /// The whole archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            let parent = path.get(..at).unwrap_or_default().to_owned();
            if !parent.is_empty() && self.folders.insert(parent.clone()) {
                self.entry(&parent, 0o040_755, &[]);
            }
        }
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.inode += 1;
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name_size = u32::try_from(path.len() + 1).unwrap_or(u32::MAX);
        // Inode, mode, uid, gid, links, time, size, four device numbers, length of the name, sum.
        let fields = [self.inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        while self.bytes.len() % 4 != 0 {
            self.bytes.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    /// The judge is the cpio program.
    #[test]
    fn cpio_reads_it() {
        let mut archive = Cpio::default();
        archive.file("bin/a", b"abc", true);
        archive.folder("dev");
        let bytes = archive.finish();
        let child = Command::new("cpio")
            .args(["-t", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("SKIPPED: cpio_reads_it: the cpio program is not installed");
            return;
        };
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "bin\nbin/a\ndev\n"
        );
    }
}
