//! Map files on the command line.

use super::GivenMaps;
use crate::failure::{Failure, plain};
use core::hash::{Hash as _, Hasher as _};
use core::str::FromStr;
use mmiotrace_registers::{
    CompiledMap, DeviceAddress, LoadError, Loader, RegisterMap, Warning, bundled,
};
use std::hash::DefaultHasher;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// At most so many oddities of one map are told.
const MAX_TOLD: usize = 5;

/// A map file or a folder of them, and the device that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MapSource {
    device: Option<DeviceAddress>,
    path: PathBuf,
}

impl FromStr for MapSource {
    type Err = core::convert::Infallible;

    /// `00:02.0=FILE`, or a file; what stands before the first `=` is an address or belongs to the
    /// name of the file.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let for_device = text
            .split_once('=')
            .and_then(|(device, path)| Some((DeviceAddress::parse(device)?, path)));
        let (device, path) = match for_device {
            Some((device, path)) => (Some(device), path),
            None => (None, text),
        };
        let path = PathBuf::from(path);
        Ok(Self { device, path })
    }
}

/// Reads all of them.
pub(super) fn load_all(
    sources: &[MapSource],
    domain: Option<&str>,
    bar: Option<u8>,
) -> Result<GivenMaps, Failure> {
    let mut loader = Loader::new();
    if let Some(domain) = domain {
        loader = loader.domain(domain);
    }
    if let Some(bar) = bar {
        loader = loader.bar(bar);
    }
    let mut groups: Vec<Group> = Vec::new();
    for source in sources {
        if let Some(map) = bundled_map(&source.path) {
            join(&mut groups, source, Part::Ready(map));
            continue;
        }
        let files = files_of(&source.path)?;
        // A folder of headers or manuals is one map of many files.
        if source.path.is_dir() && files.iter().all(|file| is_header(file)) {
            let mut whole: Option<RegisterMap> = None;
            for file in &files {
                let map = load(&loader, file)?;
                match &mut whole {
                    Some(whole) => whole.append(map),
                    None => whole = Some(map),
                }
            }
            if let Some(mut whole) = whole {
                let name = source.path.file_name();
                whole.name = name.map_or(whole.name, |name| name.to_string_lossy().into_owned());
                join(
                    &mut groups,
                    source,
                    Part::Read(source.path.clone(), Box::new(whole)),
                );
            }
            continue;
        }
        for file in files {
            let map = load(&loader, &file)?;
            join(&mut groups, source, Part::Read(file, Box::new(map)));
        }
    }
    groups.into_iter().map(Group::compile).collect()
}

/// One map, or several that were given for one device.
struct Group {
    device: Option<DeviceAddress>,
    parts: Vec<Part>,
}

enum Part {
    /// A map that comes with the command.
    Ready(Arc<CompiledMap>),
    Read(PathBuf, Box<RegisterMap>),
}

/// Puts a map with those that were given for the same device before.
fn join(groups: &mut Vec<Group>, source: &MapSource, part: Part) {
    let same = |group: &&mut Group| group.device.is_some() && group.device == source.device;
    match groups.iter_mut().find(same) {
        Some(group) => group.parts.push(part),
        None => groups.push(Group {
            device: source.device,
            parts: vec![part],
        }),
    }
}

impl Group {
    fn compile(self) -> Result<(Arc<CompiledMap>, Option<DeviceAddress>), Failure> {
        if let [Part::Ready(map)] = self.parts.as_slice() {
            return Ok((Arc::clone(map), self.device));
        }
        let mut whole: Option<(PathBuf, RegisterMap)> = None;
        for part in self.parts {
            let (file, map) = match part {
                Part::Ready(map) => (PathBuf::from(&map.map().name), map.map().clone()),
                Part::Read(file, map) => (file, *map),
            };
            match &mut whole {
                Some((_, whole)) => {
                    whole.name = format!("{}+{}", whole.name, map.name);
                    whole.append(map);
                }
                None => whole = Some((file, map)),
            }
        }
        let (file, map) = whole.unwrap_or_default();
        let map = map.compile().map_err(|error| {
            Failure::new(file.display().to_string(), error)
                .advise("mmiotrace map check FILE tells more")
        })?;
        tell(&file, map.warnings());
        Ok((Arc::new(map), self.device))
    }
}

/// The files of all of them, as far as they can be known without reading them.
pub(super) fn files(sources: &[MapSource]) -> Vec<PathBuf> {
    let files = sources.iter().map(|source| files_of(&source.path));
    files.filter_map(Result::ok).flatten().collect()
}

/// A map that comes with the command, where no file has that name.
fn bundled_map(name: &Path) -> Option<Arc<CompiledMap>> {
    let name = name.to_str().filter(|_| !name.exists())?;
    let called = |map: &&Arc<CompiledMap>| map.map().name == name;
    bundled::maps().iter().find(called).cloned()
}

/// Reads one map.
fn load(loader: &Loader, file: &Path) -> Result<RegisterMap, Failure> {
    let loaded = loader
        .load(file)
        .map_err(|error| failure_of(file, &error))?;
    tell(file, &loaded.warnings);
    Ok(loaded.map)
}

/// The files of a folder: `root.xml` of an rnndb, and all TOML and SVD files; where it has none of
/// these, its C headers and manuals. A file is itself.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let name = path.display().to_string();
    let failed = |error: io::Error| Failure::new(&name, plain(&error));
    let (mut files, mut headers) = (Vec::new(), Vec::new());
    for entry in path.read_dir().map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let root = file.file_name().is_some_and(|name| name == "root.xml");
        if file.is_file() && (root || has_extension(&file, &["toml", "svd"])) {
            files.push(file);
        } else if file.is_file() && is_header(&file) && !is_masks_of(&file) {
            headers.push(file);
        }
    }
    if files.is_empty() {
        files = headers;
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::new(
            name,
            "has no map: no root.xml, *.toml, *.svd, *.h or *.ref.txt",
        )
        .advise("give the file itself"));
    }
    Ok(files)
}

fn is_header(file: &Path) -> bool {
    has_extension(file, &["h", "hpp"]) || file.to_string_lossy().ends_with(".ref.txt")
}

/// Whether a file is read with another: AMD's bits, with the offsets.
fn is_masks_of(file: &Path) -> bool {
    let block = file
        .to_string_lossy()
        .strip_suffix("_sh_mask.h")
        .map(str::to_owned);
    let offsets = block.map(|block| [format!("{block}_offset.h"), format!("{block}_d.h")]);
    offsets.is_some_and(|files| files.iter().any(|file| Path::new(file).is_file()))
}

fn has_extension(file: &Path, known: &[&str]) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| known.iter().any(|one| one.eq_ignore_ascii_case(extension)))
}

/// A loader's error in the form of all others: `FILE:LINE: what`.
pub(crate) fn failure_of(file: &Path, error: &LoadError) -> Failure {
    let place = error.file().unwrap_or(file).display().to_string();
    match error.position() {
        Some(at) => {
            let what = format!("{} at column {}", error.text(), at.column);
            Failure::new(place, what).at_line(at.line.into())
        }
        None => Failure::new(place, error.text()),
    }
}

/// Tells what is odd about a map; of much, the first.
fn tell(file: &Path, warnings: &[Warning]) {
    for warning in warnings.iter().take(MAX_TOLD) {
        let place = warning
            .file
            .as_deref()
            .unwrap_or(file)
            .display()
            .to_string();
        let failure = Failure::new(place, format_args!("odd: {}", warning.text));
        match warning.position {
            Some(at) => failure.at_line(at.line.into()),
            None => failure,
        }
        .print();
    }
    let untold = warnings.len().saturating_sub(MAX_TOLD);
    if untold > 0 {
        Failure::new(
            file.display().to_string(),
            format_args!("{untold} oddities more"),
        )
        .advise("mmiotrace map check FILE tells all")
        .print();
    }
}

/// A number that changes when the files do: those given, and, since an rnndb is of many files, all
/// of the kinds that maps have beside them.
pub(super) fn fingerprint(sources: &[MapSource]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in sources {
        let folder = match source.path.is_dir() {
            true => Some(source.path.as_path()),
            false if has_extension(&source.path, &["xml"]) => source.path.parent(),
            false => None,
        };
        let mut files = vec![source.path.clone()];
        let beside = folder.and_then(|folder| folder.read_dir().ok());
        let is_map = |file: &PathBuf| has_extension(file, &["toml", "svd", "xml"]);
        files.extend(
            beside
                .into_iter()
                .flatten()
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(is_map),
        );
        files.sort();
        for file in files {
            let metadata = file.metadata().ok();
            let changed = metadata.as_ref().and_then(|data| data.modified().ok());
            (file, metadata.map(|data| data.len()), changed).hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_a_part_of_the_name() {
        let parse = |text: &str| text.parse::<MapSource>().unwrap();
        let device = DeviceAddress::parse("00:02.0");
        assert_eq!(parse("00:02.0=a=b.toml").device, device);
        assert_eq!(parse("00:02.0=a=b.toml").path, Path::new("a=b.toml"));
        assert_eq!(parse("a=b.toml").device, None);
        assert_eq!(parse("a=b.toml").path, Path::new("a=b.toml"));
    }
}
