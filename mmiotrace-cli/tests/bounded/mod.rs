//! Waiting for children, but not for ever: a test that waits without end hangs the whole suite and
//! names no culprit.
#![allow(dead_code, reason = "each test program uses its own part")]

use core::time::Duration;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;

/// Far more than any child of these tests needs, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// How long what a killed child has told is waited for: one that it started may hold its pipes.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Waits for the end of a child, and gives what it told.
///
/// # Panics
/// Where it does not end: it is killed then, and the message has what it told.
pub(crate) fn wait(child: Child) -> Output {
    let pid = child.id();
    let (send, receive) = mpsc::channel();
    // Not joined: where somebody holds the pipes for ever, it stays behind.
    std::thread::spawn(move || send.send(child.wait_with_output()));
    if let Ok(output) = receive.recv_timeout(LIMIT) {
        return output.unwrap();
    }
    kill(pid);
    let told = match receive.recv_timeout(LAST_WORDS) {
        Ok(Ok(output)) => String::from_utf8_lossy(&output.stderr).into_owned(),
        _ => "nothing (another process holds its pipes)".to_owned(),
    };
    panic!("process {pid} did not end within {LIMIT:?}; it told: {told}");
}

/// Waits for the end of a child whose pipes somebody else reads.
///
/// # Panics
/// Where it does not end: it is killed then.
pub(crate) fn wait_status(mut child: Child) -> ExitStatus {
    let pid = child.id();
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(child.wait()));
    let Ok(status) = receive.recv_timeout(LIMIT) else {
        kill(pid);
        panic!("process {pid} did not end within {LIMIT:?}");
    };
    status.unwrap()
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    // It may have ended just now.
    let _ = kill_process(pid, Signal::KILL);
}

/// `Command::output` with an end.
pub(crate) trait Bounded {
    /// Runs it to its end, and gives what it told. Without standard input, unless one is given.
    fn bounded_output(&mut self) -> Output;
}

impl Bounded for Command {
    fn bounded_output(&mut self) -> Output {
        let child = self.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        wait(child.unwrap())
    }
}
