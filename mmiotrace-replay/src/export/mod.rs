//! Plans as source code.

mod c;
mod call;
mod json;
mod ops;
mod python;
mod rust;
mod text;

use crate::plan::{Plan, PlanFault, SideFiles};
use crate::print::PlaceNames;
use core::str::FromStr;

/// The language of exported code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Language {
    /// C: a fragment of a Linux kernel module, and of a program in user space.
    C,
    /// Rust, with and without the standard library.
    Rust,
    /// Python 3.
    Python,
    /// JSON: the plan for programs that generate code of their own.
    Json,
}

/// The text names no language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no language (c, rust, python, json)")]
pub struct UnknownLanguage(pub String);

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        match text {
            "c" => Ok(Self::C),
            "rust" => Ok(Self::Rust),
            "python" => Ok(Self::Python),
            "json" => Ok(Self::Json),
            _ => Err(UnknownLanguage(text.to_owned())),
        }
    }
}

/// Writes a plan as source code: a function a section, waits as loops with time-outs, pauses where
/// the driver made them on purpose, expectations checked, registers by name where they have one.
///
/// The code makes the accesses of the plan, in order, each with its width. It does not check
/// preconditions of its own, does not move addresses of BARs, and waits only where the plan has
/// `delay_us` steps: the time between other steps was mostly the tracer's.
///
/// ```
/// use mmiotrace_format::Reader;
/// use mmiotrace_replay::{Language, NoNames, PlanOptions, export, plan_trace};
///
/// let trace = "W 4 1.000000 1 0xfd000000 0x1 0x0 0\n";
/// let planned = plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default())?;
/// let code = export(&planned.plan, &planned.files, Language::Python, &NoNames)?;
/// assert!(code.contains("m.write(MEM0, 0x0, 4, 0x1)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the plan could not be run either ([`Plan::check`]): the code makes no checks of its own.
pub fn export(
    plan: &Plan,
    files: &SideFiles,
    language: Language,
    names: &dyn PlaceNames,
) -> Result<String, PlanFault> {
    plan.check(files)?;
    let program = ops::Program::new(plan, files, names);
    let mut out = String::new();
    let result = match language {
        Language::C => c::write(&program, &mut out),
        Language::Rust => rust::write(&program, &mut out),
        Language::Python => python::write(&program, &mut out),
        Language::Json => json::write(plan, &program, &mut out),
    };
    // Writing into a string does not fail.
    debug_assert!(result.is_ok());
    Ok(out)
}
