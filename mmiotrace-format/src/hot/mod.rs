//! The fast way for lines as the kernel prints them.
//!
//! Nearly every line of a trace is an `R` or `W` in the kernel's exact form, or, where a driver
//! copies blocks, an `UNKNOWN`. This takes such a line apart in words of eight bytes, without a
//! loop over bytes and without looking for the newline first. It gives an event or nothing: what
//! it does not take (another form, another keyword, an error, the last lines of the input) goes to
//! the parser proper, which says what the line is and what is wrong with it. So nothing here
//! decides on leniency or errors, and tests hold the two against each other.
//!
//! To change something here: the parts that every line goes through are inlined into one piece of
//! code of some 150 instructions, and a call, a copy of the event or a branch that cannot be
//! foreseen each cost about as much as parsing a column. `cargo bench --bench parse` tells.

mod access;
mod columns;
mod memo;
mod phys;
mod unknown;
mod word;

pub(crate) use access::{Fields, access};
pub(crate) use memo::Memo;
use memo::Nothing;
pub(crate) use phys::{Layout, phys};
pub(crate) use unknown::unknown;

use mmiotrace_core::Event;

/// The bytes that must be there: the longest line taken here, and room to load whole words.
pub(crate) const WINDOW: usize = 112;

type Window = [u8; WINDOW];

/// The access of a line that is the first `len` bytes of `memory`. With more behind it, it need
/// not be copied.
#[inline(always)]
pub(crate) fn access_line(memory: &[u8], len: usize) -> Option<Fields> {
    let fields = match memory.first()? {
        b'R' | b'W' if memory.len() >= WINDOW => access(&mut Nothing, memory)?,
        b'R' | b'W' => copied_access(memory)?,
        _ => return None,
    };
    // A last line may lack its newline.
    (fields.len == len || (fields.len == len + 1 && len == memory.len())).then_some(fields)
}

#[inline(never)]
fn copied_access(memory: &[u8]) -> Option<Fields> {
    access(&mut Nothing, &copied(memory)?)
}

/// The same for `UNKNOWN`.
pub(crate) fn unknown_line(memory: &[u8], len: usize) -> Option<Event> {
    let (event, taken) = if memory.len() >= WINDOW {
        unknown(&mut Nothing, memory)?
    } else {
        unknown(&mut Nothing, &copied(memory)?)?
    };
    (taken == len || (taken == len + 1 && len == memory.len())).then_some(event)
}

/// The end of what is in memory, with a newline behind it.
fn copied(memory: &[u8]) -> Option<Window> {
    let mut window = [0; WINDOW];
    window.get_mut(..memory.len())?.copy_from_slice(memory);
    *window.get_mut(memory.len())? = b'\n';
    Some(window)
}
