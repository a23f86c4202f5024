//! The database as its files have it, before names are resolved.

use crate::error::{LoadError, LoadErrorKind, SourceText, Warning};
use std::rc::Rc;

/// Where something stands.
#[derive(Clone, Debug)]
pub(super) struct SourcePos {
    pub(super) file: Rc<SourceText>,
    pub(super) byte: usize,
}

impl SourcePos {
    pub(super) fn error(&self, kind: LoadErrorKind, text: impl Into<String>) -> LoadError {
        LoadError::new(kind, text)
            .at(self.file.position(self.byte))
            .in_file(&self.file.path)
    }

    pub(super) fn warning(&self, text: impl Into<String>) -> Warning {
        let position = Some(self.file.position(self.byte));
        Warning {
            text: text.into(),
            file: Some(self.file.path.clone()),
            position,
        }
    }
}

/// What decides on which chips something exists.
#[derive(Clone, Debug, Default)]
pub(super) struct RawVariants {
    pub(super) prefix: Option<String>,
    pub(super) varset: Option<String>,
    pub(super) variants: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct RawType {
    pub(super) name: Option<String>,
    pub(super) shr: u64,
    pub(super) add: u64,
    pub(super) align: u64,
    pub(super) radix: u64,
    pub(super) values: Vec<RawValue>,
    pub(super) fields: Vec<RawField>,
}

#[derive(Clone, Debug)]
pub(super) struct RawValue {
    pub(super) name: String,
    pub(super) value: Option<u64>,
    pub(super) variants: RawVariants,
    pub(super) doc: String,
    pub(super) place: SourcePos,
}

#[derive(Clone, Debug)]
pub(super) struct RawField {
    pub(super) name: String,
    pub(super) low: u8,
    pub(super) high: u8,
    pub(super) value_type: RawType,
    pub(super) variants: RawVariants,
    pub(super) doc: String,
    pub(super) place: SourcePos,
}

#[derive(Clone, Debug)]
pub(super) struct RawEnum {
    pub(super) name: String,
    pub(super) inline: bool,
    pub(super) variants: RawVariants,
    pub(super) values: Vec<RawValue>,
}

#[derive(Clone, Debug)]
pub(super) struct RawBitset {
    pub(super) name: String,
    pub(super) inline: bool,
    pub(super) variants: RawVariants,
    pub(super) fields: Vec<RawField>,
}

#[derive(Clone, Debug)]
pub(super) struct RawSpectype {
    pub(super) name: String,
    pub(super) value_type: RawType,
    pub(super) place: SourcePos,
}

#[derive(Clone, Debug)]
pub(super) struct RawGroup {
    pub(super) name: String,
    pub(super) items: Vec<RawItem>,
}

#[derive(Clone, Debug)]
pub(super) struct RawDomain {
    pub(super) name: String,
    pub(super) width: u64,
    pub(super) size: Option<u64>,
    pub(super) variants: RawVariants,
    pub(super) items: Vec<RawItem>,
    pub(super) doc: String,
}

#[derive(Clone, Debug)]
pub(super) enum RawItem {
    UseGroup { name: String, place: SourcePos },
    Block(Box<RawBlock>),
    Register(Box<RawRegister>),
}

#[derive(Clone, Debug)]
pub(super) struct RawBlock {
    pub(super) array: bool,
    pub(super) name: Option<String>,
    pub(super) offset: u64,
    pub(super) offsets: Vec<u64>,
    /// The offset is only known when the device runs (Mesa's `doffset`).
    pub(super) dynamic: bool,
    pub(super) stride: u64,
    pub(super) length: u64,
    pub(super) index: Option<String>,
    pub(super) variants: RawVariants,
    pub(super) items: Vec<RawItem>,
    pub(super) doc: String,
    pub(super) place: SourcePos,
}

#[derive(Clone, Debug)]
pub(super) struct RawRegister {
    pub(super) name: String,
    pub(super) width: u8,
    pub(super) offset: u64,
    pub(super) stride: u64,
    pub(super) length: u64,
    pub(super) access: crate::model::AccessMode,
    pub(super) value_type: RawType,
    pub(super) variants: RawVariants,
    pub(super) doc: String,
    pub(super) place: SourcePos,
}
