//! Package lists of the rig's own, in its cache: what the machine's sources offer, and the backports
//! of the machine's release beside them. Nothing of the machine's configuration changes, and no
//! rights are needed.

use crate::cache;
use crate::command;
use crate::error::{AtPath, Error, Result};
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::time::SystemTime;

/// After this time lists name packages of which some are gone.
const LIFETIME: Duration = Duration::from_secs(6 * 60 * 60);

/// The lists, and how apt is pointed at them.
#[derive(Debug)]
pub(super) struct Lists {
    /// apt's options; none if the lists are the machine's own, because no others could be fetched.
    options: Vec<String>,
    /// The name of the backports' release, as `bookworm-backports`, if the archive has it.
    pub(super) backports: Option<String>,
}

impl Lists {
    /// The lists of this process: brought up to date if they are older than [`LIFETIME`].
    pub(super) fn get() -> Result<&'static Self> {
        static LISTS: OnceLock<Lists> = OnceLock::new();
        static FILLING: Mutex<()> = Mutex::new(());
        let _one = FILLING.lock();
        if let Some(lists) = LISTS.get() {
            return Ok(lists);
        }
        let lists = Self::open()?;
        Ok(LISTS.get_or_init(|| lists))
    }

    fn open() -> Result<Self> {
        let folder = cache::folder("apt")?;
        let stamp = folder.join("updated");
        let age = stamp.metadata().and_then(|stamp| stamp.modified());
        let age = age
            .ok()
            .and_then(|time| SystemTime::now().duration_since(time).ok());
        let wanted = backports();
        if age.is_none_or(|age| age > LIFETIME) {
            let fetched = fetch(&folder, wanted.as_ref());
            match fetched {
                Ok(()) => std::fs::write(&stamp, "").at(&stamp)?,
                Err(error) if age.is_some() => eprintln!("keeping old package lists: {error}"),
                Err(error) => {
                    eprintln!("using the machine's own package lists: {error}");
                    return Ok(Self {
                        options: Vec::new(),
                        backports: None,
                    });
                }
            }
        }
        let options = options(&folder);
        let wanted = wanted.map(|(release, _)| release);
        let backports = wanted.filter(|release| has_lists(&folder, release));
        Ok(Self { options, backports })
    }

    /// `apt-get` or `apt-cache` over these lists.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options);
        command
    }
}

fn options(folder: &Path) -> Vec<String> {
    let at = |name: &str| folder.join(name).display().to_string();
    [
        format!("Dir::Etc::sourcelist={}", at("sources.list")),
        format!("Dir::State::lists={}", at("lists")),
        format!("Dir::Cache={}", at("cache")),
        // As root apt drops its rights for downloads, which fails in folders of root's.
        "APT::Sandbox::User=root".to_owned(),
        "Acquire::Languages=none".to_owned(),
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
    ]
    .into_iter()
    .flat_map(|option| ["-o".to_owned(), option])
    .collect()
}

/// Fetches the lists: with the backports, or without if the archive has none for this release.
fn fetch(folder: &Path, backports: Option<&(String, String)>) -> Result<()> {
    for name in ["lists/partial", "cache/archives/partial"] {
        let path = folder.join(name);
        std::fs::create_dir_all(&path).at(&path)?;
    }
    // The machine's other sources are files of a folder, which is read as it is.
    let own = std::fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    let path = folder.join("sources.list");
    let update = |more: &str| {
        std::fs::write(&path, format!("{own}\n{more}\n")).at(&path)?;
        let mut update = Command::new("apt-get");
        command::output(update.args(options(folder)).args(["-qq", "update"])).map(drop)
    };
    if let Some((_, line)) = backports
        && update(line).is_ok()
    {
        return Ok(());
    }
    update("").map_err(|error| Error::Unavailable(error.to_string()))
}

/// The backports' release and its line for sources.list: from where the machine gets its release
/// itself. None if that is not Debian's, or configured already.
fn backports() -> Option<(String, String)> {
    let system = std::fs::read_to_string("/etc/os-release").ok()?;
    let field = |name: &str| {
        let mut lines = system.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.trim_matches('"').to_owned())
    };
    if field("ID")? != "debian" {
        return None;
    }
    let release = field("VERSION_CODENAME")?;
    let backports = format!("{release}-backports");
    let mut targets = Command::new("apt-get");
    targets.args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE)",
        "Created-By: Packages",
    ]);
    let targets = command::output(&mut targets).ok()?;
    let mut archive = None;
    for (uri, name) in targets.lines().filter_map(|line| line.rsplit_once(' ')) {
        if name == backports {
            return Some((backports, String::new()));
        }
        if name == release {
            archive = Some(uri);
        }
    }
    // Without this option apt takes the keys that the machine trusts.
    let keys = ["gpg", "pgp"].map(|ending| {
        PathBuf::from("/usr/share/keyrings/debian-archive-keyring").with_extension(ending)
    });
    let keys = keys.iter().find(|path| path.is_file());
    let keys = keys.map_or_else(String::new, |path| {
        format!("[signed-by={}] ", path.display())
    });
    let line = format!("deb {keys}{} {backports} main", archive?);
    Some((backports, line))
}

fn has_lists(folder: &Path, release: &str) -> bool {
    let entries = std::fs::read_dir(folder.join("lists"));
    let name = format!("_dists_{release}_");
    let mut names = entries.into_iter().flatten().flatten();
    names.any(|entry| entry.file_name().to_string_lossy().contains(&name))
}
