//! Plans as files.

use crate::fixtures;
use mmiotrace_format::Reader;
use mmiotrace_replay::{Action, Plan, PlanOptions, Points, UnknowableKind, plan_trace};

fn plan_of(name: &str) -> Plan {
    plan_trace(
        Reader::new(&fixtures::trace(name)[..]),
        PlanOptions::default(),
    )
    .unwrap()
    .plan
}

#[test]
fn every_plan_survives_its_file() {
    for (name, trace) in fixtures::traces() {
        let plan = plan_trace(Reader::new(&trace[..]), PlanOptions::default())
            .unwrap()
            .plan;
        let text = plan.to_toml();
        let again = Plan::from_toml(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(again.to_toml(), text, "{name}");
        assert!(again == plan, "{name}: another plan came back");
    }
}

/// The place up to which a start-up goes without host memory is found by the plan itself, and it
/// is where the driver's source hands out the first ring or list.
#[test]
fn the_plan_names_the_first_host_memory() {
    let stops = [
        // nvme/host/pci.c nvme_pci_configure_admin_queue: NVME_REG_ASQ.
        ("nvme-6.1", 89, "bar0+0x28"),
        // xhci-mem.c xhci_mem_init: dcbaa_ptr.
        ("xhci-6.1", 30, "bar0+0x70"),
        // e1000_main.c e1000_configure_tx (at ifup): TDBAL.
        ("e1000-6.1", 12150, "bar0+0x3800"),
        // ehci-hcd.c ehci_run: PERIODICLISTBASE.
        ("ehci-6.1", 22, "bar0+0x34"),
        // libahci.c ahci_start_fis_rx: PORT_LST_ADDR of port 0.
        ("ahci-q35-6.1", 96, "bar5+0x100"),
        // hda_controller: CORBLBASE.
        ("intel-hda-6.1", 31, "bar0+0x40"),
    ];
    for (name, line, place) in stops {
        let plan = plan_of(name);
        let stop = plan.steps().find_map(|(_, step)| match &step.action {
            Action::Stop(why) => Some((step.line, why.clone())),
            _ => None,
        });
        let (found, why) = stop.unwrap();
        assert_eq!(found, line, "{name}: {why}");
        assert!(
            why.starts_with(&format!("{place} gets an address in host memory")),
            "{name}: {why}"
        );
    }
}

#[test]
fn what_a_trace_cannot_know_is_listed_with_evidence() {
    let plan = plan_of("nvme-6.1");
    let of = |kind| {
        plan.unknowable
            .iter()
            .find(|unknowable| unknowable.kind == kind)
    };
    let memory = of(UnknowableKind::HostMemory).unwrap();
    // Admin queues, twice: ASQ and ACQ.
    assert_eq!(memory.signs, 4);
    assert_eq!(memory.evidence[0].line, 89);
    assert!(of(UnknowableKind::Interrupts).unwrap().signs > 0);
    assert!(of(UnknowableKind::ConfigSpace).is_some());
    assert!(of(UnknowableKind::Undecoded).is_none());

    // The 82540EM driver resets through an I/O port; the trace shows that there is one.
    assert!(
        plan_of("e1000-6.1")
            .unknowable
            .iter()
            .any(|u| u.kind == UnknowableKind::PortIo)
    );
    let lost = plan_of("lost-events-6.1");
    let lost = lost
        .unknowable
        .iter()
        .find(|u| u.kind == UnknowableKind::Lost)
        .unwrap();
    assert_eq!(lost.signs, 13_616);
    let undecoded = plan_of("mmioops-6.1");
    assert!(
        undecoded
            .unknowable
            .iter()
            .any(|u| u.kind == UnknowableKind::Undecoded && u.signs >= 50)
    );
}

#[test]
fn messages_and_regions_are_told_from_memory() {
    let plan = plan_of("nvme-6.1");
    let points = |wanted| {
        let writes = plan.steps().filter_map(|(_, step)| match &step.action {
            Action::Write(write) if write.points == Some(wanted) => Some(step.line),
            _ => None,
        });
        writes.collect::<Vec<u64>>()
    };
    // The MSI-X table entry of line 13 to 15: address, upper half, data.
    let messages = points(Points::Interrupt);
    assert!(
        messages.contains(&13) && messages.contains(&15),
        "{messages:?}"
    );
    assert!(!points(Points::HostMemory).contains(&13));
}

#[test]
fn faults_in_a_plan_have_their_place() {
    let head = "plan = 1\n[[region]]\nname = \"bar0\"\nrecorded_base = 0xfd000000\nlen = 0x1000\n";
    let cases = [
        ("plan = 2\n", 1, "plan version 2"),
        ("plan = 1\nnonsense = 3\n", 2, "unknown field"),
        (
            "[[section]]\nname = \"a\"\nsteps = [\n{ write = \"bar1+0x0\", value = 1 },\n]\n",
            9,
            "\"bar1+0x0\" is no place",
        ),
        (
            "[[section]]\nname = \"a\"\nsteps = [\n{ write = \"bar0+0x0\", value = 0x100, width = 1 },\n]\n",
            9,
            "does not fit 1",
        ),
        (
            "[[section]]\nname = \"a\"\nsteps = [\n\n{ read = \"bar0+0x0\", value = 1 },\n]\n",
            10,
            "value does not belong",
        ),
        (
            "[[section]]\nname = \"a\"\nsteps = [\n{ read = \"bar0+0\", write = \"bar0+0\" },\n]\n",
            9,
            "a step has one of",
        ),
        (
            "[[section]]\nname = \"a\"\nsteps = [\n{ poll = \"bar0+0\", mask = 1, value = 2 },\n]\n",
            9,
            "outside of the mask",
        ),
        (
            "[[section]]\nname = \"a\"\npacing = \"fast\"\n",
            8,
            "is no pacing",
        ),
        (
            "[[section]]\nname = \"a\"\nsteps = [\n{ delay_us = -4 },\n]\n",
            9,
            "is no time",
        ),
    ];
    for (text, line, what) in cases {
        let text = if text.starts_with("plan") {
            text.to_owned()
        } else {
            format!("{head}{text}")
        };
        let error = Plan::from_toml(&text).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(error.line(), line, "{error}");
    }
}

#[test]
fn wide_values_and_large_numbers_survive() {
    let text = "plan = 1\nnames.\"m+0x8\" = \"ctl # \\\"1\\\"\"\n[[region]]\nname = \"m\"\nrecorded_base = \"0xfffffffffd000000\"\nlen = 0x1000\n\
        [[section]]\nname = \"a\\tb \\\"c\\\"\"\nsteps = [\n\
        { write = \"m+0x0\", value = \"0x0102030405060708090a0b0c0d0e0f10\", width = 16 },\n\
        { write = \"m+0x8\", value = \"0xffffffffffffffff\", width = 8 },\n\
        { read = \"m+0x8\", width = 8, expect = 5, expect_mask = \"0xff00000000000000\", why = \"x\" },\n\
        { delay_us = 0.5 },\n]\n";
    let plan = Plan::from_toml(text).unwrap();
    let Action::Write(write) = &plan.sections[0].steps[0].action else {
        panic!()
    };
    assert_eq!(write.value.as_le_bytes()[..2], [0x10, 0x0f]);
    assert_eq!(Plan::from_toml(&plan.to_toml()).unwrap(), plan);
}

/// The page that describes the format has a plan in it: it is one, and keeps what it says.
#[test]
fn the_described_plan_is_a_plan() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plan.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let plan = Plan::from_toml(text).unwrap();
    assert_eq!((plan.len(), plan.preconditions.len()), (3, 1));
    assert_eq!((plan.forbidden.len(), plan.on_abort.len()), (1, 1));
    assert_eq!(Plan::from_toml(&plan.to_toml()).unwrap(), plan);
}
