//! Which devices there are, where they are, and which map is theirs.

mod bar_spec;
mod devices;
mod lspci;
mod matching;
mod pci_names;

pub use bar_spec::{BarSpec, InvalidBarSpec};
pub use devices::{Device, DeviceId, Devices};
pub(crate) use lspci::{Lspci, LspciLine};
pub(crate) use matching::rank;
pub use mmiotrace_core::PciSelector as DeviceAddress;
pub use pci_names::PciNames;
