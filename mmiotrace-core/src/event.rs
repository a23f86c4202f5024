//! What happened, and when.

use crate::{Code, MapId, Mapping, PhysAddr, Timestamp, Value, VirtAddr, Width};
use core::fmt;

/// Which way an access moved its bytes, seen from the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum AccessKind {
    /// From the device to the CPU.
    Read,
    /// From the CPU to the device.
    Write,
}

impl AccessKind {
    /// `read` or `write`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl fmt::Display for AccessKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One read or write of device memory.
///
/// A read-modify-write instruction makes two of them, a string instruction one per element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Access {
    /// Read or write.
    pub kind: AccessKind,
    /// How many bytes the instruction moved.
    pub width: Width,
    /// The mapping through which it was made.
    pub map_id: MapId,
    /// The physical address of the first byte.
    pub phys: PhysAddr,
    /// The bytes moved; `None` where only execution could tell and it was not learnt. Never a
    /// guess. Wider than `width` only where the kernel printed it so ([`Access::is_suspicious`]).
    pub value: Option<Value>,
}

impl Access {
    /// Whether the value does not fit the width: a known error of the kernel's decoder.
    #[must_use]
    #[inline]
    pub fn is_suspicious(&self) -> bool {
        self.value.is_some_and(|value| value.width() != self.width)
    }
}

/// An access that the kernel's tracer saw but could not decode: it has neither width nor value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UnknownOpcode {
    /// The mapping through which it was made.
    pub map_id: MapId,
    /// The physical address that faulted.
    pub phys: PhysAddr,
    /// The first bytes of the instruction, prefixes included; the kernel prints three.
    pub code: Code,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum EventKind {
    /// Device memory was read or written.
    Access(Access),
    /// Device memory was mapped.
    Map(Mapping),
    /// A mapping ended.
    Unmap(MapId),
    /// Device memory was accessed by an instruction that the kernel's decoder does not know.
    UnknownOpcode(UnknownOpcode),
}

/// Something that happened, with its time and place. `Copy` and without heap, so that a fault
/// handler can make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Event {
    /// When it was logged.
    pub time: Timestamp,
    /// Its number in the capture, where the backend counts: taken in device order, so that a
    /// missing number is a lost event. Accesses of one instruction wider than 64 bytes share one.
    pub seq: Option<u64>,
    /// The CPU that made it, where known.
    pub cpu: Option<u32>,
    /// Whether its number does not tell its place among the device's accesses: it interrupted one
    /// (an NMI), or waited too long for its turn. `false` where nothing is known.
    #[cfg_attr(feature = "serde", serde(default))]
    pub unordered: bool,
    /// The thread id, as ftrace has it; 0 where not known (the kernel's tracer always prints 0).
    pub pid: i32,
    /// The address of the instruction; 0 where not known.
    pub pc: VirtAddr,
    /// The instruction's bytes, where known; needed only where the value is not.
    pub code: Code,
    /// What happened.
    pub kind: EventKind,
}

impl Event {
    /// An event of which only time and kind are known.
    #[must_use]
    #[inline]
    pub const fn new(time: Timestamp, kind: EventKind) -> Self {
        Self {
            time,
            seq: None,
            cpu: None,
            unordered: false,
            pid: 0,
            pc: VirtAddr(0),
            code: Code::EMPTY,
            kind,
        }
    }

    /// The same with a sequence number.
    #[must_use]
    #[inline]
    pub const fn with_seq(mut self, seq: u64) -> Self {
        self.seq = Some(seq);
        self
    }

    /// The same with the CPU that made it.
    #[must_use]
    #[inline]
    pub const fn with_cpu(mut self, cpu: u32) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// The same with the thread that made it.
    #[must_use]
    #[inline]
    pub const fn with_pid(mut self, pid: i32) -> Self {
        self.pid = pid;
        self
    }

    /// The same with the instruction's address.
    #[must_use]
    #[inline]
    pub const fn with_pc(mut self, pc: VirtAddr) -> Self {
        self.pc = pc;
        self
    }

    /// The same with the instruction's bytes.
    #[must_use]
    #[inline]
    pub const fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// The access, where this is one.
    #[must_use]
    #[inline]
    pub const fn as_access(&self) -> Option<&Access> {
        match &self.kind {
            EventKind::Access(access) => Some(access),
            _ => None,
        }
    }
}
