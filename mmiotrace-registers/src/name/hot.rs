//! Which registers were accessed most.

/// How often a register was accessed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HotRegister {
    /// The device, as [`DeviceLabel`](crate::Namer::device_label) has it; empty where none is known.
    pub device: String,
    /// The register's name; where it has none the offset, or the physical address.
    pub name: String,
    /// How many reads.
    pub reads: u64,
    /// How many writes.
    pub writes: u64,
}
