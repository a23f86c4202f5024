//! What must be put back, written down before anything is changed.
//!
//! The file `/run/mmiotrace/tracefs.state` exists while a capture runs, and after one was killed.
//! It has one step for each line, words separated by tabs, in the order in which things were (or
//! were to be) changed; they are put back in the reverse order. Beside it, `tracefs.lock` is locked
//! (`flock`) while a capture runs: the kernel drops the lock when the process dies, however it
//! dies, so a file whose lock can be had belongs to a capture that is no more.

use super::Error;
use super::loading::Source;
use crate::machine::{Root, boot_id};
use rustix::fs::FlockOperation;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

/// One thing to put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Write a value into a control file, unless it holds it.
    Write { path: String, value: String },
    /// Add a line to a control file that holds a list, unless it holds it.
    Append { path: String, value: String },
    /// Bring a CPU on-line, unless it is.
    Online { cpu: u32 },
    /// Bind a PCI device to a driver, unless it has one.
    Bind { device: String, driver: String },
    /// Load a module, unless it is loaded.
    Load { name: String, source: Source },
    /// Unmount.
    Unmount { folder: String },
}

const FIRST_LINE: &str = "mmiotrace tracefs state 1";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The boot in which it was written: after another, there is nothing left to put back.
    pub(super) boot: String,
    /// The process that captured.
    pub(super) pid: Option<u32>,
    /// Where the trace went.
    pub(super) output: Option<String>,
    pub(super) steps: Vec<Step>,
}

impl State {
    fn to_text(&self) -> String {
        let mut text = format!("{FIRST_LINE}\nboot\t{}\n", self.boot);
        if let Some(pid) = self.pid {
            text.push_str(&format!("pid\t{pid}\n"));
        }
        if let Some(output) = &self.output {
            text.push_str(&format!("output\t{}\n", output.replace(['\n', '\t'], " ")));
        }
        for step in &self.steps {
            text.push_str(&match step {
                Step::Write { path, value } => format!("write\t{path}\t{value}\n"),
                Step::Append { path, value } => format!("append\t{path}\t{value}\n"),
                Step::Online { cpu } => format!("online\t{cpu}\n"),
                Step::Bind { device, driver } => format!("bind\t{device}\t{driver}\n"),
                Step::Load { name, source } => match source {
                    Source::Program(path) => format!("modprobe\t{name}\t{}\n", path.display()),
                    Source::File(path) => format!("insmod\t{name}\t{}\n", path.display()),
                },
                Step::Unmount { folder } => format!("unmount\t{folder}\n"),
            });
        }
        text
    }

    /// `None` where it is of another version or was not written to its end.
    fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != FIRST_LINE || !text.ends_with('\n') {
            return None;
        }
        let mut state = Self::default();
        for line in lines {
            let (word, rest) = line.split_once('\t')?;
            let two = || {
                let (first, second) = rest.split_once('\t')?;
                Some((first.to_owned(), second.to_owned()))
            };
            match word {
                "boot" => state.boot = rest.to_owned(),
                "pid" => state.pid = rest.parse().ok(),
                "output" => state.output = Some(rest.to_owned()),
                "write" => {
                    let (path, value) = two()?;
                    state.steps.push(Step::Write { path, value });
                }
                "append" => {
                    let (path, value) = two()?;
                    state.steps.push(Step::Append { path, value });
                }
                "online" => state.steps.push(Step::Online {
                    cpu: rest.parse().ok()?,
                }),
                "bind" => {
                    let (device, driver) = two()?;
                    state.steps.push(Step::Bind { device, driver });
                }
                "modprobe" | "insmod" => {
                    let (name, path) = two()?;
                    let source = match word {
                        "modprobe" => Source::Program(path.into()),
                        _ => Source::File(path.into()),
                    };
                    state.steps.push(Step::Load { name, source });
                }
                "unmount" => state.steps.push(Step::Unmount {
                    folder: rest.to_owned(),
                }),
                _ => return None,
            }
        }
        Some(state)
    }
}

/// The folder of the state file: `/run/mmiotrace`, or below `$XDG_RUNTIME_DIR` for those who may
/// not write there.
fn folder(root: &Root) -> io::Result<PathBuf> {
    let usual = root.path("/run/mmiotrace");
    match std::fs::create_dir_all(&usual) {
        Ok(()) => Ok(usual),
        Err(error) => {
            let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| root.is_system());
            let own = PathBuf::from(own.ok_or(error)?).join("mmiotrace");
            std::fs::create_dir_all(&own)?;
            Ok(own)
        }
    }
}

/// The state file, locked.
#[derive(Debug)]
pub(super) struct StateFile {
    folder: PathBuf,
    /// Held for its lock.
    _lock: File,
    state: State,
}

impl StateFile {
    /// Takes the lock. Gives the state that a killed capture left, if there is one.
    pub(super) fn lock(root: &Root) -> Result<(Self, Option<State>), Error> {
        let folder =
            folder(root).map_err(|error| Error::file(root.path("/run/mmiotrace"), error))?;
        let path = folder.join("tracefs.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| Error::file(&path, error))?;
        let left = read(&folder);
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let pid = left.and_then(|state| state.pid);
            return Err(Error::AlreadyRunning { pid });
        }
        let state = State {
            boot: boot_id(root),
            pid: Some(std::process::id()),
            ..State::default()
        };
        let left = left.filter(|left| left.boot == state.boot);
        Ok((
            Self {
                folder,
                _lock: lock,
                state,
            },
            left,
        ))
    }

    /// The steps written down.
    pub(super) fn steps(&self) -> &[Step] {
        &self.state.steps
    }

    pub(super) fn set_output(&mut self, output: Option<String>) {
        self.state.output = output;
    }

    /// Writes further steps down, on the disk before this returns.
    pub(super) fn add(&mut self, steps: impl IntoIterator<Item = Step>) -> Result<(), Error> {
        self.state.steps.extend(steps);
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        let path = self.folder.join("tracefs.state");
        // Renamed into place, so that a reader sees the old one or the new one, whole.
        let partial = self.folder.join("tracefs.state.new");
        let write = || {
            let mut file = File::create(&partial)?;
            file.write_all(self.state.to_text().as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&partial, &path)
        };
        write().map_err(|error| Error::file(&path, error))
    }

    /// Says that everything is put back.
    pub(super) fn remove(self) -> Result<(), Error> {
        let path = self.folder.join("tracefs.state");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(&path, error)),
            _ => Ok(()),
        }
    }

    /// Leaves word for the next capture how large a ring this one would have needed, in KiB.
    pub(super) fn leave_advice(&self, kib: u64) {
        // Only a convenience: without it the next capture takes its default.
        let _ = std::fs::write(self.folder.join("tracefs.buffer"), format!("{kib}\n"));
    }

    /// What the last capture that lost events left.
    pub(super) fn advice(&self) -> Option<u64> {
        let text = std::fs::read_to_string(self.folder.join("tracefs.buffer")).ok()?;
        text.trim().parse().ok()
    }
}

fn read(folder: &std::path::Path) -> Option<State> {
    State::from_text(&std::fs::read_to_string(folder.join("tracefs.state")).ok()?)
}

/// What a capture that was killed left, or that of one that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// The process that captured.
    pub pid: Option<u32>,
    /// Whether that capture still runs.
    pub running: bool,
    /// The file that its trace went to.
    pub output: Option<String>,
}

impl Leftover {
    /// Looks for the state file of a capture of this boot.
    #[must_use]
    pub fn find(root: &Root) -> Option<Self> {
        let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| root.is_system());
        let own = own.map(|folder| PathBuf::from(folder).join("mmiotrace"));
        let folders = [Some(root.path("/run/mmiotrace")), own];
        folders.into_iter().flatten().find_map(|folder| {
            let state = read(&folder)?;
            let lock = File::open(folder.join("tracefs.lock")).ok();
            let running = lock.is_some_and(|lock| {
                rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared).is_err()
            });
            (state.boot == boot_id(root)).then_some(Self {
                pid: state.pid,
                running,
                output: state.output,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let state = State {
            boot: "b-1".into(),
            pid: Some(7),
            output: Some("a b.mmiotrace".into()),
            steps: vec![
                Step::Unmount {
                    folder: "/sys/kernel/tracing".into(),
                },
                Step::Write {
                    path: "/a b/trace_clock".into(),
                    value: "local".into(),
                },
                Step::Append {
                    path: "/e".into(),
                    value: "sched:sched_switch".into(),
                },
                Step::Online { cpu: 3 },
                Step::Bind {
                    device: "0000:00:03.0".into(),
                    driver: "e1000".into(),
                },
                Step::Load {
                    name: "e1000".into(),
                    source: Source::Program("modprobe".into()),
                },
                Step::Load {
                    name: "edu".into(),
                    source: Source::File("/a b/edu.ko".into()),
                },
            ],
        };
        let text = state.to_text();
        assert_eq!(State::from_text(&text), Some(state));
        // Every cut of the file is refused, or a shorter list that was whole once.
        assert_eq!(State::from_text(&text[..text.len() - 1]), None);
        assert_eq!(State::from_text(""), None);
        assert_eq!(
            State::from_text("mmiotrace tracefs state 2\nboot\tx\n"),
            None
        );
    }

    #[test]
    fn two_cannot_hold_the_lock_and_a_dead_holder_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        let (mut first, left) = StateFile::lock(&root).unwrap();
        assert_eq!(left, None);
        first.add([Step::Online { cpu: 1 }]).unwrap();
        let refused = StateFile::lock(&root).unwrap_err();
        assert!(
            matches!(refused, Error::AlreadyRunning { pid: Some(pid) } if pid == std::process::id())
        );
        assert!(Leftover::find(&root).unwrap().running);
        drop(first);
        let found = Leftover::find(&root).unwrap();
        assert!(!found.running);
        let (_second, left) = StateFile::lock(&root).unwrap();
        assert_eq!(left.unwrap().steps, [Step::Online { cpu: 1 }]);
    }
}
