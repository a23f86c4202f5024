//! Files that name other files.

use super::limits::MAX_TEXT_BYTES;
use crate::error::{LoadError, LoadErrorKind};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Where the files of a map come from.
pub(crate) trait Files {
    /// The text of a file that another names, and what it is known by: the same file has the same
    /// path, whatever name led to it.
    fn read(&mut self, name: &str) -> Result<(PathBuf, String), LoadError>;
}

/// A folder and what is below it. Nothing outside is read, also not through links.
pub(crate) struct Folder {
    roots: Vec<PathBuf>,
    left: usize,
}

impl Folder {
    /// The folder of `file`, and the one above it: databases with folders inside name their files
    /// from the top, and one may begin with a file further down.
    pub(crate) fn around(file: &Path) -> Result<Self, LoadError> {
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = folder
            .canonicalize()
            .map_err(|error| LoadError::io(folder, error))?;
        let above = folder.parent().map(Path::to_path_buf);
        Ok(Self {
            roots: core::iter::once(folder).chain(above).collect(),
            left: MAX_TEXT_BYTES,
        })
    }
}

impl Files for Folder {
    fn read(&mut self, name: &str) -> Result<(PathBuf, String), LoadError> {
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.is_empty() || !Path::new(name).components().all(inside) {
            let text = format!("`{name}` leads out of the folder of the map");
            return Err(LoadError::new(LoadErrorKind::OutsideRoot, text));
        }
        for root in &self.roots {
            let Ok(path) = root.join(name).canonicalize() else {
                continue;
            };
            if !path.starts_with(root) {
                let text = format!("`{name}` leads out of the folder of the map");
                return Err(LoadError::new(LoadErrorKind::OutsideRoot, text));
            }
            let text = read_text(&path, self.left)?;
            self.left -= text.len();
            return Ok((path, text));
        }
        let folder = self
            .roots
            .first()
            .map_or_else(String::new, |root| root.display().to_string());
        Err(LoadError::new(
            LoadErrorKind::Missing,
            format!("there is no file `{name}` in {folder}"),
        ))
    }
}

/// Files in memory.
impl Files for HashMap<String, String> {
    fn read(&mut self, name: &str) -> Result<(PathBuf, String), LoadError> {
        let missing =
            || LoadError::new(LoadErrorKind::Missing, format!("there is no file `{name}`"));
        self.get(name)
            .cloned()
            .map(|text| (PathBuf::from(name), text))
            .ok_or_else(missing)
    }
}

/// A file as text, at most `limit` bytes of it. Bytes that are no UTF-8 become replacement
/// characters: old driver headers have Latin-1 in their comments.
pub(crate) fn read_text(path: &Path, limit: usize) -> Result<String, LoadError> {
    let error = |error| LoadError::io(path, error);
    let file = std::fs::File::open(path).map_err(error)?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(error)?;
    if bytes.len() > limit {
        let text = format!("more than {limit} bytes are too much for a map");
        return Err(LoadError::new(LoadErrorKind::TooLarge, text).in_file(path));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    Ok(text)
}
