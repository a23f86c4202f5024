//! The process backend, in this very process.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod process_support;

use mmiotrace_capture::process::{Area, Options, Process};
use mmiotrace_core::{AccessKind, CaptureBackend, PhysAddr};
use process_support::{Collected, device, drain_all, one_capture};

#[test]
fn one_write_and_one_read() {
    let _one = one_capture();
    let device = device(1);
    let mut capture = Process::new(Options::new());
    capture.start().unwrap();
    let area = Area::new(device.as_ptr(), device.len()).with_phys(PhysAddr(0xfebc_0000));
    // SAFETY: the mapping outlives the region, and is accessed by pointers only.
    let region = unsafe { capture.tracer().unwrap().attach(&area) }.unwrap();
    let register = device.as_ptr().cast::<u32>();
    // SAFETY: mapped memory.
    let read = unsafe {
        register.add(2).write_volatile(0x1234_5678);
        register.add(2).read_volatile()
    };
    assert_eq!(read, 0x1234_5678);
    region.detach();
    // SAFETY: mapped memory.
    assert_eq!(unsafe { register.add(2).read_volatile() }, 0x1234_5678);
    let mut seen = Collected::default();
    let summary = drain_all(&mut capture, &mut seen);
    assert_eq!(summary.lost, 0);
    let told: Vec<_> = seen.accesses().map(|a| (a.kind, a.phys.0, a.width.bytes())).collect();
    assert_eq!(
        told,
        [(AccessKind::Write, 0xfebc_0008, 4), (AccessKind::Read, 0xfebc_0008, 4)]
    );
}
