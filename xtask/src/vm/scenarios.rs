//! What is tried in the machines.

use super::error::Result;
use super::test::Evidence;

/// One boot: devices, what the guest does, and how it is judged.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Whether the short run has it too.
    pub(crate) quick: bool,
    pub(crate) devices: &'static [&'static str],
    /// Further arguments for QEMU.
    pub(crate) qemu: &'static [&'static str],
    /// Further words for the kernel's command line.
    pub(crate) append: &'static str,
    pub(crate) guest: &'static str,
    /// Seconds until it counts as hung.
    pub(crate) limit: u64,
    pub(crate) judge: fn(&Evidence) -> Result<()>,
}

/// A device alone: its driver is loaded, works and is unloaded.
const fn alone(
    name: &'static str,
    devices: &'static [&'static str],
    guest: &'static str,
) -> Scenario {
    Scenario {
        name,
        quick: false,
        devices,
        qemu: &[],
        append: "",
        guest,
        limit: 90,
        judge: Evidence::expect_exact,
    }
}

macro_rules! alone {
    ($name:literal, $function:literal) => {
        alone(
            $name,
            &[$name],
            concat!(
                "prepare ",
                $function,
                "\nrecord_begin all\n",
                $function,
                "_attach\n",
                $function,
                "_work\n",
                $function,
                "_detach\nrecord_end\n"
            ),
        )
    };
}

pub(crate) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "drivers",
        quick: true,
        devices: &[
            "e1000",
            "edu",
            "nvme",
            "ahci",
            "xhci",
            "intel-hda",
            "virtio-blk",
        ],
        qemu: &[],
        append: "",
        guest: include_str!("guest/scenarios/drivers.sh"),
        limit: 120,
        judge: Evidence::expect_exact,
    },
    alone!("e1000", "e1000"),
    alone!("edu", "edu"),
    alone!("nvme", "nvme"),
    alone!("ahci", "ahci"),
    alone!("xhci", "xhci"),
    alone!("intel-hda", "intel_hda"),
    alone!("virtio-blk", "virtio_blk"),
    alone!("lsi", "lsi"),
    alone!("shmem", "shmem"),
];
