//! The kernel's own tracer, for machines where no module may be loaded.
//!
//! [`Tracefs`] switches the tracer `mmiotrace` on, reads `trace_pipe` without blocking, and puts
//! everything back.
//!
//! ```no_run
//! use mmiotrace_capture::tracefs::{Options, Tracefs};
//! use mmiotrace_core::{CaptureBackend, DrainState};
//! use std::io::Write;
//!
//! let mut file = std::fs::File::create("driver.mmiotrace")?;
//! let mut backend = Tracefs::new(Options::new());
//! backend.start()?;
//! backend.marker(b"load the driver")?;
//! // … let the driver do its work, and call drain_bytes meanwhile …
//! backend.stop()?;
//! let mut result = Ok(());
//! while backend.drain_bytes(&mut |bytes| result = file.write_all(bytes))?.state != DrainState::Ended {}
//! result?;
//! assert_eq!(backend.figures().lost, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it changes, and puts back
//!
//! | changed | how it is put back |
//! | --- | --- |
//! | tracefs is mounted, where it was not | unmounted |
//! | `current_tracer` | as before (another tracer only with [`Options::take_over`]) |
//! | `tracing_on`, `trace_clock`, `tracing_cpumask`, `options/markers` | as before |
//! | `set_event` (only with [`Options::take_over`]) | the events that were on are on again |
//! | `per_cpu/cpuN/buffer_size_kb` | as before; a ring that was never used has the 1408 KiB that it would have had |
//! | a driver that works already is unbound or unloaded (only with [`Options::displace`]) | bound or loaded again, unless it is |
//! | the kernel takes all CPUs but one off-line | the kernel takes them back, and those it did not are brought on-line |
//!
//! All of it is written to `/run/mmiotrace/tracefs.state` before the first change. It is put back
//! when the last of the trace has been drained, when the backend is dropped (also by a panic), and,
//! where the process was killed, by the next start or by [`restore_leftover`].
//!
//! # What it cannot see
//!
//! The kernel's tracer takes all CPUs off-line but one, knows twelve opcodes, and misses parts of
//! some mappings; the verdict on a trace lists all of that.

mod backend;
mod buffer;
pub(crate) mod control;
mod displaced;
mod driver;
mod error;
mod figures;
mod leftover;
mod lines;
mod loading;
mod marker;
mod options;
mod ring;
mod session;
mod setup;
mod sink_side;
mod state;
mod stream;
mod tally;
mod undo;

pub use backend::Tracefs;
pub(crate) use buffer::automatic_kib as automatic_ring_kib;
pub use displaced::Displaced;
pub use driver::{Driver, Subject};
pub use error::Error;
pub use figures::Figures;
pub use leftover::restore_leftover;
pub use marker::mark;
pub use options::{Buffer, Options};
pub use ring::RingStats;
pub use session::{MarkerTest, Plan, Report, StopReason, run};
pub use state::Leftover;
