//! How records go from where they are captured to where they are taken: the same for every backend.

pub use crate::engine::{DeviceOrder, OnFull};

/// How records are ordered and kept until they are taken.
///
/// ```
/// use mmiotrace_capture::{OnFull, RingOptions};
///
/// let options = RingOptions::new().with_on_full(OnFull::Drop).with_slots(1 << 16);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RingOptions {
    pub(crate) order: DeviceOrder,
    pub(crate) on_full: OnFull,
    pub(crate) no_pc: bool,
    slots: Option<u32>,
}

impl RingOptions {
    /// Total order, block when full, rings of the backend's own size, with instruction addresses.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            order: DeviceOrder::Total,
            on_full: OnFull::Block,
            no_pc: false,
            slots: None,
        }
    }

    /// The order. Default: total.
    #[must_use]
    pub const fn with_order(mut self, order: DeviceOrder) -> Self {
        self.order = order;
        self
    }

    /// What a full ring does. Default: block. The kernel module always drops.
    #[must_use]
    pub const fn with_on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// Leaves the addresses of instructions out, for clean-room work. Default: they are recorded.
    #[must_use]
    pub const fn without_pc(mut self) -> Self {
        self.no_pc = true;
        self
    }

    /// How many records a ring holds before it is full, 64 bytes each; rounded up to a power of two
    /// between 128 and 2^28. Default: 32,768 in each of the four rings of a process, 262,144 in the
    /// kernel's ring of each CPU.
    #[must_use]
    pub const fn with_slots(mut self, slots: u32) -> Self {
        self.slots = Some(slots);
        self
    }

    /// As [`with_slots`](Self::with_slots), by the bytes of a ring.
    #[must_use]
    pub const fn with_bytes(self, bytes: u64) -> Self {
        let slots = bytes / 64;
        self.with_slots(if slots > MAX_SLOTS as u64 {
            MAX_SLOTS
        } else {
            slots as u32
        })
    }

    /// The slots of a ring, a power of two.
    pub(crate) fn slots_or(&self, default: u32) -> u32 {
        let slots = self.slots.unwrap_or(default);
        slots.clamp(128, MAX_SLOTS).next_power_of_two()
    }

    /// As the channel has them.
    pub(crate) fn channel(&self) -> crate::engine::Options {
        let mut options = crate::engine::Options::default();
        options.order = self.order;
        options.on_full = self.on_full;
        options.no_pc = self.no_pc;
        options
    }
}

const MAX_SLOTS: u32 = 1 << 28;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_a_power_of_two() {
        let slots = |options: RingOptions| options.slots_or(32_768);
        assert_eq!(slots(RingOptions::new()), 32_768);
        assert_eq!(slots(RingOptions::new().with_slots(0)), 128);
        assert_eq!(slots(RingOptions::new().with_slots(129)), 256);
        assert_eq!(slots(RingOptions::new().with_bytes(8192)), 128);
        assert_eq!(slots(RingOptions::new().with_bytes(u64::MAX)), 1 << 28);
    }
}
