//! Register names for verbs that show registers: maps, devices and variants on the command line.

mod identity;
mod maps;
mod symbols;

pub(crate) use identity::Identities;
pub(crate) use maps::failure_of;
pub(crate) use symbols::{SymbolArgs, symbol_text};

use crate::failure::Failure;
use maps::{MapSource, load_all};
use mmiotrace_format::{Annotation, Entry, Record};
use mmiotrace_registers::{
    BarSpec, CompiledMap, DeviceAddress, Named, Namer, NamerBuilder, PciNames, VerbosityRules,
    bundled,
};
use std::path::PathBuf;
use std::sync::Arc;

/// Where names come from.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Register names")]
pub(crate) struct NamingArgs {
    /// A register map: TOML, rnndb XML, CMSIS-SVD or a C header, or a folder with them; with an
    /// address before it, for that device; or the name of a map that comes with the command
    /// (mmiotrace map list); may be given more than once; where none of these fits, the maps that
    /// come with the command are used
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
        self.namer_with(VerbosityRules::new(), None)
    }

    /// The same, which shows as much of each register as the rules say, and remembers that many
    /// different addresses where the number is given.
    pub(crate) fn namer_with(
        &self,
        rules: VerbosityRules,
        max_slots: Option<usize>,
    ) -> Result<Namer, Failure> {
        let maps = self.load_maps()?;
        let mut builder = Namer::builder()
            .bundled(!self.no_bundled)
            .pci_names(PciNames::system())
            .verbosity(rules);
        if let Some(max_slots) = max_slots {
            builder = builder.max_slots(max_slots);
        }
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
    pub(crate) fn load_maps(&self) -> Result<GivenMaps, Failure> {
        load_all(&self.maps, self.domain.as_deref(), self.map_bar)
    }

    /// All maps: those given, then those that come with the command.
    pub(crate) fn all_maps(&self) -> Result<Vec<Arc<CompiledMap>>, Failure> {
        let given = self.load_maps()?.into_iter().map(|(map, _)| map);
        let bundled: &[_] = if self.no_bundled {
            &[]
        } else {
            bundled::maps()
        };
        Ok(given.chain(bundled.iter().cloned()).collect())
    }

    /// Whether any map was given.
    pub(crate) fn has_maps(&self) -> bool {
        !self.maps.is_empty()
    }

    /// The BARs that were given.
    pub(crate) fn bars(&self) -> &[BarSpec] {
        &self.bars
    }

    /// The files that are read: this trace, and the given maps.
    pub(crate) fn and_files(&self, trace: &str) -> Vec<PathBuf> {
        let mut files = maps::files(&self.maps);
        files.push(PathBuf::from(trace));
        files
    }

    /// A number that changes when a given map's files do.
    pub(crate) fn fingerprint(&self) -> u64 {
        maps::fingerprint(&self.maps)
    }

    /// Families and variants that were asked for, in these maps.
    pub(crate) fn chips(
        &self,
        maps: &[Arc<CompiledMap>],
    ) -> Result<Vec<(String, String)>, Failure> {
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

/// Shows an entry to a namer: it must see all of them. Returns the names of an access.
pub(crate) fn feed<'n>(namer: &'n mut Namer, entry: &Entry<'_>) -> Option<Named<'n>> {
    match entry.record().ok()? {
        Record::Event(event) => return namer.event(event),
        Record::Header(header) => namer.header(header),
        Record::Lost(_) => namer.invalidate_values(),
        Record::Marker(_) if is_blind(entry) => namer.invalidate_values(),
        Record::Marker(_) => {
            if let Some(Ok(Annotation::File { path, .. })) = entry.annotation() {
                namer.file(&String::from_utf8_lossy(path));
            }
        }
        _ => {}
    }
    None
}

/// Whether an entry is the beginning or the end of a blind interval.
pub(crate) const fn is_blind(entry: &Entry<'_>) -> bool {
    matches!(entry.annotation(), Some(Ok(Annotation::Blind { .. })))
}

/// The rules of `--show`.
pub(crate) fn rules(texts: &[String]) -> Result<VerbosityRules, Failure> {
    let mut rules = VerbosityRules::new();
    for text in texts {
        rules
            .add(text)
            .map_err(|error| Failure::new("--show", error))?;
    }
    Ok(rules)
}

/// Names accesses on the way through a trace.
#[derive(Debug)]
pub(crate) struct Names(Namer);

impl Names {
    /// The names that this namer gives.
    pub(crate) const fn new(namer: Namer) -> Self {
        Self(namer)
    }

    /// Takes an entry, and returns the name of the register where it is an access to one that has a
    /// name, with the device before it where the trace has several.
    pub(crate) fn see(&mut self, entry: &Entry<'_>) -> Option<String> {
        self.follow(entry)?.name().map(str::to_owned)
    }

    /// Takes an entry. Of an access, says what it is to; what could not be decoded has a place, but
    /// may be no access of it.
    pub(crate) fn follow(&mut self, entry: &Entry<'_>) -> Option<Named<'_>> {
        feed(&mut self.0, entry).filter(|named| named.kind().is_some())
    }
}
