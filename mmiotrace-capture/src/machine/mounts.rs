//! What is mounted where.

use super::Root;

/// One line of `/proc/mounts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The folder, as an absolute path on that machine.
    pub folder: String,
    /// The type: `tracefs`, `debugfs`, …
    pub kind: String,
    /// Whether it was mounted read-only.
    pub read_only: bool,
}

/// All mounts; none where `/proc/mounts` cannot be read.
#[must_use]
pub fn mounts(root: &Root) -> Vec<Mount> {
    let text = root
        .read("/proc/self/mounts")
        .or_else(|_| root.read("/proc/mounts"))
        .unwrap_or_default();
    text.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Mount> {
    let mut words = line.split(' ');
    let _device = words.next()?;
    let folder = unescape(words.next()?);
    let kind = words.next()?.to_owned();
    let read_only = words.next()?.split(',').any(|option| option == "ro");
    Some(Mount {
        folder,
        kind,
        read_only,
    })
}

/// Space, tab, newline and backslash are printed as three octal digits (`seq_path` in
/// `fs/seq_file.c`).
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                plain.push(char::from(code));
                plain.push_str(part.get(3..).unwrap_or_default());
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_with_spaces() {
        let mount = parse("none /mnt/a\\040b tracefs rw,nosuid 0 0").unwrap();
        assert_eq!(mount.folder, "/mnt/a b");
        assert_eq!(mount.kind, "tracefs");
        assert!(!mount.read_only);
        assert!(parse("none /x tracefs ro,nosuid 0 0").unwrap().read_only);
    }
}
