//! The devices that the rig can put into a machine, and what the guest does with them.

use host::error::{AtPath, Result};
use std::path::Path;

/// One device with its driver.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) name: &'static str,
    /// QEMU's arguments. `{folder}` is replaced by the run's folder.
    pub(crate) qemu: &'static [&'static str],
    /// Modules of the kernel that the guest's part loads.
    pub(crate) modules: &'static [&'static str],
    /// Vendor and device as sysfs prints them: the ranges of these are what is compared.
    pub(crate) pci: &'static str,
    /// The guest's part: shell functions `NAME_attach`, `NAME_work`, `NAME_detach`, where NAME has
    /// `_` for `-`.
    pub(crate) guest: &'static str,
    /// Whether it needs a disk with something on it.
    pub(crate) disk: bool,
}

impl Device {
    /// The device of that name.
    pub(crate) fn from_name(name: &str) -> Result<&'static Self> {
        DEVICES
            .iter()
            .find(|device| device.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = DEVICES.iter().map(|device| device.name).collect();
                format!("no device {name}; there are: {}", names.join(", ")).into()
            })
    }

    /// The beginning of its functions in the guest's script.
    pub(crate) fn function(&self) -> String {
        self.name.replace('-', "_")
    }

    /// QEMU's arguments for a run in `folder`, and the files they name.
    pub(crate) fn arguments(&self, folder: &Path) -> Result<Vec<String>> {
        if self.disk {
            let path = folder.join(format!("{}.img", self.name));
            std::fs::write(&path, disk_image()).at(&path)?;
        }
        let folder = folder.display().to_string();
        Ok(self
            .qemu
            .iter()
            .map(|argument| argument.replace("{folder}", &folder))
            .collect())
    }
}

/// 8 MiB in which every 8 bytes are different, so that a block read from the wrong place shows.
fn disk_image() -> Vec<u8> {
    (0..(8 << 20) / 8u64)
        .flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect()
}

/// `ioeventfd=off`: with it, QEMU would take a driver's notifications past its own log.
static DEVICES: &[Device] = &[
    Device {
        name: "e1000",
        qemu: &[
            "-netdev",
            "user,id=e1000",
            "-device",
            "e1000,netdev=e1000,romfile=",
        ],
        modules: &["e1000"],
        pci: "0x8086 0x100e",
        guest: include_str!("../guest/devices/e1000.sh"),
        disk: false,
    },
    Device {
        name: "e1000-pair",
        qemu: &[
            "-netdev",
            "hubport,id=one,hubid=0",
            "-device",
            "e1000,netdev=one,romfile=",
            "-netdev",
            "hubport,id=two,hubid=0",
            "-device",
            "e1000,netdev=two,romfile=",
        ],
        modules: &[],
        pci: "0x8086 0x100e",
        guest: "",
        disk: false,
    },
    Device {
        name: "edu",
        qemu: &["-device", "edu"],
        modules: &[],
        pci: "0x1234 0x11e8",
        guest: include_str!("../guest/devices/edu.sh"),
        disk: false,
    },
    Device {
        name: "nvme",
        qemu: &[
            "-drive",
            "file={folder}/nvme.img,if=none,id=nvme,format=raw",
            "-device",
            "nvme,drive=nvme,serial=1,ioeventfd=off",
        ],
        modules: &["nvme"],
        pci: "0x1b36 0x0010",
        guest: include_str!("../guest/devices/nvme.sh"),
        disk: true,
    },
    Device {
        name: "ahci",
        qemu: &[
            "-drive",
            "file={folder}/ahci.img,if=none,id=ahci,format=raw",
            "-device",
            "ich9-ahci,id=sata",
            "-device",
            "ide-hd,drive=ahci,bus=sata.0",
        ],
        modules: &["ahci", "sd_mod"],
        pci: "0x8086 0x2922",
        guest: include_str!("../guest/devices/ahci.sh"),
        disk: true,
    },
    Device {
        name: "xhci",
        qemu: &[
            "-drive",
            "file={folder}/xhci.img,if=none,id=xhci,format=raw",
            "-device",
            "qemu-xhci,id=xhci",
            "-device",
            "usb-storage,drive=xhci,bus=xhci.0",
        ],
        modules: &["xhci_pci", "usb_storage", "sd_mod"],
        pci: "0x1b36 0x000d",
        guest: include_str!("../guest/devices/xhci.sh"),
        disk: true,
    },
    Device {
        name: "intel-hda",
        qemu: &[
            "-audiodev",
            "none,id=hda",
            "-device",
            "intel-hda",
            "-device",
            "hda-duplex,audiodev=hda",
        ],
        modules: &["snd_hda_intel", "snd_hda_codec_generic"],
        pci: "0x8086 0x2668",
        guest: include_str!("../guest/devices/intel-hda.sh"),
        disk: false,
    },
    Device {
        name: "virtio-blk",
        qemu: &[
            "-drive",
            "file={folder}/virtio-blk.img,if=none,id=vblk,format=raw",
            "-device",
            "virtio-blk-pci,drive=vblk,ioeventfd=off,disable-legacy=on",
        ],
        modules: &["virtio_blk"],
        pci: "0x1af4 0x1042",
        guest: include_str!("../guest/devices/virtio-blk.sh"),
        disk: true,
    },
    Device {
        name: "lsi",
        qemu: &["-device", "lsi53c895a"],
        modules: &[],
        pci: "0x1000 0x0012",
        guest: include_str!("../guest/devices/lsi.sh"),
        disk: false,
    },
    Device {
        name: "bochs",
        qemu: &["-device", "bochs-display"],
        modules: &[],
        pci: "0x1234 0x1111",
        guest: include_str!("../guest/devices/bochs.sh"),
        disk: false,
    },
    Device {
        name: "shmem",
        qemu: &[
            "-object",
            "memory-backend-ram,id=shmem,size=8M,share=on",
            "-device",
            "ivshmem-plain,memdev=shmem",
        ],
        modules: &[],
        pci: "0x1af4 0x1110",
        guest: include_str!("../guest/devices/shmem.sh"),
        disk: false,
    },
];
