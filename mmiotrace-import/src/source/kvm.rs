//! KVM's `kvm_mmio` (`include/trace/events/kvm.h`):
//! `mmio unsatisfied-read|read|write len %u gpa 0x%llx val 0x%llx`. A read that KVM cannot answer
//! itself is told twice: `unsatisfied-read`, then `read` with the value that the device model gave.
//! The instruction's address stands in the `kvm_exit` before it.

use super::Taken;
use crate::scan::Scan;
use crate::stamp::Stamp;
use crate::state::{LoggedAccess, OpenRead, State};
use mmiotrace_core::{AccessKind, EventSink, PhysAddr, VirtAddr, Width};

pub(super) fn mmio(
    state: &mut State,
    stamp: Stamp,
    rest: &str,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    scan.until("mmio ")?;
    let word = scan.until(" ")?;
    let width = scan.number_after("len ")?;
    let phys = PhysAddr(scan.number_after("gpa ")?);
    let value = scan.number_after("val ")?;
    let lane = (stamp.cpu, stamp.pid);
    let pc = VirtAddr(state.guest_pc.get(&lane).copied().unwrap_or(0));
    let kind = match word {
        "unsatisfied-read" => {
            let width = Width::from_bytes(u8::try_from(width).ok()?)?;
            state.open_read(
                OpenRead {
                    stamp,
                    width,
                    phys,
                    pc,
                },
                sink,
            );
            return Some(Taken::Silent);
        }
        "read" => AccessKind::Read,
        "write" => AccessKind::Write,
        _ => return None,
    };
    let mut seen = LoggedAccess::new(stamp, kind, width, value)?;
    seen.pc = pc;
    if kind == AccessKind::Read {
        // The thread may have moved to another CPU in between, the exit then lies on the old one.
        if let Some(open) = state.close_read(lane, |open| open.phys == phys, sink) {
            seen.pc = open.pc;
        }
    }
    state.absolute(seen, phys, sink);
    Some(Taken::Access)
}

/// `kvm_exit: reason EPT_MISCONFIG rip 0xffffffff81234567 info …`.
pub(super) fn exit(
    state: &mut State,
    stamp: Stamp,
    rest: &str,
    _: &mut dyn EventSink,
) -> Option<Taken> {
    if let Some(pc) = Scan(rest).number_after("rip ") {
        state.guest_pc.insert((stamp.cpu, stamp.pid), pc);
    }
    Some(Taken::Silent)
}
