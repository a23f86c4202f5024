//! From pairs of steps to what is told of them.

use super::align::{Aligned, Pairing, align};
use super::step::Step;
use super::{Act, ChangedField, Comparison, Diff, DiffSummary, Difference, Seen, Treatment};

impl Comparison<'_> {
    /// Aligns the two traces and tells the differences.
    #[must_use]
    pub fn finish(mut self) -> Diff {
        let [before, after] = &mut self.sides;
        let mut before = core::mem::take(&mut before.steps);
        let mut after = core::mem::take(&mut after.steps);
        let mut diff = Diff {
            summary: DiffSummary {
                steps_before: before.len() as u64,
                steps_after: after.len() as u64,
                ..DiffSummary::default()
            },
            ..Diff::default()
        };
        let aligned = align(&mut before, &mut after);
        let teller = Teller {
            comparison: &self,
            before: &before,
            after: &after,
            aligned: &aligned,
        };
        for pairing in &aligned.pairings {
            let difference = teller.tell(*pairing, &mut diff.summary);
            diff.differences.extend(difference);
        }
        diff
    }
}

/// What is needed to say something of a step.
struct Teller<'c> {
    comparison: &'c Comparison<'c>,
    before: &'c [Step],
    after: &'c [Step],
    aligned: &'c Aligned,
}

impl Teller<'_> {
    /// The difference that a pairing is, if it is one. It is counted in any case.
    fn tell(&self, pairing: Pairing, summary: &mut DiffSummary) -> Option<Difference> {
        match pairing {
            Pairing::Same(i, j) => return self.tell_pair(i, j, summary),
            Pairing::Missing(_) => summary.missing += 1,
            Pairing::Inserted(_) => summary.inserted += 1,
            Pairing::Moved(..) => summary.moved += 1,
        }
        let before = pairing.before().and_then(|i| self.seen_before(i));
        let after = pairing.after().and_then(|j| self.seen_after(j));
        match (before, after) {
            (Some(before), Some(after)) => Some(Difference::Moved { before, after }),
            (Some(before), None) => Some(Difference::Missing { before }),
            (None, Some(after)) => Some(Difference::Inserted { after }),
            (None, None) => None,
        }
    }

    fn tell_pair(&self, i: u32, j: u32, summary: &mut DiffSummary) -> Option<Difference> {
        let (a, b) = (self.before.get(i as usize)?, self.after.get(j as usize)?);
        let is_free = match self.comparison.treatment(a.register) {
            Some(Treatment::Volatile) => a.act == Act::Read,
            Some(Treatment::AnyValue) => true,
            _ => false,
        };
        if a.value == b.value && a.blank == b.blank || is_free {
            summary.equal += 1;
            return None;
        }
        if a.act == Act::Read {
            summary.changed_reads += 1;
        } else {
            summary.changed_writes += 1;
        }
        Some(Difference::Changed {
            before: self.seen_before(i)?,
            after: self.seen_after(j)?,
            fields: self.changed_fields(a, b),
        })
    }

    fn changed_fields(&self, before: &Step, after: &Step) -> Vec<ChangedField> {
        let told = self.comparison.registers.get(before.register as usize);
        let fields = told.map_or(&[][..], |told| &told.fields);
        let differ = before.value ^ after.value;
        let is_known = !before.blank && !after.blank;
        let changed = fields
            .iter()
            .filter(|field| is_known && field.bits & differ != 0);
        changed
            .map(|field| {
                let value = |step: &Step| (step.value & field.bits) >> field.bits.trailing_zeros();
                ChangedField {
                    name: field.name.clone(),
                    before: value(before),
                    after: value(after),
                }
            })
            .collect()
    }

    fn seen_before(&self, i: u32) -> Option<Seen> {
        let turns = self.aligned.before.turns.get(&i).copied();
        Some(self.seen(self.before.get(i as usize)?, turns))
    }

    fn seen_after(&self, j: u32) -> Option<Seen> {
        let turns = self.aligned.after.turns.get(&j).copied();
        Some(self.seen(self.after.get(j as usize)?, turns))
    }

    fn seen(&self, step: &Step, turns: Option<u32>) -> Seen {
        let comparison = self.comparison;
        let text = comparison
            .texts
            .get(usize::try_from(step.value).unwrap_or(usize::MAX));
        let is_mark = step.act == Act::Mark;
        Seen {
            line: step.line.into(),
            time: step.time,
            act: step.act,
            register: comparison
                .registers
                .get(step.register as usize)
                .map(|told| told.register.clone()),
            width: step.width(),
            value: (!step.blank && !is_mark && step.act != Act::Unmap).then_some(step.value),
            text: text
                .filter(|_| is_mark)
                .map(|text| String::from_utf8_lossy(text).into_owned()),
            count: step.count,
            turns: turns.unwrap_or(1),
        }
    }
}
