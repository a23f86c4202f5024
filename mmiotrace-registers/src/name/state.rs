//! What a namer knows.

use super::binding::Bindings;
use super::inner_access::InnerState;
use super::slot_cache::SlotCache;
use super::verbosity::VerbosityRules;
use crate::model::SpaceId;

/// All of a [`Namer`](super::Namer) except its texts.
#[derive(Debug)]
pub(super) struct NamerState {
    pub(super) bindings: Bindings,
    pub(super) cache: SlotCache,
    pub(super) rules: VerbosityRules,
    /// Bound maps and their spaces reached through registers, by their numbers in keys.
    pub(super) inner_spaces: Vec<(u32, SpaceId)>,
    /// The last access of a space reached through registers.
    pub(super) inner: Option<InnerState>,
}

impl NamerState {
    /// Accesses are missing here: what was seen last need not be what is there.
    pub(super) fn invalidate_values(&mut self) {
        self.bindings.invalidate_values();
        self.cache.invalidate_values();
    }

    /// Names change: that happens a few times at the start of a trace, and where maps are edited.
    pub(super) fn rebuild(&mut self) {
        self.bindings.changed = false;
        self.cache.clear();
    }
}
