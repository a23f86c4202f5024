//! What cannot be traced, or would surprise, is reported in the trace.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use mmiotrace_core::AccessKind;
use std::process::Command;
use support::{HEAD, build, markers, record, run, untraced_reasons, write};

/// The kernel fails them all, and each is reported once for each call.
#[test]
fn system_calls_that_fail_for_being_traced() {
    let body = "#include <sys/ioctl.h>
    #include <sys/random.h>
    #include <sys/socket.h>
    #include <sys/syscall.h>
    #include <sys/uio.h>
    int main(int n, char **a) {
        int p[2]; CHECK(pipe(p) == 0 && write(p[1], \"text\", 4) == 4);
        /* Nothing is traced yet: what fails is a mistake of the program's. */
        CHECK(ioctl(p[0], FIONREAD, (void *)0x10) == -1 && errno == EFAULT);
        device = map(a[1]);
        device[0] = 1;
        CHECK(ioctl(p[0], FIONREAD, (void *)device) == -1 && errno == EFAULT);
        int ready; CHECK(ioctl(p[0], FIONREAD, &ready) == 0 && ready == 4);
        CHECK(ioctl(p[0], 0x12345678, &ready) == -1 && errno == ENOTTY);
        CHECK(getrandom((void *)(device + 1), 4, 0) == -1 && errno == EFAULT);
        CHECK(syscall(SYS_read, p[0], device, 4) == -1 && errno == EFAULT);
        CHECK(syscall(SYS_read, p[0], &ready, 4) == 4 && syscall(SYS_getpid) == getpid());
        CHECK(syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != -1);
        int s[2]; CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
        struct iovec v = { (void *)device, 4 };
        struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
        CHECK(sendmsg(s[0], &m, 0) == -1 && errno == EFAULT);
        device[1] = 2;
        return 0; }";
    let Some(seen) = run("system_calls_that_fail", body) else {
        return;
    };
    assert_eq!(untraced_reasons(&seen), ["efault"; 4]);
    // None of them has reached the device.
    assert_eq!(seen.accesses(), [write(0, 1), write(4, 2)]);
    let told = markers(&seen);
    let calls: Vec<&str> = told
        .iter()
        .map(|text| text.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        calls,
        ["ioctl", "getrandom", "syscall", "sendmsg"],
        "{told:?}"
    );
    for text in &told[..3] {
        assert!(text.contains("was given traced memory at 0x"), "{text}");
    }
    // Its argument is not traced, but leads there.
    assert!(told[3].contains("may lead to traced memory"), "{}", told[3]);
}

/// What the compiler makes of `read` where it knows how long the buffer is.
#[test]
fn fortified_transfers() {
    let body = "ssize_t __read_chk(int, void *, size_t, size_t);
    ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
    ssize_t __recv_chk(int, void *, size_t, size_t, int);
    size_t __fread_chk(void *, size_t, size_t, size_t, FILE *);
    #include <sys/socket.h>
    int main(int n, char **a) {
        device = map(a[1]);
        FILE *f = tmpfile(); CHECK(fwrite_unlocked(\"abcdefgh\", 1, 8, f) == 8 && fflush(f) == 0);
        CHECK(__pread_chk(fileno(f), (void *)device, 1, 1, 1) == 1);
        rewind(f);
        /* Two whole items of three bytes, of the three that it asks for. */
        CHECK(__fread_chk((char *)device + 4, 100, 3, 3, f) == 2);
        rewind(f);
        CHECK(fread_unlocked((char *)device + 16, 1, 1, f) == 1);
        CHECK(fread((char *)device + 20, 0, 5, f) == 0);
        int s[2]; CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && write(s[0], \"xy\", 2) == 2);
        CHECK(__read_chk(s[1], (char *)device + 32, 1, 1) == 1);
        CHECK(__recv_chk(s[1], (char *)device + 33, 1, 1, 0) == 1);
        return 0; }";
    let Some(seen) = run("fortified_transfers", body) else {
        return;
    };
    let byte = |at, value: u8| (AccessKind::Write, at, vec![value]);
    let mut expected = vec![byte(0, b'b')];
    expected.extend((0..6).map(|at| byte(4 + at, b"abcdef"[at as usize])));
    expected.extend([byte(16, b'a'), byte(32, b'x'), byte(33, b'y')]);
    assert_eq!(seen.accesses(), expected);
    assert!(markers(&seen).is_empty(), "{:?}", markers(&seen));
}

/// Each way to start a program, with one that can be traced and with one that cannot.
#[test]
fn untraceable_programs_are_reported_at_their_start() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("child.c");
    std::fs::write(&source, "int main(void) { return 7; }").unwrap();
    for (name, how) in [("dynamic", "-O1"), ("static", "-static")] {
        let mut compiler = Command::new("cc");
        let built = compiler
            .arg(how)
            .arg("-o")
            .arg(folder.path().join(name))
            .arg(&source)
            .output();
        if !built.is_ok_and(|built| built.status.success()) {
            eprintln!(
                "SKIPPED: programs_that_cannot_be_traced: {name}: no C compiler, or no static C library"
            );
            return;
        }
    }
    let body = "#include <spawn.h>
    extern char **environ;
    static void wait_for(pid_t child) {
        int status; CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7); }
    #define RUN(call) do { pid_t child = fork(); if (!child) { call; _exit(1); } wait_for(child); } while (0)
    int main(int n, char **a) {
        device = map(a[1]);
        char *slash = strrchr(a[1], '/'); *slash = 0; CHECK(chdir(a[1]) == 0);
        setenv(\"PATH\", a[1], 1);
        char *empty[] = { 0 };
        char *programs[] = { \"dynamic\", \"static\" };
        for (int i = 0; i < 2; i++) {
            char path[32]; snprintf(path, sizeof path, \"./%s\", programs[i]);
            char *v[] = { path, 0 };
            device[0] = i;
            RUN(execve(path, v, environ));
            RUN(execv(path, v));
            RUN(execvp(programs[i], v));
            RUN(execvpe(programs[i], v, environ));
            RUN(fexecve(open(path, O_RDONLY), v, environ));
            RUN(execl(path, path, (char *)0));
            RUN(execlp(programs[i], path, \"one\", (char *)0));
            RUN(execle(path, path, \"one\", \"two\", \"three\", \"four\", \"five\", (char *)0, environ));
            pid_t child;
            CHECK(posix_spawn(&child, path, 0, 0, v, environ) == 0); wait_for(child);
            CHECK(posix_spawnp(&child, programs[i], 0, 0, v, environ) == 0); wait_for(child);
        }
        device[0] = 2;
        char *v[] = { \"./dynamic\", 0 };
        RUN(execve(v[0], v, empty));
        RUN(execle(v[0], v[0], (char *)0, empty));
        /* Nothing is started, so nothing is told. */
        CHECK(execve(\"./no-such-program\", v, empty) == -1 && errno == ENOENT);
        CHECK(execvp(\"no-such-program\", v) == -1 && errno == ENOENT);
        CHECK(execl(\"./no-such-program\", \"0\", \"1\", (char *)0) == -1 && errno == ENOENT);
        return 0; }";
    let program = build(
        "programs_that_cannot",
        folder.path(),
        &format!("{HEAD}{body}"),
    )
    .unwrap();
    let (seen, status) = record(&program, &folder.path().join("device"));
    assert!(status.success(), "{status}");
    let told = markers(&seen);
    assert_eq!(told.len(), 12, "{told:?}");
    assert_eq!(untraced_reasons(&seen), ["child"; 12]);
    assert!(
        told.iter().all(|text| text.contains(" is not traced: ")),
        "{told:?}"
    );
    assert!(
        told[..10]
            .iter()
            .all(|text| text.contains("linked statically")),
        "{told:?}"
    );
    assert!(
        told[..4].iter().all(|text| text.contains("/static is not")),
        "{told:?}"
    );
    for told in &told[10..] {
        assert!(
            told.starts_with("./dynamic is not") && told.contains("environment"),
            "{told}"
        );
    }
}

/// However many arguments there are, in registers, on the stack, and beyond what a list of ours holds.
#[test]
fn arguments_one_by_one_arrive_as_they_were_passed() {
    let few: Vec<String> = (0..4).map(|n| format!("\"{n}\"")).collect();
    let some: Vec<String> = (0..9).map(|n| format!("\"{n}\"")).collect();
    let many: Vec<String> = (0..1000).map(|n| format!("\"{n}\"")).collect();
    let body = format!(
        "extern char **environ;
    int main(int n, char **a) {{
        if (n > 2) {{
            for (int i = 2; i < n; i++) CHECK(atoi(a[i]) == i - 2);
            CHECK(!a[n]);
            device = map(a[1]);
            device[0] = n - 2;
            CHECK(!getenv(\"WITH\") == (n - 2 != 9));
            return 0;
        }}
        int status;
        #define RUN(call) do {{ pid_t child = fork(); if (!child) {{ call; _exit(1); }} \
            CHECK(waitpid(child, &status, 0) == child && status == 0); }} while (0)
        RUN(execl(a[0], a[0], a[1], {few}, (char *)0));
        RUN(execlp(a[0], a[0], a[1], {many}, (char *)0));
        char *more[200] = {{ \"WITH=1\" }};
        for (int i = 0; i < 190 && environ[i]; i++) more[i + 1] = environ[i];
        RUN(execle(a[0], a[0], a[1], {some}, (char *)0, more));
        /* Not executable: comes back, as without us. */
        CHECK(execl(a[1], a[1], {many}, (char *)0) == -1 && errno == EACCES);
        return 0; }}",
        few = few.join(","),
        some = some.join(","),
        many = many.join(","),
    );
    let Some(seen) = run("arguments_one_by_one", &body) else {
        return;
    };
    assert_eq!(seen.accesses(), [write(0, 4), write(0, 1000), write(0, 9)]);
    assert!(markers(&seen).is_empty(), "{:?}", markers(&seen));
}

/// By an instruction of the program's own: an access would kill it, which is reported before.
#[test]
fn blocked_signal_is_reported() {
    let body = "#include <sys/syscall.h>
    int main(int n, char **a) {
        device = map(a[1]);
        device[0] = 1;
        unsigned long all = ~0ul; long number = SYS_rt_sigprocmask;
        register long len asm(\"r10\") = 8;
        asm volatile(\"syscall\" : \"+a\"(number) : \"D\"(SIG_BLOCK), \"S\"(&all), \"d\"(0), \"r\"(len) : \"rcx\", \"r11\", \"memory\");
        CHECK(number == 0);
        sleep(5);
        return 0; }";
    let Some(seen) = run("blocked_signal", body) else {
        return;
    };
    assert_eq!(seen.accesses(), [write(0, 1)]);
    let reports = markers(&seen);
    assert!(
        reports.len() == 1 && reports[0].contains("blocks SIGSEGV"),
        "{reports:?}"
    );
}

/// Whatever the stream, and however it is buffered.
#[test]
fn streams_into_traced_memory() {
    let body = "int main(int n, char **a) {
        device = map(a[1]);
        char *at = (char *)device, text[8192]; memset(text, 'x', sizeof text);
        char path[4096]; snprintf(path, sizeof path, \"%s.text\", a[1]);
        FILE *f = fopen(path, \"w+\"); CHECK(f && fwrite(text, 1, sizeof text, f) == sizeof text && fflush(f) == 0);
        for (int mode = 0; mode < 3; mode++) {
            FILE *from = fopen(path, \"r\"); CHECK(from);
            CHECK(setvbuf(from, 0, mode == 0 ? _IOFBF : mode == 1 ? _IOLBF : _IONBF, mode == 2 ? 0 : 4096) == 0);
            CHECK(fread(at, 1, 100, from) == 100);
            CHECK(fread(at, 100, 1, from) == 1);
            CHECK(fread(at, 1, 5000, from) == 5000);
            CHECK(fgets(at, 50, from) == at);
            fclose(from);
        }
        FILE *from = fopen(path, \"r\");
        CHECK(setvbuf(from, at + 4096, _IOFBF, 4096) == 0);
        CHECK(fread(text, 1, 100, from) == 100 && text[99] == 'x');
        fclose(from);
        CHECK(unlink(path) == 0);
        return 0; }";
    let Some(seen) = run("streams_into", body) else {
        return;
    };
    // The buffer of the last stream: the C library's own calls cannot fill it.
    assert_eq!(untraced_reasons(&seen), ["efault"]);
}
