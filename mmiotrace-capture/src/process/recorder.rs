//! Whether the process that records is alive.

use super::{clock, maps, thread};
use crate::engine::Channel;
use core::time::Duration;
use std::io::Write;

/// How old the recorder's last sign of life may be before its process is looked for.
const SILENCE: Duration = Duration::from_secs(1);

/// Whether the process that records into a channel exists; true if the channel does not name one.
/// For signal handlers too.
///
/// A recorder that has shown itself lately is alive, even if another namespace hides it from this
/// process; one that a slow disk holds up is alive if it exists.
pub(super) fn is_alive(channel: &Channel<'_>) -> bool {
    let Some((pid, started)) = channel.recorder() else {
        return true;
    };
    let silent = clock::now().since(channel.heartbeat());
    silent.is_none_or(|silent| silent < SILENCE) || is_running(pid, started)
}

/// Whether a process runs: it exists, has not ended (a parent may not have asked yet how), and began
/// at `started`, so that it is not another with the same number. For signal handlers too.
fn is_running(pid: u64, started: u64) -> bool {
    let exists = i32::try_from(pid).is_ok_and(thread::is_alive);
    exists && stat(pid).is_none_or(|(state, began)| !b"ZX".contains(&state) && began == started)
}

/// When a process began, in ticks since boot; 0 if that is not known.
pub(super) fn start_of(pid: u64) -> u64 {
    stat(pid).map_or(0, |(_, began)| began)
}

/// State and start of a process: fields 3 and 22 of `/proc/PID/stat` (proc(5)). `None` where there is
/// no such file. Allocates nothing: for signal handlers too.
fn stat(pid: u64) -> Option<(u8, u64)> {
    let mut path = [0; 32];
    let mut rest = path.get_mut(..31)?;
    write!(rest, "/proc/{pid}/stat").ok()?;
    let mut text = [0; 1024];
    let have = maps::read_file(&path, &mut text)?;
    let text = text.get(..have)?;
    // The name before may hold anything, also parentheses.
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = text.get(name_end + 2..)?.split(|byte| *byte == b' ');
    let state = *fields.next()?.first()?;
    let began = core::str::from_utf8(fields.nth(18)?).ok()?.parse().ok()?;
    Some((state, began))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_number_and_its_start() {
        let me = u64::from(std::process::id());
        let began = start_of(me);
        assert!(began > 0 && is_running(me, began));
        assert!(!is_running(me, began + 1), "another with the same number");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = u64::from(child.id());
        let began = start_of(pid);
        // It ends, and was not waited for: the number is still taken.
        while is_running(pid, began) {
            std::thread::yield_now();
        }
        assert!(thread::is_alive(i32::try_from(pid).unwrap()));
        assert!(child.wait().unwrap().success());
        assert!(!is_running(pid, began));
    }
}
