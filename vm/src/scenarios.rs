//! What is tried in the machines.

use crate::evidence::Evidence;
use crate::judges;
use crate::user_space;
use host::error::Result;

/// One boot: devices, what the guest does, and how it is judged.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Whether the short run has it too.
    pub(crate) quick: bool,
    pub(crate) devices: &'static [&'static str],
    /// Modules of the kernel that it loads beside those of the devices.
    pub(crate) modules: &'static [&'static str],
    /// Programs of Debian's packages that the guest has.
    pub(crate) packaged: &'static [&'static str],
    /// Further arguments for QEMU, before those of the devices: the machine that they are put into.
    pub(crate) qemu: &'static [&'static str],
    /// Further words for the kernel's command line.
    pub(crate) append: &'static str,
    pub(crate) guest: &'static str,
    /// Whether the kernel need not survive it: it is done to itself by its own tracer.
    pub(crate) may_die: bool,
    /// Whether its judge needs the devices' log.
    pub(crate) log: bool,
    /// Seconds until it counts as hung.
    pub(crate) limit: u64,
    pub(crate) judge: fn(&Evidence) -> Result<()>,
}

const fn scenario(
    name: &'static str,
    devices: &'static [&'static str],
    guest: &'static str,
    judge: fn(&Evidence) -> Result<()>,
) -> Scenario {
    Scenario {
        name,
        quick: false,
        devices,
        modules: &[],
        packaged: &[],
        qemu: &[],
        append: "",
        may_die: false,
        log: true,
        guest,
        limit: 120,
        judge,
    }
}

/// DPDK on two cards.
const fn dpdk(name: &'static str, guest: &'static str) -> Scenario {
    Scenario {
        packaged: &["dpdk"],
        limit: 240,
        ..scenario(name, &["e1000-pair"], guest, user_space::exact)
    }
}

/// A device alone: its driver is loaded, works and is unloaded. The last is the status with which the
/// recorder is to end: 1 where there are accesses whose values are not learnt (`lock or` and the like).
macro_rules! alone {
    ($name:literal, $function:literal, $judge:expr) => {
        alone!($name, $function, $judge, "0")
    };
    ($name:literal, $function:literal, $judge:expr, $status:literal) => {
        scenario(
            $name,
            &[$name],
            concat!(
                "prepare ",
                $function,
                "\nrecord_begin --all\n",
                $function,
                "_attach\n",
                $function,
                "_work\n",
                $function,
                "_detach\nrecord_end ",
                $status,
                "\n"
            ),
            $judge,
        )
    };
}

pub(crate) static SCENARIOS: &[Scenario] = &[
    Scenario {
        quick: true,
        ..scenario(
            "drivers",
            &[
                "e1000",
                "edu",
                "nvme",
                "ahci",
                "xhci",
                "intel-hda",
                "virtio-blk",
            ],
            include_str!("../guest/scenarios/drivers.sh"),
            judges::exact,
        )
    },
    alone!("e1000", "e1000", judges::exact),
    alone!("edu", "edu", judges::exact),
    alone!("nvme", "nvme", judges::exact),
    alone!("ahci", "ahci", judges::exact),
    alone!("xhci", "xhci", judges::exact),
    alone!("intel-hda", "intel_hda", judges::exact),
    alone!("virtio-blk", "virtio_blk", judges::exact),
    alone!("lsi", "lsi", judges::exact, "1"),
    alone!("shmem", "shmem", judges::unlogged, "1"),
    Scenario {
        limit: 240,
        ..scenario(
            "places",
            &["lsi", "edu", "shmem"],
            include_str!("../guest/scenarios/places.sh"),
            judges::places,
        )
    },
    scenario(
        "contention",
        &["lsi"],
        include_str!("../guest/scenarios/contention.sh"),
        judges::exact,
    ),
    scenario(
        "framebuffer",
        &["bochs"],
        include_str!("../guest/scenarios/framebuffer.sh"),
        judges::framebuffer,
    ),
    scenario(
        "driver",
        &["e1000"],
        include_str!("../guest/scenarios/driver.sh"),
        judges::driver,
    ),
    scenario(
        "refused",
        &[],
        include_str!("../guest/scenarios/refused.sh"),
        judges::by_the_guest,
    ),
    scenario(
        "compare",
        &["edu", "lsi"],
        include_str!("../guest/scenarios/compare.sh"),
        judges::against_the_kernels,
    ),
    Scenario {
        may_die: true,
        ..scenario(
            "kernel-smp",
            &["edu"],
            include_str!("../guest/scenarios/kernel-smp.sh"),
            judges::kernel_smp,
        )
    },
    scenario(
        "nmi",
        &["edu"],
        include_str!("../guest/scenarios/nmi.sh"),
        judges::same_accesses,
    ),
    scenario(
        "hotplug",
        &["edu"],
        include_str!("../guest/scenarios/hotplug.sh"),
        judges::exact,
    ),
    scenario(
        "overflow",
        &["edu", "lsi"],
        include_str!("../guest/scenarios/overflow.sh"),
        judges::overflow,
    ),
    scenario(
        "resume",
        &["edu", "lsi"],
        include_str!("../guest/scenarios/resume.sh"),
        judges::resumed,
    ),
    scenario(
        "blind",
        &["edu"],
        include_str!("../guest/scenarios/blind.sh"),
        judges::named,
    ),
    scenario(
        "interval",
        &["lsi"],
        include_str!("../guest/scenarios/interval.sh"),
        judges::same_accesses,
    ),
    scenario(
        "disarm",
        &["edu"],
        include_str!("../guest/scenarios/disarm.sh"),
        judges::exact,
    ),
    scenario(
        "unload",
        &["edu"],
        include_str!("../guest/scenarios/unload.sh"),
        judges::stretches,
    ),
    scenario(
        "premapped",
        &["e1000"],
        include_str!("../guest/scenarios/premapped.sh"),
        judges::exact,
    ),
    Scenario {
        quick: true,
        packaged: &["memtool"],
        ..scenario(
            "memtool",
            &["edu"],
            include_str!("../guest/scenarios/memtool.sh"),
            user_space::exact_and_unmapped,
        )
    },
    Scenario {
        modules: &["uio_pci_generic"],
        ..dpdk(
            "dpdk-uio",
            concat!(
                include_str!("../guest/scenarios/dpdk-uio.sh"),
                include_str!("../guest/scenarios/dpdk.sh")
            ),
        )
    },
    Scenario {
        modules: &["vfio_iommu_type1", "vfio_pci"],
        qemu: &["-machine", "q35", "-device", "intel-iommu"],
        append: "intel_iommu=on",
        ..dpdk(
            "dpdk-vfio",
            concat!(
                include_str!("../guest/scenarios/dpdk-vfio.sh"),
                include_str!("../guest/scenarios/dpdk.sh")
            ),
        )
    },
    Scenario {
        limit: 240,
        // It would be most of what is measured.
        log: false,
        ..scenario(
            "cost",
            &["edu"],
            include_str!("../guest/scenarios/cost.sh"),
            judges::cost,
        )
    },
];
