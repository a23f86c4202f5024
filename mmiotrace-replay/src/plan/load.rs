//! From TOML to a plan.

use super::raw::{RawEvidence, RawPlan, RawStep};
use super::{
    Action, Evidence, Expect, Fill, Forbidden, MAX_STEP_ACCESSES, PLAN_VERSION, Pacing, Place,
    Plan, Points, Poll, Read, Region, RegionId, Section, Skip, Step, Transfer, Unknowable, Write,
    place,
};
use core::ops::Range;
use core::time::Duration;
use mmiotrace_analysis::blocks::Condition;
use mmiotrace_core::{Marker, Value, Width};
use toml::Spanned;

/// A plan that cannot be read, with the place of the fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct PlanError {
    line: u64,
    byte: u64,
    what: String,
}

impl PlanError {
    /// The line of the fault, counted from 1.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// The byte of the fault, counted from 0 at the beginning of the file.
    #[must_use]
    pub const fn byte(&self) -> u64 {
        self.byte
    }

    /// What is wrong.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    fn new(text: &str, byte: usize, what: impl Into<String>) -> Self {
        let before = text.as_bytes().iter().take(byte);
        let line = before.filter(|byte| **byte == b'\n').count() as u64 + 1;
        Self {
            line,
            byte: byte as u64,
            what: what.into(),
        }
    }
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// Where the text is no TOML, has a key that no plan has, misses one, names a region that is
    /// not there, or has a number that does not fit its width.
    pub fn from_toml(text: &str) -> Result<Self, PlanError> {
        // The version first: a later one may have keys that are not known here.
        check_version(text)?;
        let raw: RawPlan = toml::from_str(text).map_err(|error| {
            let byte = error.span().map_or(0, |span| span.start);
            PlanError::new(text, byte, error.message())
        })?;
        check_is_current(text, &raw.plan)?;
        Loader {
            text,
            regions: Vec::new(),
        }
        .plan(raw)
    }
}

fn check_version(text: &str) -> Result<(), PlanError> {
    #[derive(serde::Deserialize)]
    struct Version {
        plan: Option<Spanned<u32>>,
    }
    match toml::from_str(text) {
        Ok(Version {
            plan: Some(version),
        }) => check_is_current(text, &version),
        // What is wrong, the whole reading tells.
        _ => Ok(()),
    }
}

fn check_is_current(text: &str, version: &Spanned<u32>) -> Result<(), PlanError> {
    if *version.get_ref() == PLAN_VERSION {
        return Ok(());
    }
    let what = format!(
        "plan version {} (this program reads version {PLAN_VERSION})",
        version.get_ref()
    );
    Err(PlanError::new(text, version.span().start, what))
}

/// The longest wait, and the time between two reads of it, if a plan does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
const DEFAULT_INTERVAL: Duration = Duration::from_micros(10);

/// Something wrong with a step, before its place in the file is added.
type Fault = String;

struct Loader<'a> {
    text: &'a str,
    regions: Vec<Region>,
}

impl Loader<'_> {
    fn at<T>(&self, span: Range<usize>, result: Result<T, Fault>) -> Result<T, PlanError> {
        result.map_err(|what| PlanError::new(self.text, span.start, what))
    }

    fn plan(mut self, raw: RawPlan) -> Result<Plan, PlanError> {
        for region in raw.region {
            let span = region.span();
            let checked = check_region(region.into_inner(), &self.regions, &raw.device);
            let region = self.at(span, checked)?;
            self.regions.push(region);
        }
        let mut plan = Plan {
            trace: raw.trace,
            devices: raw.device,
            ..Plan::default()
        };
        for (place, name) in raw.names {
            let place = self.at(name.span(), self.place(&place))?;
            plan.names.insert(place, name.into_inner());
        }
        for step in raw.precondition {
            let span = step.span();
            let read = match self.step(step)?.action {
                Action::Read(read) => Ok(Read { must: true, ..read }),
                _ => Err("a precondition is a read".to_owned()),
            };
            plan.preconditions.push(self.at(span, read)?);
        }
        for raw in raw.forbidden {
            let (span, raw) = (raw.span(), raw.into_inner());
            let len = raw
                .len
                .to_u64()
                .ok_or_else(|| "len has more than 64 bits".to_owned());
            let (place, len) = (self.place(&raw.place), self.at(span.clone(), len)?);
            plan.forbidden.push(Forbidden {
                place: self.at(span, place)?,
                len,
                why: raw.why,
            });
        }
        for raw in raw.unknowable {
            let (span, raw) = (raw.span(), raw.into_inner());
            let evidence: Result<Vec<_>, _> =
                raw.evidence.iter().map(|raw| self.evidence(raw)).collect();
            let evidence = self.at(span, evidence)?;
            plan.unknowable.push(Unknowable {
                kind: raw.kind,
                text: raw.text,
                evidence,
                signs: raw.signs,
            });
        }
        plan.on_abort = self.steps(raw.on_abort)?;
        for raw in raw.section {
            let pacing = match raw.pacing {
                Some(pacing) => {
                    let parsed = pacing
                        .get_ref()
                        .parse::<Pacing>()
                        .map_err(|error| error.to_string());
                    self.at(pacing.span(), parsed)?
                }
                None => Pacing::default(),
            };
            let steps = self.steps(raw.steps)?;
            let name = check_marker(raw.name.get_ref());
            self.at(raw.name.span(), name)?;
            plan.sections.push(Section {
                name: raw.name.into_inner(),
                line: raw.line,
                pacing,
                steps,
            });
        }
        plan.regions = self.regions;
        Ok(plan)
    }

    fn steps(&self, raw: Vec<Spanned<RawStep>>) -> Result<Vec<Step>, PlanError> {
        raw.into_iter().map(|raw| self.step(raw)).collect()
    }

    fn step(&self, raw: Spanned<RawStep>) -> Result<Step, PlanError> {
        let span = raw.span();
        let raw = raw.into_inner();
        let action = self.action(&raw);
        Ok(Step {
            line: raw.line,
            after: raw.after_us.0,
            action: self.at(span, action)?,
        })
    }

    fn action(&self, raw: &RawStep) -> Result<Action, Fault> {
        let only = Keys(raw);
        only.one_action()?;
        if let Some(place) = &raw.write {
            only.allow(&["value", "points"])?;
            let value = value(raw.value, width(raw)?, "value")?.ok_or("a write needs a value")?;
            let points = raw
                .points
                .as_deref()
                .map(|points| self.points(points))
                .transpose()?;
            Ok(Action::Write(Write {
                place: self.place(place)?,
                value,
                points,
            }))
        } else if let Some(place) = &raw.read {
            only.allow(&["expect", "expect_mask", "why", "times", "must"])?;
            let width = width(raw)?;
            let times = accesses(raw.times.unwrap_or(1), "times")?;
            let must = raw.must.unwrap_or(false);
            Ok(Action::Read(Read {
                place: self.place(place)?,
                width,
                times,
                expect: expect(raw, width)?,
                must,
            }))
        } else if let Some(place) = &raw.poll {
            only.allow(&[
                "mask",
                "value",
                "timeout_us",
                "interval_us",
                "reads",
                "timed_out",
                "expect",
                "expect_mask",
                "why",
            ])?;
            self.poll(place, raw)
        } else if let Some(place) = &raw.fill {
            only.allow(&["value", "stride", "count"])?;
            let value = value(raw.value, width(raw)?, "value")?.ok_or("a fill needs a value")?;
            let (stride, count) = (
                stride(raw, value.width()),
                accesses(raw.count.ok_or("a fill needs a count")?, "count")?,
            );
            Ok(Action::Fill(Fill {
                place: self.place(place)?,
                value,
                stride,
                count,
            }))
        } else if let Some(place) = raw.upload.as_ref().or(raw.download.as_ref()) {
            only.allow(&["stride", "file", "from", "count"])?;
            let transfer = self.transfer(place, raw)?;
            Ok(if raw.upload.is_some() {
                Action::Upload(transfer)
            } else {
                Action::Download(transfer)
            })
        } else if let Some(delay) = raw.delay_us {
            only.allow(&[])?;
            Ok(Action::Delay(delay.0))
        } else if let Some(text) = &raw.mark {
            only.allow(&[])?;
            check_marker(text)?;
            Ok(Action::Mark(text.clone()))
        } else if let Some(place) = &raw.skip {
            only.allow(&["count", "why"])?;
            let place = if place.is_empty() {
                None
            } else {
                Some(self.place(place)?)
            };
            let why = raw.why.clone().unwrap_or_default();
            Ok(Action::Skip(Skip {
                place,
                count: raw.count.unwrap_or(0),
                why,
            }))
        } else {
            only.allow(&[])?;
            Ok(Action::Stop(raw.stop.clone().unwrap_or_default()))
        }
    }

    fn poll(&self, place: &str, raw: &RawStep) -> Result<Action, Fault> {
        let width = width(raw)?;
        let max = width.max_u64().ok_or("a poll is of at most 8 bytes")?;
        let bits = |number: Option<super::number::Number>, name| {
            let number = number.ok_or_else(|| format!("a poll needs {name}"))?;
            let number = number.to_u64().filter(|number| *number <= max);
            number.ok_or_else(|| format!("{name} does not fit {width} bytes"))
        };
        let until = Condition {
            mask: bits(raw.mask, "mask")?,
            value: bits(raw.value, "value")?,
        };
        if until.mask == 0 || until.value & !until.mask != 0 {
            return Err("the value has bits outside of the mask, or the mask is 0".into());
        }
        Ok(Action::Poll(Poll {
            place: self.place(place)?,
            width,
            until,
            timeout: raw.timeout_us.map_or(DEFAULT_TIMEOUT, |time| time.0),
            interval: raw.interval_us.map_or(DEFAULT_INTERVAL, |time| time.0),
            reads: accesses(raw.reads.unwrap_or(1), "reads")?,
            timed_out: raw.timed_out.unwrap_or(false),
            expect: expect(raw, width)?,
        }))
    }

    fn transfer(&self, place: &str, raw: &RawStep) -> Result<Transfer, Fault> {
        let width = width(raw)?;
        Ok(Transfer {
            place: self.place(place)?,
            width,
            stride: stride(raw, width),
            file: raw.file.clone().ok_or("a transfer needs a file")?,
            from: raw.from.unwrap_or(0),
            count: accesses(raw.count.ok_or("a transfer needs a count")?, "count")?,
        })
    }

    fn place(&self, text: &str) -> Result<Place, Fault> {
        place::parse(text, &self.regions)
            .ok_or_else(|| format!("{text:?} is no place (REGION+OFFSET)"))
    }

    fn points(&self, text: &str) -> Result<Points, Fault> {
        match text {
            "host-memory" => Ok(Points::HostMemory),
            "interrupt" => Ok(Points::Interrupt),
            _ => {
                let index = self.regions.iter().position(|region| region.name == text);
                let id = index.and_then(|index| u16::try_from(index).ok());
                let id = id.ok_or_else(|| {
                    format!("{text:?} is no region, nor host-memory, nor interrupt")
                })?;
                Ok(Points::Region(RegionId(id)))
            }
        }
    }

    fn evidence(&self, raw: &RawEvidence) -> Result<Evidence, Fault> {
        let place = raw
            .place
            .as_deref()
            .map(|place| self.place(place))
            .transpose()?;
        let width = match raw.width {
            Some(width) => Width::from_bytes(width).ok_or_else(|| format!("width {width}"))?,
            None => Width::W4,
        };
        Ok(Evidence {
            line: raw.line,
            place,
            value: value(raw.value, width, "value")?,
        })
    }
}

fn check_region(
    region: Region,
    known: &[Region],
    devices: &[super::Device],
) -> Result<Region, Fault> {
    if known.iter().any(|other| other.name == region.name) {
        return Err(format!("a second region {:?}", region.name));
    }
    if region.name.is_empty() || region.name.contains('+') || known.len() > usize::from(u16::MAX) {
        return Err(format!("{:?} cannot be a region's name", region.name));
    }
    if let Some(device) = &region.device
        && !devices.iter().any(|known| known.name == *device)
    {
        return Err(format!("no device {device:?}"));
    }
    Ok(region)
}

/// A run writes it as a marker into the trace that it records.
fn check_marker(text: &str) -> Result<(), Fault> {
    Marker::check_text(text.as_bytes()).map_err(|error| error.to_string())
}

fn width(raw: &RawStep) -> Result<Width, Fault> {
    let width = raw.width.unwrap_or(4);
    Width::from_bytes(width).ok_or_else(|| format!("width {width} (1 to 64 bytes)"))
}

fn value(
    number: Option<super::number::Number>,
    width: Width,
    name: &str,
) -> Result<Option<Value>, Fault> {
    let fit = |number: super::number::Number| {
        number
            .to_value(width)
            .ok_or_else(|| format!("{name} does not fit {width} bytes"))
    };
    number.map(fit).transpose()
}

fn expect(raw: &RawStep, width: Width) -> Result<Option<Expect>, Fault> {
    let Some(expected) = value(raw.expect, width, "expect")? else {
        return Ok(None);
    };
    let mask = value(raw.expect_mask, width, "expect_mask")?;
    let why = raw.why.clone().unwrap_or_default();
    Ok(Some(Expect {
        value: expected,
        mask: mask.unwrap_or_else(|| super::all_ones(width)),
        why,
    }))
}

fn stride(raw: &RawStep, width: Width) -> i64 {
    raw.stride.unwrap_or_else(|| i64::from(width.bytes()))
}

/// How many accesses a step makes: not so many that it would not end.
fn accesses(count: u64, name: &str) -> Result<u64, Fault> {
    if count > MAX_STEP_ACCESSES {
        return Err(format!(
            "{name} = {count}: a step makes at most {MAX_STEP_ACCESSES} accesses"
        ));
    }
    Ok(count)
}

/// The keys that a step has.
struct Keys<'a>(&'a RawStep);

impl Keys<'_> {
    fn one_action(&self) -> Result<(), Fault> {
        let raw = self.0;
        let texts = [
            &raw.write,
            &raw.read,
            &raw.poll,
            &raw.upload,
            &raw.download,
            &raw.fill,
            &raw.mark,
            &raw.skip,
            &raw.stop,
        ];
        let count = texts.iter().filter(|text| text.is_some()).count()
            + usize::from(raw.delay_us.is_some());
        if count == 1 {
            return Ok(());
        }
        Err("a step has one of write, read, poll, upload, download, fill, delay_us, mark, skip, stop".into())
    }

    /// A key that does not belong to the action is a mistake that would otherwise be overlooked.
    fn allow(&self, keys: &[&str]) -> Result<(), Fault> {
        let raw = self.0;
        let present = [
            ("value", raw.value.is_some()),
            ("points", raw.points.is_some()),
            ("expect", raw.expect.is_some()),
            ("expect_mask", raw.expect_mask.is_some()),
            ("why", raw.why.is_some()),
            ("times", raw.times.is_some()),
            ("must", raw.must.is_some()),
            ("mask", raw.mask.is_some()),
            ("timeout_us", raw.timeout_us.is_some()),
            ("interval_us", raw.interval_us.is_some()),
            ("reads", raw.reads.is_some()),
            ("timed_out", raw.timed_out.is_some()),
            ("stride", raw.stride.is_some()),
            ("file", raw.file.is_some()),
            ("from", raw.from.is_some()),
            ("count", raw.count.is_some()),
        ];
        match present
            .iter()
            .find(|(name, is)| *is && !keys.contains(name))
        {
            Some((name, _)) => Err(format!("{name} does not belong to this step")),
            None => Ok(()),
        }
    }
}
