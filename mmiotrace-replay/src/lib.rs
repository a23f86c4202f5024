//! Does again what a driver did: recorded accesses as plans, run on devices or on what stands for
//! them.
//!
//! A trace of memory-mapped I/O is not a program. It says what one driver did to one device, once;
//! how long a wait took there, which bits happened to be set, where the firmware had put the
//! device. [`plan_trace`] makes a [`Plan`] of it: writes, reads with expectations, waits with
//! conditions and time-outs, pauses, preconditions, and the list of what no trace can know. A plan
//! is a file to be read and edited. A [`Runner`] runs it on a [`Target`], and a [`Report`] says
//! what came of it, register by register.
//!
//! ```
//! use mmiotrace_format::Reader;
//! use mmiotrace_replay::{ModelBuilder, Plan, PlanOptions, RunOptions, Runner, Silent, plan_trace};
//!
//! let trace = "MAP 6.060175 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
//!              R 4 6.063646 1 0xfebc0008 0x80080783 0x0 0\n\
//!              W 4 6.066783 1 0xfebc0020 0x08210000 0x0 0\n\
//!              R 4 6.066890 1 0xfebc0020 0x00000000 0x0 0\n\
//!              R 4 6.066990 1 0xfebc0020 0x00000000 0x0 0\n\
//!              R 4 6.067090 1 0xfebc0020 0x10000000 0x0 0\n";
//! let planned = plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default())?;
//! assert!(planned.plan.to_toml().contains("poll = \"mem0+0x20\", mask = 0x10000000, value = 0x10000000"));
//! let plan = Plan::from_toml(&planned.plan.to_toml())?;
//!
//! let device = ModelBuilder::from_trace(Reader::new(trace.as_bytes()))?.build();
//! let report = Runner::new(&plan, &planned.files, device).run(&RunOptions::default(), &mut Silent);
//! assert!(report.is_clean());
//! assert_eq!((report.writes, report.reads), (1, 4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Targets
//! | target | what it is |
//! | --- | --- |
//! | [`DryTarget`] | nothing: answers as the plan expects |
//! | [`Model`] | a device inferred from a trace; also a test double for a driver |
//! | `PciTarget` (feature `pci`) | a PCI device without driver, through sysfs |
//! | `VfioTarget` (feature `vfio`) | a PCI device bound to vfio-pci |
//! | [`Recorder`] | any of these, and a trace of what was done |
//! | [`Guarded`] | any of these, given up where it does not answer |
//!
//! Other tools bring their own: [`Target`] has three methods that must be written, and an
//! [`Observer`] gets what came of every step as data. The example `own_target` of this crate is such a
//! tool. The file format of plans is described in the repository's `docs/plan.md`.
//!
//! # Safety of devices
//! A run does nothing to a device that is not the plan's, is bound, or is in another state than
//! recorded ([`Plan::preconditions`]). It stops where the plan says that the device gets what the
//! trace does not have. It ends at the first wait that takes too long and at the first value that
//! is not as recorded, unless told otherwise. [`Breadcrumbs`] survive a frozen machine, and
//! [`Bisect`] finds the step that froze it.
#![deny(unsafe_code)]

mod build;
mod export;
mod plan;
mod print;
mod run;
mod target;

pub use build::{PlanBuilder, PlanOptions, Planned, plan_trace};
pub use export::{Language, UnknownLanguage, export};
pub use plan::{
    Action, Device, Evidence, Expect, Fill, Forbidden, MAX_SIDE_FILE, MAX_STEP_ACCESSES,
    NamedPlace, PLAN_VERSION, Pacing, Place, Plan, PlanError, PlanFault, Points, Poll, Read,
    Region, RegionId, Section, SideFiles, Skip, Step, Transfer, Unknowable, UnknowableKind,
    UnknownPacing, Write,
};
pub use print::{NoNames, PlaceNames, PlanNames, step as print_step};
pub use run::{
    Bisect, BisectState, Breadcrumbs, Decision, Divergence, Ending, LastCrumb, Observer,
    OnMismatch, Outcome, RegisterReport, Report, RunOptions, RunVerdict, Runner, Silent,
    SkipReason, StepView, Timeout,
};
#[cfg(all(any(feature = "pci", feature = "vfio"), target_os = "linux"))]
pub use target::AccessError;
pub use target::{
    DryTarget, Effect, ErasedTarget, Fault, GuardError, Guarded, Model, ModelBuilder, ModelError,
    ModelRegister, Recorder, Target, TargetError, Trigger,
};
#[cfg(all(feature = "pci", target_os = "linux"))]
pub use target::{PciError, PciTarget, Refusal};
#[cfg(all(feature = "vfio", target_os = "linux"))]
pub use target::{VfioError, VfioTarget};

/// The example of the README is tested as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
