//! `mmiotrace watch`: names while a trace grows.

mod follow;
mod lines;
mod screen;
mod summary;
mod trigger;

use crate::failure::{Failure, Outcome, Stop, plain};
use crate::filter_args::{FilterArgs, does_not_fit};
use crate::naming::{NamingArgs, SymbolArgs, rules};
use crate::output::{Color, NamedFormat, NamedRows, Output};
use crate::units;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use follow::{Follow, Piece};
use lines::{Lines, Wrong};
use mmiotrace_analysis::{FilterError, Selector};
use mmiotrace_format::{Context, Entry, Line, Record};
use regex::bytes::Regex;
use screen::{Asked, Screen};
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Instant;
use trigger::Trigger;

/// Print the names of accesses while they are captured
///
/// Follows a file that grows (`mmiotrace record -o FILE`, `cat trace_pipe > FILE`), or standard
/// input. Map files are read again when they are edited. Ends with the end of standard input, with
/// Ctrl-C, or with what --stop-… says, and tells then which registers were accessed most.
///
/// On a terminal it takes the screen: the trace, beside it the registers with their counts and last
/// values; / filters, Space holds, f, n, c and o set how much of a register is shown, q ends. What
/// ended by itself stays on the screen until then.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mmiotrace watch trace.mmiotrace                   # in another terminal than record -o
  mmiotrace record --backend tracefs -o - | mmiotrace watch
  mmiotrace watch --map mine.toml --show '*=name' --show 'CTRL=fields' trace.mmiotrace
  mmiotrace watch --kind write --device 00:02.0 --stop-at 'CSTS=0x1/0x1' trace.mmiotrace
  mmiotrace watch --show '*=changes' --stop-idle 5s trace.mmiotrace")]
pub(crate) struct Args {
    /// The file that grows; `-`, or none, is standard input
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    file: String,

    /// How to print records
    #[arg(long, value_enum, default_value_t = NamedFormat::Columns, value_name = "FORMAT")]
    format: NamedFormat,

    /// Print lines on a terminal, too, instead of taking the screen
    #[arg(long)]
    plain: bool,

    /// Colour
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,

    /// How much to show of which register: fields, name (without fields), changes (only when its
    /// value differs from the last), off; a pattern with * and ?, the last that fits counts
    #[arg(long, value_name = "PATTERN=HOW")]
    show: Vec<String>,

    /// Stop after an access to a register whose name fits the pattern, where given with this value
    #[arg(long, value_name = "PATTERN[=V[/MASK]]")]
    stop_at: Option<Trigger>,

    /// Stop after the first marker that matches
    #[arg(long, value_name = "REGEX", value_parser = |text: &str| Regex::new(text))]
    stop_on_mark: Option<Regex>,

    /// Stop after this time, as 500ms, 30s, 5m
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    stop_after: Option<Duration>,

    /// Stop when nothing has come for this time
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    stop_idle: Option<Duration>,

    /// Registers in the summary at the end; 0: no summary
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,

    #[command(flatten)]
    naming: NamingArgs,

    #[command(flatten)]
    symbols: SymbolArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

/// How long to wait for more before looking after everything else.
const TICK: Duration = Duration::from_millis(50);

/// How often map files are looked at.
const MAPS: Duration = Duration::from_millis(500);

/// At most so many wrong lines are told.
const MAX_TOLD: u64 = 10;

pub(crate) fn run(args: &Args) -> Result<Outcome, Stop> {
    let filter = args.filter.filter()?;
    let namer = args.naming.namer_with(rules(&args.show)?, None)?;
    let symbols = args.symbols.symbols()?;
    let interrupted = catch_signals()?;
    let mut follow = Follow::open(&args.file)?;
    let takes_screen =
        !args.plain && args.format == NamedFormat::Columns && io::stdout().is_terminal();
    let color = args.color.is_on();
    let mut watch = Watch {
        args,
        rows: NamedRows::new(args.format, color, namer, symbols),
        selector: filter.selector(),
        context: Context::new(),
        output: Output::new()?,
        screen: takes_screen.then(Screen::open).transpose()?,
        show: args.show.clone(),
        maps: Maps {
            seen: args.naming.fingerprint(),
            looked: Instant::now(),
        },
        shown: 0,
        wrong: 0,
        done: false,
    };
    let ended = watch.follow(&mut follow, &interrupted);
    // What follows is for the screen that was there before.
    watch.screen = None;
    watch.output.flush()?;
    if args.top > 0 {
        summary::print(&watch.rows, watch.shown, args.top);
    }
    ended?;
    match watch.selector.finish() {
        // It may come yet.
        Ok(()) | Err(FilterError::NoSuchMark { .. }) => {}
        Err(error) => return Err(does_not_fit(&args.file, &error).into()),
    }
    Ok(if watch.wrong > 0 {
        Outcome::Found
    } else {
        Outcome::Clean
    })
}

fn catch_signals() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
    ] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted))
            .map_err(|error| Failure::new("watch", plain(&error)))?;
    }
    Ok(interrupted)
}

/// When the map files were looked at last.
struct Maps {
    seen: u64,
    looked: Instant,
}

struct Watch<'a> {
    args: &'a Args,
    rows: NamedRows,
    selector: Selector,
    context: Context,
    output: Output,
    /// Instead of the output, on a terminal.
    screen: Option<Screen>,
    /// The rules of `--show`, and those that were asked for on the screen.
    show: Vec<String>,
    maps: Maps,
    /// Records that were shown.
    shown: u64,
    wrong: u64,
    /// What was waited for has come.
    done: bool,
}

impl Watch<'_> {
    fn follow(&mut self, follow: &mut Follow, interrupted: &AtomicBool) -> Result<(), Stop> {
        let began = Instant::now();
        let mut last = began;
        let mut lines = Lines::new();
        loop {
            let piece = follow.next(TICK);
            let end = matches!(piece, Piece::End);
            match piece {
                Piece::Bytes(bytes) => {
                    last = Instant::now();
                    lines.push(&bytes);
                }
                Piece::Restart => {
                    self.tell(&Failure::new(&self.args.file, "begins anew"));
                    lines = Lines::new();
                    continue;
                }
                Piece::Failed(failure) => return Err(failure.into()),
                Piece::Nothing | Piece::End => {}
            }
            self.maps()?;
            lines.each(end, |line| self.line(line))?;
            self.output.flush()?;
            if self.turn()? {
                return Ok(());
            }
            let over = |limit: Option<Duration>, since: Instant| {
                limit.is_some_and(|limit| since.elapsed() >= limit)
            };
            if end
                || self.done
                || interrupted.load(Ordering::Relaxed)
                || over(self.args.stop_after, began)
                || over(self.args.stop_idle, last)
            {
                return self.linger(interrupted);
            }
        }
    }

    /// The screen's turn, where there is one. Says whether it is to end.
    fn turn(&mut self) -> Result<bool, Stop> {
        let Some(screen) = &mut self.screen else {
            return Ok(false);
        };
        match screen.turn()? {
            Asked::Nothing => Ok(false),
            Asked::Quit => Ok(true),
            Asked::Show(rule) => {
                self.show.push(rule);
                self.rows.namer().set_verbosity(rules(&self.show)?);
                Ok(false)
            }
        }
    }

    /// What has come stays on the screen until a person has seen it.
    fn linger(&mut self, interrupted: &AtomicBool) -> Result<(), Stop> {
        if let Some(screen) = &mut self.screen {
            screen.end();
        }
        while self.screen.is_some() && !interrupted.load(Ordering::Relaxed) && !self.turn()? {
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// Tells a person something that is not of the trace.
    fn tell(&mut self, failure: &Failure) {
        match &mut self.screen {
            Some(screen) => screen.tell(failure.to_string()),
            None => failure.print(),
        }
    }

    fn line(&mut self, line: Result<Line<'_>, Wrong>) -> Result<bool, Stop> {
        match line {
            Ok(line) => {
                let mut context = core::mem::take(&mut self.context);
                let mut entries = context.entries(line);
                let shown: Result<(), Stop> = entries.try_for_each(|entry| {
                    if let Err(wrong) = self.record(&entry)? {
                        self.wrong(&wrong);
                    }
                    Ok(())
                });
                self.context = context;
                shown?;
                return Ok(!self.done);
            }
            Err(wrong) => self.wrong(&wrong),
        }
        Ok(true)
    }

    fn record(&mut self, entry: &Entry<'_>) -> Result<Result<(), Wrong>, Stop> {
        if self.done {
            return Ok(Ok(()));
        }
        let wanted = match self.selector.selects(entry) {
            Ok(wanted) => wanted,
            Err(error) => return Ok(Err(Wrong::of(&error))),
        };
        let row = self.rows.entry(entry, wanted);
        match &mut self.screen {
            Some(screen) => screen.push(row.bytes, row.register),
            None => self.output.write(row.bytes)?,
        }
        self.shown += u64::from(!row.bytes.is_empty());
        if let (Some(trigger), Some(register)) = (&self.args.stop_at, row.register) {
            self.done |= wanted && trigger.fits(register.name, register.value);
        }
        if self.selector.is_done() {
            self.done = true;
        }
        match (entry.record(), &self.args.stop_on_mark) {
            (Ok(Record::Marker(marker)), Some(pattern)) => {
                self.done |= pattern.is_match(marker.text);
            }
            (Err(error), _) if wanted => return Ok(Err(Wrong::of(&error))),
            _ => {}
        }
        Ok(Ok(()))
    }

    fn wrong(&mut self, wrong: &Wrong) {
        self.wrong += 1;
        if self.wrong <= MAX_TOLD {
            self.tell(&wrong.failure(&self.args.file));
        }
    }

    /// Reads the maps again where they were edited. One that is wrong now is told, and the old one
    /// stays.
    fn maps(&mut self) -> Result<(), Stop> {
        if !self.args.naming.has_maps() || self.maps.looked.elapsed() < MAPS {
            return Ok(());
        }
        self.maps.looked = Instant::now();
        let now = self.args.naming.fingerprint();
        if now == self.maps.seen {
            return Ok(());
        }
        self.maps.seen = now;
        match self.args.naming.load_maps() {
            Ok(maps) => {
                self.rows.namer().replace_maps(maps);
                self.tell(&Failure::new("--map", "edited, and read again"));
            }
            Err(failure) => self.tell(&failure),
        }
        Ok(())
    }
}
