//! The sum of all reports, and its print.

use crate::encodings::Encoding;
use crate::report::{Category, Report, Status};
use core::fmt;
use iced_x86::{Code, Mnemonic};
use mmiotrace_decode::{Context, Cpu, Decoder};
use std::collections::{BTreeMap, HashSet};

/// What a run over many encodings has shown.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Encodings tried.
    pub tried: usize,
    /// Those that ran to their end.
    pub executed: usize,
    /// Different iced codes among those.
    pub codes: HashSet<Code>,
    /// Comparisons made.
    pub checks: u64,
    /// Disagreements by category, with the encodings.
    pub problems: BTreeMap<&'static str, Vec<String>>,
    /// Those that are argued for, by argument.
    pub argued: BTreeMap<&'static str, Vec<String>>,
    /// Encodings that did not run for want of a CPU feature, by feature.
    pub absent: BTreeMap<String, usize>,
    /// Encodings that did not run for another reason.
    pub not_executed: BTreeMap<String, Vec<String>>,
    /// Encodings executed, by context and way.
    pub ways: BTreeMap<String, usize>,
    /// Encodings that ran and cannot be carried out, by context and reason.
    pub cannot: BTreeMap<String, usize>,
    /// Sums over the reports.
    pub sums: Report,
}

impl Tally {
    /// Adds one encoding's report.
    pub fn add(&mut self, encoding: &Encoding, report: &Report, decoder: &mut Decoder) {
        self.tried += 1;
        self.checks += report.checks;
        for (category, text) in &report.problems {
            let line = format!(
                "{} {:?} {}: {text}",
                hex(&encoding.bytes),
                encoding.code,
                encoding.form
            );
            let list = match argument(*category, encoding.code.mnemonic()) {
                Some(why) => self.argued.entry(why).or_default(),
                None => self.problems.entry(category.as_str()).or_default(),
            };
            list.push(line);
        }
        match &report.status {
            Status::Executed => self.add_executed(encoding, report, decoder),
            Status::NotExecuted(why) if why == "SIGILL" => {
                *self.absent.entry(encoding.features.clone()).or_default() += 1;
            }
            Status::NotExecuted(why) => self.not_executed(why, encoding),
            Status::NotAimed => self.not_executed("not aimed", encoding),
        }
    }

    fn not_executed(&mut self, why: &str, encoding: &Encoding) {
        let line = format!(
            "{} {:?} {}",
            hex(&encoding.bytes),
            encoding.code,
            encoding.form
        );
        self.not_executed.entry(why.into()).or_default().push(line);
    }

    fn add_executed(&mut self, encoding: &Encoding, report: &Report, decoder: &mut Decoder) {
        self.executed += 1;
        self.codes.insert(encoding.code);
        self.sums.not_slid += report.not_slid;
        self.sums.exceptions += report.exceptions;
        self.sums.events += report.events;
        self.sums.events_without_value += report.events_without_value;
        self.sums.carried[0] += report.carried[0];
        self.sums.carried[1] += report.carried[1];
        for (reason, count) in &report.refusals {
            *self.sums.refusals.entry(reason.clone()).or_default() += count;
        }
        let Ok(instruction) = decoder.decode_uncached(&encoding.bytes) else {
            return;
        };
        for (name, context) in [("process", Context::Process), ("kernel", Context::Kernel)] {
            let way = instruction.way(context);
            *self.ways.entry(format!("{name} {way}")).or_default() += 1;
            if let Some(reason) = way.reason() {
                *self.cannot.entry(format!("{name} {reason}")).or_default() += 1;
            }
        }
    }

    /// Disagreements that count: all but those that are argued for.
    #[must_use]
    pub fn disagreements(&self) -> usize {
        self.problems.values().map(Vec::len).sum()
    }

    /// Disagreements by which a run on this CPU fails: all, where a run on it is checked in; else
    /// those over what carrying out leaves. That another CPU accesses other bytes is a finding.
    #[must_use]
    pub fn failures(&self, cpu: Cpu) -> usize {
        if crate::is_recorded(cpu) {
            return self.disagreements();
        }
        let carried = |(name, _): &(&&'static str, &Vec<String>)| {
            Category::ALL
                .iter()
                .any(|category| category.as_str() == **name && category.is_about_carrying_out())
        };
        let failed = self.problems.iter().filter(carried);
        failed.map(|(_, lines)| lines.len()).sum()
    }

    /// What a run on a CPU that nobody has tried has found, with what to add to the table of
    /// differences: one line for each instruction.
    #[must_use]
    pub fn findings(&self, cpu: Cpu) -> Vec<String> {
        let mut found: BTreeMap<String, (usize, &str)> = BTreeMap::new();
        for (category, lines) in &self.problems {
            for line in lines {
                let name = line.split(' ').nth(1).unwrap_or_default();
                let what = match line.rsplit_once("; ") {
                    Some((_, measured)) if measured.starts_with("measured") => measured,
                    _ => category,
                };
                let entry = found.entry(format!("{name}: {what}"));
                entry.or_insert((0, line)).0 += 1;
            }
        }
        let finding = |(what, (count, example)): (String, (usize, &str))| {
            format!(
                "{what}, {count} encodings, as {example}\n  row for mmiotrace-decode/src/cpu/differences.rs: \
                 instructions: {what:?}, source: \"oracle run on {cpu}\""
            )
        };
        found.into_iter().map(finding).collect()
    }
}

/// Why a read that never mattered is a read all the same, by instruction: the listed class of
/// disagreements.
pub(crate) fn argument(category: Category, instruction: Mnemonic) -> Option<&'static str> {
    if category != Category::ReadNotSeen {
        return None;
    }
    Some(match instruction {
        Mnemonic::Movdir64b => {
            "the register that says where to write to is the operand's base: what is read is written \
             to where it was"
        }
        Mnemonic::Ptwrite => {
            "the operand goes into a trace of the CPU's own, if there is one, and nowhere else. The page is \
             asked for (tested)"
        }
        Mnemonic::Bextr => {
            "the register that says which bits to take is part of the address, whose value takes bits \
             from beyond the operand: they are zero. The page is asked for all the same (tested)"
        }
        _ => return None,
    })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "encodings tried               {:>8}", self.tried)?;
        writeln!(f, "encodings executed            {:>8}", self.executed)?;
        writeln!(f, "iced codes executed           {:>8}", self.codes.len())?;
        writeln!(f, "comparisons                   {:>8}", self.checks)?;
        writeln!(
            f,
            "disagreements                 {:>8}",
            self.disagreements()
        )?;
        for (name, lines) in &self.problems {
            writeln!(f, "  {name:<28}{:>8}", lines.len())?;
        }
        for (why, lines) in &self.argued {
            writeln!(f, "argued for: {}, {why}", lines.len())?;
        }
        for (name, count) in &self.ways {
            let share = 100.0 * *count as f64 / self.executed.max(1) as f64;
            writeln!(f, "way {name:<26}{count:>8}  {share:6.2} %")?;
        }
        for (name, count) in &self.cannot {
            writeln!(f, "  cannot {name:<40}{count:>8}")?;
        }
        writeln!(
            f,
            "carried out, process          {:>8}",
            self.sums.carried[0]
        )?;
        writeln!(
            f,
            "carried out, kernel           {:>8}",
            self.sums.carried[1]
        )?;
        writeln!(
            f,
            "exceptions, equal             {:>8}",
            self.sums.exceptions
        )?;
        writeln!(f, "accesses recorded             {:>8}", self.sums.events)?;
        writeln!(
            f,
            "  without a value             {:>8}",
            self.sums.events_without_value
        )?;
        writeln!(f, "positions not to be had       {:>8}", self.sums.not_slid)?;
        for (name, count) in &self.sums.refusals {
            writeln!(f, "  refused at run time, {name:<30}{count:>8}")?;
        }
        for (why, count) in &self.not_executed {
            writeln!(f, "not executed, {why}: {}", count.len())?;
        }
        let missing: usize = self.absent.values().sum();
        let names: Vec<String> = self
            .absent
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        writeln!(f, "not tested: {missing} encodings ({})", names.join(", "))
    }
}
