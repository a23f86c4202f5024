//! The fault engine of all backends: captures every access to memory-mapped device registers, from
//! page faults. The crate is named for the kernel module, which it has in `module/`; the backend
//! `process` in user space runs the same engine (and imports it under that name).
//!
//! Traced pages are not present, for good and for everybody. An instruction that touches one
//! faults; the engine carries it out on an *alias*, a second mapping of the same device memory that
//! only it knows, records what it saw, and returns to the next instruction. There is no moment
//! at which a page is open, so no CPU and no thread can slip through, and one access costs one trap.
//!
//! One engine runs on several platforms: a kernel module, a user process (SIGSEGV in place of
//! the page-fault hook), and a simulated machine for tests (feature `sim`). A platform implements
//! [`Platform`], and those of [`Execution`], [`Stepping`] and [`RemoteFence`] that it can, and calls
//! [`Engine::on_page_fault`]; what is captured goes through a [`Channel`], memory that the recorder
//! shares.
//!
//! ```
//! use core::sync::atomic::AtomicU64;
//! use mmiotrace_kmod::{Channel, Geometry, Options};
//!
//! // What a recorder does first: memory, zeroed, and a channel in it.
//! let geometry = Geometry { contexts: 64, rings: 4, slots: 1024 };
//! let words = geometry.words().unwrap();
//! let memory: Vec<AtomicU64> = (0..words).map(|_| AtomicU64::new(0)).collect();
//! let channel = Channel::create(&memory, geometry, Options::default())?;
//! assert_eq!(channel.sequence(), 0);
//! // What a platform does with the memory that it is given.
//! assert_eq!(Channel::open(&memory)?.geometry(), geometry);
//! # Ok::<(), mmiotrace_kmod::ChannelError>(())
//! ```
//!
//! # What happens in a fault
//! | what is found | what is done | the page |
//! | --- | --- | --- |
//! | no region, and none was there lately | [`Claim::NotOurs`] | |
//! | no region, but one was removed, and the access is now allowed | return, the instruction runs | present |
//! | way `emulate` | single accesses of the exact width on the alias, effects in code | stays armed |
//! | way `bounce`, `alias` | re-encoded code ([`Execution::execute`]) | stays armed |
//! | way `step` | base register moved to the alias, trap flag; the rest in [`Engine::on_debug_trap`] | stays armed |
//! | no way, code that cannot be read or decoded | *blind begin* is recorded, then the page is opened | open |
//! | the same, and the page is open already | return, the instruction runs | open |
//! | the alias does not answer | [`Claim::Raise`] with [`Raise::Device`] | stays armed |
//! | memory beside the device is missing | [`Claim::Raise`] with [`Raise::Memory`] | stays armed |
//! | the instruction raises an exception | [`Claim::Raise`] with [`Raise::Exception`] | stays armed |
//! | one of these three, if the platform does not raise ([`Platform::RAISES`]) | *blind begin* is recorded, then the page is opened | open |
//!
//! # States of a page
//! | from | event | to | recorded |
//! | --- | --- | --- | --- |
//! | present | [`Engine::attach`] | armed | map, before it is armed |
//! | armed | access that can be carried out | armed | its accesses |
//! | armed | access that cannot | open | blind begin, before it is opened |
//! | open | 10 ms passed, [`Engine::rearm`] | armed | blind end, after it is armed |
//! | open | the eighth time at one place in the code | open for good | |
//! | armed, open | [`Engine::detach`] | present | unmap, after the last access |
//!
//! # Order
//! With [`DeviceOrder::Total`] a sequence number is taken under the same lock as the access itself,
//! so the numbers are the order of the device. Waiting for that lock is bounded: an NMI that took
//! its own CPU's lock holder, and a thread that waited for 100 ms, go on without it, and their records
//! say so ([`Order::Unordered`]). With [`DeviceOrder::Interval`] there is no lock; every record has
//! the counter before and after its access.
//!
//! # What is never done
//! A device access is never split, never repeated, and never made to learn a value. Nothing is
//! allocated in a fault. What cannot be carried out exactly is never guessed: the page opens, and
//! the trace says so. A record that finds no room is counted, and its number stays missing.
//!
//! # Features
//! - `sim`: the simulated machine; needs the standard library.
#![no_std]
#![cfg_attr(
    not(test),
    warn(clippy::as_conversions, clippy::indexing_slicing, clippy::panic)
)]

extern crate alloc;
#[cfg(any(test, feature = "sim"))]
extern crate std;

mod blind;
mod channel;
mod engine;
mod lane;
mod number;
mod platform;
mod region;
#[cfg(feature = "sim")]
#[allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test machine stops where it is wrong"
)]
pub mod sim;
mod sync;

pub use blind::REARM_AFTER_NANOS;
pub use channel::{
    ABI_VERSION, Body, Channel, ChannelError, ContextId, Cursor, DeviceOrder, Entry, EntryBuf,
    Geometry, MAX_MARKER_BYTES, OnFull, Options, Order, Stamp, Written,
};
pub use engine::{AttachError, Config, Counts, Engine};
pub use platform::{
    Claim, DeviceBus, Execution, Fault, Frame, Platform, Point, Raise, RemoteFence, Stepping,
};
pub use region::{PAGE, Region, RegionError, RegionId};

/// The example of the README is tested as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
