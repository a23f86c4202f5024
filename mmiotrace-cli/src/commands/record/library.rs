//! The library that is preloaded: inside this command, and written to a file from which programs can
//! load it.

use super::PLACE;
use crate::failure::{Failure, plain};
use mmiotrace_capture::process::{LIBRARY, library_places};
use rustix::fs::{MemfdFlags, StatVfsMountFlags, memfd_create, statvfs};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Empty where this command was built without it.
const EMBEDDED: &[u8] = mmiotrace_embed::library!();

/// A library that can be preloaded as long as this lives.
#[derive(Debug)]
pub(super) struct Library {
    path: PathBuf,
    #[expect(dead_code, reason = "the path leads to it")]
    memory: Option<File>,
}

impl Library {
    /// The library, in a file that stays: programs of a tree that outlives the recorder load it too. Where no
    /// folder allows that it is in memory, and gone with the recorder.
    ///
    /// # Errors
    /// If it is neither in this command nor beside it.
    pub(super) fn place() -> Result<Self, Failure> {
        if EMBEDDED.is_empty() {
            return installed();
        }
        let path = folders().iter().find_map(|folder| file_in(folder).ok());
        match path {
            Some(path) => Ok(Self { path, memory: None }),
            None => in_memory().map_err(|error| Failure::new(PLACE, plain(&error))),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Beside the command, in `deps` beside it, or under `../lib/mmiotrace`.
fn installed() -> Result<Library, Failure> {
    let command = std::env::current_exe().map_err(|error| Failure::new(PLACE, plain(&error)))?;
    let found = library_places(&command)
        .into_iter()
        .find(|place| place.is_file());
    found
        .map(|path| Library { path, memory: None })
        .ok_or_else(|| {
            let what = format!("{LIBRARY} is neither in the command nor beside it");
            Failure::new(PLACE, what).advise("build the command anew: cargo build -p mmiotrace-cli")
        })
}

/// Where the file may be. Everybody may read it, so that programs that change their user load it too, if
/// the folders above let them.
fn folders() -> Vec<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let below = |variable: &str, rest: &str| {
        let folder = std::env::var_os(variable).filter(|folder| !folder.is_empty())?;
        Some(Path::new(&folder).join(rest))
    };
    let folders = [
        Some(std::env::temp_dir().join(format!("mmiotrace-{user}"))),
        below("XDG_RUNTIME_DIR", "mmiotrace"),
        below("XDG_CACHE_HOME", "mmiotrace"),
        below("HOME", ".cache/mmiotrace"),
    ];
    folders.into_iter().flatten().collect()
}

/// Writes the library into a folder, unless it is there.
fn file_in(folder: &Path) -> io::Result<PathBuf> {
    let refused = |why: &'static str| Err(io::Error::other(why));
    // The dynamic linker splits LD_PRELOAD there.
    let splits = |byte: &u8| *byte == b':' || byte.is_ascii_whitespace();
    if !folder.is_absolute() || folder.as_os_str().as_encoded_bytes().iter().any(splits) {
        return refused("a path that cannot be preloaded");
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(folder)?;
    let found = folder.symlink_metadata()?;
    let user = rustix::process::getuid().as_raw();
    if !found.is_dir() || found.uid() != user || found.mode() & 0o022 != 0 {
        return refused("others may write there");
    }
    if statvfs(folder)?.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return refused("nothing is executable there");
    }
    let sum = crc32fast::hash(EMBEDDED);
    let file = folder.join(format!("{sum:08x}-{LIBRARY}"));
    if std::fs::read(&file).is_ok_and(|bytes| bytes == EMBEDDED) {
        return Ok(file);
    }
    // Another recorder may do the same now: each renames a whole file.
    let begun = folder.join(format!("{sum:08x}-{}", std::process::id()));
    let written = write_new(&begun).and_then(|()| std::fs::rename(&begun, &file));
    if written.is_err() {
        let _ = std::fs::remove_file(&begun);
    }
    written.map(|()| file)
}

fn write_new(path: &Path) -> io::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(path)?;
    file.write_all(EMBEDDED)
}

fn in_memory() -> io::Result<Library> {
    let mut file = File::from(memfd_create("mmiotrace-library", MemfdFlags::CLOEXEC)?);
    file.write_all(EMBEDDED)?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    Ok(Library {
        path: path.into(),
        memory: Some(file),
    })
}
