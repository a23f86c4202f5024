//! The filters that several verbs share.

use crate::failure::Failure;
use mmiotrace_analysis::{
    AddressRange, DeviceSelector, Filter, FilterError, KindSet, TimeRange, ValueMatch,
};
use mmiotrace_core::{MapId, Width};

/// Which records to take. All that are given must hold.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Filters (all that are given must hold)")]
pub(crate) struct FilterArgs {
    /// Kinds of records, with commas between: read, write, map, unmap, mark, unknown (and version,
    /// pcidev, lspci, other)
    #[arg(long, hide_short_help = true, value_name = "KIND,…")]
    kind: Option<KindSet>,

    /// Accesses of N bytes
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = width)]
    width: Option<Width>,

    /// Accesses to physical addresses from START up to, but not with, END, and mappings of them;
    /// numbers are decimal, or hex with 0x; one address alone is that address
    #[arg(long, hide_short_help = true, value_name = "START..END")]
    phys: Option<AddressRange>,

    /// What has this number of a mapping
    #[arg(
        long,
        hide_short_help = true,
        value_name = "ID",
        allow_negative_numbers = true
    )]
    map_id: Option<i32>,

    /// What instructions in this range did
    #[arg(long, hide_short_help = true, value_name = "START..END")]
    pc: Option<AddressRange>,

    /// What this thread did
    #[arg(
        long,
        hide_short_help = true,
        value_name = "N",
        allow_negative_numbers = true
    )]
    pid: Option<i32>,

    /// What happened on this CPU, where the trace tells it
    #[arg(long, hide_short_help = true, value_name = "N")]
    cpu: Option<u32>,

    /// Accesses that moved this value; with a mask, of which these bits
    #[arg(long, hide_short_help = true, value_name = "V[/MASK]")]
    value: Option<ValueMatch>,

    /// From one time up to, but not with, another, in seconds
    #[arg(long, hide_short_help = true, value_name = "FROM..TO")]
    time: Option<TimeRange>,

    /// From the first marker on that matches the regular expression
    #[arg(long, hide_short_help = true, value_name = "REGEX")]
    from_mark: Option<String>,

    /// Up to the first marker that matches the regular expression
    #[arg(long, hide_short_help = true, value_name = "REGEX")]
    to_mark: Option<String>,

    /// Accesses to a PCI device, or to one BAR of it (the trace has no domains: DDDD is not
    /// compared)
    #[arg(long, hide_short_help = true, value_name = "[DDDD:]BB:DD.F[:BAR]")]
    device: Option<DeviceSelector>,

    /// Also keep VERSION, PCIDEV, MAP and UNMAP, from all of the trace
    #[arg(long, hide_short_help = true)]
    context: bool,
}

impl FilterArgs {
    /// The filter.
    pub(crate) fn filter(&self) -> Result<Filter, Failure> {
        let mut filter = Filter::new();
        filter.context(self.context);
        self.kind.map(|kinds| filter.kinds(kinds));
        self.width.map(|width| filter.width(width));
        self.phys.map(|range| filter.phys(range));
        self.map_id.map(|id| filter.map_id(MapId(id)));
        self.pc.map(|range| filter.pc(range));
        self.pid.map(|pid| filter.pid(pid));
        self.cpu.map(|cpu| filter.cpu(cpu));
        self.value.map(|value| filter.value(value));
        self.time.map(|range| filter.time(range));
        self.device.map(|device| filter.device(device));
        if let Some(pattern) = &self.from_mark {
            filter
                .from_mark(pattern)
                .map_err(|error| Failure::new("--from-mark", error))?;
        }
        if let Some(pattern) = &self.to_mark {
            filter
                .to_mark(pattern)
                .map_err(|error| Failure::new("--to-mark", error))?;
        }
        Ok(filter)
    }
}

/// Why a filter does not fit the trace that was read.
pub(crate) fn does_not_fit(name: &str, error: &FilterError) -> Failure {
    Failure::new(name, error).advise(match error {
        FilterError::UnknownDevice { .. } => "give the addresses with --phys",
        FilterError::NoSuchMark { .. } => "mmiotrace stat --by mark lists them",
        _ => "give another BAR",
    })
}

fn width(text: &str) -> Result<Width, String> {
    text.parse()
        .ok()
        .and_then(Width::from_bytes)
        .ok_or_else(|| "a width is 1 to 64 bytes".to_owned())
}
