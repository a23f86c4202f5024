//! What a device answered that its registers alone do not explain.

use core::hash::{Hash, Hasher};
use mmiotrace_core::{PhysAddr, Value, Width};
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;

/// The last write: a device is asked something by it, and what is read then answers it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Context(u64);

impl Context {
    pub(super) fn after(phys: PhysAddr, value: &Value) -> Self {
        let mut hasher = DefaultHasher::new();
        (phys, value.as_le_bytes()).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// When: after which write, the how-manieth time that it came, the how-manieth read of the
/// register since.
pub(super) type When = (Context, u32, u32);

/// Answers by register and by when they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    registers: HashMap<(u64, u8, Context), Vec<Answer>>,
    /// How often each write came.
    visits: HashMap<Context, u32>,
    count: usize,
}

#[derive(Clone, Debug)]
struct Answer {
    visit: u32,
    ordinal: u32,
    value: Value,
}

impl Answers {
    /// Adds one. They come in the order of the trace.
    pub(super) fn add(&mut self, (context, visit, ordinal): When, phys: PhysAddr, value: Value) {
        let key = (phys.0, value.width().bytes(), context);
        self.registers.entry(key).or_default().push(Answer {
            visit,
            ordinal,
            value,
        });
        self.count += 1;
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Says how often each write came in the trace.
    pub(super) fn set_visits(&mut self, visits: HashMap<Context, u32>) {
        self.visits = visits;
    }

    /// What it answered then; where the write came more often than in the trace, what it answered
    /// the last time.
    pub(super) fn get(
        &self,
        (context, visit, ordinal): When,
        phys: PhysAddr,
        width: Width,
    ) -> Option<Value> {
        let all = self.registers.get(&(phys.0, width.bytes(), context))?;
        let known = self.visits.get(&context).copied().unwrap_or(0);
        let visit = visit.min(known.saturating_sub(1));
        let from = all.partition_point(|answer| (answer.visit, answer.ordinal) < (visit, ordinal));
        let answer = all.get(from)?;
        ((answer.visit, answer.ordinal) == (visit, ordinal)).then_some(answer.value)
    }
}
