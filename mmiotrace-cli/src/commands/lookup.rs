//! `mmiotrace lookup`: one register, by its name or its address.

mod answer;

use crate::failure::{Failure, Outcome, Stop};
use crate::input::{Input, Printing};
use crate::naming::{NamingArgs, feed};
use crate::output::Output;
use answer::Answer;
use core::ops::ControlFlow;
use mmiotrace_core::PhysAddr;
use mmiotrace_registers::model::{Space, SpaceId, SpaceLocation};
use mmiotrace_registers::{CompiledMap, DeviceAddress, Namer, NamerBuilder, Selection};
use serde::Serialize;
use std::sync::Arc;

/// Look up a register by name or address, and take a value apart
///
/// PLACE is a name (`CTRL`, `PORT[3].CMD`, `CMD` in any block), an offset (0xd8, BAR2+0x10, SPACE+0x10),
/// a physical address where a map has such (CMSIS-SVD), or with --trace or --bars one of a device.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace lookup --map e1000 0xd8
  mmiotrace lookup --map e1000 CTRL 0x140240
  mmiotrace lookup --map rnndb/root.xml --chip GF119 PGPIO.GPIO 0x91c80300
  mmiotrace lookup --trace trace.mmiotrace 0xfebc00d8
  mmiotrace lookup --json --map nvme CC 0x460061 | jq '.found[0].fields'

Without --map, all maps that come with the command are asked (mmiotrace map list). Exit status: 0
found, 1 not found.")]
pub(crate) struct Args {
    /// A name, an offset, or an address
    #[arg(value_name = "PLACE")]
    place: String,

    /// A value to take apart
    #[arg(value_name = "VALUE", value_parser = number)]
    value: Option<u64>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Take the devices from this trace: numbers are physical addresses
    #[arg(long, value_name = "FILE")]
    trace: Option<String>,

    #[command(flatten)]
    naming: NamingArgs,
}

#[derive(Serialize)]
struct Answers {
    found: Vec<Answer>,
}

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let found = if args.trace.is_some() || !args.naming.bars().is_empty() {
        match number(&args.place) {
            Ok(phys) => physical(args, phys)?,
            Err(_) => by_map(args)?,
        }
    } else {
        by_map(args)?
    };
    let nothing = found.is_empty();
    let mut output = Output::new()?;
    if args.json {
        output.json(&Answers { found })?;
    } else {
        for answer in &found {
            output.text(&format!("{answer}\n"))?;
        }
    }
    output.flush()?;
    if !nothing {
        return Ok(Outcome::Clean);
    }
    Failure::new(&args.place, "nothing is known of it")
        .advise("mmiotrace map list tells the maps there are; give one with --map")
        .print();
    Ok(Outcome::Found)
}

/// At a physical address of the devices of a trace, or of those that were given.
fn physical(args: &Args, phys: u64) -> Result<Vec<Answer>, Stop> {
    let mut namer = args.naming.namer()?;
    if let Some(trace) = &args.trace {
        let entries = Input::open(trace, Printing::Afterwards)?.entries();
        let walked = entries.walk(|entry| {
            let _ = feed(&mut namer, entry);
            Ok(ControlFlow::Continue(()))
        })?;
        walked.finish()?;
    }
    let answer = Answer::of_named(&mut namer, PhysAddr(phys), args.value);
    Ok(answer.into_iter().collect())
}

/// In each map that was given, else in all.
fn by_map(args: &Args) -> Result<Vec<Answer>, Stop> {
    let mut maps = args.naming.all_maps()?;
    if args.naming.has_maps() {
        maps.truncate(args.naming.load_maps()?.len());
    }
    let chips = args.naming.chips(&maps)?;
    let mut found = Vec::new();
    for map in &maps {
        let mut selection = map.selection();
        for (family, variant) in &chips {
            // A map without that family or variant is not meant.
            let _ = map.choose(&mut selection, family, variant);
        }
        match place(&args.place) {
            Some((space, offset)) => at_offset(map, &chips, space, offset, args.value, &mut found),
            None => by_name(map, &selection, args, &mut found),
        }
    }
    Ok(found)
}

fn by_name(map: &CompiledMap, selection: &Selection, args: &Args, found: &mut Vec<Answer>) {
    for one in map.find(&args.place) {
        found.push(Answer::of_found(map, selection, &one, args.value));
    }
}

/// At an offset: in the BARs of a made-up device, so that spaces inside of them are seen; or in the
/// space that was asked for.
fn at_offset(
    map: &Arc<CompiledMap>,
    chips: &[(String, String)],
    space: Option<&str>,
    offset: u64,
    value: Option<u64>,
    found: &mut Vec<Answer>,
) {
    let bars: Vec<u8> = map
        .map()
        .spaces
        .iter()
        .filter_map(|space| match space.place {
            SpaceLocation::Bar(bar) => Some(bar),
            _ => None,
        })
        .collect();
    let wanted_bar = space.and_then(|space| space.strip_prefix("BAR")?.parse::<u8>().ok());
    for bar in bars {
        if space.is_some() && wanted_bar != Some(bar) {
            continue;
        }
        if let Some(mut namer) = made_up_device(map, chips, bar) {
            let phys = PhysAddr(BASE.saturating_add(offset));
            found.extend(Answer::of_named(&mut namer, phys, value));
        }
    }
    let is_physical = |space: &Space| matches!(space.place, SpaceLocation::Physical(_));
    if space.is_none() && map.map().spaces.iter().any(is_physical) {
        let mut namer = with_chips(Namer::builder().bundled(false), chips)
            .map(Arc::clone(map))
            .build();
        found.extend(Answer::of_named(&mut namer, PhysAddr(offset), value));
    }
    if let (Some(space), None) = (space, wanted_bar) {
        let spaces = map.map().spaces.iter().enumerate();
        for (number, _) in spaces.filter(|(_, known)| known.name.eq_ignore_ascii_case(space)) {
            let id = SpaceId(number as u32);
            let mut selection = map.selection();
            for (family, variant) in chips {
                let _ = map.choose(&mut selection, family, variant);
            }
            found.extend(Answer::of_offset(map, &selection, id, offset, value));
        }
    }
}

/// Where the BAR of the made-up device lies.
const BASE: u64 = 1 << 62;

fn made_up_device(map: &Arc<CompiledMap>, chips: &[(String, String)], bar: u8) -> Option<Namer> {
    let address = DeviceAddress::parse("00:00.0")?;
    let mut namer = with_chips(Namer::builder().bundled(false), chips)
        .map_for(Arc::clone(map), address)
        .build();
    let spec = format!("{address}:{bar}={BASE:#x}+{BASE:#x}")
        .parse()
        .ok()?;
    namer.bar(&spec);
    Some(namer)
}

fn with_chips(builder: NamerBuilder, chips: &[(String, String)]) -> NamerBuilder {
    chips.iter().fold(builder, |builder, (family, variant)| {
        builder.variant(family, variant)
    })
}

/// `0x10`, `SPACE+0x10`.
fn place(text: &str) -> Option<(Option<&str>, u64)> {
    if let Ok(offset) = number(text) {
        return Some((None, offset));
    }
    let (space, offset) = text.rsplit_once('+')?;
    Some((Some(space), number(offset).ok()?))
}

/// Decimal, or hex with 0x.
fn number(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| "a number is decimal, or hex with 0x".to_owned())
}
