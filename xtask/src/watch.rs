//! Killing programs that have hung.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

/// The longest time for which a program may print nothing. More than any machine may take (900 seconds): one that hangs
/// must still have the time to report where.
pub(crate) const LIMIT: Duration = Duration::from_secs(1200);

/// Watches over one program: after too long without output, it and all it has started are killed. A test that
/// waits forever would otherwise hang the whole run without saying which it was.
#[derive(Debug)]
pub(crate) struct Watch {
    begun: Instant,
    /// When the program last printed something, in milliseconds since `begun`.
    last_output: AtomicU64,
    over: AtomicBool,
    killed: AtomicBool,
}

impl Watch {
    /// Begins to watch over the program with this number.
    pub(crate) fn over(pid: u32, limit: Duration) -> Arc<Self> {
        let watch = Arc::new(Self {
            begun: Instant::now(),
            last_output: AtomicU64::new(0),
            over: AtomicBool::new(false),
            killed: AtomicBool::new(false),
        });
        let watcher = Arc::clone(&watch);
        std::thread::spawn(move || watcher.watch(pid, limit));
        watch
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The program has printed something.
    pub(crate) fn note_output(&self) {
        self.last_output.store(self.now(), Ordering::Relaxed);
    }

    /// The program has ended; whether it was killed.
    pub(crate) fn end(&self) -> bool {
        self.over.store(true, Ordering::Relaxed);
        self.killed.load(Ordering::Relaxed)
    }

    fn watch(&self, pid: u32, limit: Duration) {
        while !self.over.load(Ordering::Relaxed) {
            let quiet = self
                .now()
                .saturating_sub(self.last_output.load(Ordering::Relaxed));
            if u128::from(quiet) >= limit.as_millis() {
                self.killed.store(true, Ordering::Relaxed);
                kill_with_descendants(pid);
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Kills a process and all that come from it, the youngest last: what is killed first can start
/// no more.
fn kill_with_descendants(pid: u32) {
    let mut processes = vec![pid];
    let mut at = 0;
    while let Some(parent) = processes.get(at) {
        processes.extend(children(*parent));
        at += 1;
    }
    for pid in processes {
        // It may have ended by itself.
        let _ = Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status();
    }
}

/// From `/proc`, as proc(5) describes it.
fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    let lists = tasks
        .into_iter()
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let numbers = list.split_whitespace().filter_map(|word| word.parse().ok());
            numbers.collect::<Vec<u32>>()
        })
        .collect()
}
