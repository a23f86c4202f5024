//! The commands of `/dev/mmiotrace`, as `mmiotrace-kmod/module/abi.h` has them.

/// The version of the commands that this program knows.
pub(super) const ABI: u32 = 1;
/// The letter of the commands.
pub(super) const GROUP: u8 = 0xac;

pub(super) const VERSION: u8 = 0;
pub(super) const START: u8 = 1;
pub(super) const FILTER: u8 = 2;
pub(super) const ARM: u8 = 3;
pub(super) const STOP: u8 = 4;
pub(super) const STATE: u8 = 5;
pub(super) const RESUME: u8 = 6;

pub(super) const ORDER_INTERVAL: u32 = 1;
pub(super) const NO_PC: u32 = 1 << 1;
pub(super) const DISARM_ON_DEATH: u32 = 1 << 2;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Version {
    pub(super) abi: u32,
    pub(super) channel: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Start {
    pub(super) flags: u32,
    pub(super) slots: u32,
    pub(super) death_timeout_ms: u32,
    pub(super) reserved: u32,
    pub(super) channel_bytes: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filter {
    pub(super) phys_start: u64,
    pub(super) phys_end: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    pub(super) virt: u64,
    pub(super) len: u64,
    pub(super) phys: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    pub(super) running: u32,
    pub(super) regions: u32,
    pub(super) refused: u32,
    pub(super) recorder: u32,
    pub(super) sequence: u64,
    pub(super) lost: u64,
}
