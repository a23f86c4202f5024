//! The runs of the machines without drivers, and what must become of each.

/// One run of a machine without drivers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) name: &'static str,
    /// The device that it is about.
    pub(super) device: &'static str,
    pub(super) plan: &'static str,
    pub(super) result: RunResult,
}

/// What must become of a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum RunResult {
    /// The device saw the plan.
    Done,
    /// The second card saw the plan's steps, from the module that they were exported to.
    Exported,
    /// No device saw a write, and the reason contains this.
    Refused(&'static str),
}

const fn run_of(
    name: &'static str,
    device: &'static str,
    plan: &'static str,
    result: RunResult,
) -> Run {
    Run {
        name,
        device,
        plan,
        result,
    }
}

const OTHER_STATE: RunResult = RunResult::Refused("not in the state in which it was recorded");

/// Runs of the second machine, in the order of its phases.
pub(super) const RUNS: [Run; 13] = [
    run_of(
        "other-device",
        "e1000",
        "nvme",
        RunResult::Refused("the plan is for"),
    ),
    run_of(
        "bridge",
        "e1000",
        "bridge",
        RunResult::Refused("it is a bridge"),
    ),
    run_of(
        "display",
        "e1000",
        "display",
        RunResult::Refused("it is a display in use"),
    ),
    run_of("e1000", "e1000", "e1000", RunResult::Done),
    run_of("edu", "edu", "edu", RunResult::Done),
    run_of("nvme", "nvme", "nvme", RunResult::Done),
    run_of("xhci", "xhci", "xhci", RunResult::Done),
    run_of("e1000-again", "e1000", "e1000", OTHER_STATE),
    run_of("nvme-again", "nvme", "nvme", OTHER_STATE),
    run_of("xhci-again", "xhci", "xhci", OTHER_STATE),
    run_of("kernel-module", "e1000", "e1000", RunResult::Exported),
    run_of(
        "bound",
        "e1000",
        "e1000",
        RunResult::Refused("driver e1000 is bound"),
    ),
    run_of(
        "removed",
        "nvme",
        "nvme",
        RunResult::Refused("no such device"),
    ),
];

/// The same of the machine with an IOMMU.
pub(super) const VFIO_RUNS: [Run; 9] = [
    run_of(
        "other-device",
        "e1000",
        "edu",
        RunResult::Refused("the plan is for"),
    ),
    run_of("e1000", "e1000", "e1000", RunResult::Done),
    run_of("e1000-again", "e1000", "e1000", OTHER_STATE),
    run_of("edu", "edu", "edu", RunResult::Done),
    run_of("nvme-as-recorded", "nvme", "nvme", OTHER_STATE),
    run_of("nvme", "nvme", "nvme-reset", RunResult::Done),
    run_of("nvme-again", "nvme", "nvme-reset", RunResult::Done),
    run_of("xhci", "xhci", "xhci", RunResult::Done),
    run_of("xhci-again", "xhci", "xhci", OTHER_STATE),
];
