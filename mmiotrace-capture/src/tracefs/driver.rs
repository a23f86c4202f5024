//! The driver that is to be traced: loaded or bound while the tracer runs, since the kernel's tracer
//! sees only mappings that are made then.

use super::displaced::{bound_driver, unbind};
use super::loading::{Source, modprobe, unload};
use super::{Displaced, Error, control};
use crate::machine::{ModuleState, PciAddress, Root, canonical_module_name, module_state};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What is to be traced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// A module, by name; `modprobe` loads it with all it needs.
    Module(String),
    /// A module, by file; loaded as it is.
    ModuleFile(PathBuf),
    /// A PCI device, and the driver that it is to be bound to; `None`: the one it has now, or the
    /// one that the kernel finds.
    Device(PciAddress, Option<String>),
}

impl Subject {
    /// A module by name, or by file where the text has a `/` or ends in `.ko`.
    #[must_use]
    pub fn module(text: &OsStr) -> Self {
        let path = Path::new(text);
        let is_file = text.to_string_lossy().contains('/')
            || path.extension().is_some_and(|extension| extension == "ko");
        if is_file {
            Self::ModuleFile(path.to_owned())
        } else {
            Self::Module(text.to_string_lossy().into_owned())
        }
    }
}

/// Loads, binds, unbinds, unloads. Give the same value to the capture's
/// [`run`](super::run).
#[derive(Clone, Debug)]
pub struct Driver {
    root: Root,
    subject: Subject,
    modprobe: PathBuf,
    reload: bool,
    keep: bool,
    /// Loaded or bound before the capture, so it will be so again after it.
    was_there: bool,
}

impl Driver {
    /// A driver to be traced. It must not be loaded (the device not bound) yet, and it will not be
    /// afterwards.
    #[must_use]
    pub fn new(root: Root, subject: Subject) -> Self {
        Self {
            root,
            subject,
            modprobe: PathBuf::from("modprobe"),
            reload: false,
            keep: false,
            was_there: false,
        }
    }

    /// Whether a driver that is loaded may be unloaded (a device that is bound, unbound) first;
    /// default no: the capture is refused then, since what is mapped already is not traced.
    #[must_use]
    pub fn reload(mut self, reload: bool) -> Self {
        self.reload = reload;
        self
    }

    /// Whether it stays loaded (bound) after the capture; default: as before the capture.
    #[must_use]
    pub fn keep(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    /// The program that loads modules by name; default `modprobe`.
    #[must_use]
    pub fn modprobe(mut self, program: impl Into<PathBuf>) -> Self {
        self.modprobe = program.into();
        self
    }

    /// What the loading or binding is called in markers: `load e1000`, `bind 0000:00:03.0`.
    #[must_use]
    pub fn attach_phase(&self) -> String {
        match &self.subject {
            Subject::Module(name) => format!("load {name}"),
            Subject::ModuleFile(path) => format!("load {}", self.module_name(path)),
            Subject::Device(device, _) => format!("bind {device}"),
        }
    }

    /// What the undoing is called: `unload e1000`; `None` where it is to stay.
    #[must_use]
    pub fn detach_phase(&self) -> Option<String> {
        if self.keep || self.was_there {
            return None;
        }
        let phase = self.attach_phase();
        Some(format!("un{phase}"))
    }

    /// What must go before the capture, where the driver works already and may be taken away.
    /// Changes nothing: give it to [`Options::displace`](super::Options::displace), or take it away
    /// with [`Displaced::remove`].
    ///
    /// # Errors
    /// Where the driver is loaded, or the device bound, and that may not be changed; where there
    /// is no such device.
    pub fn prepare(&mut self) -> Result<Option<Displaced>, Error> {
        match self.subject.clone() {
            Subject::Module(name) => {
                let source = Source::Program(self.modprobe.clone());
                self.prepare_module(&name, source)
            }
            Subject::ModuleFile(path) => {
                if !path.is_file() {
                    let text = format!("{}: no such file", path.display());
                    return Err(Error::Driver(text));
                }
                let name = self.module_name(&path);
                // Should this process be killed, another in another folder loads it again.
                let path = std::path::absolute(&path).unwrap_or(path);
                self.prepare_module(&name, Source::File(path))
            }
            Subject::Device(device, driver) => self.prepare_device(device, driver),
        }
    }

    fn prepare_module(&mut self, name: &str, source: Source) -> Result<Option<Displaced>, Error> {
        match module_state(&self.root, name) {
            ModuleState::Absent => Ok(None),
            ModuleState::Builtin => Err(Error::Driver(format!(
                "{name} is built into the kernel and cannot be loaded (trace it by its device: \
                 --device BDF --reload)"
            ))),
            ModuleState::Loaded if self.reload => {
                self.was_there = true;
                let name = canonical_module_name(name);
                Ok(Some(Displaced::loaded(name, source)))
            }
            ModuleState::Loaded => Err(Error::Driver(format!(
                "{name} is loaded, and what it has mapped cannot be traced (add --reload to \
                 unload it first, or: rmmod {name})"
            ))),
        }
    }

    fn prepare_device(
        &mut self,
        device: PciAddress,
        driver: Option<String>,
    ) -> Result<Option<Displaced>, Error> {
        if !self.root.exists(format!("/sys/bus/pci/devices/{device}")) {
            let text = format!("there is no PCI device {device} (list them: lspci -D)");
            return Err(Error::Driver(text));
        }
        let Some(bound) = bound_driver(&self.root, device) else {
            return Ok(None);
        };
        if !self.reload {
            return Err(Error::Driver(format!(
                "{device} is bound to {bound}, and what that has mapped cannot be traced (add \
                 --reload to unbind it first)"
            )));
        }
        self.was_there = driver.as_ref().is_none_or(|driver| *driver == bound);
        self.subject = Subject::Device(device, driver.or_else(|| Some(bound.clone())));
        Ok(Some(Displaced::bound(device, bound)))
    }

    /// Loads or binds. Returns when the driver's probe has returned.
    ///
    /// # Errors
    /// Where that fails.
    pub fn attach(&self) -> Result<(), Error> {
        match &self.subject {
            Subject::Module(name) => Source::Program(self.modprobe.clone()).load(name),
            Subject::ModuleFile(path) => Source::File(path.clone()).load(&self.module_name(path)),
            Subject::Device(device, driver) => self.bind(*device, driver.as_deref()),
        }
    }

    /// Unloads or unbinds.
    ///
    /// # Errors
    /// Where that fails.
    pub fn detach(&self) -> Result<(), Error> {
        match &self.subject {
            Subject::Module(name) => unload(&self.root, name),
            Subject::ModuleFile(path) => unload(&self.root, &self.module_name(path)),
            Subject::Device(device, _) => unbind(&self.root, *device),
        }
    }

    fn module_name(&self, path: &Path) -> String {
        canonical_module_name(&path.to_string_lossy())
    }

    fn bind(&self, device: PciAddress, driver: Option<&str>) -> Result<(), Error> {
        let folder = format!("/sys/bus/pci/devices/{device}");
        let is_bound = || self.root.exists(format!("{folder}/driver"));
        let write = |path: String| {
            let path = self.root.path(path);
            control::write(&path, &device.to_string())
        };
        match driver {
            Some(driver) => {
                // The module may have another name than the driver, or be built in: then the folder
                // is there.
                if !self.root.exists(format!("/sys/bus/pci/drivers/{driver}")) {
                    modprobe(&self.modprobe, &["--", driver])?;
                }
                if !is_bound() {
                    write(format!("/sys/bus/pci/drivers/{driver}/bind")).map_err(|error| {
                        Error::Driver(format!("{device} was not bound to {driver}: {error}"))
                    })?;
                }
            }
            None => {
                if let Ok(alias) = self.root.read(format!("{folder}/modalias")) {
                    // A driver that is built in, or loaded, needs none.
                    let _ = modprobe(&self.modprobe, &["-q", "--", &alias]);
                }
                if !is_bound() {
                    let _ = write("/sys/bus/pci/drivers_probe".to_owned());
                }
            }
        }
        // On a made-up machine nothing binds.
        if is_bound() || !self.root.is_system() {
            return Ok(());
        }
        Err(Error::Driver(format!(
            "no driver took {device} (see dmesg; name one with --driver)"
        )))
    }
}
