//! KVM's `kvm_mmio` (`include/trace/events/kvm.h`):
//! `mmio unsatisfied-read|read|write len %u gpa 0x%llx val 0x%llx`. A read that KVM cannot answer
//! itself is told twice: `unsatisfied-read`, then `read` with the value that the device model gave.
//! The instruction's address stands in the `kvm_exit` before it.

use super::{Line, Taken};
use crate::scan::Scan;
use crate::state::{LoggedAccess, OpenRead, State};
use mmiotrace_core::{AccessKind, EventSink, PhysAddr, VirtAddr, Width};

/// The fields of an event.
struct Printed<'l> {
    word: &'l str,
    width: u64,
    phys: PhysAddr,
    value: u64,
}

fn printed(rest: &str) -> Option<Printed<'_>> {
    let mut scan = Scan(rest);
    scan.until("mmio ")?;
    Some(Printed {
        word: scan.until(" ")?,
        width: scan.number_after("len ")?,
        phys: PhysAddr(scan.number_after("gpa ")?),
        value: scan.number_after("val ")?,
    })
}

/// The fields by their names: `type=1 len=4 gpa=0x20010 val=0x98` of `trace-cmd report -R`, and
/// `(type: 1, len: 4, gpa: 131088, val: 152)` of `perf trace`, which leaves out those that are 0.
fn raw(rest: &str) -> Option<Printed<'static>> {
    let field = |name: &str| {
        let mut scan = Scan(rest);
        let number = scan.number_after(&format!("{name}="));
        number.or_else(|| scan.number_after(&format!("{name}: ")))
    };
    let word = match field("type").unwrap_or(0) {
        0 => "unsatisfied-read",
        1 => "read",
        2 => "write",
        _ => return None,
    };
    Some(Printed {
        word,
        width: field("len")?,
        phys: PhysAddr(field("gpa").unwrap_or(0)),
        value: field("val").unwrap_or(0),
    })
}

/// `kvm_fast_mmio: fast mmio at gpa 0xfe003000`: a write that woke somebody up. Neither its value
/// nor its width is printed.
pub(super) fn fast_mmio(
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    let phys = scan
        .number_after("gpa ")
        .or_else(|| scan.number_after("gpa="));
    let phys = phys.or_else(|| scan.number_after("gpa: "))?;
    let access = LoggedAccess {
        stamp,
        kind: AccessKind::Write,
        width: state.default_width,
        value: None,
        pc: VirtAddr(0),
    };
    state.absolute(access, PhysAddr(phys), sink);
    Some(Taken::Access)
}

pub(super) fn mmio(
    state: &mut State,
    Line { stamp, rest }: Line<'_>,
    sink: &mut dyn EventSink,
) -> Option<Taken> {
    let printed = printed(rest).or_else(|| raw(rest))?;
    let Printed {
        word,
        width,
        phys,
        value,
    } = printed;
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
    Line { stamp, rest }: Line<'_>,
    _: &mut dyn EventSink,
) -> Option<Taken> {
    let mut scan = Scan(rest);
    let pc = scan
        .number_after("rip ")
        .or_else(|| scan.number_after("rip="));
    if let Some(pc) = pc {
        state.guest_pc.insert((stamp.cpu, stamp.pid), pc);
    }
    Some(Taken::Silent)
}
