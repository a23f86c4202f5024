//! Every encoding *through the engine* of the process backend: a traced program must end as one that is
//! not traced.
//!
//! A child process runs each instruction natively first. Then it has both regions traced by a real
//! capture, runs the same instruction in the same state again, and compares: registers, flags,
//! extended state, memory, the signal where there is one, and the accesses that were recorded. Nothing
//! of the engine is called: the instruction faults, and the backend's own signal handler does the rest.
#![expect(unsafe_code, reason = "traced memory")]

use crate::bus::Logged;
use crate::encodings::Encoding;
use crate::fork::{BATCH, lines_of_child};
use crate::machine::End;
use crate::mappings::REGION_LEN;
use crate::report::{Category, Report};
use crate::trial::{Bench, Outcome, Setup, Trial};
use crate::{compare, ways};
use core::fmt;
use mmiotrace_capture::RingOptions;
use mmiotrace_capture::process::{Area, Options, Process, TracedRegion};
use mmiotrace_core::{Blind, BlindEdge, CaptureBackend, Event, EventSink, Loss, Marker, PhysAddr};
use mmiotrace_decode::{Context, Cpu, Decoder, Way};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Mutex;

/// States tried for each encoding.
const STATES: u64 = 4;
/// Records in a ring: more than any instruction of the test makes, because nobody drains meanwhile.
const SLOTS: u32 = 4096;

/// What running encodings through the engine has shown.
#[derive(Clone, Debug, Default)]
pub struct EngineTally {
    /// Encodings tried.
    pub tried: usize,
    /// Those that the CPU runs to their end, or to an exception of their own.
    pub executed: usize,
    /// Runs through the engine whose end was compared.
    pub compared: u64,
    /// Accesses that were recorded.
    pub events: u64,
    /// Encodings that the engine has refused: they ran natively, in a blind interval. By reason.
    pub refused: BTreeMap<String, Vec<String>>,
    /// Where the end was another than natively, or the trace is not what was done.
    pub problems: Vec<String>,
    /// Where the accesses recorded are others than the decoder says.
    pub other_accesses: Vec<String>,
}

impl EngineTally {
    /// Disagreements by which a run on this CPU fails: see [`Tally::failures`](crate::Tally::failures).
    #[must_use]
    pub fn failures(&self, cpu: Cpu) -> usize {
        let others = if crate::is_recorded(cpu) {
            self.other_accesses.len()
        } else {
            0
        };
        self.problems.len() + others
    }
}

impl fmt::Display for EngineTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} encodings tried, {} executed by this CPU, {} runs through the engine compared, {} accesses recorded",
            self.tried, self.executed, self.compared, self.events
        )?;
        for (reason, encodings) in &self.refused {
            writeln!(f, "refused, {reason}: {}", encodings.len())?;
            encodings
                .iter()
                .try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        for (name, lines) in [
            ("problems", &self.problems),
            (
                "accesses that the decoder does not say",
                &self.other_accesses,
            ),
        ] {
            writeln!(f, "{name}: {}", lines.len())?;
            lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}

/// Runs these encodings through the engine, with `workers` processes at a time.
///
/// # Errors
/// Where no process can be made, or no capture begins.
pub fn run(encodings: &[&Encoding], workers: usize) -> io::Result<EngineTally> {
    // A table that another thread is just building would be locked in a child for ever.
    Decoder::new().warm_up_with(0);
    let all = Mutex::new(EngineTally::default());
    let each = encodings.len().div_ceil(workers.max(1)).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = encodings
            .chunks(each)
            .map(|part| scope.spawn(|| run_part(part, &all)))
            .collect();
        for thread in threads {
            thread
                .join()
                .map_err(|_| io::Error::other("a worker panicked"))??;
        }
        Ok::<(), io::Error>(())
    })?;
    all.into_inner()
        .map_err(|_| io::Error::other("a worker panicked"))
}

fn run_part(encodings: &[&Encoding], all: &Mutex<EngineTally>) -> io::Result<()> {
    let mut rest = encodings;
    while !rest.is_empty() {
        let batch = &rest[..rest.len().min(BATCH)];
        let lines = lines_of_child(|bench, to| work(batch, bench, to))?;
        let mut tally = all
            .lock()
            .map_err(|_| io::Error::other("a worker panicked"))?;
        let mut done = tally.add(batch, &lines);
        if done < batch.len() {
            let name = name_of(batch[done]);
            tally.problems.push(format!("{name}: the process died"));
            tally.tried += 1;
            done += 1;
        }
        rest = &rest[done..];
    }
    Ok(())
}

fn name_of(encoding: &Encoding) -> String {
    let hex: String = encoding
        .bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{hex} {:?} {}", encoding.code, encoding.form)
}

impl EngineTally {
    /// Adds the lines of a child; returns how many encodings it has finished.
    fn add(&mut self, batch: &[&Encoding], lines: &[String]) -> usize {
        let mut done = 0;
        for line in lines {
            let Some(encoding) = batch.get(done) else {
                break;
            };
            let (kind, text) = line.split_at(1);
            match kind {
                "R" => {
                    let refused = self.refused.entry(text.to_owned()).or_default();
                    refused.push(name_of(encoding));
                }
                "P" => self.problems.push(format!("{}: {text}", name_of(encoding))),
                "A" => {
                    let line = format!("{}: {text}", name_of(encoding));
                    self.other_accesses.push(line);
                }
                "D" => {
                    let mut numbers = text.split(' ').map(|number| number.parse().unwrap_or(0));
                    let mut next = || numbers.next().unwrap_or(0u64);
                    self.tried += 1;
                    self.executed += usize::from(next() > 0);
                    self.compared += next();
                    self.events += next();
                    done += 1;
                }
                _ => {}
            }
        }
        done
    }
}

/// In the child.
fn work(batch: &[&Encoding], mut bench: Bench, to: &mut File) -> io::Result<()> {
    // All of it before anything is traced.
    let prepared: Vec<_> = batch
        .iter()
        .map(|encoding| natively(&mut bench, encoding))
        .collect();
    let mut capture = Capture::begin(&bench)?;
    for (trial, tried) in prepared
        .iter()
        .flatten()
        .map(|(trial, tried)| (trial, tried))
    {
        bench.mappings.put_code(&trial.encoding.bytes);
        let mut done = Done::default();
        for (setup, native) in tried {
            let refused = check(trial, &bench, setup, native, &mut capture, &mut done)?;
            if refused {
                // A new one: pages stay open for a while, and for good after eight times.
                drop(capture);
                capture = Capture::begin(&bench)?;
            }
        }
        done.tell(to, tried.len())?;
    }
    drop(capture);
    Ok(())
}

/// What was found out about one encoding.
#[derive(Default)]
struct Done {
    compared: u64,
    events: u64,
    refused: Option<String>,
    problem: Option<String>,
    other_accesses: Option<String>,
}

impl Done {
    fn problem(&mut self, text: String) {
        // One of a kind tells enough.
        self.problem.get_or_insert(text);
    }

    fn tell(&self, to: &mut File, executed: usize) -> io::Result<()> {
        if let Some(refused) = &self.refused {
            writeln!(to, "R{refused}")?;
        }
        if let Some(problem) = &self.problem {
            writeln!(to, "P{}", problem.replace('\n', " "))?;
        }
        if let Some(other) = &self.other_accesses {
            writeln!(to, "A{}", other.replace('\n', " "))?;
        }
        writeln!(to, "D{executed} {} {}", self.compared, self.events)
    }
}

type Tried<'a> = (Trial<'a>, Vec<(Setup, Outcome)>);

/// The encoding in all its states, natively; empty where the CPU does not run it. An encoding that is
/// not decoded is refused by the engine in any case: it is run in one state.
fn natively<'a>(bench: &mut Bench, encoding: &'a Encoding) -> Option<Tried<'a>> {
    let instruction = bench.decoder.decode_uncached(&encoding.bytes).ok();
    let instruction = instruction.unwrap_or_else(|| {
        // `nop`: it aims at nothing.
        let nop = bench.decoder.decode_uncached(&[0x90]);
        nop.unwrap_or_else(|error| panic!("a nop: {error}"))
    });
    let trial = Trial::new(encoding, instruction);
    bench.mappings.put_code(&encoding.bytes);
    let mut tried = Vec::new();
    for number in 0..STATES {
        let mut setup = trial.setup(bench, number, None);
        if number == 3 {
            setup.state.unmask_exceptions();
        }
        if !setup.is_inside(&bench.mappings) {
            continue;
        }
        let native = trial.run(bench, &setup);
        match native.end {
            End::Exception {
                signal: libc::SIGILL,
                ..
            } => break,
            End::PageFault { .. } => {}
            _ => tried.push((setup, native)),
        }
    }
    Some((trial, tried))
}

/// One state, through the engine. Whether it was refused.
fn check(
    trial: &Trial<'_>,
    bench: &Bench,
    setup: &Setup,
    native: &Outcome,
    capture: &mut Capture,
    done: &mut Done,
) -> io::Result<bool> {
    let traced = trial.run(bench, setup);
    let recorded = capture.take()?;
    done.compared += 1;
    done.events += recorded.log.len() as u64;
    if recorded.lost > 0 {
        done.problem(format!("{} accesses lost", recorded.lost));
    }
    let way = trial.instruction.way(Context::Process);
    let same_end = match (native.end, traced.end) {
        (End::Exception { signal, .. }, End::Exception { signal: ours, .. }) => signal == ours,
        (native, ours) => native == ours,
    };
    if !same_end {
        done.problem(format!(
            "{way}: ends in {:?}, natively {:?}",
            traced.end, native.end
        ));
    }
    let difference = compare::registers(&native.state, &traced.state, &bench.layout)
        .or_else(|| compare::memory(&native.memory, &traced.memory));
    if let Some(difference) = difference {
        done.problem(format!("{way}: {difference}"));
    }
    let Some(reason) = recorded.blind else {
        if native.end == End::Done && !matches!(way, Way::Cannot(_) | Way::NoAccess) {
            let mut report = Report::default();
            let regions = bench.mappings.regions();
            let device = regions.map(|region| region.base..region.base + REGION_LEN as u64);
            let context = (Context::Process, way);
            ways::events(
                bench,
                setup,
                native,
                &recorded.log,
                context,
                &device,
                &mut report,
            );
            for (category, text) in report.problems {
                debug_assert_eq!(category, Category::Events(Context::Process));
                done.other_accesses.get_or_insert(text);
            }
        }
        return Ok(false);
    };
    done.refused.get_or_insert(reason);
    Ok(true)
}

/// Both regions, traced.
struct Capture {
    // Dropped before the backend.
    #[expect(dead_code, reason = "traced as long as they live")]
    regions: Vec<TracedRegion>,
    process: Process,
}

impl Capture {
    fn begin(bench: &Bench) -> io::Result<Self> {
        let mut process =
            Process::new(Options::new().with_ring(RingOptions::new().with_slots(SLOTS)));
        process.start().map_err(io::Error::other)?;
        let tracer = process.tracer().map_err(io::Error::other)?;
        let mut regions = Vec::new();
        for region in bench.mappings.regions() {
            let area =
                Area::new(region.base as *mut u8, REGION_LEN).with_phys(PhysAddr(region.base));
            // SAFETY: The region stays mapped as long as the process, and no reference to it exists.
            let traced = unsafe { tracer.attach(&area) };
            regions.push(traced.map_err(io::Error::other)?);
        }
        let mut capture = Self { regions, process };
        drop(capture.take()?);
        Ok(capture)
    }

    /// What was recorded since the last time.
    fn take(&mut self) -> io::Result<Recorded> {
        let mut recorded = Recorded::default();
        while self
            .process
            .drain(&mut recorded)
            .map_err(io::Error::other)?
            .records
            > 0
        {}
        Ok(recorded)
    }
}

/// What a run has recorded.
#[derive(Default)]
struct Recorded {
    log: Vec<Logged>,
    lost: u64,
    blind: Option<String>,
}

impl EventSink for Recorded {
    fn event(&mut self, event: &Event) {
        if let Some(access) = event.as_access() {
            self.log.push(Logged {
                kind: access.kind,
                address: access.phys.0,
                width: access.width.as_usize(),
                value: access.value,
            });
        }
    }

    fn marker(&mut self, _: &Marker<'_>) {}

    fn lost(&mut self, loss: &Loss) {
        self.lost += loss.count;
    }

    fn blind(&mut self, blind: &Blind) {
        if blind.edge == BlindEdge::Begin {
            self.blind
                .get_or_insert_with(|| blind.reason.as_str().to_owned());
        }
    }

    fn line(&mut self, _: &[u8]) {}
}
