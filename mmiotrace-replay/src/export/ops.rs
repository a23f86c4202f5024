//! What all languages are written from.

use crate::plan::{Action, Expect, Pacing, Place, Plan, SideFiles, Step, Transfer, is_forbidden};
use crate::print::PlaceNames;
use mmiotrace_core::{Value, Width};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A plan, with everything looked up.
pub(super) struct Program {
    pub(super) trace: String,
    /// A constant a region, in upper case, and its length.
    pub(super) regions: Vec<(String, u64)>,
    /// Constants of named registers: name and offset.
    pub(super) registers: BTreeMap<String, u64>,
    /// The bytes of transfers, by constant.
    pub(super) data: Vec<(String, Vec<u8>)>,
    pub(super) sections: Vec<Part>,
}

/// A section.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) line: u64,
    pub(super) ops: Vec<(u64, Op)>,
}

/// Where an access goes, as text: the constants of region and register, or the offset.
pub(super) struct At {
    pub(super) region: String,
    pub(super) offset: String,
    pub(super) width: u8,
}

/// What is expected of a read: value and mask.
#[derive(Clone, Copy)]
pub(super) struct Want {
    pub(super) value: u64,
    pub(super) mask: u64,
}

/// One thing to do.
pub(super) enum Op {
    Write {
        at: At,
        value: u64,
    },
    Read {
        at: At,
        times: u64,
        want: Option<Want>,
    },
    Poll {
        at: At,
        mask: u64,
        value: u64,
        timeout_us: u64,
        interval_us: u64,
        tries: u64,
        want: Option<Want>,
    },
    Upload {
        at: At,
        stride: i64,
        data: String,
        count: u64,
    },
    Download {
        at: At,
        stride: i64,
        data: String,
        count: u64,
    },
    Fill {
        at: At,
        stride: i64,
        value: u64,
        count: u64,
    },
    Delay {
        micros: u64,
    },
    Mark(String),
    Skip(String),
    Stop(String),
}

impl Program {
    pub(super) fn new(plan: &Plan, files: &SideFiles, names: &dyn PlaceNames) -> Self {
        let mut maker = Maker {
            plan,
            files,
            names,
            regions: region_constants(plan),
            registers: BTreeMap::new(),
            register_names: HashMap::new(),
            data: Vec::new(),
        };
        let sections = plan.sections.iter().map(|section| Part {
            name: section.name.clone(),
            line: section.line,
            ops: section
                .steps
                .iter()
                .filter_map(|step| Some((step.line, maker.op(step, section.pacing)?)))
                .collect(),
        });
        let sections = sections.collect();
        let lens = plan.regions.iter().map(|region| region.len);
        Self {
            trace: plan.trace.clone(),
            regions: maker.regions.into_iter().zip(lens).collect(),
            registers: maker.registers,
            data: maker.data,
            sections,
        }
    }
}

/// Turns `bar0` and `e1000.bar0` into constants that differ.
fn region_constants(plan: &Plan) -> Vec<String> {
    let mut used = HashSet::new();
    plan.regions
        .iter()
        .map(|region| unique(&region.name, &mut |name| used.insert(name.to_owned())))
        .collect()
}

/// Names in upper case that the heads of the exported files use; those that begin with `REPLAY_`
/// and `DATA_` besides.
const RESERVED: [&str; 6] = [
    "NULL",
    "EIO",
    "ECANCELED",
    "ETIMEDOUT",
    "CLOCK_MONOTONIC",
    "EOF",
];

/// An upper-case identifier like `name` that `take` accepts.
fn unique(name: &str, take: &mut dyn FnMut(&str) -> bool) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let mut stem: String = name.chars().map(plain).collect();
    if !stem.starts_with(|c: char| c.is_ascii_alphabetic()) {
        stem.insert(0, 'R');
    }
    if RESERVED.contains(&stem.as_str()) || stem.starts_with("REPLAY_") || stem.starts_with("DATA_")
    {
        stem.insert_str(0, "REG_");
    }
    let mut candidate = stem.clone();
    let mut number = 2;
    while !take(&candidate) {
        candidate = format!("{stem}_{number}");
        number += 1;
    }
    candidate
}

struct Maker<'a> {
    plan: &'a Plan,
    files: &'a SideFiles,
    names: &'a dyn PlaceNames,
    regions: Vec<String>,
    registers: BTreeMap<String, u64>,
    register_names: HashMap<(Place, Width), String>,
    data: Vec<(String, Vec<u8>)>,
}

impl Maker<'_> {
    fn op(&mut self, step: &Step, pacing: Pacing) -> Option<Op> {
        if is_forbidden(self.plan, step) {
            return Some(Op::Skip("the plan forbids this place".to_owned()));
        }
        let wide = step
            .place()
            .is_some_and(|(_, width)| !matches!(width.bytes(), 1 | 2 | 4 | 8));
        if wide {
            return Some(Op::Skip(format!(
                "{} cannot be written as one access here",
                describe(step, self.plan)
            )));
        }
        let (place, width) = step.place().unzip();
        let at = place
            .zip(width)
            .and_then(|(place, width)| self.at(place, width));
        Some(match &step.action {
            Action::Write(write) => Op::Write {
                at: at?,
                value: write.value.to_u64()?,
            },
            Action::Read(read) => Op::Read {
                at: at?,
                times: read.times,
                want: want(read.expect.as_ref()),
            },
            Action::Poll(poll) => Op::Poll {
                at: at?,
                mask: poll.until.mask,
                value: poll.until.value,
                timeout_us: micros(poll.timeout),
                interval_us: micros(poll.interval).max(1),
                tries: if poll.timed_out { poll.reads.max(1) } else { 0 },
                want: want(poll.expect.as_ref()),
            },
            Action::Upload(transfer) => {
                let data = self.data(transfer);
                Op::Upload {
                    at: at?,
                    stride: transfer.stride,
                    data,
                    count: transfer.count,
                }
            }
            Action::Download(transfer) => {
                let data = self.data(transfer);
                Op::Download {
                    at: at?,
                    stride: transfer.stride,
                    data,
                    count: transfer.count,
                }
            }
            Action::Fill(fill) => Op::Fill {
                at: at?,
                stride: fill.stride,
                value: fill.value.to_u64()?,
                count: fill.count,
            },
            Action::Delay(_) if pacing == Pacing::None => return None,
            Action::Delay(time) => Op::Delay {
                micros: micros(*time),
            },
            Action::Mark(text) => Op::Mark(text.clone()),
            Action::Skip(skip) => Op::Skip(format!("{} accesses: {}", skip.count, skip.why)),
            Action::Stop(why) => Op::Stop(why.clone()),
        })
    }

    fn at(&mut self, place: Place, width: Width) -> Option<At> {
        let region = self.regions.get(usize::from(place.region.0))?.clone();
        let offset = match self.register(place, width) {
            Some(name) => name,
            None => format!("{:#x}", place.offset),
        };
        Some(At {
            region,
            offset,
            width: width.bytes(),
        })
    }

    fn register(&mut self, place: Place, width: Width) -> Option<String> {
        if let Some(name) = self.register_names.get(&(place, width)) {
            return Some(name.clone());
        }
        let name = self.names.name(self.plan, place, width)?;
        let taken: HashSet<&String> = self.regions.iter().collect();
        let registers = &self.registers;
        let name = unique(&name, &mut |name| {
            let free = !taken.contains(&name.to_owned());
            free && registers
                .get(name)
                .is_none_or(|offset| *offset == place.offset)
        });
        self.registers.insert(name.clone(), place.offset);
        self.register_names.insert((place, width), name.clone());
        Some(name)
    }

    fn data(&mut self, transfer: &Transfer) -> String {
        let values = (0..transfer.count).map_while(|index| self.files.value(transfer, index));
        let bytes = values
            .flat_map(|value: Value| value.as_le_bytes().to_vec())
            .collect();
        let name = format!("DATA_{}", self.data.len());
        self.data.push((name.clone(), bytes));
        name
    }
}

fn describe(step: &Step, plan: &Plan) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = crate::print::step(step, plan, &crate::print::NoNames, &mut text);
    text
}

fn want(expect: Option<&Expect>) -> Option<Want> {
    let expect = expect?;
    Some(Want {
        value: expect.value.to_u64()?,
        mask: expect.mask.to_u64()?,
    })
}

fn micros(time: core::time::Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}

impl Want {
    /// All bits of a width on, nothing masked: 0 where nothing is expected.
    pub(super) const fn or_nothing(want: Option<Self>) -> Self {
        match want {
            Some(want) => want,
            None => Self { value: 0, mask: 0 },
        }
    }
}
