//! Programs that make it hard to trace them: they crash, change their signal handlers and stacks, or
//! change what they have mapped past the C library. What they do must be as without a tracer, and
//! the trace must be what they did.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use mmiotrace_capture::process::{Launch, Options};
use mmiotrace_capture::{DeviceOrder, OnFull, RingOptions};
use mmiotrace_core::{AccessKind, CaptureBackend, DrainState, EventKind};
use mmiotrace_format::Annotation;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use support::{
    Collected, HEAD, annotations, build, drain, library, read, record, run, untraced_reasons, write,
};

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
fn handler_set_by_the_kernel_call() {
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

/// Unmapped by a system call past the C library.
#[test]
fn region_unmapped_by_inline_syscall() {
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

/// A mapping that cannot be traced is reported in the trace, not only on the terminal.
#[test]
fn regions_beyond_the_limit_are_reported() {
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
    assert_eq!(untraced_reasons(&seen), ["limit"; 300 - 256]);
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
    let ring = RingOptions::new().with_slots(128);
    let options = |ring| Options::new().with_ring(ring);
    let mut waiting = capture(&program, &device, options(ring));
    let (seen, status) = drain(&mut waiting);
    assert!(status.success());
    assert_eq!(seen.accesses().len(), 20_000);

    let mut dropping = capture(&program, &device, options(ring.with_on_full(OnFull::Drop)));
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
    let ring = RingOptions::new().with_order(DeviceOrder::Interval);
    let options = Options::new().with_ring(ring.without_pc());
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
fn executed_programs_and_programs_that_close_everything() {
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

/// A child without its parent's mapping finds nothing there, and its own stack elsewhere: nothing of
/// the library may have come in its place.
#[test]
fn dontfork_child_finds_nothing() {
    let body = "static siginfo_t last; static sigjmp_buf back;
    static void on_fault(int s, siginfo_t *i, void *u) { last = *i; siglongjmp(back, 1); }
    int main(int n, char **a) {
        device = map(a[1]);
        device[0] = 1;
        CHECK(madvise((void *)device, 8192, MADV_DONTFORK) == 0);
        pid_t child = fork();
        if (!child) {
            struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
            CHECK(sigaction(SIGSEGV, &act, 0) == 0);
            for (int i = 0; i < 2048; i += 64) {
                last.si_code = 0;
                if (!sigsetjmp(back, 1)) device[i] = 7;
                CHECK(last.si_code == SEGV_MAPERR && last.si_addr == (void *)(device + i));
            }
            /* The place is the program's to use. */
            CHECK(mmap((void *)device, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                -1, 0) == device);
            device[1] = 9; CHECK(device[1] == 9 && device[2] == 0);
            _exit(7);
        }
        int status; CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
        device[1] = 2;
        CHECK(device[0] == 1);
        /* One page of two. */
        CHECK(madvise((void *)device, 8192, MADV_DOFORK) == 0);
        CHECK(madvise((void *)device, 4096, MADV_DONTFORK) == 0);
        child = fork();
        if (!child) { device[1024] = 3; CHECK(device[1024] == 3); _exit(7); }
        CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
        return 0; }";
    let Some(seen) = run("dontfork_child", body) else {
        return;
    };
    let expected = [
        write(0, 1),
        write(4, 2),
        read(0, 1),
        write(4096, 3),
        read(4096, 3),
    ];
    assert_eq!(seen.accesses(), expected);
}

/// Nothing of ours is called in the child of such a fork.
#[test]
fn fork_by_inline_syscall() {
    let body = "#include <sys/syscall.h>
    static long inline_fork(void) {
        long number = SYS_fork;
        asm volatile(\"syscall\" : \"+a\"(number) : : \"rcx\", \"r11\", \"memory\");
        return number; }
    int main(int n, char **a) {
        device = map(a[1]);
        device[0] = 1;
        pid_t child = inline_fork();
        if (!child) { for (int i = 0; i < 1000; i++) device[1] = i; _exit(7); }
        for (int i = 0; i < 1000; i++) device[2] = i;
        int status; CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
        return 0; }";
    let Some(seen) = run("fork_by_inline_syscall", body) else {
        return;
    };
    let values = |offset| {
        let accesses = seen
            .events
            .iter()
            .filter_map(|event| Some((event, event.as_access()?)));
        let own = accesses.filter(move |(_, access)| access.phys.0 == offset);
        own.map(|(event, access)| (event.pid, access.value.unwrap()))
            .collect::<Vec<_>>()
    };
    let (child, parent) = (values(4), values(8));
    assert_eq!((child.len(), parent.len()), (1000, 1000));
    assert!(child.iter().all(|(pid, _)| *pid == child[0].0));
    assert_ne!(child[0].0, parent[0].0);
}

#[test]
fn blocked_and_ignored_signals() {
    let body = "#include <sys/syscall.h>
    int main(int n, char **a) {
        device = map(a[1]);
        unsigned long all = ~0ul, old;
        CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &old, 8) == 0);
        device[0] = 1;
        CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, 0, 8) == 0);
        /* What is sent can be ignored; what the CPU raises cannot. */
        CHECK(signal(SIGSEGV, SIG_IGN) == SIG_DFL);
        CHECK(raise(SIGSEGV) == 0 && kill(getpid(), SIGSEGV) == 0);
        CHECK(signal(SIGBUS, SIG_IGN) == SIG_DFL && raise(SIGBUS) == 0);
        device[1] = 2;
        return 0; }";
    let Some(seen) = run("blocked_and_ignored", body) else {
        return;
    };
    assert_eq!(seen.accesses(), [write(0, 1), write(4, 2)]);
}

/// The flag AC: code of ours makes accesses that are not aligned.
#[test]
fn alignment_check_flag() {
    let body = "int main(int n, char **a) {
        device = map(a[1]);
        char *byte = (char *)device;
        asm volatile(\"pushfq; orq $0x40000, (%%rsp); popfq\" : : : \"cc\", \"memory\");
        for (int i = 0; i < 100; i++) device[i % 8] = i;
        asm volatile(\"rep movsb\" : \"+S\"(byte), \"+c\"((long){5}), \"+D\"((char *){byte + 64}) : : \"memory\");
        asm volatile(\"movdqu %%xmm0, 128(%0)\" : : \"r\"(device) : \"memory\");
        asm volatile(\"pushfq; andq $~0x40000, (%%rsp); popfq\" : : : \"cc\", \"memory\");
        return 0; }";
    // The operands of the string instruction are variables.
    let body = body.replace(
        "asm volatile(\"rep movsb\" : \"+S\"(byte), \"+c\"((long){5}), \"+D\"((char *){byte + 64}) : : \"memory\");",
        "long count = 5; char *to = byte + 65; asm volatile(\"rep movsb\" : \"+S\"(byte), \"+c\"(count), \"+D\"(to) : : \"memory\");",
    );
    let Some(seen) = run("alignment_check", &body) else {
        return;
    };
    assert!(
        seen.accesses().len() >= 100 + 10,
        "{}",
        seen.accesses().len()
    );
}

/// The program's only thread ends alone: its process ends, although the library has a thread in it.
#[test]
fn a_thread_that_ends_alone_ends_the_program() {
    for (test, end) in [
        ("ends_seccomp_strict", "prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); getppid();"),
        (
            "ends_seccomp_filter",
            "struct sock_filter f[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD) };
             struct sock_fprog p = { 1, f };
             prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p); getppid();",
        ),
    ] {
        let body = format!(
            "#include <sys/prctl.h>
            #include <linux/seccomp.h>
            #include <linux/filter.h>
            int main(int n, char **a) {{ device = map(a[1]); device[1] = 5; {end} return 0; }}"
        );
        let Some((seen, _)) = run_to_signal(test, &body) else {
            return;
        };
        assert_eq!(seen.accesses(), [write(4, 5)], "{test}");
    }
    let body = "int main(int n, char **a) { device = map(a[1]); device[1] = 5; pthread_exit(0); }";
    let Some(seen) = run("ends_pthread_exit", body) else {
        return;
    };
    assert_eq!(seen.accesses(), [write(4, 5)]);
}

/// Equal offsets of two files are two registers, and the trace says which file each mapping is.
#[test]
fn every_matched_file_has_a_range_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let body = "int main(int n, char **a) {
        for (int i = 1; i < n; i++) { device = map(a[i]); device[1] = i; }
        return 0; }";
    let Some(program) = build(
        "every_matched_file",
        folder.path(),
        &format!("{HEAD}{body}"),
    ) else {
        return;
    };
    let files = ["first", "second-a", "second-b"].map(|name| folder.path().join(name));
    for file in &files {
        std::fs::write(file, vec![0; 8192]).unwrap();
    }
    let mut launch = Launch::new(Options::new(), &program, library())
        .with_arguments(&files)
        .with_match(files[0].to_str().unwrap())
        .with_match(format!("{}/second-*", folder.path().display()));
    let (seen, status) = drain(&mut launch);
    assert!(status.success(), "{status}");
    let second = 1 << 40;
    let third = second + (1 << 52);
    assert_eq!(
        seen.accesses(),
        [write(4, 1), write(second + 4, 2), write(third + 4, 3)]
    );
    let maps = seen.events.iter().filter_map(|event| match event.kind {
        EventKind::Map(mapping) => Some(mapping.id),
        _ => None,
    });
    let named = annotations(&seen)
        .into_iter()
        .filter_map(|annotation| match annotation {
            Annotation::File { map_id, path } => Some((map_id, path.to_vec())),
            _ => None,
        });
    let expected = maps.zip(files.map(|file| file.to_str().unwrap().as_bytes().to_vec()));
    assert_eq!(named.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}
