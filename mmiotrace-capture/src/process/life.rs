//! Who is alive, and what the kernel would allow now.

use super::{maps, thread};
use mmiotrace_kmod::{Channel, Fault};

/// Whether the thread of an owner's number exists. For signal handlers too.
pub(crate) fn owner_is_alive(owner: u64) -> bool {
    let id = u32::try_from(owner & 0xffff_ffff)
        .ok()
        .and_then(|id| i32::try_from(id).ok());
    id.is_none_or(thread::is_alive)
}

/// Whether the process that records into a channel exists; true where nobody said who it is. For
/// signal handlers too.
pub(super) fn recorder_is_alive(channel: &Channel<'_>) -> bool {
    channel
        .recorder()
        .is_none_or(|(pid, _)| i32::try_from(pid).is_ok_and(thread::is_alive))
}

/// Whether an access that faulted would be answered now. For signal handlers too.
pub(super) fn allows(fault: &Fault) -> bool {
    maps::at(fault.address.0).is_some_and(|mapped| {
        if fault.write {
            mapped.writable
        } else {
            mapped.readable
        }
    })
}
