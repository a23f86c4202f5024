//! What a register map says, as plain data.
//!
//! Everything here is public data that can be read, changed and written back as TOML. Nothing is
//! looked up in it directly: [`RegisterMap::compile`](crate::RegisterMap::compile) checks it and
//! builds what look-ups need. Arrays stay arrays; a register array of 10^9 elements costs as much
//! as one register.

mod condition;
mod dynamic;
mod effect;
mod item;
mod map;
mod merge;
mod space;
mod value_type;
mod window;

pub use condition::{
    Condition, ConditionId, Detect, DetectRule, DetectThen, VariantSet, Varset, VarsetId,
};
pub use dynamic::{Dynamic, FieldRef, MappingHint, RegisterRef, Scale};
pub use effect::{AccessMode, ReadEffect, WriteEffect};
pub use item::{Block, Item, List, ListId, Register};
pub use map::{DeviceMatch, RegisterMap};
pub use space::{Inside, Space, SpaceId, SpaceLocation};
pub(crate) use value_type::low_mask;
pub use value_type::{EnumValue, Field, Form, NamedType, TypeId, ValueType};
pub use window::{Command, Indirect, Window};
