//! Logs of other tools, read as traces.

use crate::failure::{Failure, note};
use mmiotrace_core::PhysAddr;
use mmiotrace_import::{Format, ImportReader, KnownWindow, Options, Pattern};
use std::io::{self, BufReader, Cursor, Read};

/// How to read what is no trace.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Logs of other tools (known by content, where nothing is said)")]
pub(crate) struct ImportArgs {
    /// What the input is: trace, qemu-vfio, qemu-memory-region, ftrace (rwmmio, kvm_mmio, i915,
    /// amdgpu, regmap; perf script too), or pattern
    #[arg(long, value_name = "FORMAT")]
    from: Option<String>,

    /// For --from pattern: a regular expression with the groups kind, addr or offset, and where the
    /// lines have them value, width, window, time, cpu, pid, pc
    #[arg(long, value_name = "REGEX")]
    pattern: Option<String>,

    /// Where a window of the log lies, as 0000:01:00.0:region0=0xfe000000+0x1000000
    #[arg(long, value_name = "NAME=BASE+LEN", value_parser = known_window)]
    window: Vec<KnownWindow>,

    /// What is a trace by its content stays one, whatever is said.
    #[arg(skip)]
    spares_traces: bool,
}

/// As much of the input as is looked at to know what it is.
const HEAD: u64 = 64 * 1024;

impl ImportArgs {
    /// The same for several inputs, of which some are traces.
    pub(crate) fn sparing_traces(&self) -> Self {
        Self {
            spares_traces: true,
            ..self.clone()
        }
    }

    /// The input, as a trace.
    pub(super) fn apply(
        &self,
        name: &str,
        mut source: Box<dyn Read>,
    ) -> Result<Box<dyn Read>, Failure> {
        let format = match self.from.as_deref() {
            Some("trace") => return Ok(source),
            Some(word) => Some(
                word.parse::<Format>()
                    .map_err(|error| Failure::new("--from", error))?,
            ),
            None if self.pattern.is_some() => Some(Format::Pattern),
            None => None,
        };
        let mut options = Options::default();
        options.windows = self.window.clone();
        if let Some(pattern) = &self.pattern {
            let pattern =
                Pattern::new(pattern).map_err(|error| Failure::new("--pattern", error))?;
            options.pattern = Some(pattern);
        } else if format == Some(Format::Pattern) {
            return Err(Failure::new("--from pattern", "no pattern is given")
                .advise("give one with --pattern"));
        }
        let mut head = Vec::new();
        // What cannot be read is told when it is read again below.
        let failed = (&mut source).take(HEAD).read_to_end(&mut head).err();
        let format = match format {
            _ if is_trace(&head) && (format.is_none() || self.spares_traces) => None,
            Some(format) => Some(format),
            None => Format::detect(&head),
        };
        let all = Cursor::new(head).chain(Failing(failed)).chain(source);
        match format {
            None => Ok(Box::new(all)),
            Some(format) => {
                tell(name, format, self.from.is_none());
                Ok(Box::new(ImportReader::new(
                    BufReader::new(all),
                    format,
                    options,
                )))
            }
        }
    }
}

/// Whether the first lines are records of 20070824: then nothing else is looked for.
fn is_trace(head: &[u8]) -> bool {
    let keywords: [&[u8]; 9] = [
        b"VERSION ",
        b"PCIDEV ",
        b"LSPCI ",
        b"MAP ",
        b"UNMAP ",
        b"MARK ",
        b"UNKNOWN ",
        b"R ",
        b"W ",
    ];
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    lines
        .next()
        .is_some_and(|line| keywords.iter().any(|keyword| line.starts_with(keyword)))
}

fn tell(name: &str, format: Format, found: bool) {
    if found {
        note(format_args!(
            "{name}: read as {} (--from trace reads it as it is)",
            format.as_str()
        ));
    }
}

/// An error that a reader has still to tell, once.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn known_window(text: &str) -> Result<KnownWindow, String> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let parts = text.rsplit_once('=').and_then(|(name, range)| {
        let (base, len) = range.split_once('+')?;
        Some(KnownWindow {
            name: name.to_owned(),
            base: PhysAddr(number(base)?),
            len: number(len)?,
        })
    });
    parts.ok_or_else(|| "a window is NAME=BASE+LEN, numbers decimal or hex with 0x".to_owned())
}
