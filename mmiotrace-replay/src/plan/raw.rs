//! A plan as TOML has it, before names are looked up and numbers fitted.

use super::number::{Micros, Number};
use super::{Device, Region, UnknowableKind};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    pub(super) plan: Spanned<u32>,
    #[serde(default)]
    pub(super) trace: String,
    #[serde(default)]
    pub(super) device: Vec<Device>,
    #[serde(default)]
    pub(super) region: Vec<Spanned<Region>>,
    #[serde(default)]
    pub(super) names: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) precondition: Vec<Spanned<RawStep>>,
    #[serde(default)]
    pub(super) forbidden: Vec<Spanned<RawForbidden>>,
    #[serde(default)]
    pub(super) unknowable: Vec<Spanned<RawUnknowable>>,
    #[serde(default)]
    pub(super) on_abort: Vec<Spanned<RawStep>>,
    #[serde(default)]
    pub(super) section: Vec<RawSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawForbidden {
    pub(super) place: String,
    pub(super) len: Number,
    #[serde(default)]
    pub(super) why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUnknowable {
    pub(super) kind: UnknowableKind,
    pub(super) text: String,
    #[serde(default)]
    pub(super) signs: u64,
    #[serde(default)]
    pub(super) evidence: Vec<RawEvidence>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEvidence {
    pub(super) line: u64,
    pub(super) place: Option<String>,
    pub(super) width: Option<u8>,
    pub(super) value: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSection {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) line: u64,
    #[serde(default)]
    pub(super) pacing: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) steps: Vec<Spanned<RawStep>>,
}

/// Every key that a step may have. Which belong together, [`load`](super::load) checks.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStep {
    pub(super) line: u64,
    pub(super) after_us: Micros,
    pub(super) width: Option<u8>,

    pub(super) write: Option<String>,
    pub(super) read: Option<String>,
    pub(super) poll: Option<String>,
    pub(super) upload: Option<String>,
    pub(super) download: Option<String>,
    pub(super) fill: Option<String>,
    pub(super) delay_us: Option<Micros>,
    pub(super) mark: Option<String>,
    pub(super) skip: Option<String>,
    pub(super) stop: Option<String>,

    pub(super) value: Option<Number>,
    pub(super) points: Option<String>,
    pub(super) expect: Option<Number>,
    pub(super) expect_mask: Option<Number>,
    pub(super) why: Option<String>,
    pub(super) times: Option<u64>,
    pub(super) must: Option<bool>,
    pub(super) mask: Option<Number>,
    pub(super) timeout_us: Option<Micros>,
    pub(super) interval_us: Option<Micros>,
    pub(super) reads: Option<u64>,
    pub(super) timed_out: Option<bool>,
    pub(super) stride: Option<i64>,
    pub(super) file: Option<String>,
    pub(super) from: Option<u64>,
    pub(super) count: Option<u64>,
}
