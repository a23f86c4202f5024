//! Waiting for children, but not for ever: a test that waits without end hangs the whole suite and
//! names no culprit.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use core::time::Duration;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;

/// Far more than any child of these tests needs, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// How long what a killed child has told is waited for: one that it started may hold its pipes.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Waits for the end of a child, and gives what it told.
///
/// # Panics
/// Where it does not end: it is killed then, and the message has what it told.
pub fn wait(child: Child) -> Output {
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

/// Kills a child that has not ended within the time; whoever waits for it, writes to it or reads
/// from it goes on then, and fails. Dropped when the child has ended.
pub struct Watch {
    _over: mpsc::Sender<()>,
}

/// Begins to watch a child.
pub fn watch(child: &Child) -> Watch {
    let pid = child.id();
    let (send, receive) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if receive.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("process {pid} did not end within {LIMIT:?}: killed");
            kill(pid);
        }
    });
    Watch { _over: send }
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).unwrap();
    // It may have ended just now.
    let _ = kill_process(pid, Signal::KILL);
}

/// `Command::output` with an end.
pub trait Bounded {
    /// Runs it to its end, and gives what it told. Without standard input, unless one is given.
    fn bounded_output(&mut self) -> Output;
}

impl Bounded for Command {
    fn bounded_output(&mut self) -> Output {
        let child = self.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        wait(child.unwrap())
    }
}
