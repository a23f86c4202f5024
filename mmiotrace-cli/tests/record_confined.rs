//! `record` where little is allowed: as an ordinary user, without ptrace and its kin, without executable
//! memory. What cannot be done then is told.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::unwrap_used)]

mod command;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A user who owns nothing.
const NOBODY: u32 = 65534;

/// Runs its arguments from the second on with the kernel refusing what the first one says; fails with 99
/// where that is not refused.
const CONFINE: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define CALL(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), REFUSE
static struct sock_filter no_ptrace[] = { LOAD(nr),
    CALL(SYS_ptrace), CALL(SYS_process_vm_readv), CALL(SYS_process_vm_writev), CALL(SYS_kcmp),
    CALL(SYS_pidfd_getfd), CALL(SYS_perf_event_open), CALL(SYS_bpf), CALL(SYS_userfaultfd), CALL(SYS_unshare), ALLOW };
/* A library is mapped executable, privately and not to be written. Anything else is refused. */
static struct sock_filter no_code[] = { LOAD(nr),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 6, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pkey_mprotect, 5, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 6),
    LOAD(args[2]),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 4),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_WRITE, 4, 0),
    BPF_JUMP(BPF_JMP | BPF_JA, 4, 0, 0),
    LOAD(args[2]),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
    ALLOW,
    REFUSE,
    LOAD(args[3]),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_SHARED, 0, 1),
    REFUSE,
    ALLOW };
#define FILTER(list) { sizeof list / sizeof *list, list }
int main(int n, char **a) {
    struct sock_fprog ptrace_filter = FILTER(no_ptrace), code_filter = FILTER(no_code);
    int code = !strcmp(a[1], "code");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return 98;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, code ? &code_filter : &ptrace_filter)) return 98;
    if (code) {
        void *anonymous = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        void *data = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int fd = memfd_create("code", 0);
        if (ftruncate(fd, 4096)) return 98;
        void *shared = mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
        if (anonymous != MAP_FAILED || shared != MAP_FAILED || data == MAP_FAILED) return 99;
        if (!mprotect(data, 4096, PROT_READ | PROT_EXEC)) return 99;
    } else if (ptrace(PTRACE_TRACEME, 0, 0, 0) != -1 || errno != EPERM) return 99;
    execv(a[2], a + 2);
    return 97;
}
"#;

/// A driver: moves, arithmetic in memory, a locked instruction, a string; then what the second argument asks.
const DRIVER: &str = r#"
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
int main(int n, char **a) {
    int fd = open(a[1], O_RDWR);
    volatile uint32_t *device = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (device == MAP_FAILED) return 91;
    device[0] = 5;
    device[1] = device[0] + 1;
    __asm__ volatile("addl $3, %0" : "+m"(device[1]));
    __asm__ volatile("lock incl %0" : "+m"(device[1]));
    if (device[1] != 10) return 92;
    void *to = (void *)(device + 8); long count = 3;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0x11) : "memory");
    if (device[8] != 0x111111) return 93;
    if (n > 2) {
        /* 1 + 5, 1 + 10, 1, 1 */
        uint32_t lanes[4] __attribute__((aligned(16))) = { 1, 1, 1, 1 };
        __asm__ volatile("movdqa %0, %%xmm1; paddd %1, %%xmm1; movdqa %%xmm1, %0" : "+m"(lanes)
            : "m"(*(const volatile char (*)[16])device) : "xmm1");
        if (lanes[0] != 6 || lanes[1] != 11 || lanes[2] != 1) return 94;
    }
    return 0;
}
"#;

/// The command and all it needs, where an ordinary user can reach it.
struct Place {
    folder: TempDir,
}

impl Place {
    /// `None`, said loudly, where there is no compiler.
    fn new(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        fs::set_permissions(place.folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let built = Path::new(env!("CARGO_BIN_EXE_mmiotrace"));
        let library = "libmmiotrace_preload.so";
        let places = [
            built.with_file_name(library),
            built.with_file_name("deps").join(library),
        ];
        let library_file = places.iter().find(|place| place.is_file()).unwrap();
        fs::copy(built, place.path("mmiotrace")).unwrap();
        fs::copy(library_file, place.path(library)).unwrap();
        for (name, text) in [("confine", CONFINE), ("driver", DRIVER)] {
            if !command::compiled(test, place.folder.path(), name, text) {
                return None;
            }
        }
        fs::write(place.path("device"), [0; 4096]).unwrap();
        Some(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command with these arguments, confined.
    fn confined(&self, what: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("confine"));
        command.arg(what).arg(self.path("mmiotrace"));
        command.args(arguments).current_dir(self.folder.path());
        command
    }
}

const DEMO: &[&str] = &["record", "--demo", "-o", "demo"];
const RECORD: &[&str] = &[
    "record", "--match", "*/device", "-o", "trace", "--", "./driver", "device",
];
const RECORD_VECTOR: &[&str] = &[
    "record", "--match", "*/device", "-o", "trace", "--", "./driver", "device", "vector",
];

fn assert_complete(output: &Output) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains(": complete"), "{told}");
}

/// Kind and bytes of the accesses in a trace, by its text alone.
fn accesses(trace: &Path) -> Vec<String> {
    let text = fs::read_to_string(trace).unwrap();
    let records = text
        .lines()
        .filter(|line| line.starts_with("R ") || line.starts_with("W "));
    records
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            [fields[0], fields[1], fields[5]].join(" ")
        })
        .collect()
}

/// What the driver does without the vector.
const DONE: [&str; 12] = [
    "W 4 0x5",
    "R 4 0x5",
    "W 4 0x6",
    "R 4 0x6",
    "W 4 0x9",
    "R 4 0x9",
    "W 4 0xa",
    "R 4 0xa",
    "W 1 0x11",
    "W 1 0x11",
    "W 1 0x11",
    "R 4 0x111111",
];

#[test]
fn an_ordinary_user_records() {
    let Some(place) = Place::new("an_ordinary_user_records") else {
        return;
    };
    let command = |arguments: &[&str]| {
        let mut command = Command::new(place.path("mmiotrace"));
        command.args(arguments).current_dir(place.folder.path());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    if is_root() {
        // All of it: with a umask of 077 nobody else may run what root has compiled.
        chown(place.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        for entry in fs::read_dir(place.folder.path()).unwrap() {
            chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    assert_complete(&command(DEMO).output().unwrap());
    assert_complete(&command(RECORD_VECTOR).output().unwrap());
    assert_eq!(accesses(&place.path("trace"))[..12], DONE);
    let owner = fs::metadata(place.path("trace")).unwrap().uid();
    assert_ne!(owner, 0, "written by the user");
    // What such a user cannot do is refused with what is missing.
    let refused = command(&["record", "--backend", "tracefs", "-o", "other"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("root"));
}

/// The owner of this process's own files in /proc is who runs it.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn nothing_of_ptrace_is_needed() {
    let Some(place) = Place::new("nothing_of_ptrace_is_needed") else {
        return;
    };
    assert_complete(&place.confined("ptrace", DEMO).output().unwrap());
    assert_complete(&place.confined("ptrace", RECORD_VECTOR).output().unwrap());
    assert_eq!(accesses(&place.path("trace"))[..12], DONE);
}

#[test]
fn without_executable_memory_most_is_exact_and_the_rest_is_told() {
    let Some(place) = Place::new("without_executable_memory") else {
        return;
    };
    assert_complete(&place.confined("code", DEMO).output().unwrap());
    let output = place.confined("code", RECORD).output().unwrap();
    assert_complete(&output);
    assert_eq!(accesses(&place.path("trace")), DONE);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("mmiotrace: no executable memory is allowed here"),
        "{told}"
    );

    // The program has its result all the same; the trace says that it does not have the access.
    let output = place.confined("code", RECORD_VECTOR).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(": NOT COMPLETE"), "{told}");
    assert_eq!(accesses(&place.path("trace")), DONE);
    let trace = fs::read_to_string(place.path("trace")).unwrap();
    assert!(trace.contains("mmiotrace1 blind begin"), "{trace}");
    assert!(
        trace.contains(" no executable memory is allowed here"),
        "{trace}"
    );
}
