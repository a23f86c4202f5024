//! `mmiotrace map`: making, checking and showing register maps.

use crate::failure::{Failure, Outcome, Stop, plain};
use crate::input::{Input, Printing};
use crate::naming::failure_of;
use crate::output::Output;
use core::ops::ControlFlow;
use mmiotrace_format::Record;
use mmiotrace_registers::model::Item;
use mmiotrace_registers::{
    BarSpec, CompiledMap, DeviceAddress, Draft, Drafted, Hidden, LoadErrorKind, Loader,
    Reachability, Warning, bundled,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Draft a register map from a trace, check maps, show those that come with the command
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace map new trace.mmiotrace.xz -o mine.toml
  mmiotrace map check mine.toml
  mmiotrace map list
  mmiotrace map show e1000
  mmiotrace map show --domain NV_MMIO rnndb/root.xml > nvidia.toml")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    New(New),
    Check(Check),
    List,
    Show(Show),
}

/// Draft a map from a trace: offsets, widths, directions, constant bits, probable choices, polls
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace map new trace.mmiotrace.xz -o mine.toml
  mmiotrace map new --device 00:03.0 trace.mmiotrace > mine.toml

Of several devices the one that was accessed most is drafted; the others are told.")]
struct New {
    /// The trace; `-` is standard input
    #[arg(value_name = "TRACE")]
    trace: String,

    /// The file to write; it must not be there yet [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The device to draft
    #[arg(long, value_name = "[DDDD:]BB:DD.F", value_parser = device)]
    device: Option<DeviceAddress>,

    /// Where a device's BAR lies, for traces that do not say it
    #[arg(long, value_name = "BB:DD.F:BAR=START+LEN[,VENDOR:DEVICE]")]
    bars: Vec<BarSpec>,
}

/// Check maps: what is wrong, with line and column, and what is odd
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace map check mine.toml
  mmiotrace map check --domain NV_MMIO rnndb/root.xml

Exit status: 0 nothing wrong or odd, 1 something is.")]
struct Check {
    /// TOML, rnndb XML, CMSIS-SVD, C headers
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// For rnndb: the domain that is the device's BAR
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
}

/// Print a map as TOML: one that comes with the command by its name, or a file of any format
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace map show nvme
  mmiotrace map show stm32.svd > stm32.toml")]
struct Show {
    /// The name, or the file
    #[arg(value_name = "NAME|FILE")]
    map: String,

    /// For rnndb: the domain that is the device's BAR
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    match &args.verb {
        Verb::New(args) => new(args),
        Verb::Check(args) => check(args),
        Verb::List => list(),
        Verb::Show(args) => show(args),
    }
}

fn new(args: &New) -> Result<Outcome, Stop> {
    let mut draft = Draft::new();
    args.bars.iter().for_each(|bar| draft.bar(bar));
    let entries = Input::open(&args.trace, Printing::Afterwards)?.entries();
    let walked = entries.walk(|entry| {
        match entry.record()? {
            Record::Header(header) => draft.header(header),
            Record::Event(event) => draft.event(event),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let drafts = draft.finish();
    let chosen = choose(&drafts, args)?;
    let text = chosen.map.to_toml();
    match &args.output {
        Some(path) => write_new(path, &text)?,
        None => {
            let mut output = Output::new()?;
            output.write(text.as_bytes())?;
            output.flush()?;
        }
    }
    for other in drafts.iter().filter(|other| !core::ptr::eq(*other, chosen)) {
        let (place, advice) = match other.device {
            Some(device) => (device.to_string(), format!("--device {device} drafts it")),
            None => (
                other.map.name.clone(),
                "--bars says to which device it belongs".to_owned(),
            ),
        };
        Failure::new(
            place,
            format_args!("{} accesses, not drafted", other.accesses),
        )
        .advise(advice)
        .print();
    }
    walked.finish()
}

fn choose<'d>(drafts: &'d [Drafted], args: &New) -> Result<&'d Drafted, Failure> {
    let of = |draft: &&Drafted| match (args.device, draft.device) {
        (Some(wanted), Some(device)) => wanted.matches(&device),
        (Some(_), None) => false,
        (None, _) => true,
    };
    drafts.iter().find(of).ok_or_else(|| match args.device {
        Some(device) => Failure::new(
            &args.trace,
            format_args!("there is no access to device {device}"),
        )
        .advise("mmiotrace stat tells which devices were accessed"),
        None => Failure::new(
            &args.trace,
            "there is no access in it, or none to a mapping",
        )
        .advise("mmiotrace check tells what is wrong with the trace"),
    })
}

/// What somebody has named by hand is not overwritten.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let name = path.display().to_string();
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| {
        let failure = Failure::new(&name, plain(&error));
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => failure.advise("give another name"),
            _ => failure,
        }
    })
}

fn check(args: &Check) -> Result<Outcome, Stop> {
    let mut outcome = Outcome::Clean;
    let mut output = Output::new()?;
    for file in &args.files {
        match load(file, args.domain.as_deref()) {
            Ok((map, warnings)) => {
                let map = Arc::new(map);
                let reach = Reachability::of(&map);
                output.line(summary(file, &map, &reach))?;
                if !warnings.is_empty() || !reach.hidden.is_empty() {
                    outcome = Outcome::Found;
                }
                for warning in &warnings {
                    odd(file, warning).print();
                }
                for hidden in &reach.hidden {
                    hides(file, hidden).print();
                }
            }
            Err(Wrong::Map(failure)) => {
                failure.print();
                outcome = Outcome::Found;
            }
            Err(Wrong::Unreadable(failure)) => {
                output.flush()?;
                return Err(failure.into());
            }
        }
    }
    output.flush()?;
    Ok(outcome)
}

/// Why there is no map.
enum Wrong {
    Map(Failure),
    Unreadable(Failure),
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Map(failure) | Wrong::Unreadable(failure) => failure,
        }
    }
}

fn load(file: &Path, domain: Option<&str>) -> Result<(CompiledMap, Vec<Warning>), Wrong> {
    let mut loader = Loader::new();
    if let Some(domain) = domain {
        loader = loader.domain(domain);
    }
    let loaded = loader.load(file).map_err(|error| {
        let failure = failure_of(file, &error);
        match error.kind() {
            LoadErrorKind::Io => Wrong::Unreadable(failure),
            _ => Wrong::Map(failure),
        }
    })?;
    let mut warnings = loaded.warnings;
    let map = loaded
        .map
        .compile()
        .map_err(|error| Wrong::Map(Failure::new(file.display().to_string(), error)))?;
    warnings.extend_from_slice(map.warnings());
    Ok((map, warnings))
}

fn odd(file: &Path, warning: &Warning) -> Failure {
    let place = warning.file.as_deref().unwrap_or(file);
    let failure = Failure::new(
        place.display().to_string(),
        format_args!("odd: {}", warning.text),
    );
    match warning.position {
        Some(at) => failure.at_line(at.line.into()),
        None => failure,
    }
}

fn hides(file: &Path, hidden: &Hidden) -> Failure {
    let Hidden {
        name,
        space,
        at,
        instead,
        ..
    } = hidden;
    let instead = match instead.as_str() {
        "" => "nothing is found there".to_owned(),
        name => format!("{name} is found there"),
    };
    Failure::new(
        file.display().to_string(),
        format_args!("odd: no access is named {name} ({space}+{at:#x}): {instead}"),
    )
}

/// `1 space`, `2 spaces`.
fn count_noun(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn summary(file: &Path, map: &CompiledMap, reach: &Reachability) -> String {
    let model = map.map();
    let items = model.lists.iter().flat_map(|list| &list.items);
    let fields = items.map(|item| match item {
        Item::Register(register) => model.fields_of_register(register).len() as u64,
        _ => 0,
    });
    let fields = count_noun(fields.sum(), "field");
    let registers = count_noun(reach.registers, "register");
    let registers = if reach.reachable == reach.registers {
        registers
    } else {
        format!("{registers} ({} reachable)", reach.reachable)
    };
    let devices: Vec<_> = model.devices.iter().map(ToString::to_string).collect();
    let devices = match devices.len() {
        0 => "for no device by itself".to_owned(),
        _ => format!("for {}", devices.join(", ")),
    };
    let spaces = count_noun(model.spaces.len() as u64, "space");
    format!(
        "{}: {}: {spaces}, {registers}, {fields}, {devices}",
        file.display(),
        model.name
    )
}

fn list() -> Result<Outcome, Stop> {
    let mut output = Output::new()?;
    for map in bundled::maps() {
        let model = map.map();
        let devices: Vec<_> = model.devices.iter().map(ToString::to_string).collect();
        output.line(format_args!("{:<14} {}", model.name, devices.join(", ")))?;
    }
    output.flush()?;
    Ok(Outcome::Clean)
}

fn show(args: &Show) -> Result<Outcome, Stop> {
    let mut output = Output::new()?;
    match bundled::text(&args.map).filter(|_| !Path::new(&args.map).exists()) {
        Some(text) => output.write(text.as_bytes())?,
        None => {
            let (map, _) =
                load(Path::new(&args.map), args.domain.as_deref()).map_err(Failure::from)?;
            output.write(map.map().to_toml().as_bytes())?;
        }
    }
    output.flush()?;
    Ok(Outcome::Clean)
}

fn device(text: &str) -> Result<DeviceAddress, String> {
    DeviceAddress::parse(text).ok_or_else(|| "a device is [DOMAIN:]BB:DD.F".to_owned())
}
