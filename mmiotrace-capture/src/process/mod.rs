//! The backend `process`: a program's own MMIO, captured in the program itself. No privilege, no
//! kernel module, no debugger.
//!
//! A traced range stays inaccessible; every access raises SIGSEGV, whose handler carries the
//! instruction out on a second mapping of the same memory and notes it ([`mmiotrace_kmod`] is the
//! engine). One access costs one signal. It works on any thread, at the same time, and
//! loses nothing.
//!
//! ```
//! use mmiotrace_capture::process::{Area, Options, Process};
//! use mmiotrace_core::{CaptureBackend, DrainState};
//! # use mmiotrace_core::{Blind, Event, EventSink, Loss, Marker};
//! # #[derive(Default)] struct Print(u32);
//! # impl EventSink for Print {
//! #     fn event(&mut self, event: &Event) { println!("{event:?}"); self.0 += u32::from(event.as_access().is_some()); }
//! #     fn marker(&mut self, _: &Marker<'_>) {}
//! #     fn lost(&mut self, _: &Loss) {}
//! #     fn blind(&mut self, _: &Blind) {}
//! #     fn line(&mut self, _: &[u8]) {}
//! # }
//! # let mut sink = Print::default();
//! # let file = mmiotrace_capture::process::doc_example_device();
//! // A device: here a shared file; else /dev/uio0, /sys/bus/pci/devices/…/resource0, …
//! let device = mmiotrace_capture::process::map_shared(&file, 0, 4096)?;
//! let registers = device.as_ptr().cast::<u32>();
//!
//! let mut capture = Process::new(Options::new());
//! capture.start()?;
//! // SAFETY: the mapping stays, and is accessed by pointers only.
//! let region = unsafe { capture.tracer()?.attach(&Area::new(device.as_ptr(), 4096))? };
//! // SAFETY: mapped memory; a device wants volatile accesses.
//! unsafe { registers.add(2).write_volatile(0x1234) };
//! region.detach();
//! capture.stop()?;
//! while capture.drain(&mut sink)?.state != DrainState::Ended {}
//! # assert_eq!(sink.0, 1);
//! # Ok::<(), mmiotrace_capture::process::Error>(())
//! ```
//!
//! # What the program notices
//! | what | how it goes on |
//! | --- | --- |
//! | its own handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL | get every signal that is not the engine's, as if it were not there |
//! | a thread that blocks SIGSEGV | refused at the start ([`Error::SignalBlocked`]); later it would be killed by an access |
//! | alternate signal stacks | used where a thread has one; [`Tracer::enroll_thread`] gives it a large one |
//! | `errno` | unchanged by an access |
//! | signals while an access is carried out | wait for its end (3 µs) |
//! | `fork` | the child is traced too, into the same capture, under its own ids |
//! | `vfork` | as the parent; its records carry the parent's thread id unless [`Options::with_exact_threads`] |
//! | system calls that are given a traced range | fail with EFAULT: the kernel finds no memory there |
//! | the same in a program that is recorded by preloading ([`Launch`]) | read, write, send and receive with their kin, `fread` and `fwrite` go through memory of ours, byte by byte; others fail with EFAULT, which is reported on standard error and in the trace (`untraced reason=efault`) for `ioctl`, `syscall`, and calls with vectors and messages (not for instructions `syscall` of the program's own); that a program uses `io_uring`, whose transfers fail so too, is reported once (`reason=io-uring`) |
//! | `raise(SIGSEGV)` and kin while the signal is ignored | ignored |
//! | the flag AC (alignment check) | the engine makes its own accesses without it |
//! | `MADV_DONTFORK` on a traced mapping | the child finds nothing there, and no memory of the library comes in its place |
//! | a fork by an instruction `syscall` | traced too, from its first access on |
//! | the end of the program's last thread alone (a seccomp filter, `pthread_exit`) | the process ends within a second, as that thread did |
//! | programs that such a program starts | traced too; one that cannot be (static, setuid, an environment without the library) is reported on standard error and in the trace (`untraced reason=child`) |
//! | a mapping that cannot be traced | the trace says so: a MAP record, a blind interval that ends with the mapping, and `untraced reason=limit` or `mapping` |
//! | several files that the user has named | each has its own range of physical addresses: `(f << 52) + (p << 40)`, where `p` is the place of the first pattern that matches and `f` the place of the file among those of this pattern, in the order in which they are first mapped, both from 0; `file map=3 path=…` says which file each mapping is |
//! | a mapping made without going through libc (an instruction `syscall` of the program's own, one from before the library was loaded) | found in `/proc/self/maps`, which is looked at in the beginning, then at most once a second and for at most 0.1 % of a CPU, and at the end (`exit`, `_exit`, `exec`); traced from then on where it can be. A marker and a blind interval `seen-late` say so. One that comes and goes between two looks, or with a program that is killed, is not seen |
//! | the recorder's death | within some seconds nothing is traced any more, and the program goes on |
//! | timing | an access takes some microseconds longer |
//!
//! What the device does by itself (DMA, interrupts) is not seen.

mod action;
mod alias;
mod annotation;
mod area;
mod arena;
mod backend;
mod barrier;
mod capture;
mod clock;
mod code;
mod cost;
mod current;
mod error;
mod file_numbers;
mod fork;
mod frame;
mod handler;
mod handler_stack;
mod handler_state;
mod launch;
mod mapped_file;
mod mapped_names;
mod maps;
mod memory;
mod model;
mod notes;
mod options;
pub mod preload;
mod program;
mod recently_traced;
mod recorder;
mod regions;
mod registry;
mod reserved;
mod shared;
mod space;
mod stack;
mod thread;
mod tracer;
mod unannounced;
mod unmapped;
mod wakeup;
mod worker;

pub use crate::library::{LIBRARY, library_places};
pub use area::Area;
pub use backend::Process;
pub use cost::{Cost, measure_cost};
pub use error::Error;
pub use launch::{CHANNEL_VARIABLE, Launch, MATCH_VARIABLE};
pub use model::Model;
pub use notes::{Notes, Unmatched};
pub use options::Options;
pub use registry::{RunningCapture, running_captures};
pub use shared::{SharedMapping, map_shared};
pub use tracer::{TracedRegion, Tracer};

pub use mapped_file::{MappedFile, matches};
#[doc(hidden)]
pub use shared::doc_example_device;
