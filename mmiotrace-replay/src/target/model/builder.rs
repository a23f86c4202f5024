//! From a trace to a model.

use super::Model;
use super::answers::{Answers, Context};
use super::fault::Faults;
use super::memory::{Memory, Rule};
use core::time::Duration;
use mmiotrace_analysis::blocks::{RegisterFacts, Registers};
use mmiotrace_core::{
    Access, AccessKind, Blind, Event, EventSink, Loss, Marker, PhysAddr, Value, Width,
};
use mmiotrace_format::{Error, Lifter, Reader};
use std::collections::{HashMap, HashSet};
use std::io::Read;

/// Learns a device from its accesses. Feed it events (it is an [`EventSink`]), or a whole trace.
///
/// Undecoded accesses, and values that the tracer decoded wrongly, teach nothing.
#[derive(Clone, Debug, Default)]
pub struct ModelBuilder {
    registers: Registers,
    accesses: Vec<(AccessKind, PhysAddr, Value)>,
}

/// What a model took a register for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelRegister {
    /// Its recorded address.
    pub phys: PhysAddr,
    /// The width of the accesses.
    pub width: Width,
    /// Bits that hold what is written.
    pub stored: u64,
    /// Bits that go off where a 1 is written.
    pub acknowledged: u64,
    /// Bits that never changed.
    pub constant: u64,
    /// Whether its values only rise.
    pub counts: bool,
}

impl EventSink for ModelBuilder {
    fn event(&mut self, event: &Event) {
        if let Some(access) = event.as_access() {
            self.access(access);
        }
    }
    fn marker(&mut self, _: &Marker<'_>) {}
    fn lost(&mut self, _: &Loss) {}
    fn blind(&mut self, _: &Blind) {}
    fn line(&mut self, _: &[u8]) {}
}

impl ModelBuilder {
    /// A builder that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a whole trace. Lines that cannot be read are passed over.
    ///
    /// # Errors
    /// Where the source fails.
    pub fn from_trace<R: Read>(mut reader: Reader<R>) -> Result<Self, Error> {
        let (mut builder, mut lifter) = (Self::new(), Lifter::new());
        loop {
            match reader.next_line() {
                Ok(Some(line)) => {
                    // Passed over, as said above.
                    let _ = lifter.push_line(&line, &mut builder);
                }
                Ok(None) => {
                    lifter.finish(&mut builder);
                    return Ok(builder);
                }
                Err(Error::Io(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
    }

    /// Learns one access.
    pub fn access(&mut self, access: &Access) {
        self.registers.learn(access);
        let suspicious_write = access.kind == AccessKind::Write && access.is_suspicious();
        let Some(value) = access.value.filter(|_| !suspicious_write) else {
            return;
        };
        // A sign-extended read is printed wider than it was.
        let low = value
            .as_le_bytes()
            .get(..access.width.as_usize())
            .and_then(Value::from_le_bytes);
        if let Some(value) = low {
            self.accesses.push((access.kind, access.phys, value));
        }
    }

    /// What the registers are taken for, by address.
    #[must_use]
    pub fn registers(&self) -> Vec<ModelRegister> {
        let describe = |(phys, width, facts): (PhysAddr, Width, &RegisterFacts)| {
            let rule = rule(facts);
            let all = width.max_u64().unwrap_or(u64::MAX);
            ModelRegister {
                phys,
                width,
                stored: rule.stored & all,
                acknowledged: rule.acknowledged,
                constant: !facts.varying() & all,
                counts: facts.is_counter(),
            }
        };
        let mut all: Vec<_> = self.registers.iter().map(describe).collect();
        all.sort_by_key(|register| (register.phys, register.width));
        all
    }

    /// The model.
    #[must_use]
    pub fn build(self) -> Model {
        let mut memory = Memory::default();
        let mut registers: Vec<_> = self.registers.iter().collect();
        registers.sort_by_key(|(phys, width, _)| (*phys, *width));
        for (phys, width, facts) in registers {
            memory.set_rule(phys, width, rule(facts));
            // Before the first write, a register holds what it was first read as.
            let first = facts.first_read().filter(|_| facts.begins_with_read());
            if let Some(value) = first.and_then(|value| Value::from_u64(value, width)) {
                memory.set(phys, &value);
            }
        }
        let mut model = Model {
            memory,
            answers: Answers::default(),
            context: Context::default(),
            visits: HashMap::new(),
            reads: HashMap::new(),
            visit: 0,
            faults: Faults::default(),
            regions: Vec::new(),
            moved: HashMap::new(),
            clock: Duration::ZERO,
        };
        let fresh = model.clone();
        let talkative = self
            .registers
            .iter()
            .filter(|(.., facts)| facts.refused() | facts.status() != 0);
        let talkative = talkative.map(|(phys, width, _)| (phys, width)).collect();
        model.learn(&self.accesses, &talkative);
        model.answers.set_visits(model.visits);
        Model {
            answers: model.answers,
            ..fresh
        }
    }
}

/// Bits that are stored by all evidence are; those that once were not, and are not acknowledged,
/// are the device's.
fn rule(facts: &RegisterFacts) -> Rule {
    let acknowledged = facts.acknowledged();
    Rule {
        stored: !facts.refused() & !acknowledged,
        acknowledged,
    }
}

impl Model {
    /// Goes through the recorded accesses, and notes every answer that the registers alone do not
    /// give, and all answers of `talkative` registers.
    fn learn(
        &mut self,
        accesses: &[(AccessKind, PhysAddr, Value)],
        talkative: &HashSet<(PhysAddr, Width)>,
    ) {
        for (kind, phys, value) in accesses {
            if *kind == AccessKind::Write {
                // The model itself has no places that cannot be written.
                let _ = self.write_phys(*phys, value);
                continue;
            }
            let width = value.width();
            let ordinal = self.reads.entry((phys.0, width.bytes())).or_insert(0);
            let when = (self.context, self.visit, *ordinal);
            *ordinal = ordinal.saturating_add(1);
            // A status is the device's to say, also where it said the same as before.
            let told = talkative.contains(&(*phys, width));
            if told || self.memory.read(*phys, width) != *value {
                self.answers.add(when, *phys, *value);
                self.memory.set(*phys, value);
            }
        }
    }

    /// How many answers it has learnt that its registers alone do not explain.
    #[must_use]
    pub const fn learnt_answers(&self) -> usize {
        self.answers.len()
    }
}
