//! How large the ring should be.

/// The ring that a kernel gives itself, in KiB for each CPU: 1441792 bytes (`trace_buf_size` in
/// `kernel/trace/trace.c`).
pub(super) const KERNEL_DEFAULT_KIB: u64 = 1408;

/// Bytes that an access takes in the ring, rounded up: 4 of the ring's own header, 8 of the entry's,
/// 32 of the record (`struct mmiotrace_rw`), now and then 8 of a time stamp; and the header of its
/// page, shared by some ninety.
const BYTES_PER_EVENT: u64 = 56;

/// The size for a capture of which nothing is known, in KiB.
///
/// While a driver holds the only CPU that is on-line, nobody reads; the ring must take what it does
/// until then. A fault costs some microseconds, so 128 MiB are several seconds of nothing but
/// accesses; an eighth of the free memory leaves a small machine alive.
pub(crate) fn automatic_kib(available_kib: Option<u64>) -> u64 {
    available_kib.map_or(16 << 10, |kib| (kib / 8).clamp(4 << 10, 128 << 10))
}

/// The size that would have held what was lost, in KiB, rounded up to MiB: the ring as it was, full,
/// and the lost events behind it, and a quarter more, since no two runs are the same.
pub(super) fn advised_kib(current_kib: u64, lost: u64) -> u64 {
    let lost_kib = lost.saturating_mul(BYTES_PER_EVENT).div_ceil(1024);
    let needed = current_kib.saturating_add(lost_kib);
    needed
        .saturating_add(needed / 4)
        .div_ceil(1024)
        .saturating_mul(1024)
}

/// Reads `1408`, or `7 (expanded: 1408)` of a ring that was never used: the size it will have.
pub(super) fn parse_kib(text: &str) -> Option<u64> {
    let number = text
        .split_once("(expanded: ")
        .map_or(text, |(_, rest)| rest.trim_end_matches(')'));
    number.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_kib("7 (expanded: 1408)"), Some(1408));
        assert_eq!(parse_kib("60000\n"), Some(60000));
        // Rings of different sizes.
        assert_eq!(parse_kib("X"), None);
        assert_eq!(automatic_kib(Some(24 << 20)), 128 << 10);
        assert_eq!(automatic_kib(Some(800 << 10)), 100 << 10);
        assert_eq!(automatic_kib(Some(1 << 10)), 4 << 10);
    }

    #[test]
    fn advice_holds_what_was_lost() {
        for lost in [1, 1000, 13616, 10_000_000] {
            let advised = advised_kib(8, lost);
            assert!(advised * 1024 >= lost * BYTES_PER_EVENT + 8 * 1024);
        }
        assert_eq!(advised_kib(u64::MAX, u64::MAX), u64::MAX);
    }
}
