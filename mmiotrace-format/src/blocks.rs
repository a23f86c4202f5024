//! Where input may be cut into blocks.

use crate::wrap;
use memchr::memrchr;

/// How many bytes at the beginning of the input may be parsed as if the trace ended there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// So many bytes are whole lines that belong to nothing after them.
    pub(crate) whole: usize,
    /// Whether a whole line follows that may belong to what comes.
    pub(crate) held_back: bool,
}

/// Where `input` may be cut.
///
/// This is the one place that cuts input into blocks: the reader, the parallel reader over slices
/// and the one over `read` all ask it.
pub(crate) fn cut(input: &[u8]) -> Cut {
    let Some(newline) = memrchr(b'\n', input) else {
        return Cut::default();
    };
    // A `PCIDEV` line that may go on in the next block waits for it.
    let mut start = newline + 1;
    for _ in 0..wrap::MAX_LINES {
        let before = input.get(..start.saturating_sub(1)).unwrap_or_default();
        start = memrchr(b'\n', before).map_or(0, |at| at + 1);
        if wrap::may_go_on(input.get(start..).unwrap_or_default()) {
            return Cut {
                whole: start,
                held_back: true,
            };
        }
        if start == 0 {
            break;
        }
    }
    Cut {
        whole: newline + 1,
        held_back: false,
    }
}
