//! What a plan is run on, by its name on the command line.

use crate::failure::{Failure, Stop};
use crate::input::{Input, Printing};
use core::ops::ControlFlow;
use core::str::FromStr;
use core::time::Duration;
use mmiotrace_core::EventSink;
use mmiotrace_format::Lifter;
use mmiotrace_replay::{
    DryTarget, Effect, ErasedTarget, Fault, Guarded, ModelBuilder, Plan, SideFiles, Target,
    TargetError, Trigger,
};
use std::path::Path;

/// A target, chosen at run time.
pub(super) type AnyTarget = Box<dyn Target<Error = TargetError> + Send>;

/// A target's name: `dry`, `model:TRACE`, `pci:DDDD:BB:DD.F`, `vfio:DDDD:BB:DD.F`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TargetName {
    Dry,
    Model(String),
    Pci(String),
    Vfio(String),
}

impl FromStr for TargetName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "dry" => Ok(Self::Dry),
            Some(("model", trace)) => Ok(Self::Model(trace.to_owned())),
            Some(("pci", slot)) => Ok(Self::Pci(slot.to_owned())),
            Some(("vfio", slot)) => Ok(Self::Vfio(slot.to_owned())),
            _ => Err("a target is dry, model:TRACE, pci:ADDRESS or vfio:ADDRESS".to_owned()),
        }
    }
}

/// How a model fails, by its name: `frozen@N`, `dead@N`, `removed@N`, after N accesses.
#[derive(Clone, Copy, Debug)]
pub(super) struct FaultName(Fault);

impl FromStr for FaultName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (effect, accesses) = text.split_once('@')?;
            let effect = match effect {
                "frozen" => Effect::Frozen,
                "dead" => Effect::Dead,
                "removed" => Effect::Removed,
                _ => return None,
            };
            Some(Self(Fault::new(
                Trigger::Accesses(accesses.parse().ok()?),
                effect,
            )))
        };
        parse().ok_or_else(|| "a fault is frozen@N, dead@N or removed@N".to_owned())
    }
}

impl TargetName {
    /// Whether a device is behind it.
    pub(super) const fn is_real(&self) -> bool {
        matches!(self, Self::Pci(_) | Self::Vfio(_))
    }

    /// The file that it is made from.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Model(trace) => Some(Path::new(trace)),
            _ => None,
        }
    }

    /// Makes the target. With `limit`, no access may take longer; a model fails as `fault` says.
    pub(super) fn make(
        &self,
        plan: &Plan,
        files: &SideFiles,
        limit: Option<Duration>,
        fault: Option<FaultName>,
    ) -> Result<AnyTarget, Stop> {
        if fault.is_some() && !matches!(self, Self::Model(_)) {
            return Err(Failure::new("--fault", "only a model can be made to fail").into());
        }
        Ok(match self {
            Self::Dry => guard(DryTarget::new(plan, files), limit),
            Self::Model(trace) => {
                let mut model = model(trace)?.build();
                if let Some(FaultName(fault)) = fault {
                    model.add_fault(fault);
                }
                guard(model, limit)
            }
            Self::Pci(slot) => pci(slot, limit)?,
            Self::Vfio(slot) => vfio(slot, limit)?,
        })
    }
}

fn guard<T: Target + Send + 'static>(target: T, limit: Option<Duration>) -> AnyTarget {
    match limit {
        Some(limit) => Box::new(ErasedTarget(Guarded::new(target, limit))),
        None => Box::new(ErasedTarget(target)),
    }
}

/// Learns a device from a trace.
fn model(trace: &str) -> Result<ModelBuilder, Stop> {
    let (mut builder, mut lifter) = (ModelBuilder::new(), Lifter::new());
    let walked = Input::open(trace, Printing::Afterwards)?
        .entries()
        .walk(|entry| {
            let sink: &mut dyn EventSink = &mut builder;
            lifter.push_entry(entry, sink);
            entry.record()?;
            Ok(ControlFlow::Continue(()))
        })?;
    lifter.finish(&mut builder);
    walked.finish()?;
    Ok(builder)
}

fn pci(slot: &str, limit: Option<Duration>) -> Result<AnyTarget, Stop> {
    let slot = slot
        .parse()
        .map_err(|error| Failure::new("--target", error))?;
    Ok(guard(mmiotrace_replay::PciTarget::new(slot), limit))
}

#[cfg(feature = "vfio")]
fn vfio(slot: &str, limit: Option<Duration>) -> Result<AnyTarget, Stop> {
    let slot: mmiotrace_core::PciAddress = slot
        .parse()
        .map_err(|error| Failure::new("--target", error))?;
    let target = mmiotrace_replay::VfioTarget::open_device(&slot.to_string());
    Ok(guard(
        target.map_err(|error| Failure::new("--target", error))?,
        limit,
    ))
}

#[cfg(not(feature = "vfio"))]
fn vfio(_: &str, _: Option<Duration>) -> Result<AnyTarget, Stop> {
    let failure = Failure::new("--target", "this mmiotrace was built without VFIO");
    Err(failure
        .advise("build it with --features vfio, or use pci:")
        .into())
}
