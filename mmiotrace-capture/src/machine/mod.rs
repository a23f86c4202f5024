//! Facts about a machine, read from `/proc` and `/sys` below a root folder.
//!
//! Everything here takes a [`Root`], so that it works on a recorded tree as on the machine itself.
//!
//! ```
//! use mmiotrace_capture::machine::{CpuSet, Root};
//!
//! let online = CpuSet::online(&Root::system()).unwrap_or_default();
//! println!("{} CPUs are on-line: {online}", online.len());
//! ```

mod cpus;
mod displays;
mod identifiers;
mod kernel;
mod log;
mod memory;
mod modules;
mod mounts;
mod pci;
mod pci_ids;
mod pci_text;
mod root;

pub use cpus::{CpuSet, is_hot_pluggable};
pub use displays::{Display, displays};
pub use identifiers::{mac_addresses, serial_numbers};
pub use kernel::{Config, Lockdown, boot_id, command_line, release, secure_boot, version};
pub use log::kernel_log;
pub use memory::available_kib;
pub(crate) use modules::canonical as canonical_module_name;
pub use modules::{ModuleState, is_builtin, module_state, module_version, modules};
pub use mounts::{Mount, mounts};
pub use pci::{PciAddress, PciFunction, PciInventory, Resource};
pub use pci_ids::PciIds;
pub use pci_text::describe;
pub use root::Root;
