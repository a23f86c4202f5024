//! The waits that are found in recorded traces, against what the drivers' public source waits
//! for. The traces are of emulated devices, which answer at once: most waits are seen once only.

use crate::fixtures;
use mmiotrace_analysis::blocks::{Block, BlockKind, Blocks, Condition, Evidence, Outcome, Poll};
use mmiotrace_format::Reader;

fn polls(blocks: &[Block], all: &mut Vec<Poll>) {
    for block in blocks {
        match &block.kind {
            BlockKind::Poll(poll) => all.push(poll.clone()),
            BlockKind::Repeat(repeat) => polls(&repeat.blocks, all),
            _ => {}
        }
    }
}

fn polls_of(name: &str) -> Vec<Poll> {
    let trace = fixtures::trace(name);
    let blocks: Vec<Block> = Blocks::new(Reader::new(&trace[..]))
        .map(Result::unwrap)
        .collect();
    let mut all = Vec::new();
    polls(&blocks, &mut all);
    all
}

/// A wait of a driver: trace, register, condition, how many of these waits there are at least.
struct Wait {
    trace: &'static str,
    phys: u64,
    mask: u64,
    value: u64,
    at_least: usize,
}

const fn wait(trace: &'static str, phys: u64, mask: u64, value: u64, at_least: usize) -> Wait {
    Wait {
        trace,
        phys,
        mask,
        value,
        at_least,
    }
}

/// Each with the place in the Linux source that waits, and the name that it has there.
const WAITS: &[Wait] = &[
    // e1000_hw.c e1000_read_phy_reg_ex, e1000_write_phy_reg_ex: MDIC & E1000_MDIC_READY.
    wait("e1000-6.1", 0xfebc_0020, 0x1000_0000, 0x1000_0000, 30),
    wait("e1000-6.12", 0xfebc_0020, 0x1000_0000, 0x1000_0000, 30),
    // e1000e/phy.c e1000e_read_phy_reg_mdic: MDIC & E1000_MDIC_READY.
    wait("e1000e-q35-6.1", 0xfeb8_0020, 0x1000_0000, 0x1000_0000, 100),
    // e1000e/nvm.c e1000e_poll_eerd_eewr_done: EERD & E1000_NVM_RW_REG_DONE (2).
    wait("e1000e-q35-6.1", 0xfeb8_0014, 0x2, 0x2, 20),
    // e100.c mdio_ctrl_hw: mdi_ctrl & mdi_ready.
    wait("e100-i82557b-6.1", 0xfebf_c010, 0x1000_0000, 0x1000_0000, 6),
    // nvme/host/core.c nvme_wait_ready: CSTS & NVME_CSTS_RDY, off after disabling, on after.
    wait("nvme-6.1", 0xfebf_401c, 0x1, 0x0, 1),
    wait("nvme-6.1", 0xfebf_401c, 0x1, 0x1, 2),
    // xhci.c xhci_halt and xhci_start: handshake USBSTS, STS_HALT.
    wait("xhci-6.1", 0xfebf_4044, 0x1, 0x1, 1),
    wait("xhci-6.1", 0xfebf_4044, 0x1, 0x0, 1),
    // xhci.c xhci_reset: handshake USBCMD, CMD_RESET, 0.
    wait("xhci-6.1", 0xfebf_4040, 0x2, 0x0, 2),
    wait("xhci-6.12", 0xfebf_4040, 0x2, 0x0, 2),
    // ehci-hcd.c ehci_reset: handshake USBCMD, CMD_RESET, 0. ehci_halt: USBSTS, STS_HALT.
    wait("ehci-6.1", 0xfebf_e020, 0x2, 0x0, 2),
    wait("ehci-6.1", 0xfebf_e024, 0x1000, 0x1000, 1),
    // libahci.c ahci_reset_controller: HOST_CTL, HOST_RESET, until off.
    wait("ahci-q35-6.1", 0xfebf_f004, 0x1, 0x0, 2),
    // libahci.c ahci_stop_engine: PORT_CMD, PORT_CMD_LIST_ON, until off.
    wait("ahci-q35-6.1", 0xfebf_f118, 0x8000, 0x0, 4),
    wait("ahci-q35-6.1", 0xfebf_f198, 0x8000, 0x0, 4),
    // libahci.c ahci_stop_fis_rx: PORT_CMD, PORT_CMD_FIS_ON, until off.
    wait("ahci-q35-6.1", 0xfebf_f218, 0x4000, 0x0, 2),
    // The edu driver of these traces: status & 1 (busy with the factorial), until off.
    wait("edu-6.1", 0xfea0_0020, 0x1, 0x0, 4),
    wait("edu-6.12", 0xfea0_0020, 0x1, 0x0, 4),
    // message/fusion/mptbase.c WaitForDoorbellInt: IntStatus & MPI_HIS_DOORBELL_INTERRUPT.
    wait("mptsas1068-6.1", 0xfebf_0030, 0x1, 0x1, 4),
];

#[test]
fn the_drivers_conditions_are_found_exactly() {
    let mut wrong = Vec::new();
    for wait in WAITS {
        let condition = Condition {
            mask: wait.mask,
            value: wait.value,
        };
        let at = |poll: &&Poll| poll.location.phys.0 == wait.phys;
        let polls = polls_of(wait.trace);
        let found: Vec<&Poll> = polls.iter().filter(at).collect();
        let exact = found
            .iter()
            .filter(|poll| poll.condition == Some(condition))
            .count();
        if exact < wait.at_least {
            let seen: Vec<_> = found.iter().filter_map(|poll| poll.condition).collect();
            wrong.push(format!(
                "{} {:#x} {condition}: {exact} of {}, seen {seen:x?}",
                wait.trace, wait.phys, wait.at_least
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// nvme/host/core.c nvme_disable_ctrl waits for CSTS & NVME_CSTS_SHST_MASK (0xc) ==
/// NVME_CSTS_SHST_CMPLT (8). The emulated device never shows bit 2, so the trace can only tell
/// bit 3; and the two waits of a register do not blur each other.
#[test]
fn a_bit_that_never_changed_is_not_guessed() {
    let polls = polls_of("nvme-6.1");
    let shutdown = Condition { mask: 8, value: 8 };
    assert!(polls.iter().any(|poll| poll.condition == Some(shutdown)));
}

/// xhci.c xhci_reset also waits for USBSTS & STS_CNR (0x800) == 0. The emulated controller never
/// sets it: the trace as it is cannot show that wait, and none is made up. In the same trace with
/// the bit set in the reads before (what a real controller does), it is found exactly.
#[test]
fn a_wait_that_the_device_never_made_necessary_is_not_invented() {
    let cnr = Condition {
        mask: 0x800,
        value: 0,
    };
    let at = |poll: &Poll| poll.location.phys.0 == 0xfebf_4044;
    assert!(
        !polls_of("xhci-6.1")
            .iter()
            .any(|poll| at(poll) && poll.condition == Some(cnr))
    );

    let trace = String::from_utf8(fixtures::trace("xhci-6.1")).unwrap();
    let ready = "R 4 10.191491 1 0xfebf4044 0x1 0x0 0\n";
    assert!(trace.contains(ready));
    let busy = "R 4 10.191470 1 0xfebf4044 0x801 0x0 0\n".repeat(4);
    let slow = trace.replace(ready, &(busy + ready));
    let blocks: Vec<Block> = Blocks::new(Reader::new(slow.as_bytes()))
        .map(Result::unwrap)
        .collect();
    let mut all = Vec::new();
    polls(&blocks, &mut all);
    let found = all
        .iter()
        .find(|poll| at(poll) && poll.condition == Some(cnr))
        .unwrap();
    assert_eq!(
        (found.values.len(), found.outcome, found.evidence),
        (5, Outcome::Met, Evidence::Loop)
    );
}
