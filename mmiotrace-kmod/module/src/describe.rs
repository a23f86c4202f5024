//! The state as text for people: `cat /dev/mmiotrace`.

use crate::abi;
use crate::state;
use core::fmt::Write;

/// A text in a place of limited length.
struct Text<'a> {
    room: &'a mut [u8],
    len: usize,
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let to = self.room.get_mut(self.len..self.len + text.len()).ok_or(core::fmt::Error)?;
        to.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

/// Writes the state; gives the length.
pub(crate) fn describe(room: &mut [u8]) -> usize {
    let mut text = Text { room, len: 0 };
    // What does not fit is left out.
    let _ = state::with(|state, live, _| {
        writeln!(text, "abi {} channel {}", abi::ABI, mmiotrace_kmod::ABI_VERSION)?;
        let Some(live) = live else { return writeln!(text, "no capture runs") };
        let channel = live.engine.channel();
        let counts = live.engine.counts();
        writeln!(text, "mappings traced {} refused {}", state.mappings.len(), state.mappings.refused)?;
        writeln!(text, "numbers {} lost {}", channel.sequence(), channel.lost())?;
        writeln!(text, "faults {} foreign {} blind {}", counts.faults, counts.foreign, counts.blind)?;
        writeln!(text, "recorder {}", if state.recorder.is_some() { "yes" } else { "gone" })
    });
    text.len
}
