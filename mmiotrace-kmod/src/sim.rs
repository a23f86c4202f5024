//! A machine that exists only in a test: CPUs, pages, devices, and every order in which the CPUs
//! can act (feature `sim`; needs the standard library).
//!
//! A simulated CPU runs x86-64 code. Where it touches an armed page, the engine is called as a
//! kernel would call it; where it touches an open page of a device, the device logs an access that
//! the engine did not see. [`explore`] runs a little program on several CPUs in every order of
//! their steps (as far as asked), and [`World::judge`] compares what the devices saw with what the
//! engine recorded.
//!
//! ```
//! use mmiotrace_kmod::sim::{World, explore};
//!
//! // Two CPUs write to one register: mov [rdi], eax.
//! let runs = explore(2, |schedule| {
//!     let world = World::new();
//!     let device = world.add_device(0x10_0000, 1);
//!     schedule.run([0, 1].map(|cpu| {
//!         world.cpu(cpu).with_code(&[0x89, 0x07]).with(7, device).with(0, u64::from(cpu) + 1)
//!     }));
//!     assert_eq!(world.judge().accesses, 2);
//! });
//! assert!(runs > 10);
//! ```

mod cpu;
mod judge;
mod program;
mod schedule;
mod world;

pub use cpu::{SimCpu, SimFrame};
pub use judge::Verdict;
pub use program::Program;
pub use schedule::{Schedule, explore};
pub use world::{Bug, Model, Ram, World};
