//! An access of a space that is reached through registers.

use super::inference::Inference;
use super::slot::SlotId;
use crate::model::SpaceId;
use mmiotrace_core::AccessKind;

/// An access of a space that is reached through registers, looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct InnerState {
    pub(super) space: SpaceId,
    /// The byte in it; `None`: not known.
    pub(super) at: Option<u64>,
    /// What lies at the place; `None`: the place is not known.
    pub(super) slot: Option<SlotId>,
    pub(super) kind: AccessKind,
    pub(super) value: u64,
    pub(super) width: u8,
    pub(super) previous: Option<u64>,
    pub(super) inference: Inference,
}
