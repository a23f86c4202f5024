//! What the process backend captures comes back from the text that it is written as: wide accesses,
//! read-modify-writes, values that nobody learnt, blind intervals.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code, reason = "device memory is accessed by pointers")]
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod process_support;

use core::arch::asm;
use mmiotrace_capture::process::{Area, Options, Process};
use mmiotrace_core::{
    Access, AccessKind, CaptureBackend, Event, EventKind, EventSink, PhysAddr, Timestamp,
};
use mmiotrace_format::{Block, Lifter, Writer};
use process_support::{Collected, device, drain_all, one_capture};

const BAR: u64 = 0xfebc_0000;

/// One of everything, on four pages.
fn exercise(at: *mut u8) {
    let ones = [0x11u8; 64];
    let sse = [0x22u8; 16];
    // SAFETY: pages of a mapping that is traced; nothing else looks at it.
    unsafe {
        asm!("movdqu {x}, [{}]", "movdqu [{}], {x}", in(reg) sse.as_ptr(), in(reg) at.add(16), x = out(xmm_reg) _);
        if std::is_x86_feature_detected!("avx") {
            asm!("vmovdqu ymm15, [{}]", "vmovdqu [{}], ymm15", "vzeroupper", in(reg) ones.as_ptr(),
                 in(reg) at.add(32), out("xmm15") _);
        }
        // A read and a write record.
        asm!("add dword ptr [{}], 5", in(reg) at.add(100));
        asm!("lock or dword ptr [{}], 6", in(reg) at.add(104));
        // More than 64 bytes: several accesses of one instruction.
        asm!("fxsave64 [{}]", in(reg) at.add(1024));
        // Refused: what a segment register holds is nobody's to say.
        asm!("mov word ptr [{}], ds", in(reg) at.add(3 * 4096));
    }
}

/// What a text can carry: times in microseconds.
fn rounded(mut event: Event) -> Event {
    event.time = Timestamp::from_micros(event.time.as_micros_rounded()).unwrap();
    event
}

#[test]
fn what_is_captured_comes_back_from_its_text() {
    let _one = one_capture();
    let device = device(4);
    let mut capture = Process::new(Options::new());
    capture.start().unwrap();
    let area = Area::new(device.as_ptr(), device.len()).with_phys(PhysAddr(BAR));
    // SAFETY: the mapping outlives the region, and is accessed by pointers only.
    let region = unsafe { capture.tracer().unwrap().attach(&area) }.unwrap();
    exercise(device.as_ptr());
    // The page that went blind is armed again.
    let mut seen = Collected::default();
    while seen.blinds.len() < 2 {
        let _ = capture.drain(&mut seen).unwrap();
        std::thread::sleep(core::time::Duration::from_millis(1));
    }
    // SAFETY: mapped memory.
    unsafe { device.as_ptr().add(3 * 4096).write_volatile(9) };
    region.detach();
    let summary = drain_all(&mut capture, &mut seen);
    assert_eq!(
        (summary.lost, summary.blind_intervals),
        (0, 1),
        "{:?}",
        seen.blinds
    );

    let accesses: Vec<Access> = seen.accesses().copied().collect();
    let at = |offset| {
        accesses
            .iter()
            .filter(move |access: &&Access| access.phys.0 == BAR + offset)
    };
    assert_eq!(at(16).next().unwrap().width.bytes(), 16);
    let kinds: Vec<AccessKind> = at(100).map(|access| access.kind).collect();
    assert_eq!(kinds, [AccessKind::Read, AccessKind::Write]);
    assert!(
        at(1024).count() == 1 && at(1024 + 64).count() == 1,
        "in pieces"
    );
    assert_eq!(at(3 * 4096).count(), 1, "the refused one is not among them");

    let mut writer = Writer::new(Vec::new());
    for event in &seen.events {
        writer.event(event);
    }
    for blind in &seen.blinds {
        writer.blind(blind);
    }
    let text = writer.into_inner().unwrap();
    let mut back = Collected::default();
    let mut lifter = Lifter::new();
    for line in Block::new(&text).lines().flatten() {
        let _ = lifter.push_line(&line, &mut back);
    }
    lifter.finish(&mut back);
    let wanted: Vec<Event> = seen.events.iter().copied().map(rounded).collect();
    assert_eq!(back.events, wanted, "{}", String::from_utf8_lossy(&text));
    let reasons: Vec<_> = back
        .blinds
        .iter()
        .map(|blind| (blind.edge, blind.page, blind.reason))
        .collect();
    let told: Vec<_> = seen
        .blinds
        .iter()
        .map(|blind| (blind.edge, blind.page, blind.reason))
        .collect();
    assert_eq!(reasons, told);
    assert!(
        seen.events
            .iter()
            .any(|event| matches!(event.kind, EventKind::Map(_)))
    );
}
