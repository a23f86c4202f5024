//! Which texts a marker may have.

use mmiotrace_core::RESERVED_MARKER_PREFIX;

/// The longest text in bytes. The kernel cuts longer ones: at 1024 bytes before 6.4, at 4096 since
/// (`TRACE_BUF_SIZE` and `TRACE_MARKER_MAX_SIZE` in `kernel/trace/trace.c`), and a write that is cut
/// goes on as a second marker.
const MAX_LEN: usize = 1000;

/// Whether a text may be a marker, for any backend.
///
/// # Errors
/// What a marker must not do: hold a line feed (the rest would be a line of its own, and could be taken
/// for a record) or a NUL (the kernel ends the text there, without newline), begin with the reserved
/// word, or be longer than 1000 bytes.
pub fn check_marker(text: &[u8]) -> Result<(), &'static str> {
    if text.contains(&b'\n') {
        return Err("hold a line feed: it would end the record");
    }
    if text.contains(&0) {
        return Err("hold a NUL: the kernel would end it there");
    }
    if text.starts_with(RESERVED_MARKER_PREFIX) {
        return Err("begin with the reserved word mmiotrace1");
    }
    if text.len() > MAX_LEN {
        return Err("be longer than 1000 bytes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trace_cannot_hold_is_refused() {
        for right in [&b"X is up"[..], &[b'x'; 1000], b"", b"mmiotrace1"] {
            assert_eq!(check_marker(right), Ok(()));
        }
        for wrong in [
            &b"mmiotrace1 lost n=1"[..],
            b"a\nR 4 1.0 1 0x0 0x0 0x0 0",
            b"a\0b",
            &[b'x'; 1001],
        ] {
            assert!(check_marker(wrong).is_err());
        }
    }
}
