//! Programs that make it hard to trace them: they crash, change their signal handlers and stacks, or
//! change what they have mapped behind everybody's back. What they do must be as without a tracer, and
//! the trace must be what they did.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use mmiotrace_capture::process::{Launch, OnFull, Options, Order};
use mmiotrace_core::{AccessKind, CaptureBackend, DrainState, EventKind};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use support::{Collected, HEAD, build, drain, library, read, record, run, write};

/// As [`run`], for a program that a signal ends.
fn run_to_signal(test: &str, body: &str) -> Option<(Collected, i32)> {
    let folder = tempfile::tempdir().unwrap();
    let program = build(test, folder.path(), &format!("{HEAD}{body}"))?;
    let (seen, status) = record(&program, &folder.path().join("device"));
    // What the program does alone.
    let alone = Command::new(&program)
        .arg(folder.path().join("device"))
        .status()
        .unwrap();
    assert_eq!(status, alone, "traced, and alone");
    Some((
        seen,
        status
            .signal()
            .unwrap_or_else(|| panic!("{test}: {status}")),
    ))
}

#[test]
fn its_own_crash_is_a_crash() {
    for (test, crash, signal) in [
        ("crash_null", "*(volatile int *)0x10 = 1;", libc::SIGSEGV),
        ("crash_raise", "raise(SIGSEGV);", libc::SIGSEGV),
        (
            "crash_ignored",
            "signal(SIGSEGV, SIG_IGN); *(volatile int *)0x10 = 1;",
            libc::SIGSEGV,
        ),
        (
            "crash_readonly",
            "*(volatile char *)\"text\" = 1;",
            libc::SIGSEGV,
        ),
        (
            "crash_division",
            "volatile int seven = 7, zero = 0; device[3] = seven / zero;",
            libc::SIGFPE,
        ),
        // The division itself reads the device.
        (
            "crash_device_division",
            "unsigned low = 1, high = 0; asm volatile(\"divl %2\" : \"+a\"(low), \"+d\"(high) : \"m\"(device[3]));",
            libc::SIGFPE,
        ),
        ("crash_instruction", "asm volatile(\"ud2\");", libc::SIGILL),
        ("crash_abort", "abort();", libc::SIGABRT),
        // Behind the end of the file.
        (
            "crash_bus",
            "ftruncate(open(a[1], O_RDWR), 4096); device[1024] = 1;",
            libc::SIGBUS,
        ),
        // The other operand is not there.
        (
            "crash_other_operand",
            "asm volatile(\"movsl\" : : \"S\"(device), \"D\"(0x20) : \"memory\");",
            libc::SIGSEGV,
        ),
    ] {
        let body = format!(
            "int main(int n, char **a) {{ device = map(a[1]); device[1] = 5; device[3] = 0; {crash} return 0; }}"
        );
        let Some((seen, ended)) = run_to_signal(test, &body) else {
            return;
        };
        assert_eq!(ended, signal, "{test}");
        assert_eq!(seen.accesses()[..2], [write(4, 5), write(12, 0)], "{test}");
    }
}

#[test]
fn handlers_of_every_kind() {
    let body = "static sigjmp_buf back; static volatile int plain, once, bus;
    static void on_plain(int s) { plain++; siglongjmp(back, 1); }
    static void on_once(int s) { once++; siglongjmp(back, 1); }
    static void on_bus(int s, siginfo_t *i, void *u) {
        CHECK(s == SIGBUS && i->si_code == BUS_ADRERR && i->si_addr == (void *)(device + 1025));
        bus++; siglongjmp(back, 1); }
    int main(int n, char **a) {
        device = map(a[1]);
        CHECK(signal(SIGSEGV, on_plain) == SIG_DFL);
        if (!sigsetjmp(back, 1)) *(volatile int *)0x10 = 1;
        device[0] = 1;
        CHECK(signal(SIGSEGV, SIG_DFL) == on_plain);
        struct sigaction act = { .sa_handler = on_once, .sa_flags = SA_RESETHAND | SA_NODEFER }, old;
        CHECK(sigaction(SIGSEGV, &act, 0) == 0);
        if (!sigsetjmp(back, 1)) *(volatile int *)0x10 = 1;
        device[1] = 2;
        CHECK(sigaction(SIGSEGV, 0, &old) == 0 && old.sa_handler == SIG_DFL);
        act.sa_sigaction = on_bus; act.sa_flags = SA_SIGINFO;
        CHECK(sigaction(SIGBUS, &act, 0) == 0);
        CHECK(ftruncate(open(a[1], O_RDWR), 4096) == 0);
        if (!sigsetjmp(back, 1)) device[1025] = 7;
        device[2] = 3;
        CHECK(plain == 1 && once == 1 && bus == 1);
        return 0; }";
    let Some(seen) = run("handlers_of_every_kind", body) else {
        return;
    };
    assert_eq!(seen.accesses(), [write(0, 1), write(4, 2), write(8, 3)]);
}

/// A program that asks the kernel itself for its handler pushes ours aside; the worker puts it back.
#[test]
fn a_handler_behind_everybodys_back() {
    let body = "#include <sys/syscall.h>
    static volatile int hits;
    static void on_fault(int s) { hits++; mprotect((void *)0x700000000000, 4096, PROT_READ | PROT_WRITE); }
    int main(int n, char **a) {
        device = map(a[1]);
        device[0] = 1;
        CHECK(mmap((void *)0x700000000000, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != MAP_FAILED);
        /* What the C library would give the kernel, but for the handler. */
        struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } act;
        CHECK(syscall(SYS_rt_sigaction, SIGSEGV, 0, &act, 8) == 0);
        act.handler = on_fault; act.flags &= ~0x4ul;
        CHECK(syscall(SYS_rt_sigaction, SIGSEGV, &act, 0, 8) == 0);
        sleep(3);
        device[1] = 2;
        *(volatile int *)0x700000000000 = 1;
        CHECK(hits == 1);
        device[2] = 3;
        return 0; }";
    let Some(seen) = run("a_handler_behind", body) else {
        return;
    };
    assert_eq!(seen.accesses(), [write(0, 1), write(4, 2), write(8, 3)]);
}

#[test]
fn alternate_stacks() {
    let body = "static volatile int hits; static char small[8192];
    static void on_user(int s) { int here; hits += (char *)&here >= small && (char *)&here < small + sizeof small;
        for (int i = 0; i < 50; i++) device[1] = i; }
    static sigjmp_buf back;
    static void on_overflow(int s) { device[2] = 2; siglongjmp(back, 1); }
    static int deep(volatile char *p) { volatile char page[4096]; page[0] = p[0]; return deep(page) + page[0]; }
    static void *thread(void *unused) {
        /* A signal stack as small as it may be, and a handler on it that makes traced accesses. */
        stack_t own = { .ss_sp = small, .ss_size = sizeof small };
        CHECK(sigaltstack(&own, 0) == 0);
        device[0] = 1;
        CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0);
        CHECK(hits == 1);
        /* Out of stack: the handler needs the alternate one. */
        char byte = 0;
        if (!sigsetjmp(back, 1)) deep(&byte);
        device[3] = 3;
        if (!sigsetjmp(back, 1)) deep(&byte);
        return 0; }
    int main(int n, char **a) {
        device = map(a[1]);
        struct sigaction act = { .sa_handler = on_user, .sa_flags = SA_ONSTACK };
        CHECK(sigaction(SIGUSR1, &act, 0) == 0);
        act.sa_handler = on_overflow;
        CHECK(sigaction(SIGSEGV, &act, 0) == 0);
        pthread_t t; pthread_create(&t, 0, thread, 0); pthread_join(t, 0);
        return 0; }";
    let Some(seen) = run("alternate_stacks", body) else {
        return;
    };
    let mut expected = vec![write(0, 1)];
    expected.extend((0..50).map(|i| write(4, i)));
    expected.extend([write(8, 2), write(12, 3), write(8, 2)]);
    assert_eq!(seen.accesses(), expected);
}

#[test]
fn mappings_that_change() {
    let body = "static uint32_t plain(const char *path, int at) {
        uint32_t word; int fd = open(path, O_RDONLY); CHECK(pread(fd, &word, 4, at) == 4); close(fd); return word; }
    int main(int n, char **a) {
        device = map(a[1]);
        device[1024] = 1;
        /* The first page goes; the second stays traced. */
        CHECK(munmap((void *)device, 4096) == 0);
        device[1025] = 2;
        /* It is hidden, and comes back. */
        CHECK(mprotect((void *)(device + 1024), 4096, PROT_NONE) == 0);
        CHECK(mprotect((void *)(device + 1024), 4096, PROT_READ | PROT_WRITE) == 0);
        device[1026] = 3;
        /* It moves. */
        volatile uint32_t *to = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(mremap((void *)(device + 1024), 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
        to[3] = 4;
        /* Something else comes in its place. */
        CHECK(mmap((void *)to, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == to);
        to[4] = 5;
        /* A mapping that begins inaccessible. */
        int fd = open(a[1], O_RDWR);
        device = mmap(0, 8192, PROT_NONE, MAP_SHARED, fd, 0);
        CHECK(mprotect((void *)device, 8192, PROT_READ | PROT_WRITE) == 0);
        device[5] = 6;
        CHECK(plain(a[1], 4096) == 1 && plain(a[1], 4100) == 2 && plain(a[1], 4108) == 4 && plain(a[1], 20) == 6);
        return 0; }";
    let Some(seen) = run("mappings_that_change", body) else {
        return;
    };
    let expected = [
        write(4096, 1),
        write(4100, 2),
        write(4104, 3),
        write(4108, 4),
        write(20, 6),
    ];
    assert_eq!(seen.accesses(), expected);
    assert!(seen.blinds.is_empty(), "{:?}", seen.blinds);
}

/// Unmapped by a system call that nobody stands before.
#[test]
fn a_region_that_goes_behind_everybodys_back() {
    let body = "#include <sys/syscall.h>
    static sigjmp_buf back;
    static void on_fault(int s) { siglongjmp(back, 1); }
    int main(int n, char **a) {
        device = map(a[1]);
        signal(SIGSEGV, on_fault);
        device[0] = 1;
        long number = SYS_munmap;
        asm volatile(\"syscall\" : \"+a\"(number) : \"D\"(device), \"S\"(8192) : \"rcx\", \"r11\", \"memory\");
        CHECK(number == 0);
        if (!sigsetjmp(back, 1)) { device[0] = 2; return 1; }
        usleep(300000);
        /* The place is used again, by memory that is nobody's device. */
        CHECK(mmap((void *)device, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == device);
        device[0] = 3;
        CHECK(device[0] == 3);
        volatile uint32_t *other = map(a[1]);
        other[1] = other[0];
        return 0; }";
    let Some(seen) = run("a_region_that_goes", body) else {
        return;
    };
    assert_eq!(seen.accesses(), [write(0, 1), read(0, 1), write(4, 1)]);
    let count = |wanted: fn(&EventKind) -> bool| {
        let kinds = seen.events.iter().map(|event| &event.kind);
        kinds.filter(|kind| wanted(kind)).count()
    };
    assert_eq!(count(|kind| matches!(kind, EventKind::Map(_))), 2);
    assert_eq!(count(|kind| matches!(kind, EventKind::Unmap(_))), 1);
}

#[test]
fn streams_and_vectors_of_buffers() {
    let body = "#include <sys/uio.h>
    #include <sys/socket.h>
    int main(int n, char **a) {
        device = map(a[1]);
        int p[2]; CHECK(pipe(p) == 0);
        char head[2] = \"ab\";
        struct iovec v[2] = { { head, 2 }, { (void *)device, 2 } };
        CHECK(writev(p[1], v, 2) == 2);
        CHECK(writev(p[1], v + 1, 1) == 2);
        CHECK(readv(p[0], v + 1, 1) == 2);
        CHECK(readv(p[0], v, 2) == 2);
        CHECK(head[0] == 0 && head[1] == 0);
        FILE *f = tmpfile();
        CHECK(fwrite((void *)device, 1, 8192, f) == 8192);
        rewind(f);
        CHECK(fread((void *)device, 1, 8192, f) == 8192);
        int s[2]; CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
        CHECK(send(s[0], (void *)device, 2, 0) == 2 && recv(s[1], (void *)(device + 1), 2, 0) == 2);
        CHECK(device[0] == device[1]);
        return 0; }";
    let Some(seen) = run("streams_and_vectors", body) else {
        return;
    };
    let accesses = seen.accesses();
    assert_eq!(accesses.len(), 2 + 2 + 2 * 8192 + 4 + 2);
    let byte = |kind, at, value: u8| (kind, at, vec![value]);
    let expected = [
        byte(AccessKind::Read, 0, 0),
        byte(AccessKind::Read, 1, 0),
        byte(AccessKind::Write, 0, b'a'),
        byte(AccessKind::Write, 1, b'b'),
        byte(AccessKind::Read, 0, b'a'),
    ];
    assert_eq!(accesses[..5], expected);
}

/// A mapping that cannot be traced is told in the trace, not only on the terminal.
#[test]
fn what_cannot_be_traced_is_told() {
    let body = "int main(int n, char **a) {
        /* More regions than there is room for: each page a mapping of its own. */
        int fd = open(a[1], O_RDWR);
        for (int i = 0; i < 300; i++) {
            volatile uint32_t *at = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            CHECK(at != MAP_FAILED);
            at[1] = i;
        }
        return 0; }";
    let Some(seen) = run("what_cannot_be_traced", body) else {
        return;
    };
    assert_eq!(seen.accesses().len(), 256);
    assert_eq!(seen.blinds.len(), 300 - 256);
    assert_eq!(seen.blinds[0].reason.as_str(), "too-many-regions");
}

fn capture(program: &Path, device: &Path, options: Options) -> Launch {
    std::fs::write(device, vec![0; 8192]).unwrap();
    Launch::new(options, program, library())
        .with_arguments([device])
        .with_match(device.to_str().unwrap())
}

const STORM: &str = "static void *thread(void *n) {
    for (int i = 0; i < 5000; i++) device[(long)n] = i;
    return 0; }
int main(int n, char **a) {
    device = map(a[1]);
    pthread_t t[4];
    for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, thread, (void *)i);
    for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
    return 0; }";

#[test]
fn full_rings_make_the_program_wait_or_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = build("full_rings", folder.path(), &format!("{HEAD}{STORM}")) else {
        return;
    };
    let device = folder.path().join("device");
    // The smallest rings: 20,000 accesses do not fit.
    let options = || Options::new().with_ring_slots(128);
    let mut waiting = capture(&program, &device, options());
    let (seen, status) = drain(&mut waiting);
    assert!(status.success());
    assert_eq!(seen.accesses().len(), 20_000);

    let mut dropping = capture(&program, &device, options().with_on_full(OnFull::Drop));
    dropping.start().unwrap();
    // Nobody takes anything before the program has ended.
    std::thread::sleep(core::time::Duration::from_secs(2));
    let mut seen = Collected::default();
    loop {
        let drained = dropping.drain(&mut seen).unwrap();
        if drained.state == DrainState::Ended {
            break;
        }
    }
    let lost: u64 = seen.losses.iter().map(|loss| loss.count).sum();
    assert!(lost > 10_000, "{lost}");
    assert_eq!(seen.accesses().len() as u64 + lost, 20_000);
    assert!(dropping.status().unwrap().success());
}

#[test]
fn without_total_order_and_without_addresses_of_code() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = build("interval", folder.path(), &format!("{HEAD}{STORM}")) else {
        return;
    };
    let device = folder.path().join("device");
    let options = Options::new().with_order(Order::Interval).without_pc();
    let (seen, status) = drain(&mut capture(&program, &device, options));
    assert!(status.success());
    assert!(seen.events.iter().all(|event| event.pc.0 == 0));
    for thread in 0..4u64 {
        let mine = seen
            .accesses()
            .into_iter()
            .filter(|(_, at, _)| *at == 4 * thread);
        let values: Vec<u32> = mine
            .map(|(_, _, value)| u32::from_le_bytes(value.try_into().unwrap()))
            .collect();
        assert_eq!(
            values,
            (0..5000).collect::<Vec<u32>>(),
            "each thread's own order"
        );
    }
}

#[test]
fn programs_that_are_executed_and_programs_that_close_everything() {
    let body = "int main(int n, char **a) {
        device = map(a[1]);
        if (n == 2) {
            device[0] = 1;
            for (int fd = 3; fd < 1024; fd++) close(fd);
            device[1] = 2;
            execl(a[0], a[0], a[1], \"again\", (char *)0);
            return 1;
        }
        CHECK(device[1] == 2);
        device[2] = 3;
        return 0; }";
    let Some(seen) = run("programs_that_are_executed", body) else {
        return;
    };
    let expected = [write(0, 1), write(4, 2), read(4, 2), write(8, 3)];
    assert_eq!(seen.accesses(), expected);
}
