//! Which programs can be traced by preloading a library.

#![expect(unsafe_code, reason = "the process is asked for its user and group")]

use super::Error;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A program file.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
}

impl Program {
    /// Finds a program as a shell does.
    pub(super) fn find(name: &OsStr) -> Result<Self, Error> {
        let is_program = |path: &PathBuf| {
            let mode = path
                .metadata()
                .map(|found| (found.is_file(), found.permissions().mode()));
            mode.is_ok_and(|(file, mode)| file && mode & 0o111 != 0)
        };
        let candidates = if name.as_encoded_bytes().contains(&b'/') {
            vec![PathBuf::from(name)]
        } else {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path)
                .map(|folder| folder.join(name))
                .collect()
        };
        match candidates.into_iter().find(is_program) {
            Some(path) => Ok(Self { path }),
            None => Err(Error::NoProgram(name.to_string_lossy().into_owned())),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fails where the dynamic linker would not preload anything into it.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |why| {
            let program = self.path.display().to_string();
            Err(Error::NotTraceable { program, why })
        };
        let system = |source| Error::System {
            what: "look at the program",
            source,
        };
        let metadata = self.path.metadata().map_err(system)?;
        if metadata.permissions().mode() & 0o6000 != 0 {
            return refuse(SETUID);
        }
        match file_obstacle(&self.path).map_err(system)? {
            Some(why) => refuse(why),
            None => Ok(()),
        }
    }
}

/// Why nothing would be preloaded into a program that this process executes now; `None` where it would
/// be, or if nothing is known. Allocates nothing for paths below 384 bytes: for a child between
/// `fork` and `exec` too.
#[must_use]
pub(super) fn obstacle(path: &Path) -> Option<&'static str> {
    if let Some(why) = file_obstacle(path).ok().flatten() {
        return Some(why);
    }
    changes_identity(path).then_some(SETUID)
}

const SETUID: &str = "it is setuid or setgid, and the dynamic linker preloads nothing then";

/// Whether the kernel would give the program another user or group than this process has, after which
/// the dynamic linker is in its secure mode (execve(2), ld.so(8)).
fn changes_identity(path: &Path) -> bool {
    let Ok(metadata) = path.metadata() else {
        return false;
    };
    let mode = metadata.mode();
    // SAFETY: calls without memory of ours.
    let (user, group, fixed) = unsafe {
        let fixed = libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
        (libc::getuid(), libc::getgid(), fixed)
    };
    let other_user = mode & libc::S_ISUID != 0 && metadata.uid() != user;
    let other_group =
        mode & libc::S_ISGID != 0 && mode & libc::S_IXGRP != 0 && metadata.gid() != group;
    !fixed && (other_user || other_group)
}

/// How many interpreters of interpreters the kernel follows (`fs/exec.c`).
const INTERPRETERS: u32 = 5;

/// What is in the way in the file itself, or in the interpreter that a script names.
fn file_obstacle(path: &Path) -> std::io::Result<Option<&'static str>> {
    let Some(opened) = open(path) else {
        return Ok(None);
    };
    let mut file = opened;
    let mut head = [0; 256];
    for _ in 0..INTERPRETERS {
        let have = file.read_at(&mut head, 0)?;
        let head = head.get(..have).unwrap_or(&[]);
        let Some(line) = head.strip_prefix(b"#!") else {
            return Ok(elf_obstacle(&file, head));
        };
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
        let words = line.split(|byte| b" \t".contains(byte));
        let interpreter = words.into_iter().find(|word| !word.is_empty());
        let interpreter = interpreter.map(|name| Path::new(OsStr::from_bytes(name)));
        match interpreter.and_then(open) {
            Some(next) => file = next,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// A file that can be read: of one that cannot, the linker will tell.
fn open(path: &Path) -> Option<File> {
    File::open(path).ok()
}

fn elf_obstacle(file: &File, head: &[u8]) -> Option<&'static str> {
    let head = head.first_chunk::<64>()?;
    if !head.starts_with(b"\x7fELF") {
        return None;
    }
    if head[4] != 2 || head[18..20] != [62, 0] {
        return Some("it is no 64-bit x86 program");
    }
    if has_interpreter(file, head).unwrap_or(true) {
        return None;
    }
    Some("it is linked statically, so nothing can be preloaded into it")
}

/// Whether an ELF file names a dynamic linker (PT_INTERP; System V ABI, program header).
fn has_interpreter(file: &File, head: &[u8; 64]) -> Option<bool> {
    const INTERPRETER: u32 = 3;
    let number = |at: usize, len: usize| {
        let bytes = head.get(at..at + len)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0u64, |all, byte| all << 8 | u64::from(*byte)),
        )
    };
    let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        let mut kind = [0; 4];
        let at = start.checked_add(index.checked_mul(size)?)?;
        file.read_exact_at(&mut kind, at).ok()?;
        if u32::from_le_bytes(kind) == INTERPRETER {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_judged() {
        let sh = Program::find(OsStr::new("sh")).unwrap();
        sh.check().unwrap();
        assert!(Program::find(OsStr::new("no-such-program-anywhere")).is_err());
        assert!(matches!(
            Program::find(OsStr::new("/proc/self/status")),
            Err(Error::NoProgram(_))
        ));
    }

    #[test]
    fn what_cannot_be_preloaded_into_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::copy("/bin/sh", &path).unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        mode(0o4755).unwrap();
        let program = Program::find(path.as_os_str()).unwrap();
        let refused = program.check().unwrap_err().to_string();
        assert!(refused.contains("setuid"), "{refused}");
        mode(0o755).unwrap();
        program.check().unwrap();
        // Without its program headers nothing names a dynamic linker.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[56..58].fill(0);
        std::fs::write(&path, bytes).unwrap();
        let refused = program.check().unwrap_err().to_string();
        assert!(refused.contains("statically"), "{refused}");
        // Nor does a script whose interpreter is such a program.
        let script = folder.path().join("script");
        std::fs::write(&script, format!("#! {} -e\n", path.display())).unwrap();
        assert!(obstacle(&script).unwrap().contains("statically"));
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        assert_eq!(obstacle(&script), None);
        // One that leads to itself, in a circle, ends.
        std::fs::write(&script, format!("#!{}\n", script.display())).unwrap();
        assert_eq!(obstacle(&script), None);
    }

    #[test]
    fn only_another_user_or_group_is_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::copy("/bin/sh", &path).unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        // Its owner is who executes it.
        mode(0o6755).unwrap();
        assert_eq!(obstacle(&path), None);
        // SAFETY: calls without memory of ours.
        if unsafe { libc::getuid() } != 0 {
            eprintln!(
                "SKIPPED: only_another_user_or_group_is_in_the_way: needs root to give a file away"
            );
            return;
        }
        for (user, group, bits) in [(Some(65534), None, 0o4755), (None, Some(65534), 0o2755)] {
            std::os::unix::fs::chown(&path, user.or(Some(0)), group.or(Some(0))).unwrap();
            mode(bits).unwrap();
            assert!(obstacle(&path).unwrap().contains("setuid"));
        }
    }
}
