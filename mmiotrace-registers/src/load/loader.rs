//! One way to read a map of any format.

use super::files::{Folder, read_text};
use super::limits::MAX_TEXT_BYTES;
use super::rnndb;
use crate::error::{LoadError, LoadErrorKind, Warning};
use crate::model::RegisterMap;
use std::collections::HashMap;
use std::path::Path;

/// A map that was read, and what was odd about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The map.
    pub map: RegisterMap,
    /// What was odd and did not matter enough to be an error. At most 1,000 are kept.
    pub warnings: Vec<Warning>,
}

/// The formats of maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Our own TOML.
    Toml,
    /// rnndb XML (envytools, Mesa).
    Rnndb,
    /// CMSIS-SVD XML.
    Svd,
    /// C headers, NVIDIA's `dev_*.ref.txt` manuals, AMD's `asic_reg`.
    CHeader,
}

impl Format {
    /// The format of a file, by its name and, for XML, by its first element.
    #[must_use]
    pub fn detect(path: &Path, text: &str) -> Option<Self> {
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or("");
        match extension.to_ascii_lowercase().as_str() {
            "toml" => Some(Self::Toml),
            "svd" => Some(Self::Svd),
            "h" | "hpp" | "txt" => Some(Self::CHeader),
            _ => {
                let database = text.find("<database");
                let device = text.find("<device");
                match (database, device) {
                    (Some(database), device) if device.is_none_or(|device| database < device) => {
                        Some(Self::Rnndb)
                    }
                    (_, Some(_)) => Some(Self::Svd),
                    _ if text.contains("#define ") => Some(Self::CHeader),
                    _ => None,
                }
            }
        }
    }
}

/// Reads maps of any format.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Loader {
    options: rnndb::Options,
}

impl Loader {
    /// A loader that takes everything from the file.
    pub fn new() -> Self {
        Self::default()
    }

    /// For rnndb: the domain that is a BAR of the device. Default: `NV_MMIO` where there is one,
    /// else the only domain.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.options.domain = Some(domain.into());
        self
    }

    /// For formats that do not say it: the BAR that the registers are in. Default: 0.
    pub const fn bar(mut self, bar: u8) -> Self {
        self.options.bar = Some(bar);
        self
    }

    /// Reads a map and the files that it names. Those must lie in its folder, or (rnndb) in the
    /// one above.
    ///
    /// # Errors
    /// Where the file cannot be read or is no map. Time and memory are bounded by the size of the
    /// files, at most 256 MB.
    pub fn load(&self, path: &Path) -> Result<Loaded, LoadError> {
        let text = read_text(path, MAX_TEXT_BYTES)?;
        let Some(format) = Format::detect(path, &text) else {
            let text = "neither TOML, rnndb or SVD XML, nor a C header";
            return Err(LoadError::new(LoadErrorKind::Format, text).in_file(path));
        };
        let loaded = match format {
            Format::Rnndb => {
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                rnndb::load(name, &mut Folder::around(path)?, &self.options)
            }
            Format::CHeader => {
                // AMD's offsets and bits are in two files that are of no use without each other.
                let masks = sibling(path)
                    .and_then(|path| read_text(&path, MAX_TEXT_BYTES - text.len()).ok());
                self.text(
                    format,
                    &masks.map_or(text.clone(), |masks| format!("{text}\n{masks}")),
                )
            }
            format => self.text(format, &text),
        };
        let mut loaded = loaded.map_err(|error| error.in_file(path))?;
        for warning in &mut loaded.warnings {
            warning.file.get_or_insert_with(|| path.to_path_buf());
        }
        if loaded.map.name.is_empty() {
            loaded.map.name = path
                .file_stem()
                .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        }
        Ok(loaded)
    }

    /// Reads a map from a text that names no other files.
    ///
    /// # Errors
    /// Where the text is no map of that format.
    pub fn text(&self, format: Format, text: &str) -> Result<Loaded, LoadError> {
        match format {
            Format::Toml => Ok(Loaded {
                map: RegisterMap::from_toml(text)?,
                warnings: Vec::new(),
            }),
            Format::Rnndb => {
                let mut files = HashMap::from([(String::from("root.xml"), text.to_owned())]);
                rnndb::load("root.xml", &mut files, &self.options)
            }
            Format::CHeader => super::header::load(text, "", self.options.bar.unwrap_or(0)),
            Format::Svd => super::svd::load(text, self.options.bar),
        }
    }

    /// Reads an rnndb from files in memory: names and texts, of which `root` is read first.
    ///
    /// # Errors
    /// Where a file is missing or is no rnndb.
    pub fn rnndb_files(
        &self,
        root: &str,
        files: &HashMap<String, String>,
    ) -> Result<Loaded, LoadError> {
        rnndb::load(root, &mut files.clone(), &self.options)
    }
}

/// The file with the bits for a file of AMD's with offsets.
fn sibling(path: &Path) -> Option<std::path::PathBuf> {
    let stem = path.file_name()?.to_str()?;
    let block = stem
        .strip_suffix("_offset.h")
        .or_else(|| stem.strip_suffix("_d.h"))?;
    let sibling = path.with_file_name(format!("{block}_sh_mask.h"));
    sibling.is_file().then_some(sibling)
}
