//! PCI devices through VFIO.

use super::Target;
use super::mapping::{AccessError, Mapping};
use crate::plan::{Device, Place, Region, RegionId};
use core::fmt;
use mmiotrace_core::{PhysAddr, Value, Width};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use vfio_ioctls::{VfioContainer, VfioDevice, VfioOps};

/// A PCI device that is bound to `vfio-pci`. Where it can be reset (Linux has a file `reset` in its
/// folder of sysfs then) it is, when it is opened and when the target is dropped; behind the IOMMU it
/// reaches no memory at all.
///
/// A reset device is not in the state in which firmware hands it to a driver: a plan whose
/// preconditions show that state is refused, and may be edited.
///
/// Every access is one instruction of exactly its width where VFIO allows the BAR to be mapped,
/// which it does but for BARs smaller than a page.
pub struct VfioTarget {
    device: VfioDevice,
    // The container must outlive the device.
    _container: Arc<dyn VfioOps>,
    name: String,
    regions: Vec<Option<Mapping>>,
}

/// Why a device could not be used through VFIO.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VfioError {
    /// VFIO says no.
    #[error("{what}: {why} (is the device bound to vfio-pci, and is an IOMMU on?)")]
    Vfio {
        /// What was tried.
        what: &'static str,
        /// What VFIO says.
        why: String,
    },
    /// It is another device.
    #[error("this is {found}, the plan is for {wanted}")]
    OtherDevice {
        /// Vendor and device of the device there.
        found: String,
        /// Those of the plan.
        wanted: String,
    },
    /// The region is none that this device has.
    #[error("region {name:?}: {what}")]
    Region {
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The BAR could not be mapped.
    #[error("BAR {bar}: {source}")]
    Map {
        /// The BAR.
        bar: u8,
        /// Why.
        source: io::Error,
    },
    /// An access cannot be done.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The region of an access is not open.
    #[error("region {0} is not open")]
    NotOpen(u16),
}

/// `VFIO_PCI_CONFIG_REGION_INDEX` of `linux/vfio.h`.
const CONFIG: u32 = 7;
/// `VFIO_REGION_INFO_FLAG_MMAP`.
const CAN_MAP: u32 = 1 << 2;

impl fmt::Debug for VfioTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VfioTarget")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl VfioTarget {
    /// Opens the device at `DDDD:BB:DD.F` and resets it, where it can be reset.
    ///
    /// # Errors
    /// Where it is not bound to `vfio-pci`, or VFIO cannot be used.
    pub fn open_device(slot: &str) -> Result<Self, VfioError> {
        let fail = |what| {
            move |error: vfio_ioctls::VfioError| VfioError::Vfio {
                what,
                why: error.to_string(),
            }
        };
        let container = VfioContainer::new(None).map_err(fail("open /dev/vfio/vfio"))?;
        let container: Arc<dyn VfioOps> = Arc::new(container);
        let path = PathBuf::from("/sys/bus/pci/devices").join(slot);
        let device = VfioDevice::new(&path, Arc::clone(&container), true)
            .map_err(fail("open the device"))?;
        device.reset();
        let target = Self {
            device,
            _container: container,
            name: slot.to_owned(),
            regions: Vec::new(),
        };
        // Memory decoding on, bus mastering off (PCI 3.0, 6.2.2).
        let command = (target.config_u16(4) | 1 << 1) & !(1 << 2);
        target
            .device
            .region_write(CONFIG, &command.to_le_bytes(), 4);
        Ok(target)
    }

    /// Where a BAR begins: of 32 bits, or of 64 where bits 2:1 say so (PCI 3.0, 6.2.5.1).
    fn base(&self, bar: u8) -> PhysAddr {
        let half = |number: u64| {
            let mut bytes = [0; 4];
            self.device
                .region_read(CONFIG, &mut bytes, 0x10 + 4 * number);
            u64::from(u32::from_le_bytes(bytes))
        };
        let low = half(bar.into());
        let high = if low & 0b110 == 0b100 {
            half(u64::from(bar) + 1)
        } else {
            0
        };
        PhysAddr(high << 32 | (low & !0xf))
    }

    fn config_u16(&self, offset: u64) -> u16 {
        let mut bytes = [0xff; 2];
        self.device.region_read(CONFIG, &mut bytes, offset);
        u16::from_le_bytes(bytes)
    }
}

impl Target for VfioTarget {
    type Error = VfioError;

    fn open(
        &mut self,
        device: Option<&Device>,
        id: RegionId,
        region: &Region,
    ) -> Result<PhysAddr, VfioError> {
        let wrong = |what: String| VfioError::Region {
            name: region.name.clone(),
            what,
        };
        let (device, bar) = device
            .zip(region.bar)
            .ok_or_else(|| wrong("it belongs to no PCI device".to_owned()))?;
        let found = (self.config_u16(0), self.config_u16(2));
        if found != (device.vendor, device.device) {
            let found = format!("{:04x}:{:04x}", found.0, found.1);
            return Err(VfioError::OtherDevice {
                found,
                wanted: format!("{:04x}:{:04x}", device.vendor, device.device),
            });
        }
        let index = u32::from(bar);
        let len = self.device.get_region_size(index);
        if len != region.len {
            return Err(wrong(format!("{len} bytes, the plan has {}", region.len)));
        }
        if self.device.get_region_flags(index) & CAN_MAP == 0 {
            return Err(wrong("VFIO does not allow it to be mapped".to_owned()));
        }
        let len = usize::try_from(len).map_err(|_| wrong("too long".to_owned()))?;
        let offset = self.device.get_region_offset(index);
        let mapping = Mapping::of_vfio(&self.device, offset, len);
        let mapping = mapping.map_err(|source| VfioError::Map { bar, source })?;
        let number = usize::from(id.0);
        if self.regions.len() <= number {
            self.regions.resize_with(number + 1, || None);
        }
        self.regions[number] = Some(mapping);
        Ok(self.base(bar))
    }

    fn read(&mut self, at: Place, width: Width) -> Result<Value, VfioError> {
        match self.regions.get(usize::from(at.region.0)) {
            Some(Some(mapping)) => Ok(mapping.read(at.offset, width)?),
            _ => Err(VfioError::NotOpen(at.region.0)),
        }
    }

    fn write(&mut self, at: Place, value: &Value) -> Result<(), VfioError> {
        match self.regions.get(usize::from(at.region.0)) {
            Some(Some(mapping)) => Ok(mapping.write(at.offset, value)?),
            _ => Err(VfioError::NotOpen(at.region.0)),
        }
    }
}

impl Drop for VfioTarget {
    fn drop(&mut self) {
        self.regions.clear();
        self.device.reset();
    }
}
