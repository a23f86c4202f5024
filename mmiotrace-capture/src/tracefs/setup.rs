//! Bringing the kernel's tracer into the state in which it records.

use super::buffer::{KERNEL_DEFAULT_KIB, automatic_kib, parse_kib};
use super::control::TraceDir;
use super::state::{StateFile, Step};
use super::{Buffer, Error, Options};
use crate::machine::{
    CpuSet, Lockdown, ModuleState, available_kib, command_line, is_hot_pluggable, module_state,
};

/// The name of the tracer.
pub(super) const TRACER: &str = "mmiotrace";

/// The module of our own, by which the kmod backend captures.
const KMOD: &str = "mmiotrace";

/// The folder of control files, mounted if it must be.
pub(super) fn open(options: &Options, file: &mut StateFile) -> Result<TraceDir, Error> {
    if let Some(dir) = TraceDir::find(&options.root) {
        return Ok(dir);
    }
    let folder = TraceDir::mount(&options.root)?;
    file.add([Step::Unmount {
        folder: folder.to_owned(),
    }])?;
    TraceDir::find(&options.root)
        .ok_or_else(|| Error::NoTracefs(std::io::ErrorKind::NotFound.into()))
}

/// How things stand before anything is changed.
#[derive(Debug)]
pub(super) struct Before {
    tracer: String,
    tracing_on: String,
    events: Vec<String>,
    clock: Option<String>,
    online: CpuSet,
}

impl Before {
    /// Reads, and refuses where the tracer does not exist or is somebody else's.
    pub(super) fn read(dir: &TraceDir, options: &Options) -> Result<Self, Error> {
        if Lockdown::read(&options.root) == Some(Lockdown::Confidentiality) {
            return Err(Error::LockedDown);
        }
        if module_state(&options.root, KMOD) == ModuleState::Loaded {
            let what =
                format!("the module {KMOD} is loaded and takes the same faults (rmmod {KMOD})");
            return Err(Error::Busy { what });
        }
        let available = dir.read("available_tracers")?;
        if !available.split_whitespace().any(|name| name == TRACER) {
            return Err(Error::NoTracer { available });
        }
        let before = Self {
            tracer: dir.read("current_tracer")?,
            tracing_on: dir.read("tracing_on")?,
            events: enabled_events(dir),
            clock: dir.chosen("trace_clock"),
            online: CpuSet::online(&options.root).unwrap_or_default(),
        };
        if !options.take_over {
            before.refuse_others()?;
        }
        Ok(before)
    }

    fn refuse_others(&self) -> Result<(), Error> {
        if self.tracer != "nop" {
            let what = format!("current_tracer is {}", self.tracer);
            return Err(Error::Busy { what });
        }
        if let Some(event) = self.events.first() {
            let what = format!("{} trace events are on, {event} first", self.events.len());
            return Err(Error::Busy { what });
        }
        Ok(())
    }

    /// What will have to be put back: the last is put back first.
    pub(super) fn steps(&self, dir: &TraceDir) -> Vec<Step> {
        let write = |file: &str, value: &str| Step::Write {
            path: dir.name(file),
            value: value.to_owned(),
        };
        let mut steps = vec![write("tracing_on", &self.tracing_on)];
        steps.extend(self.events.iter().map(|event| Step::Append {
            path: dir.name("set_event"),
            value: event.clone(),
        }));
        if self.tracer != TRACER {
            steps.push(write("current_tracer", &self.tracer));
        }
        if let Some(clock) = &self.clock {
            steps.push(write("trace_clock", clock));
        }
        for file in ["tracing_cpumask", "options/markers"] {
            if let Ok(value) = dir.read(file) {
                steps.push(write(file, &value));
            }
        }
        for cpu in dir.ring_cpus() {
            let file = format!("per_cpu/cpu{cpu}/buffer_size_kb");
            if let Some(kib) = dir.read(&file).ok().as_deref().and_then(parse_kib) {
                steps.push(write(&file, &kib.to_string()));
            }
        }
        steps.extend(
            self.online
                .as_slice()
                .iter()
                .map(|cpu| Step::Online { cpu: *cpu }),
        );
        steps.push(write("current_tracer", "nop"));
        steps.push(write("tracing_on", "0"));
        steps
    }
}

/// The trace events that are on, as `system:event`; those of other tracers' own (`ftrace:…`) never
/// are.
fn enabled_events(dir: &TraceDir) -> Vec<String> {
    let text = dir.read("set_event").unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// What the set-up came to.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// The ring's size for each recording CPU, in KiB.
    pub(super) buffer_kib: u64,
    /// The CPUs that are on-line while it records.
    pub(super) online: CpuSet,
}

/// Makes the tracer record. What it changes is in [`Before::steps`]. `notes` gets what a person
/// should know.
pub(super) fn activate(
    dir: &TraceDir,
    options: &Options,
    before: &Before,
    advice: Option<u64>,
    notes: &mut Vec<String>,
) -> Result<Ready, Error> {
    if before.tracer != "nop" || !before.events.is_empty() {
        take_over(dir, before, notes)?;
    }
    if let Some(clock) = options
        .clock
        .as_ref()
        .filter(|clock| before.clock.as_ref() != Some(clock))
    {
        dir.write("trace_clock", clock)?;
    }
    make_visible(dir, &before.online, notes)?;
    // The tracer takes all CPUs off-line but the first (`enter_uniprocessor` in
    // arch/x86/mm/mmio-mod.c), so that one needs the ring.
    let first = before.online.as_slice().first().copied().unwrap_or(0);
    let buffer_kib = size_ring(dir, options, first, advice, notes)?;
    dir.write("tracing_on", "1")?;
    dir.write("current_tracer", TRACER)?;
    let online = CpuSet::online(&options.root).unwrap_or_default();
    warn(options, &online, notes);
    for cpu in online.as_slice().iter().filter(|cpu| **cpu != first) {
        dir.write(
            &format!("per_cpu/cpu{cpu}/buffer_size_kb"),
            &buffer_kib.to_string(),
        )?;
    }
    Ok(Ready { buffer_kib, online })
}

fn take_over(dir: &TraceDir, before: &Before, notes: &mut Vec<String>) -> Result<(), Error> {
    dir.write("tracing_on", "0")?;
    if !before.events.is_empty() {
        dir.write("set_event", "")?;
        notes.push(format!(
            "{} trace events are off during the capture",
            before.events.len()
        ));
    }
    if before.tracer != "nop" {
        dir.write("current_tracer", "nop")?;
        notes.push(match before.tracer.as_str() {
            TRACER => "mmiotrace was on already; it is off after the capture".to_owned(),
            other => format!("the tracer {other} is off during the capture"),
        });
    }
    Ok(())
}

/// Sees to it that the recording CPU's entries and markers reach the ring.
fn make_visible(dir: &TraceDir, online: &CpuSet, notes: &mut Vec<String>) -> Result<(), Error> {
    if dir.read("options/markers").is_ok_and(|value| value == "0") {
        dir.write("options/markers", "1")?;
    }
    let first = online.as_slice().first().copied().unwrap_or(0);
    if dir
        .read("tracing_cpumask")
        .is_ok_and(|mask| !mask_has(&mask, first))
    {
        dir.write("tracing_cpumask", &mask_of(online))?;
        notes.push(format!(
            "tracing_cpumask left CPU {first} out; it is in during the capture"
        ));
    }
    Ok(())
}

/// Whether a mask of hexadecimal words of 32 bits, highest first, has a CPU.
fn mask_has(mask: &str, cpu: u32) -> bool {
    let word = mask.rsplit(',').nth(cpu as usize / 32);
    word.and_then(|word| u32::from_str_radix(word.trim(), 16).ok())
        .is_some_and(|word| word >> (cpu % 32) & 1 == 1)
}

fn mask_of(cpus: &CpuSet) -> String {
    let highest = cpus.as_slice().last().copied().unwrap_or(0);
    let mut words = vec![0u32; highest as usize / 32 + 1];
    for cpu in cpus.as_slice() {
        if let Some(word) = words.get_mut(*cpu as usize / 32) {
            *word |= 1 << (cpu % 32);
        }
    }
    let words: Vec<String> = words
        .iter()
        .rev()
        .map(|word| format!("{word:08x}"))
        .collect();
    words.join(",")
}

fn size_ring(
    dir: &TraceDir,
    options: &Options,
    cpu: u32,
    advice: Option<u64>,
    notes: &mut Vec<String>,
) -> Result<u64, Error> {
    // A ring that was never used has one page for each CPU and grows when a tracer starts; sizing
    // one CPU alone would take that growth from the others.
    if dir
        .read("buffer_size_kb")
        .is_ok_and(|text| text.contains("expanded"))
    {
        dir.write("buffer_size_kb", &KERNEL_DEFAULT_KIB.to_string())?;
    }
    let mut kib = wanted_kib(options, advice, notes);
    let file = format!("per_cpu/cpu{cpu}/buffer_size_kb");
    loop {
        match dir.write(&file, &kib.to_string()) {
            Err(Error::File { source, .. })
                if source.kind() == std::io::ErrorKind::OutOfMemory && kib > KERNEL_DEFAULT_KIB =>
            {
                notes.push(format!("no memory for a ring of {kib} KiB; trying half"));
                kib /= 2;
            }
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    let actual = dir.read(&file).ok().as_deref().and_then(parse_kib);
    Ok(actual.unwrap_or(kib))
}

fn wanted_kib(options: &Options, advice: Option<u64>, notes: &mut Vec<String>) -> u64 {
    match options.buffer {
        Buffer::Kib(kib) => kib.max(1),
        Buffer::Auto => {
            let available = available_kib(&options.root);
            let automatic = automatic_kib(available);
            let limit = available.map_or(automatic, |kib| kib / 2);
            match advice
                .map(|kib| kib.min(limit))
                .filter(|kib| *kib > automatic)
            {
                Some(kib) => {
                    notes.push(format!(
                        "the last capture lost events: the ring is {} MiB now instead of {}",
                        kib >> 10,
                        automatic >> 10
                    ));
                    kib
                }
                None => automatic,
            }
        }
    }
}

fn warn(options: &Options, online: &CpuSet, notes: &mut Vec<String>) {
    if online.len() > 1 {
        let stuck = online
            .as_slice()
            .iter()
            .skip(1)
            .all(|cpu| is_hot_pluggable(&options.root, *cpu));
        let why = if stuck {
            ""
        } else {
            "; this kernel cannot take them off-line: boot with maxcpus=1"
        };
        notes.push(format!(
            "CPUs {online} are on-line: accesses made while another CPU is in a step are missing, \
             and nothing counts them{why}"
        ));
    }
    for word in command_line(&options.root) {
        let Some(parameter) = word.strip_prefix("mmiotrace.") else {
            continue;
        };
        if parameter.starts_with("nommiotrace") && !parameter.ends_with("=0") {
            notes.push("mmiotrace.nommiotrace is on the kernel's command line: only MAP and UNMAP are recorded".into());
        }
        if parameter.starts_with("filter_offset") {
            notes.push(format!(
                "{word} is on the kernel's command line: only mappings that start there are recorded"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks() {
        assert!(mask_has("f", 3));
        assert!(!mask_has("e", 0));
        assert!(mask_has("00000001,00000000", 32));
        assert!(!mask_has("ffffffff", 32));
        let cpus = CpuSet::parse("0-3,33").unwrap();
        assert_eq!(mask_of(&cpus), "00000002,0000000f");
        for cpu in 0..40 {
            assert_eq!(
                mask_has(&mask_of(&cpus), cpu),
                cpus.as_slice().contains(&cpu)
            );
        }
    }
}
