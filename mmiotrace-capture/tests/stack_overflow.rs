//! Rust's own handler, which tells a stack overflow from other faults, with the backend before it.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code, reason = "device memory is accessed by pointers")]
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod process_support;

use mmiotrace_capture::process::{Area, Options, Process, Tracer};
use mmiotrace_core::CaptureBackend;
use process_support::{Collected, device};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

const CHILD: &str = "MMIOTRACE_TEST_OVERFLOW";

/// Runs out of stack, whatever the compiler makes of it.
#[expect(unconditional_recursion, reason = "the stack ends before it does")]
fn deep(page: &[u8; 4096]) -> u8 {
    let mut mine = core::hint::black_box(*page);
    mine[1] = mine[0].wrapping_add(1);
    deep(&mine).wrapping_add(core::hint::black_box(mine)[1])
}

/// Attaches, sees its access in the trace, and overflows.
fn overflow(enroll: bool) {
    let device = device(1);
    let mut capture = Process::new(Options::new());
    capture.start().unwrap();
    // SAFETY: the mapping outlives the region, and is accessed by pointers only.
    let region = unsafe {
        capture
            .tracer()
            .unwrap()
            .attach(&Area::new(device.as_ptr(), 4096))
    }
    .unwrap();
    region.keep();
    let overflowing = std::thread::Builder::new().name("the-deep-one".into());
    let overflowing = overflowing.spawn(move || {
        if enroll {
            Tracer::enroll_thread().unwrap();
        }
        // SAFETY: mapped memory.
        unsafe { device.as_ptr().cast::<u32>().write_volatile(7) };
        let mut seen = Collected::default();
        assert_ne!(capture.drain(&mut seen).unwrap().records, 0);
        eprintln!("accesses: {}", seen.accesses().count());
        deep(&[0; 4096]);
    });
    overflowing.unwrap().join().unwrap();
}

#[test]
fn stack_overflow_is_reported_by_rust_and_aborts() {
    if let Some(how) = std::env::var_os(CHILD) {
        return overflow(how == "enrolled");
    }
    for how in ["plain", "enrolled"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "stack_overflow_is_reported_by_rust_and_aborts",
            ])
            .env(CHILD, how)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stderr);
        assert_eq!(
            child.status.signal(),
            Some(6),
            "{how}: {}: {told}",
            child.status
        );
        assert!(told.contains("accesses: 1"), "{how}: {told}");
        assert!(
            told.contains("'the-deep-one'") && told.contains("has overflowed its stack"),
            "{how}: {told}"
        );
    }
}
