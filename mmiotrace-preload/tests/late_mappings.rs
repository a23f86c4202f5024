//! What a program maps without telling anybody: by instructions of its own, or before the library is
//! there. It is traced late, or the trace says that it is not.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use mmiotrace_core::{BlindEdge, EventKind};
use std::process::Command;
use support::{Collected, HEAD, build, markers, read, record, run, write};

/// A system call that no library stands before.
const INLINE: &str = "#include <sys/syscall.h>
    static long inline_call(long number, long a, long b, long c, long d, long e, long f) {
        register long r10 asm(\"r10\") = d, r8 asm(\"r8\") = e, r9 asm(\"r9\") = f;
        asm volatile(\"syscall\" : \"+a\"(number) : \"D\"(a), \"S\"(b), \"d\"(c), \"r\"(r10), \"r\"(r8), \"r\"(r9)
            : \"rcx\", \"r11\", \"memory\");
        return number; }
    static volatile uint32_t *map_inline(const char *path, int protection, int flags) {
        int fd = open(path, O_RDWR); if (fd < 0) fd = open(path, O_RDONLY);
        long at = inline_call(SYS_mmap, 0, 8192, protection, flags, fd, 0);
        CHECK(at > 0); close(fd);
        return (void *)at; }
    ";

/// Reasons of the ends of blind intervals, and whether it is the beginning.
fn blinds(seen: &Collected) -> Vec<(bool, &str)> {
    let blinds = seen.blinds.iter();
    blinds
        .map(|blind| (blind.edge == BlindEdge::Begin, blind.reason.as_str()))
        .collect()
}

fn maps(seen: &Collected) -> usize {
    let events = seen.events.iter();
    events
        .filter(|event| matches!(event.kind, EventKind::Map(_)))
        .count()
}

#[test]
fn a_mapping_by_an_instruction_of_its_own_is_traced_late() {
    let body = "int main(int n, char **a) {
        device = map_inline(a[1], PROT_READ | PROT_WRITE, MAP_SHARED);
        device[0] = 1;
        sleep(3);
        device[1] = 2;
        device[1025] = device[0];
        CHECK(munmap((void *)device, 8192) == 0);
        sleep(2);
        return 0; }";
    let Some(seen) = run("a_mapping_by_an_instruction", &format!("{INLINE}{body}")) else {
        return;
    };
    assert_eq!(seen.accesses(), [write(4, 2), read(0, 1), write(4100, 1)]);
    assert_eq!(blinds(&seen), [(true, "seen-late"), (false, "armed")]);
    assert_eq!(maps(&seen), 1);
    let told = markers(&seen);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("/device at 0x"), "{told:?}");
    assert!(told[0].ends_with("from here on it is"), "{told:?}");
}

#[test]
fn program_that_ends_before_a_scan_is_scanned_then() {
    for (test, end) in [
        ("ends_return", "return 0;"),
        ("ends_exit", "exit(0);"),
        ("ends_now", "_exit(0);"),
        ("ends_Exit", "_Exit(0);"),
        ("ends_by_number", "syscall(SYS_exit_group, 0);"),
        // Its process, and so its mappings, end with the program that it becomes.
        ("ends_exec", "execl(\"/bin/true\", \"true\", (char *)0);"),
        (
            "ends_child",
            "pid_t child = fork(); if (!child) { device = map_inline(a[1], PROT_READ, MAP_SHARED); _exit(0); }
            int status; CHECK(waitpid(child, &status, 0) == child && status == 0);
            inline_call(SYS_exit_group, 0, 0, 0, 0, 0, 0);",
        ),
    ] {
        let body = format!(
            "int main(int n, char **a) {{
            if ({child}) {{ device = map_inline(a[1], PROT_READ | PROT_WRITE, MAP_SHARED); device[0] = 1; }}
            {end} return 1; }}",
            child = u8::from(test != "ends_child"),
        );
        let Some(seen) = run(test, &format!("{INLINE}{body}")) else {
            return;
        };
        assert!(seen.accesses().is_empty(), "{test}");
        assert_eq!(blinds(&seen), [(true, "seen-late")], "{test}");
        let told = markers(&seen);
        assert_eq!(told.len(), 1, "{test}: {told:?}");
        assert!(told[0].ends_with("is not in the trace"), "{test}: {told:?}");
    }
}

/// A library that the program is linked with maps the device before anybody could be told.
#[test]
fn a_mapping_that_was_there_before() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device");
    let library = format!(
        "{HEAD}{INLINE}volatile uint32_t *early;
        __attribute__((constructor)) static void begin(void) {{
            early = map_inline(\"{}\", PROT_READ | PROT_WRITE, MAP_SHARED); early[0] = 1; }}",
        device.display()
    );
    let source = folder.path().join("library.c");
    std::fs::write(&source, library).unwrap();
    let object = folder.path().join("libearly.so");
    let built = Command::new("cc")
        .args(["-O1", "-shared", "-fPIC", "-o"])
        .args([&object, &source])
        .status();
    if !built.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: a_mapping_that_was_there_before: no C compiler");
        return;
    }
    // The second is the library that is preloaded after ours and so begins before it.
    let body = "#include <dlfcn.h>
        int main(int n, char **a) {
        if (!getenv(\"AGAIN\")) {
            char all[9000]; snprintf(all, sizeof all, \"%s:%s\", getenv(\"LD_PRELOAD\"), EARLY);
            setenv(\"LD_PRELOAD\", all, 1); setenv(\"AGAIN\", \"1\", 1);
            execv(a[0], a); return 1; }
        device = *(volatile uint32_t **)dlsym(RTLD_DEFAULT, \"early\");
        CHECK(device);
        device[1] = device[0] + 1;
        return 0; }";
    let source = format!("{HEAD}#define EARLY \"{}\"\n{body}", object.display());
    let program = build("a_mapping_that_was_there_before", folder.path(), &source).unwrap();
    let (seen, status) = record(&program, &device);
    assert!(status.success(), "{status}");
    assert_eq!(seen.accesses(), [read(0, 1), write(4, 2)]);
    assert_eq!(blinds(&seen), [(true, "seen-late"), (false, "armed")]);
}

/// What is told of in time is no stray, however many threads map at the same time as anybody looks.
#[test]
fn nothing_is_found_that_libc_has_mapped() {
    let body = "static char *path;
    static void *thread(void *n) {
        int fd = open(path, O_RDWR);
        for (int i = 0; i < 400; i++) {
            volatile uint32_t *at = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            CHECK(at != MAP_FAILED);
            at[(long)n] = i;
            volatile uint32_t *to = mremap((void *)at, 4096, 8192, MREMAP_MAYMOVE);
            CHECK(to != MAP_FAILED);
            CHECK(mprotect((void *)to, 4096, PROT_NONE) == 0);
            CHECK(mprotect((void *)to, 4096, PROT_READ | PROT_WRITE) == 0);
            to[(long)n] = i;
            CHECK(syscall(SYS_munmap, to, 8192) == 0);
            at = (void *)syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            at[(long)n] = i;
            CHECK(munmap((void *)at, 4096) == 0);
            /* Somebody who is always found keeps the gate busy. */
            if (!n) { volatile uint32_t *stray = map_inline(path, PROT_READ, MAP_SHARED); usleep(1000);
                CHECK(munmap((void *)stray, 8192) == 0); }
        }
        return 0; }
    int main(int n, char **a) {
        path = a[1];
        pthread_t t[4];
        for (long i = 0; i < 4; i++) pthread_create(&t[i], 0, thread, (void *)i);
        for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
        return 0; }";
    let Some(seen) = run("nothing_is_found", &format!("{INLINE}{body}")) else {
        return;
    };
    assert_eq!(seen.accesses().len(), 4 * 400 * 3);
    let strays = |reason| blinds(&seen).iter().filter(|(_, it)| *it == reason).count();
    assert_eq!(
        strays("seen-late") + strays("armed"),
        seen.blinds.len(),
        "{:?}",
        seen.blinds
    );
    assert!(strays("seen-late") < 400, "{}", seen.blinds.len());
    assert!(
        markers(&seen)
            .iter()
            .all(|told| told.contains("mapped without our seeing it")),
        "{:?}",
        markers(&seen)
    );
}

/// Private mappings of files are the program's own copy, and of no interest; nor are those that nobody
/// has named.
#[test]
fn other_mappings_are_left_alone() {
    let body = "int main(int n, char **a) {
        map_inline(a[1], PROT_READ | PROT_WRITE, MAP_PRIVATE)[0] = 1;
        map_inline(a[0], PROT_READ, MAP_PRIVATE);
        char other[4096]; snprintf(other, sizeof other, \"%s.other\", a[1]);
        CHECK(ftruncate(open(other, O_RDWR | O_CREAT, 0600), 8192) == 0);
        map_inline(other, PROT_READ | PROT_WRITE, MAP_SHARED)[0] = 1;
        sleep(2);
        return 0; }";
    let Some(seen) = run("other_mappings", &format!("{INLINE}{body}")) else {
        return;
    };
    assert!(seen.events.is_empty() && seen.blinds.is_empty(), "{seen:?}");
    assert!(markers(&seen).is_empty(), "{:?}", markers(&seen));
}
