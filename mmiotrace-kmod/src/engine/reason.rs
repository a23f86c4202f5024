//! The reasons that the engine itself gives for a blind interval; the decoder has its own.

use mmiotrace_core::BlindReason;
use mmiotrace_decode::Reason;

/// The code could not be read.
pub(super) const NO_CODE: BlindReason = word("code-unreadable");
/// The bytes are no instruction that the decoder knows.
pub(super) const NO_INSTRUCTION: BlindReason = word("not-decoded");
/// The platform does not step, or a step is under way.
pub(super) const NO_STEP: BlindReason = word("step-refused");
/// The instruction raises an exception, which this platform does not do in its place.
pub(super) const EXCEPTION: BlindReason = word("exception");
/// Memory beside the device is not there, for which the platform's own fault handler is needed.
pub(super) const MEMORY: BlindReason = word("memory-fault");
/// The device's second mapping does not take the access.
pub(super) const DEVICE: BlindReason = word("device-fault");
/// The decoder has a reason that this engine does not know.
pub(super) const UNNAMED: BlindReason = word("unnamed");
/// What the end of a blind interval says that ended with its mapping.
pub(super) const UNMAPPED: BlindReason = word("unmapped");
/// What the end of a blind interval says that began before its mapping was traced.
pub(super) const ARMED: BlindReason = word("armed");
/// What the end of a blind interval says.
pub(super) const ARMED_AGAIN: BlindReason = word("armed-again");

#[expect(clippy::panic, reason = "evaluated by the compiler only")]
const fn word(word: &str) -> BlindReason {
    match BlindReason::new(word) {
        Some(reason) => reason,
        None => panic!("a reason is a word"),
    }
}

/// A reason of the decoder.
pub(super) fn of(reason: Reason) -> BlindReason {
    BlindReason::new(reason.as_str()).unwrap_or(UNNAMED)
}
