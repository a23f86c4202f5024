//! Debian packages: which there are, fetching, unpacking, installing.

mod lists;

use crate::command;
use crate::error::{AtPath, Error, Result};
use lists::Lists;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The newest package whose name matches `pattern`, a regular expression as apt-cache takes it.
///
/// # Errors
/// [`Error::Unavailable`] if there is none.
pub fn newest(pattern: &str) -> Result<String> {
    search(pattern)?
        .ok_or_else(|| Error::Unavailable(format!("apt knows no package that matches {pattern}")))
}

fn search(pattern: &str) -> Result<Option<String>> {
    let mut search = Lists::get()?.command("apt-cache");
    let found = command::output(search.args(["search", "--names-only", pattern]))?;
    let mut names: Vec<&str> = found
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    names.sort_by_key(|name| numbers(name));
    Ok(names.last().map(|name| (*name).to_owned()))
}

/// The numbers in a name, in order: enough to order kernels, whose names differ only in them.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

/// The version that apt would install.
pub fn candidate(package: &str) -> Result<String> {
    let mut policy = Lists::get()?.command("apt-cache");
    let policy = command::output(policy.args(["policy", package]))?;
    policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))
        .filter(|version| *version != "(none)")
        .map(str::to_owned)
        .ok_or_else(|| Error::Unavailable(format!("apt has no package {package}")))
}

/// Every version of a package that apt can fetch, newest first.
pub fn versions(package: &str) -> Result<Vec<String>> {
    let mut madison = Lists::get()?.command("apt-cache");
    let table = command::output(madison.args(["madison", package]))?;
    let versions = table
        .lines()
        .filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned()));
    Ok(versions.collect())
}

/// What apt would install for this version of a package, with what it depends on and this machine has
/// not: each as `NAME=VERSION`. Nothing is installed.
///
/// # Errors
/// [`Error::Unavailable`] if apt cannot resolve it.
pub fn install_set(package: &str, version: &str) -> Result<Vec<String>> {
    let lists = Lists::get()?;
    let mut simulate = lists.command("apt-get");
    simulate.args(["-s", "--no-install-recommends"]);
    // Else apt takes the dependencies of the release itself, which are too old.
    if let (Some(backports), true) = (&lists.backports, version.contains("~bpo")) {
        simulate.args(["-t", backports]);
    }
    simulate.args(["install", &format!("{package}={version}")]);
    let plan = command::output(&mut simulate)
        .map_err(|error| Error::Unavailable(format!("apt cannot resolve {package}: {error}")))?;
    Ok(installed_by(&plan))
}

/// The packages of lines as `Inst NAME [INSTALLED] (VERSION SOURCE)`.
fn installed_by(plan: &str) -> Vec<String> {
    let lines = plan.lines().filter_map(|line| line.strip_prefix("Inst "));
    lines
        .filter_map(|line| {
            let name = line.split(' ').next()?;
            let version = line.split_once('(')?.1.split(' ').next()?;
            Some(format!("{name}={version}"))
        })
        .collect()
}

/// A package and everything it depends on that is not installed here.
pub fn closure(package: &str) -> Result<Vec<String>> {
    let kinds = [
        "recommends",
        "suggests",
        "conflicts",
        "breaks",
        "replaces",
        "enhances",
    ];
    let mut depends = Lists::get()?.command("apt-cache");
    depends
        .args(["depends", "--recurse"])
        .args(kinds.map(|kind| format!("--no-{kind}")))
        .arg(package);
    let listed = command::output(&mut depends)?;
    let mut names: Vec<String> = listed
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names.retain(|name| !is_installed(name));
    Ok(names)
}

/// The libraries that packages depend on, and those that these depend on, except what is installed
/// here.
pub fn libraries(packages: &[String]) -> Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    let mut asked = packages.to_vec();
    while !asked.is_empty() {
        let mut depends = Lists::get()?.command("apt-cache");
        let listed = command::output(depends.arg("depends").args(&asked))?;
        let mut new = first_choices(&listed);
        new.retain(|name| name.starts_with("lib") && !name.ends_with("-dev"));
        new.sort();
        new.dedup();
        new.retain(|name| !found.contains(name) && !packages.contains(name) && !is_installed(name));
        found.extend(new.iter().cloned());
        asked = new;
    }
    Ok(found)
}

/// The names in what `apt-cache depends` prints; of alternatives (`|Depends: ONE`, `Depends: OTHER`)
/// the first.
fn first_choices(listed: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut chosen = false;
    for line in listed.lines() {
        if let Some((before, name)) = line.split_once("Depends: ") {
            if !chosen {
                names.push(name.trim().to_owned());
            }
            chosen = before.contains('|');
        }
    }
    names
}

fn is_installed(package: &str) -> bool {
    command::output(Command::new("dpkg-query").args(["-W", "-f", "${Status}", package]))
        .is_ok_and(|status| status == "install ok installed")
}

/// Fetches packages (`name` or `name=version`) and unpacks them into `into`. Nothing is installed
/// and no package's script runs.
pub fn unpack(packages: &[String], into: &Path, exclude: &[&str]) -> Result<()> {
    let folder = into.with_extension("debs");
    std::fs::create_dir_all(&folder).at(&folder)?;
    for package in packages {
        eprintln!("fetching {package}");
        let mut download = Lists::get()?.command("apt-get");
        let arguments = ["-qq", "-o", "APT::Sandbox::User=root", "download"];
        download.args(arguments).arg(package).current_dir(&folder);
        let fetched = command::output(&mut download);
        fetched.map_err(|error| Error::Unavailable(format!("cannot fetch {package}: {error}")))?;
    }
    for deb in files(&folder)? {
        let mut script =
            String::from("dpkg-deb --fsys-tarfile \"$1\" | tar -x -C \"$2\" --no-same-owner");
        for pattern in exclude {
            script.push_str(&format!(" --exclude='{pattern}'"));
        }
        command::pipeline(&script, &[deb.as_os_str(), into.as_os_str()], &folder)?;
    }
    std::fs::remove_dir_all(&folder).at(&folder)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).at(folder)? {
        files.push(entry.at(folder)?.path());
    }
    files.sort();
    Ok(files)
}

/// Makes sure that the programs are there; installs their packages where they are not.
/// Each pair is a program and the package that has it.
pub fn require(programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| !command::exists(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !command::exists("apt-get") {
        return Err(Error::Unavailable(format!(
            "these are needed, and there is no apt-get to install them: {names}"
        )));
    }
    if !command::is_root() {
        return Err(Error::Unavailable(format!(
            "these are needed: run `apt-get install {names}` as root"
        )));
    }
    eprintln!("installing {names}");
    if install(&missing).is_err() {
        // Lists of another day name packages of which some are gone; a fresh container has none.
        let _ = command::output(Command::new("apt-get").args(["-qq", "update"]));
        install(&missing)
            .map_err(|error| Error::Unavailable(format!("cannot install {names}: {error}")))?;
    }
    Ok(())
}

/// Installs packages; needs root's rights.
pub fn install(packages: &[&str]) -> Result<String> {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command::output(
        command
            .args(["-qq", "install", "-y", "--no-install-recommends"])
            .args(packages),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_alternatives_the_first_is_taken() {
        let listed = "a\n  Depends: b\n |Depends: c\n |Depends: d\n  Depends: e\n  Depends: f\n  Suggests: g\n";
        assert_eq!(first_choices(listed), ["b", "c", "f"]);
    }

    #[test]
    fn versions_order_by_number() {
        let mut names = [
            "a-6.1.0-9-amd64",
            "a-6.1.0-50-amd64",
            "a-6.12.117+deb12-amd64",
        ];
        names.sort_by_key(|name| numbers(name));
        assert_eq!(
            names,
            [
                "a-6.1.0-9-amd64",
                "a-6.1.0-50-amd64",
                "a-6.12.117+deb12-amd64"
            ]
        );
    }

    #[test]
    fn install_plan_of_apt() {
        let plan = "NOTE: This is only a simulation!\n\
            Inst libfdt1 (1.6.1-4+b1 Debian:12.15/oldstable [amd64])\n\
            Inst libnuma1 [2.0.12] (2.0.16-1 Debian:12.15/oldstable [amd64]) []\n\
            Conf libfdt1 (1.6.1-4+b1 Debian:12.15/oldstable [amd64])\n";
        assert_eq!(
            installed_by(plan),
            ["libfdt1=1.6.1-4+b1", "libnuma1=2.0.16-1"]
        );
    }
}
