//! The tracefs backend over a made-up tracing folder: what it gives, and that it puts everything
//! back on every way out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use mmiotrace_capture::tracefs::{
    Buffer, Error, Leftover, Options, Tracefs, mark, restore_leftover,
};
use mmiotrace_core::{
    Blind, CaptureBackend, DrainState, Event, EventSink, Loss, Marker, RESERVED_MARKER_PREFIX,
};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use support::{Machine, TRACING, differences};

const TRACE: &str = "VERSION 20070824\n\
    PCIDEV 0018 8086100e a febc0000 c001 0 0 0 0 0 20000 40 0 0 0 0 0 \n\
    MARK 6.000000 load the driver\n\
    MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
    W 4 6.066783 1 0xfebc00d8 0xffffffff 0x0 0\n\
    R 4 6.066790 1 0xfebc0008 0x80080783 0x0 0\n\
    UNMAP 7.000000 1 0x0 0\n";

fn options(machine: &Machine) -> Options {
    Options::new()
        .root(machine.root())
        .buffer(Buffer::Kib(4096))
        .output("a.mmiotrace")
}

fn drain_all(backend: &mut Tracefs) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while backend
        .drain_bytes(&mut |part| bytes.extend_from_slice(part))?
        .state
        != DrainState::Ended
    {}
    Ok(bytes)
}

#[derive(Default)]
struct Count {
    events: u64,
    markers: u64,
    lost: u64,
    lines: u64,
}

impl EventSink for Count {
    fn event(&mut self, _: &Event) {
        self.events += 1;
    }
    fn marker(&mut self, _: &Marker<'_>) {
        self.markers += 1;
    }
    fn lost(&mut self, loss: &Loss) {
        self.lost += loss.count;
    }
    fn blind(&mut self, _: &Blind) {}
    fn line(&mut self, _: &[u8]) {
        self.lines += 1;
    }
}

#[test]
fn a_capture_changes_what_it_must_and_puts_it_back() {
    let machine = Machine::new();
    let before = machine.snapshot();
    let mut backend = Tracefs::new(options(&machine));
    backend.start().unwrap();
    let during = machine.snapshot();
    assert_eq!(
        machine.get("/sys/kernel/tracing/current_tracer").trim(),
        "mmiotrace"
    );
    assert_eq!(
        machine
            .get("/sys/kernel/tracing/per_cpu/cpu0/buffer_size_kb")
            .trim(),
        "4096"
    );
    // Only the CPU that stays on-line needs the ring.
    assert_eq!(
        machine.get("/run/mmiotrace/tracefs.state").lines().count(),
        19
    );
    assert!(!differences(&before, &during).is_empty());

    let mut writer = machine.writer();
    writer.write_all(TRACE.as_bytes()).unwrap();
    drop(writer);
    machine.set_stats(0, 0, 5);
    let summary = backend.stop().unwrap();
    assert_eq!((summary.events, summary.lost), (5, 0));
    let bytes = drain_all(&mut backend).unwrap();
    machine.put(
        "/sys/kernel/tracing/per_cpu/cpu0/stats",
        "entries: 0\noverrun: 0\ncommit overrun: 0\n",
    );
    assert_eq!(differences(&before, &machine.snapshot()), [""; 0]);
    assert!(!machine.path("/run/mmiotrace/tracefs.state").exists());

    let text = String::from_utf8(bytes).unwrap();
    let lspci = "LSPCI 0000:00:03.0 Class [0200]: Device [8086:100e] (rev 03)\n";
    assert_eq!(
        text,
        TRACE.replace("20070824\n", &format!("20070824\n{lspci}"))
    );
    let figures = backend.figures();
    assert_eq!(
        (figures.records, figures.lost, figures.advised_kib),
        (5, 0, None)
    );
    assert!(backend.notes().iter().all(|note| !note.contains("entries")));
}

#[test]
fn a_sink_gets_events_markers_and_losses() {
    let machine = Machine::new();
    let mut backend = Tracefs::new(options(&machine));
    backend.start().unwrap();
    machine.writer().write_all(TRACE.as_bytes()).unwrap();
    // 12 entries were overwritten, and the kernel had no read left to say so.
    machine.set_stats(0, 12, 5);
    backend.stop().unwrap();
    let mut count = Count::default();
    while backend.drain(&mut count).unwrap().state != DrainState::Ended {}
    assert_eq!((count.events, count.markers, count.lost), (4, 1, 12));
    assert_eq!(count.lines, 3, "VERSION, LSPCI, PCIDEV");
    assert_eq!(backend.figures().lost, 12);
    assert_eq!(backend.drain(&mut count).unwrap().state, DrainState::Ended);
}

#[test]
fn drain_never_blocks_and_gives_what_comes_later() {
    let machine = Machine::new();
    let mut backend = Tracefs::new(options(&machine));
    backend.start().unwrap();
    let mut bytes = Vec::new();
    let mut drain = |backend: &mut Tracefs| {
        let drained = backend
            .drain_bytes(&mut |part| bytes.extend_from_slice(part))
            .unwrap();
        (drained.records, drained.state)
    };
    assert_eq!(drain(&mut backend), (0, DrainState::Idle));
    let mut writer = machine.writer();
    // A line in two parts is one record, with the second.
    writer.write_all(b"VERSION 2007").unwrap();
    assert_eq!(drain(&mut backend), (0, DrainState::Idle));
    writer.write_all(b"0824\nMARK 1.0 a\n").unwrap();
    assert_eq!(drain(&mut backend), (2, DrainState::Idle));
    backend.stop().unwrap();
    writer.write_all(b"MARK 2.0 b\n").unwrap();
    drop(writer);
    assert_eq!(drain(&mut backend).1, DrainState::Ended);
    assert!(
        String::from_utf8(bytes)
            .unwrap()
            .ends_with("MARK 1.0 a\nMARK 2.0 b\n")
    );
}

#[test]
fn dropped_while_it_runs() {
    let machine = Machine::new();
    let before = machine.snapshot();
    let mut backend = Tracefs::new(options(&machine));
    backend.start().unwrap();
    drop(backend);
    assert_eq!(differences(&before, &machine.snapshot()), [""; 0]);
    assert!(!machine.path("/run/mmiotrace/tracefs.state").exists());
}

#[test]
fn a_panic_while_it_runs() {
    let machine = Machine::new();
    let before = machine.snapshot();
    let options = options(&machine);
    let result = std::thread::spawn(move || {
        let mut backend = Tracefs::new(options);
        backend.start().unwrap();
        panic!("on purpose");
    })
    .join();
    assert!(result.is_err());
    assert_eq!(differences(&before, &machine.snapshot()), [""; 0]);
}

/// Each of these makes the start fail at another place.
#[test]
fn a_start_that_fails_leaves_no_trace() {
    for broken in [
        "trace_pipe",
        "per_cpu/cpu0/buffer_size_kb",
        "tracing_on",
        "available_tracers",
    ] {
        let machine = Machine::new();
        machine.remove(&format!("{TRACING}/{broken}"));
        let before = machine.snapshot();
        let mut backend = Tracefs::new(options(&machine));
        let error = backend.start().unwrap_err();
        assert!(error.to_string().contains(broken), "{error}");
        assert_eq!(
            differences(&before, &machine.snapshot()),
            [""; 0],
            "{broken}"
        );
        assert!(!machine.path("/run/mmiotrace/tracefs.state").exists());
        // And the lock is free again.
        drop(backend);
        machine.put(&format!("{TRACING}/trace_marker"), "");
        assert!(restore_leftover(&machine.root()).unwrap().is_none());
    }
}

#[test]
fn everything_odd_is_put_back_as_odd_as_it_was() {
    let machine = Machine::new();
    for (name, content) in [
        ("current_tracer", "function\n"),
        ("tracing_on", "0\n"),
        ("set_event", "sched:sched_switch\nirq:irq_handler_entry\n"),
        ("trace_clock", "local [mono] boot\n"),
        ("tracing_cpumask", "e\n"),
        ("options/markers", "0\n"),
        ("per_cpu/cpu0/buffer_size_kb", "77\n"),
        ("per_cpu/cpu2/buffer_size_kb", "9\n"),
    ] {
        machine.put(&format!("{TRACING}/{name}"), content);
    }
    machine.put("/sys/devices/system/cpu/online", "0,2-3\n");
    machine.put("/sys/devices/system/cpu/cpu1/online", "0\n");
    let before = machine.snapshot();
    let mut refused = Tracefs::new(options(&machine));
    assert!(matches!(refused.start(), Err(Error::Busy { what }) if what.contains("function")));
    drop(refused);
    assert_eq!(differences(&before, &machine.snapshot()), [""; 0]);

    let mut backend = Tracefs::new(options(&machine).take_over(true).clock("global"));
    backend.start().unwrap();
    assert_eq!(
        machine.get("/sys/kernel/tracing/trace_clock").trim(),
        "global"
    );
    assert_eq!(machine.get("/sys/kernel/tracing/set_event").trim(), "");
    assert_eq!(
        machine.get("/sys/kernel/tracing/options/markers").trim(),
        "1"
    );
    assert_eq!(
        machine.get("/sys/kernel/tracing/tracing_cpumask").trim(),
        "0000000d"
    );
    // The kernel takes CPUs off-line, and here fails to bring one back.
    machine.put("/sys/devices/system/cpu/cpu3/online", "0\n");
    drop(backend);
    // A plain file does not grow the list around the chosen word, as the kernel's does.
    assert_eq!(
        machine.get("/sys/kernel/tracing/trace_clock").trim(),
        "mono"
    );
    machine.put("/sys/kernel/tracing/trace_clock", "local [mono] boot\n");
    let after = machine.snapshot();
    let events = machine.get("/sys/kernel/tracing/set_event");
    let mut events: Vec<&str> = events.split_whitespace().collect();
    events.sort_unstable();
    assert_eq!(events, ["irq:irq_handler_entry", "sched:sched_switch"]);
    machine.put(
        "/sys/kernel/tracing/set_event",
        "sched:sched_switch\nirq:irq_handler_entry\n",
    );
    let left: Vec<String> = differences(&before, &after)
        .into_iter()
        .filter(|line| !line.contains("set_event"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn a_ring_that_was_never_used_gets_the_size_it_would_have_had() {
    let machine = Machine::new();
    let small = "7 (expanded: 1408)\n";
    machine.put(&format!("{TRACING}/buffer_size_kb"), small);
    for cpu in 0..4 {
        machine.put(&format!("{TRACING}/per_cpu/cpu{cpu}/buffer_size_kb"), small);
    }
    let mut backend = Tracefs::new(options(&machine));
    backend.start().unwrap();
    assert_eq!(
        machine.get("/sys/kernel/tracing/buffer_size_kb").trim(),
        "1408"
    );
    drop(backend);
    assert_eq!(
        machine
            .get("/sys/kernel/tracing/per_cpu/cpu0/buffer_size_kb")
            .trim(),
        "1408"
    );
}

#[test]
fn two_captures_at_a_time_are_refused() {
    let machine = Machine::new();
    let mut first = Tracefs::new(options(&machine));
    first.start().unwrap();
    let mut second = Tracefs::new(options(&machine).take_over(true));
    assert!(matches!(
        second.start(),
        Err(Error::AlreadyRunning { pid: Some(_) })
    ));
    drop(second);
    assert!(machine.path("/run/mmiotrace/tracefs.state").exists());
    assert!(restore_leftover(&machine.root()).is_err());
    drop(first);
    assert!(restore_leftover(&machine.root()).unwrap().is_none());
}

/// Not a test: the child of the next one.
#[test]
fn child_that_captures_until_it_is_killed() {
    let Some(folder) = std::env::var_os("MMIOTRACE_TEST_CAPTURE_IN") else {
        return;
    };
    let root = mmiotrace_capture::machine::Root::new(folder);
    let mut backend = Tracefs::new(Options::new().root(root).output("killed.mmiotrace"));
    backend.start().unwrap();
    println!("capturing");
    loop {
        std::thread::park();
    }
}

#[test]
fn killed_and_put_back_by_the_next_start() {
    for by_a_capture in [false, true] {
        let machine = Machine::new();
        let before = machine.snapshot();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child_that_captures_until_it_is_killed",
                "--nocapture",
            ])
            .env("MMIOTRACE_TEST_CAPTURE_IN", machine.path("/"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("capturing")));
        let running = Leftover::find(&machine.root()).unwrap();
        assert!(running.running && running.pid == Some(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!differences(&before, &machine.snapshot()).is_empty());
        let left = Leftover::find(&machine.root()).unwrap();
        assert_eq!(
            (left.running, left.output.as_deref()),
            (false, Some("killed.mmiotrace"))
        );

        if by_a_capture {
            let mut backend = Tracefs::new(options(&machine));
            backend.start().unwrap();
            assert!(
                backend.notes()[0].contains("killed.mmiotrace"),
                "{:?}",
                backend.notes()
            );
            drop(backend);
        } else {
            assert!(
                restore_leftover(&machine.root())
                    .unwrap()
                    .unwrap()
                    .contains("killed")
            );
        }
        assert_eq!(differences(&before, &machine.snapshot()), [""; 0]);
        assert!(Leftover::find(&machine.root()).is_none());
    }
}

#[test]
fn after_another_boot_or_under_another_tracer_nothing_is_put_back() {
    let machine = Machine::new();
    let state = format!(
        "mmiotrace tracefs state 1\nboot\tboot-1\npid\t1\nwrite\t{TRACING}/tracing_on\t0\n"
    );
    machine.put(
        "/run/mmiotrace/tracefs.state",
        &state.replace("boot-1", "boot-0"),
    );
    assert!(restore_leftover(&machine.root()).unwrap().is_none());
    assert_eq!(machine.get("/sys/kernel/tracing/tracing_on").trim(), "1");

    machine.put("/run/mmiotrace/tracefs.state", &state);
    machine.put("/sys/kernel/tracing/current_tracer", "function\n");
    assert!(
        restore_leftover(&machine.root())
            .unwrap()
            .unwrap()
            .contains("other use")
    );
    assert_eq!(machine.get("/sys/kernel/tracing/tracing_on").trim(), "1");
    assert_eq!(
        machine.get("/sys/kernel/tracing/current_tracer").trim(),
        "function"
    );
}

#[test]
fn markers() {
    let machine = Machine::new();
    let root = machine.root();
    assert!(matches!(mark(&root, b"a"), Err(Error::NotRunning)));
    let mut backend = Tracefs::new(options(&machine));
    assert!(matches!(backend.marker(b"a"), Err(Error::OutOfOrder(_))));
    backend.start().unwrap();
    backend.marker(b"from the capture").unwrap();
    mark(&root, b"from outside").unwrap();
    assert!(matches!(
        backend.marker(RESERVED_MARKER_PREFIX),
        Err(Error::Marker(_))
    ));
    assert_eq!(
        machine.get("/sys/kernel/tracing/trace_marker"),
        "from the capture\nfrom outside\n"
    );
    assert_eq!(backend.figures().markers, 1);
}

#[test]
fn losses_are_seen_while_it_runs_and_the_next_ring_is_larger() {
    let machine = Machine::new();
    let mut backend = Tracefs::new(Options::new().root(machine.root()).buffer(Buffer::Kib(8)));
    backend.start().unwrap();
    assert_eq!(backend.look_for_losses(), 0);
    machine.set_stats(3, 5_000_000, 100);
    assert_eq!(backend.look_for_losses(), 5_000_000);
    drop(machine.writer());
    machine.set_stats(0, 5_000_000, 100);
    backend.stop().unwrap();
    let bytes = drain_all(&mut backend).unwrap();
    assert!(bytes.ends_with(b"MARK 0.000000 Lost 5000000 events.\n"));
    let advised = backend.figures().advised_kib.unwrap();
    assert!(advised * 1024 > 5_000_000 * 44);

    machine.set_stats(0, 0, 0);
    let mut next = Tracefs::new(Options::new().root(machine.root()));
    next.start().unwrap();
    // Never more than half of what is free.
    assert_eq!(next.figures().buffer_kib, advised.min(400_000));
    assert!(next.notes().iter().any(|note| note.contains("lost events")));
}

#[test]
fn no_tracefs_and_no_tracer() {
    let machine = Machine::new();
    machine.put("/sys/module/mmiotrace/initstate", "live\n");
    let error = Tracefs::new(options(&machine)).start().unwrap_err();
    assert!(error.to_string().contains("rmmod mmiotrace"), "{error}");
    machine.remove("/sys/module/mmiotrace");
    machine.put("/sys/kernel/tracing/available_tracers", "function nop\n");
    let error = Tracefs::new(options(&machine)).start().unwrap_err();
    assert!(error.to_string().contains("CONFIG_MMIOTRACE=y"), "{error}");
    machine.put(
        "/sys/kernel/security/lockdown",
        "none integrity [confidentiality]\n",
    );
    let error = Tracefs::new(options(&machine)).start().unwrap_err();
    assert!(matches!(error, Error::LockedDown));
    machine.remove("/sys/kernel/tracing");
    let error = Tracefs::new(options(&machine)).start().unwrap_err();
    assert!(error.to_string().contains("mount -t tracefs"), "{error}");
}
