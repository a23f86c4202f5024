//! Programs in C, and their recorder.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use mmiotrace_capture::process::{Launch, Options};
use mmiotrace_core::{
    AccessKind, Blind, CaptureBackend, DrainState, Event, EventSink, Loss, Marker,
};
use mmiotrace_format::Annotation;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// What a sink is given.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) events: Vec<Event>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) blinds: Vec<Blind>,
    pub(crate) markers: Vec<Vec<u8>>,
}

impl EventSink for Collected {
    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }
    fn marker(&mut self, marker: &Marker<'_>) {
        self.markers.push(marker.text.to_vec());
    }
    fn lost(&mut self, loss: &Loss) {
        self.losses.push(*loss);
    }
    fn blind(&mut self, blind: &Blind) {
        self.blinds.push(*blind);
    }
    fn line(&mut self, _: &[u8]) {}
}

impl Collected {
    /// Kind, offset and bytes of every access.
    pub(crate) fn accesses(&self) -> Vec<(AccessKind, u64, Vec<u8>)> {
        let accesses = self.events.iter().filter_map(Event::as_access);
        accesses
            .map(|access| {
                let value = access.value.expect("a value");
                (access.kind, access.phys.0, value.as_le_bytes().to_vec())
            })
            .collect()
    }
}

/// The library, which cargo puts beside the tests' folder.
pub(crate) fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap();
    folder.join("libmmiotrace_preload.so")
}

/// Builds a C program; `None` (said loudly) where there is no compiler.
pub(crate) fn build(test: &str, folder: &Path, source: &str) -> Option<PathBuf> {
    let (file, program) = (folder.join("program.c"), folder.join("program"));
    std::fs::write(&file, source).unwrap();
    let built = Command::new("cc")
        .args(["-O1", "-pthread", "-o"])
        .args([&program, &file])
        .status();
    match built {
        Ok(status) => {
            assert!(status.success());
            Some(program)
        }
        Err(error) => {
            eprintln!("SKIPPED: {test}: no C compiler: {error}");
            None
        }
    }
}

pub(crate) fn record(program: &Path, device: &Path) -> (Collected, ExitStatus) {
    std::fs::write(device, vec![0; 8192]).unwrap();
    let mut launch = Launch::new(Options::new(), program, library())
        .with_arguments([device])
        .with_match(device.to_str().unwrap());
    drain(&mut launch)
}

/// Runs a capture to the end of its command; nothing may be lost.
pub(crate) fn drain(launch: &mut Launch) -> (Collected, ExitStatus) {
    launch.start().unwrap();
    let mut seen = Collected::default();
    while launch.drain(&mut seen).unwrap().state != DrainState::Ended {
        std::thread::yield_now();
    }
    let status = launch.status().unwrap();
    let summary = launch.stop().unwrap();
    assert_eq!((summary.lost, seen.losses.len()), (0, 0));
    (seen, status)
}

/// What every test program begins with.
pub(crate) const HEAD: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile uint32_t *device;
static volatile uint32_t *map(const char *path) {
    int fd = open(path, O_RDWR);
    if (fd < 0) exit(90);
    void *at = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) exit(91);
    close(fd);
    return at;
}
#define CHECK(what) do { if (!(what)) { fprintf(stderr, "line %d: " #what "\n", __LINE__); exit(92); } } while (0)
"#;

/// Runs a program of these lines, and gives what was captured. It must end with 0.
pub(crate) fn run(test: &str, body: &str) -> Option<Collected> {
    let folder = tempfile::tempdir().unwrap();
    let program = build(test, folder.path(), &format!("{HEAD}{body}"))?;
    let (seen, status) = record(&program, &folder.path().join("device"));
    assert!(status.success(), "{status}");
    Some(seen)
}

pub(crate) fn write(offset: u64, value: u32) -> (AccessKind, u64, Vec<u8>) {
    (AccessKind::Write, offset, value.to_le_bytes().to_vec())
}

pub(crate) fn read(offset: u64, value: u32) -> (AccessKind, u64, Vec<u8>) {
    (AccessKind::Read, offset, value.to_le_bytes().to_vec())
}

/// The markers' texts: those of annotations `untraced` without what is before the text for people, and
/// none of annotations `file`.
pub(crate) fn markers(seen: &Collected) -> Vec<String> {
    let texts = seen.markers.iter();
    texts
        .map(|text| String::from_utf8(text.clone()).unwrap())
        .filter(|text| !text.starts_with("mmiotrace1 file "))
        .map(|text| match text.strip_prefix("mmiotrace1 untraced ") {
            Some(untraced) => untraced.split_once(" text=").unwrap().1.to_owned(),
            None => text,
        })
        .collect()
}

/// The annotations, as mmiotrace-format reads them.
pub(crate) fn annotations(seen: &Collected) -> Vec<Annotation<'_>> {
    let texts = seen.markers.iter();
    texts
        .filter_map(|text| Annotation::parse(text).unwrap())
        .collect()
}

/// The reasons of the annotations `untraced`.
pub(crate) fn untraced_reasons(seen: &Collected) -> Vec<String> {
    let reason = |annotation| match annotation {
        Annotation::Untraced { reason, .. } => Some(String::from_utf8(reason.to_vec()).unwrap()),
        _ => None,
    };
    annotations(seen).into_iter().filter_map(reason).collect()
}
