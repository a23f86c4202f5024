//! Which programs can be traced by preloading a library.

use super::Error;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, PermissionsExt};
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
            return refuse("it is setuid or setgid, and the dynamic linker preloads nothing then");
        }
        let Ok(mut file) = File::open(&self.path) else {
            // Executable but not readable: the linker will tell.
            return Ok(());
        };
        let mut head = [0; 64];
        let have = file.read(&mut head).map_err(system)?;
        if have < head.len() || !head.starts_with(b"\x7fELF") {
            // A script: its interpreter is what is preloaded into.
            return Ok(());
        }
        if head[4] != 2 || head[18..20] != [62, 0] {
            return refuse("it is no 64-bit x86 program");
        }
        if has_interpreter(&file, &head).unwrap_or(true) {
            return Ok(());
        }
        refuse("it is linked statically, so nothing can be preloaded into it")
    }
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
    }
}
