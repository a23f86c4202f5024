//! The kernel: its release, configuration, command line and what it forbids.

use super::Root;
use core::fmt;
use std::io::Read;

/// The release, as `uname -r` prints it; empty where unknown.
#[must_use]
pub fn release(root: &Root) -> String {
    root.read("/proc/sys/kernel/osrelease").unwrap_or_default()
}

/// The line of `/proc/version`; empty where unknown.
#[must_use]
pub fn version(root: &Root) -> String {
    root.read("/proc/version").unwrap_or_default()
}

/// The words of the kernel's command line.
#[must_use]
pub fn command_line(root: &Root) -> Vec<String> {
    let text = root.read("/proc/cmdline").unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// A text that is another one after each boot; empty where unknown.
#[must_use]
pub fn boot_id(root: &Root) -> String {
    root.read("/proc/sys/kernel/random/boot_id")
        .unwrap_or_default()
}

/// How far the kernel is locked down against its own administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lockdown {
    /// Not at all.
    None,
    /// Nothing may change the running kernel: unsigned modules are refused.
    Integrity,
    /// Nothing may read kernel data either: tracefs is refused too (`LOCKDOWN_TRACEFS` in
    /// `include/linux/security.h` stands behind `LOCKDOWN_INTEGRITY_MAX`).
    Confidentiality,
}

impl Lockdown {
    /// Reads `/sys/kernel/security/lockdown`, where the word in brackets counts; where securityfs
    /// is not mounted, the command line's `lockdown=` tells. `None` where neither does.
    #[must_use]
    pub fn read(root: &Root) -> Option<Self> {
        if let Ok(text) = root.read("/sys/kernel/security/lockdown") {
            let word = text.split('[').nth(1)?.split(']').next()?;
            return Self::from_word(word);
        }
        command_line(root)
            .iter()
            .find_map(|word| Self::from_word(word.strip_prefix("lockdown=")?))
    }

    fn from_word(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "integrity" => Some(Self::Integrity),
            "confidentiality" => Some(Self::Confidentiality),
            _ => None,
        }
    }
}

impl fmt::Display for Lockdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Integrity => "integrity",
            Self::Confidentiality => "confidentiality",
        })
    }
}

/// Whether the machine was booted with Secure Boot; `None` where its firmware has none (no EFI).
#[must_use]
pub fn secure_boot(root: &Root) -> Option<bool> {
    // The variable's four bytes of attributes come first (Linux, `Documentation/filesystems/efivarfs.rst`),
    // then one byte (UEFI specification, section 3.3).
    let path = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    let bytes = std::fs::read(root.path(path)).ok()?;
    Some(*bytes.get(4)? == 1)
}

/// The configuration with which the kernel was built.
#[derive(Clone, Debug)]
pub struct Config {
    text: String,
    /// The file it was read from.
    pub path: String,
}

impl Config {
    /// Looks at `/proc/config.gz` and at the places where distributions put the file.
    #[must_use]
    pub fn read(root: &Root) -> Option<Self> {
        if let Ok(packed) = std::fs::File::open(root.path("/proc/config.gz")) {
            let mut text = String::new();
            let mut unpacked = flate2::read::GzDecoder::new(packed).take(16 << 20);
            if unpacked.read_to_string(&mut text).is_ok() {
                let path = "/proc/config.gz".to_owned();
                return Some(Self { text, path });
            }
        }
        let release = release(root);
        let places = [
            format!("/boot/config-{release}"),
            format!("/usr/lib/modules/{release}/config"),
            format!("/lib/modules/{release}/config"),
            format!("/usr/lib/kernel/config-{release}"),
            format!("/lib/modules/{release}/build/.config"),
        ];
        places.into_iter().find_map(|path| {
            let text = root.read(&path).ok()?;
            Some(Self { text, path })
        })
    }

    /// The value of an option: `y`, `m`, a number, a text; `None` where it is not set.
    #[must_use]
    pub fn get(&self, option: &str) -> Option<&str> {
        self.text
            .lines()
            .find_map(|line| line.strip_prefix(option)?.strip_prefix('='))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockdown_is_the_word_in_brackets() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        assert_eq!(Lockdown::read(&root), None);
        std::fs::create_dir_all(root.path("/sys/kernel/security")).unwrap();
        let file = root.path("/sys/kernel/security/lockdown");
        std::fs::write(&file, "none [integrity] confidentiality\n").unwrap();
        assert_eq!(Lockdown::read(&root), Some(Lockdown::Integrity));
    }

    #[test]
    fn lockdown_of_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        std::fs::create_dir_all(root.path("/proc")).unwrap();
        std::fs::write(
            root.path("/proc/cmdline"),
            "quiet lockdown=confidentiality\n",
        )
        .unwrap();
        assert_eq!(Lockdown::read(&root), Some(Lockdown::Confidentiality));
    }

    #[test]
    fn options_are_whole_words() {
        let config = Config {
            text: "# CONFIG_MMIOTRACE_TEST is not set\nCONFIG_MMIOTRACE=y\n".into(),
            path: String::new(),
        };
        assert_eq!(config.get("CONFIG_MMIOTRACE"), Some("y"));
        assert_eq!(config.get("CONFIG_MMIO"), None);
        assert_eq!(config.get("CONFIG_MMIOTRACE_TEST"), None);
    }
}
