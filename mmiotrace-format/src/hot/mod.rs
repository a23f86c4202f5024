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
pub(crate) use phys::{Layout, phys};
pub(crate) use unknown::unknown;

use mmiotrace_core::Event;

/// The bytes that must be there: the longest line taken here, and room to load whole words.
pub(crate) const WINDOW: usize = 112;

type Window = [u8; WINDOW];

/// The event of a line that is at hand without newline, alone.
pub(crate) fn line(line: &[u8]) -> Option<Event> {
    let mut window = [0; WINDOW];
    window.get_mut(..line.len())?.copy_from_slice(line);
    *window.get_mut(line.len())? = b'\n';
    let (event, len) = match line.first()? {
        b'R' | b'W' => {
            access(&mut Memo::new(), &window).map(|fields| (fields.event(), fields.len))?
        }
        b'U' => unknown(&mut Memo::new(), &window)?,
        _ => return None,
    };
    (len == line.len() + 1).then_some(event)
}
