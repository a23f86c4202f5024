//! Register names for verbs that show registers: maps, devices and variants on the command line.

mod maps;

use crate::failure::Failure;
use maps::{MapSource, load_all};
use mmiotrace_core::{Event, EventKind};
use mmiotrace_format::Record;
use mmiotrace_registers::{
    BarSpec, CompiledMap, DeviceAddress, Namer, NamerBuilder, PciNames, bundled,
};
use std::sync::Arc;

/// Where names come from.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Register names")]
pub(crate) struct NamingArgs {
    /// A register map: TOML, rnndb XML, CMSIS-SVD or a C header, or a folder with them; with an
    /// address before it, for that device; may be given more than once, the maps that come with
    /// the command are used where none of these fits
    #[arg(long = "map", value_name = "[BB:DD.F=]FILE|FOLDER")]
    maps: Vec<MapSource>,

    /// For rnndb: the domain that is the device's BAR (NV_MMIO where there is one, else the only
    /// one)
    #[arg(long, value_name = "NAME", requires = "maps")]
    domain: Option<String>,

    /// For headers and SVD files: the BAR that their registers are in
    #[arg(long, value_name = "N", requires = "maps", value_parser = clap::value_parser!(u8).range(0..=5))]
    map_bar: Option<u8>,

    /// Where a device's BAR lies, for traces that do not say it (no PCIDEV lines); may be given
    /// more than once
    #[arg(long, value_name = "BB:DD.F:BAR=START+LEN[,VENDOR:DEVICE]")]
    bars: Vec<BarSpec>,

    /// Which variant of a family of chips it is, where the map has several: GF119, or
    /// chipset=GF119; what the device tells in the trace counts more
    #[arg(long, value_name = "[FAMILY=]VARIANT")]
    chip: Vec<String>,

    /// Only the maps that are given, not those that come with the command
    #[arg(long)]
    no_bundled: bool,
}

/// Maps with the device that each was given for.
pub(crate) type GivenMaps = Vec<(Arc<CompiledMap>, Option<DeviceAddress>)>;

impl NamingArgs {
    /// A namer with what was given.
    pub(crate) fn namer(&self) -> Result<Namer, Failure> {
        let maps = self.load_maps()?;
        let mut builder = Namer::builder()
            .bundled(!self.no_bundled)
            .pci_names(PciNames::system());
        builder = self.choose_chips(builder, &maps)?;
        for (map, device) in maps {
            builder = match device {
                Some(device) => builder.map_for(map, device),
                None => builder.map(map),
            };
        }
        let mut namer = builder.build();
        self.bars.iter().for_each(|bar| namer.bar(bar));
        Ok(namer)
    }

    /// Reads the given maps. What is odd about them is told on standard error.
    fn load_maps(&self) -> Result<GivenMaps, Failure> {
        load_all(&self.maps, self.domain.as_deref(), self.map_bar)
    }

    /// Families and variants that were asked for, in these maps.
    fn chips(&self, maps: &[Arc<CompiledMap>]) -> Result<Vec<(String, String)>, Failure> {
        let mut chosen = Vec::new();
        for chip in &self.chip {
            let (family, variant) = match chip.split_once('=') {
                Some((family, variant)) => (Some(family), variant),
                None => (None, chip.as_str()),
            };
            let before = chosen.len();
            for varset in maps.iter().flat_map(|map| &map.map().varsets) {
                let asked = family.is_none_or(|family| varset.name.eq_ignore_ascii_case(family));
                let has = |known: &String| known.eq_ignore_ascii_case(variant);
                if asked && varset.variants.iter().any(has) {
                    chosen.push((varset.name.clone(), variant.to_owned()));
                }
            }
            if chosen.len() == before {
                return Err(unknown_chip(chip, maps));
            }
        }
        chosen.dedup();
        Ok(chosen)
    }

    fn choose_chips(
        &self,
        mut builder: NamerBuilder,
        maps: &GivenMaps,
    ) -> Result<NamerBuilder, Failure> {
        if self.chip.is_empty() {
            return Ok(builder);
        }
        let bundled: &[_] = if self.no_bundled {
            &[]
        } else {
            bundled::maps()
        };
        let maps: Vec<_> = maps
            .iter()
            .map(|(map, _)| Arc::clone(map))
            .chain(bundled.iter().cloned())
            .collect();
        for (family, variant) in self.chips(&maps)? {
            builder = builder.variant(family, variant);
        }
        Ok(builder)
    }
}

/// As many variants as fit a line are told.
fn unknown_chip(chip: &str, maps: &[Arc<CompiledMap>]) -> Failure {
    let varsets = maps.iter().flat_map(|map| &map.map().varsets);
    let known: Vec<_> = varsets
        .flat_map(|varset| {
            let of = move |variant: &String| format!("{}={variant}", varset.name);
            varset.variants.iter().map(of)
        })
        .collect();
    let failure = Failure::new("--chip", format_args!("no map has a variant {chip}"));
    match known.len() {
        0 => failure.advise("the maps have no variants at all; leave --chip out"),
        count => {
            let more = if count > 12 { ", …" } else { "" };
            let some = known.get(..12).unwrap_or(&known).join(", ");
            failure.advise(format!("there are {some}{more}"))
        }
    }
}

/// Names accesses on the way through a trace.
#[derive(Debug)]
pub(crate) struct Names(Namer);

impl Names {
    /// The names of the maps that come with the command.
    pub(crate) fn bundled() -> Self {
        Self(Namer::new())
    }

    /// The names that this namer gives.
    pub(crate) const fn new(namer: Namer) -> Self {
        Self(namer)
    }

    /// Takes a record, and gives the name of the register where it is an access to one that has a
    /// name, with the device before it where the trace has several.
    pub(crate) fn see(&mut self, record: &Record<'_>) -> Option<String> {
        match record {
            Record::Event(event) => self.event(event),
            Record::Header(header) => {
                self.0.header(header);
                None
            }
            Record::Lost(_) => {
                self.0.doubt();
                None
            }
            _ => None,
        }
    }

    fn event(&mut self, event: &Event) -> Option<String> {
        let named = self.0.event(event)?;
        if !matches!(event.kind, EventKind::Access(_)) {
            return None;
        }
        named.name().map(str::to_owned)
    }
}
