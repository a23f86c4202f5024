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

pub(crate) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "drivers",
        quick: true,
        devices: &["e1000", "edu"],
        qemu: &[],
        append: "",
        guest: include_str!("guest/scenarios/drivers.sh"),
        limit: 60,
        judge: Evidence::expect_exact,
    },
    Scenario {
        name: "edu",
        quick: false,
        devices: &["edu"],
        qemu: &[],
        append: "",
        guest: "record_begin all\nedu_attach\nedu_work\nedu_detach\nrecord_end\n",
        limit: 60,
        judge: Evidence::expect_exact,
    },
    Scenario {
        name: "e1000",
        quick: false,
        devices: &["e1000"],
        qemu: &[],
        append: "",
        guest: "record_begin all\ne1000_attach\ne1000_work\ne1000_detach\nrecord_end\n",
        limit: 60,
        judge: Evidence::expect_exact,
    },
];
