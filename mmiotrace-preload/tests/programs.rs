//! Programs as they are, recorded with the library preloaded.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use mmiotrace_core::{AccessKind, EventKind};
use support::{HEAD, build, read, record, run, write};

#[test]
fn what_a_program_maps_is_traced_until_it_is_unmapped() {
    let body = "int main(int n, char **a) {
        device = map(a[1]);
        device[3] = 7;
        CHECK(device[3] == 7);
        CHECK(munmap((void *)device, 8192) == 0);
        device = map(a[1]);
        device[1] = device[3];
        return 0; }";
    let Some(seen) = run("what_a_program_maps", body) else {
        return;
    };
    let expected = [write(12, 7), read(12, 7), read(12, 7), write(4, 7)];
    assert_eq!(seen.accesses(), expected);
    let maps = |wanted: fn(&EventKind) -> bool| {
        seen.events
            .iter()
            .filter(|event| wanted(&event.kind))
            .count()
    };
    assert_eq!(maps(|kind| matches!(kind, EventKind::Map(_))), 2);
    assert_eq!(maps(|kind| matches!(kind, EventKind::Unmap(_))), 1);
    assert!(seen.events.iter().all(|event| event.pid > 0));
}

#[test]
fn its_own_handlers_get_its_own_faults() {
    let body = "static sigjmp_buf back; static volatile int hits;
    static void on_fault(int s, siginfo_t *i, void *u) {
        CHECK(s == SIGSEGV && i->si_addr == (void *)0x10);
        hits++; device[9] = 9; siglongjmp(back, 1); }
    int main(int n, char **a) {
        device = map(a[1]);
        struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO }, old;
        sigfillset(&act.sa_mask);
        CHECK(sigaction(SIGSEGV, &act, 0) == 0);
        for (int turn = 0; turn < 3; turn++) {
            device[0] = turn;
            if (!sigsetjmp(back, 1)) *(volatile int *)0x10 = 1;
        }
        CHECK(sigaction(SIGSEGV, 0, &old) == 0 && old.sa_sigaction == on_fault);
        CHECK(hits == 3);
        return 0; }";
    let Some(seen) = run("its_own_handlers", body) else {
        return;
    };
    let expected: Vec<_> = (0..3)
        .flat_map(|turn| [write(0, turn), write(36, 9)])
        .collect();
    assert_eq!(seen.accesses(), expected);
}

#[test]
fn blocked_signals_threads_and_children() {
    let body = "static void *thread(void *n) {
        for (int i = 0; i < 100; i++) __sync_fetch_and_add(&device[0], 1);
        return 0; }
    int main(int n, char **a) {
        device = map(a[1]);
        sigset_t all; sigfillset(&all);
        CHECK(pthread_sigmask(SIG_SETMASK, &all, 0) == 0);
        pthread_t t[4];
        for (int i = 0; i < 4; i++) CHECK(pthread_create(&t[i], 0, thread, 0) == 0);
        for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
        CHECK(device[0] == 400);
        pid_t child = fork();
        if (!child) { device[1] = 1; _exit(0); }
        int status; CHECK(waitpid(child, &status, 0) == child && status == 0);
        child = vfork();
        if (!child) { device[2] = 2; _exit(0); }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
        errno = 77; device[3] = 3; CHECK(errno == 77);
        return 0; }";
    let Some(seen) = run("blocked_signals", body) else {
        return;
    };
    let accesses = seen.accesses();
    assert_eq!(accesses.len(), 800 + 1 + 3);
    assert_eq!(accesses[801..], [write(4, 1), write(8, 2), write(12, 3)]);
    let mut pids: Vec<i32> = seen
        .events
        .iter()
        .filter(|event| event.as_access().is_some())
        .map(|event| event.pid)
        .collect();
    pids.sort_unstable();
    pids.dedup();
    // Four threads, the main thread, two children.
    assert_eq!(pids.len(), 7);
}

#[test]
fn system_calls_may_be_given_the_device() {
    let body = "int main(int n, char **a) {
        device = map(a[1]);
        int p[2]; CHECK(pipe(p) == 0);
        device[0] = 0x64636261;
        CHECK(write(p[1], (void *)device, 4) == 4);
        CHECK(read(p[0], (void *)(device + 4), 4) == 4);
        CHECK(device[4] == 0x64636261);
        return 0; }";
    let Some(seen) = run("system_calls", body) else {
        return;
    };
    let byte = |kind, at: u64, value: u8| (kind, at, vec![value]);
    let mut expected = vec![write(0, 0x6463_6261)];
    expected.extend((0..4).map(|n| byte(AccessKind::Read, n, b"abcd"[n as usize])));
    expected.extend((0..4).map(|n| byte(AccessKind::Write, 16 + n, b"abcd"[n as usize])));
    expected.push(read(16, 0x6463_6261));
    assert_eq!(seen.accesses(), expected);
}

#[test]
fn a_program_that_is_killed_leaves_everything_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let body = "int main(int n, char **a) {
        device = map(a[1]);
        for (int i = 0; i < 5000; i++) device[i & 7] = i;
        kill(getpid(), SIGKILL); return 0; }";
    let Some(program) = build("killed", folder.path(), &format!("{HEAD}{body}")) else {
        return;
    };
    let (seen, status) = record(&program, &folder.path().join("device"));
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9)
    );
    let expected: Vec<_> = (0..5000).map(|i| write(u64::from(i & 7) * 4, i)).collect();
    assert_eq!(seen.accesses(), expected);
    assert!(seen.blinds.is_empty());
}
