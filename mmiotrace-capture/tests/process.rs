//! The process backend, in this very process.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code, reason = "device memory is accessed by pointers")]
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod process_support;

use core::sync::atomic::{AtomicBool, Ordering};
use mmiotrace_capture::process::{Area, Options, Process, Tracer};
use mmiotrace_core::{AccessKind, CaptureBackend, Event, PhysAddr};
use process_support::work::{SHARED, Worker};
use process_support::{Collected, device, drain_all, one_capture, thread_id};
use std::thread;

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
    let told: Vec<_> = seen
        .accesses()
        .map(|a| (a.kind, a.phys.0, a.width.bytes()))
        .collect();
    assert_eq!(
        told,
        [
            (AccessKind::Write, 0xfebc_0008, 4),
            (AccessKind::Read, 0xfebc_0008, 4)
        ]
    );
}

/// How many accesses each of the four threads makes, at least.
const EACH: usize = 250_000;
/// And where another attaches and detaches beside them.
const EACH_BESIDE: usize = 60_000;

/// Runs four workers on one page, with `beside` beside them; gives them and the trace.
fn four_threads(
    each: usize,
    beside: impl FnOnce(&Tracer, &AtomicBool) + Send,
) -> (Vec<Worker>, Collected) {
    let device = device(1);
    let mut capture = Process::new(Options::new());
    capture.start().unwrap();
    let tracer = capture.tracer().unwrap();
    // SAFETY: the mapping outlives the region, and is accessed by pointers only.
    let region = unsafe { tracer.attach(&Area::new(device.as_ptr(), 4096)) }.unwrap();
    let mut seen = Collected::default();
    let done = AtomicBool::new(false);
    let workers = thread::scope(|scope| {
        let beside = scope.spawn(|| beside(&tracer, &done));
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let mut worker = Worker::new(device.as_ptr(), number, each);
                scope.spawn(move || {
                    while worker.noted.len() < each {
                        worker.step();
                    }
                    (worker, thread_id())
                })
            })
            .collect();
        while !threads.iter().all(|thread| thread.is_finished()) {
            if capture.drain(&mut seen).unwrap().records == 0 {
                thread::sleep(core::time::Duration::from_millis(1));
            }
        }
        done.store(true, Ordering::Relaxed);
        // Whoever is beside may wait for room in the rings.
        while !beside.is_finished() {
            let _ = capture.drain(&mut seen).unwrap();
        }
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    region.detach();
    let summary = drain_all(&mut capture, &mut seen);
    assert_eq!(
        (summary.lost, seen.losses.len(), seen.blinds.len()),
        (0, 0, 0),
        "{:?}",
        seen.blinds
    );
    assert_eq!(summary.events as usize, seen.events.len());
    judge(&workers, &seen);
    (
        workers.into_iter().map(|(worker, _)| worker).collect(),
        seen,
    )
}

/// The trace against what the threads know, and against itself.
fn judge(workers: &[(Worker, i32)], seen: &Collected) {
    let mine = |event: &&Event| event.as_access().is_some_and(|access| access.phys.0 < 4096);
    let total: usize = workers.iter().map(|(worker, _)| worker.noted.len()).sum();
    assert_eq!(
        seen.events.iter().filter(mine).count(),
        total,
        "missing or invented"
    );
    for (worker, id) in workers {
        let mut events = seen
            .events
            .iter()
            .filter(mine)
            .filter(|event| event.pid == *id);
        for (at, (kind, offset, value)) in worker.noted.iter().enumerate() {
            let access = events.next().and_then(Event::as_access).unwrap();
            assert_eq!(
                (access.kind, access.phys.0),
                (*kind, *offset),
                "access {at} of {id}"
            );
            let known = *offset as usize != SHARED || value.width().bytes() == 8;
            assert!(
                !known || access.value == Some(*value),
                "access {at} of {id}: {access:?} {value}"
            );
        }
        assert!(events.next().is_none());
    }
    // The order is that of the device: played again, every read finds what the trace says.
    let mut memory = [0u8; 4096];
    let mut last = None;
    for event in seen.events.iter().filter(mine) {
        assert!(last < event.seq, "numbers rise");
        last = event.seq;
        let access = event.as_access().unwrap();
        let value = access
            .value
            .expect("every value of these instructions is known");
        let bytes = value.as_le_bytes();
        let place = &mut memory[access.phys.0 as usize..][..bytes.len()];
        match access.kind {
            AccessKind::Read => assert_eq!(place, bytes, "{event:?}"),
            AccessKind::Write => place.copy_from_slice(bytes),
        }
    }
    let counter = u64::from_le_bytes(memory[SHARED..SHARED + 8].try_into().unwrap());
    let added = workers
        .iter()
        .fold(0u64, |sum, (worker, _)| sum.wrapping_add(worker.added));
    assert_eq!(counter, added, "locked sums are exact");
}

#[test]
fn four_threads_a_million_accesses() {
    let _one = one_capture();
    let (workers, _) = four_threads(EACH, |_, _| {});
    assert!(
        workers
            .iter()
            .map(|worker| worker.noted.len())
            .sum::<usize>()
            >= 1_000_000
    );
}

#[test]
fn four_threads_while_another_attaches_and_detaches() {
    let _one = one_capture();
    let other = device(3);
    let start = other.as_ptr() as usize;
    let mut turns = 0;
    let (_, seen) = four_threads(EACH_BESIDE, |tracer, done| {
        let start = start as *mut u8;
        while !done.load(Ordering::Relaxed) {
            let area = Area::new(start, 3 * 4096).with_phys(PhysAddr(0x10_0000));
            // SAFETY: the mapping outlives the region, and is accessed by pointers only.
            let region = unsafe { tracer.attach(&area) }.unwrap();
            // SAFETY: mapped memory.
            unsafe { start.add(0x1004).cast::<u32>().write_volatile(turns) };
            region.detach();
            // SAFETY: mapped memory.
            let read = unsafe { start.add(0x1004).cast::<u32>().read_volatile() };
            assert_eq!(read, turns);
            turns += 1;
        }
    });
    let others: Vec<_> = seen
        .accesses()
        .filter(|access| access.phys.0 >= 0x10_0000)
        .collect();
    assert_eq!(others.len(), turns as usize);
    for (turn, access) in (0..).zip(others) {
        assert_eq!(access.value.unwrap().to_u64(), Some(turn));
    }
    assert!(turns > 100);
}
