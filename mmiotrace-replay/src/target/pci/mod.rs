//! PCI devices through the files of sysfs.

mod config;

use super::Target;
use super::mapping::{AccessError, Mapping};
use crate::plan::{Device, Place, Region, RegionId};
use config::{Config, Restore};
use mmiotrace_core::{PciAddress, PhysAddr, Value, Width};
use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::PathBuf;

/// A PCI device without a driver, through `/sys/bus/pci/devices/…/resourceN`.
///
/// It must be the device of the plan (vendor, device and the BAR's length are compared), have no
/// driver, be no bridge and no display in use. While it is open its memory decoding is on and its
/// bus mastering is off, so that addresses of the recorded machine's memory do no harm; both are
/// put back when the target is dropped.
///
/// Memory is mapped uncached, and every access is one instruction of exactly its width.
///
/// The files are those of the Linux kernel's `drivers/pci/pci-sysfs.c`.
#[derive(Debug)]
pub struct PciTarget {
    root: PathBuf,
    slots: HashMap<String, PciAddress>,
    only: Option<PciAddress>,
    // Dropped in this order: memory goes before its decoding may be switched off.
    regions: Vec<Option<Mapping>>,
    restore: HashMap<PciAddress, Restore>,
}

/// Why a PCI device could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PciError {
    /// It must not be touched.
    #[error("{slot}: {refusal}")]
    Refused {
        /// The device.
        slot: PciAddress,
        /// Why.
        refusal: Refusal,
    },
    /// The region belongs to no device, or to none that was named.
    #[error("no PCI device is given for region {0:?}")]
    NoSlot(String),
    /// A file of sysfs could not be used.
    #[error("{path}: {source}{hint}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
        /// What may be done about it.
        hint: &'static str,
    },
    /// An access cannot be done.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The region of an access is not open.
    #[error("region {0} is not open")]
    NotOpen(u16),
}

/// Why a device must not be touched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is not there.
    #[error("there is no such device (removed, or another address)")]
    Absent,
    /// It is another device.
    #[error("this is {found}, the plan is for {wanted}")]
    OtherDevice {
        /// Vendor and device of the device there.
        found: String,
        /// Those of the plan.
        wanted: String,
    },
    /// A driver has it.
    #[error("driver {0} is bound (unbind it: echo the address into its sysfs file `unbind`)")]
    Bound(String),
    /// It is a bridge: what is behind it would be lost.
    #[error("it is a bridge")]
    Bridge,
    /// It shows the console.
    #[error("it is a display in use")]
    Display,
    /// It sleeps.
    #[error("it is in power state {0}, not D0")]
    Asleep(String),
    /// The BAR is not what it was.
    #[error("BAR {bar} is {found}, the plan has {wanted} bytes of memory")]
    OtherBar {
        /// The BAR.
        bar: u8,
        /// What there is.
        found: String,
        /// The plan's length.
        wanted: u64,
    },
    /// It does not answer.
    #[error("its configuration space reads as all ones: it is gone")]
    Gone,
}

impl PciTarget {
    /// The device at this address, for plans of one device.
    #[must_use]
    pub fn new(slot: PciAddress) -> Self {
        Self {
            only: Some(slot),
            ..Self::with_devices([])
        }
    }

    /// Several devices, by their names in the plan.
    #[must_use]
    pub fn with_devices(slots: impl IntoIterator<Item = (String, PciAddress)>) -> Self {
        Self {
            root: PathBuf::from("/sys/bus/pci/devices"),
            slots: slots.into_iter().collect(),
            only: None,
            regions: Vec::new(),
            restore: HashMap::new(),
        }
    }

    /// The same with another folder of devices: a copy of one, for tests.
    #[must_use]
    pub fn with_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    fn file(&self, slot: PciAddress, name: &str) -> PathBuf {
        self.root.join(slot.to_string()).join(name)
    }

    fn read_file(&self, slot: PciAddress, name: &str) -> Result<String, PciError> {
        let path = self.file(slot, name);
        let text = fs::read_to_string(&path).map_err(|source| PciError::File {
            path,
            source,
            hint: "",
        })?;
        Ok(text.trim().to_owned())
    }

    fn read_hex(&self, slot: PciAddress, name: &str) -> Result<u64, PciError> {
        let text = self.read_file(slot, name)?;
        let digits = text.trim_start_matches("0x");
        u64::from_str_radix(digits, 16).map_err(|_| PciError::File {
            path: self.file(slot, name),
            source: io::Error::new(io::ErrorKind::InvalidData, text),
            hint: "",
        })
    }

    /// Whether the device may be touched; an error where it may not.
    fn check(&self, slot: PciAddress, device: &Device) -> Result<(), PciError> {
        let refuse = |refusal| Err(PciError::Refused { slot, refusal });
        if !self.file(slot, "vendor").exists() {
            return refuse(Refusal::Absent);
        }
        let (vendor, id) = (
            self.read_hex(slot, "vendor")?,
            self.read_hex(slot, "device")?,
        );
        if (vendor, id) != (u64::from(device.vendor), u64::from(device.device)) {
            let found = format!("{vendor:04x}:{id:04x}");
            return refuse(Refusal::OtherDevice {
                found,
                wanted: format!("{:04x}:{:04x}", device.vendor, device.device),
            });
        }
        if let Ok(driver) = fs::read_link(self.file(slot, "driver")) {
            let name = driver
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            return refuse(Refusal::Bound(name.unwrap_or_default()));
        }
        // Base classes of the PCI Code and ID Assignment Specification: 06 bridges, 03 displays.
        match self.read_hex(slot, "class")? >> 16 {
            0x06 => return refuse(Refusal::Bridge),
            0x03 if self.is_shown(slot) => return refuse(Refusal::Display),
            _ => {}
        }
        match self.read_file(slot, "power_state") {
            Ok(state) if state.starts_with("D0") || state == "unknown" => {}
            Ok(state) => return refuse(Refusal::Asleep(state)),
            // Kernels before 5.11 have no such file.
            Err(_) => {}
        }
        Ok(())
    }

    /// Whether the firmware or the kernel shows something on this display.
    fn is_shown(&self, slot: PciAddress) -> bool {
        let boot = self
            .read_file(slot, "boot_vga")
            .is_ok_and(|text| text != "0");
        boot || self.file(slot, "graphics").exists() || self.file(slot, "drm").exists()
    }

    /// The start and length of a memory BAR, as the file `resource` has it: a line a BAR, start,
    /// end and flags (bit 9: memory, `IORESOURCE_MEM` of `linux/ioport.h`).
    fn bar(&self, slot: PciAddress, bar: u8, wanted: u64) -> Result<(u64, u64), PciError> {
        let text = self.read_file(slot, "resource")?;
        let numbers = text.lines().nth(usize::from(bar)).map(|line| {
            let number = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok();
            line.split(' ').filter_map(number).collect::<Vec<u64>>()
        });
        let other = |found: String| PciError::Refused {
            slot,
            refusal: Refusal::OtherBar { bar, found, wanted },
        };
        match numbers.as_deref() {
            Some([start, end, flags, ..]) if *end > *start => {
                let len = end - start + 1;
                if flags & 0x200 == 0 {
                    Err(other("a range of ports".to_owned()))
                } else if len == wanted {
                    Ok((*start, len))
                } else {
                    Err(other(format!("{len} bytes")))
                }
            }
            _ => Err(other("not there".to_owned())),
        }
    }
}

impl Target for PciTarget {
    type Error = PciError;

    fn open(
        &mut self,
        device: Option<&Device>,
        id: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, PciError> {
        let no_slot = || PciError::NoSlot(region.name.clone());
        let (device, bar) = device.zip(region.bar).ok_or_else(no_slot)?;
        let slot = self
            .slots
            .get(&device.name)
            .copied()
            .or(self.only)
            .ok_or_else(no_slot)?;
        self.check(slot, device)?;
        let (start, len) = self.bar(slot, bar, region.len)?;
        if !self.restore.contains_key(&slot) {
            let config = Config::new(self.root.join(slot.to_string()));
            let restore = config.prepare(slot)?;
            self.restore.insert(slot, restore);
        }
        let path = self.file(slot, &format!("resource{bar}"));
        let hint = " (root is needed, and a kernel that is not locked down)";
        let fail = |source| PciError::File {
            path: path.clone(),
            source,
            hint,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(fail)?;
        // The kernel maps from the page that holds the BAR's first byte.
        let skip = usize::try_from(start % rustix::param::page_size() as u64).unwrap_or(0);
        let len = usize::try_from(len).map_err(|_| fail(io::ErrorKind::InvalidInput.into()))?;
        let mapping = Mapping::new(&file, 0, skip, len).map_err(fail)?;
        let index = usize::from(id.0);
        if self.regions.len() <= index {
            self.regions.resize_with(index + 1, || None);
        }
        self.regions[index] = Some(mapping);
        Ok(PhysAddr(start))
    }

    fn read(&mut self, at: Place, width: Width) -> Result<Value, PciError> {
        match self.regions.get(usize::from(at.region.0)) {
            Some(Some(mapping)) => Ok(mapping.read(at.offset, width)?),
            _ => Err(PciError::NotOpen(at.region.0)),
        }
    }

    fn write(&mut self, at: Place, value: &Value) -> Result<(), PciError> {
        match self.regions.get(usize::from(at.region.0)) {
            Some(Some(mapping)) => Ok(mapping.write(at.offset, value)?),
            _ => Err(PciError::NotOpen(at.region.0)),
        }
    }
}
