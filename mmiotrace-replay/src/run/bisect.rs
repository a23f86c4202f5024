//! Which step does the harm.

use crate::plan::Plan;
use serde::{Deserialize, Serialize};

/// Finds the first step that does harm, by running shorter and longer beginnings of a plan: at
/// most log2(n) + 1 runs for n steps that access the device, the run of the whole plan counted.
///
/// It does not run anything itself, and its state can be stored between runs: each run may freeze
/// the machine.
///
/// ```
/// use mmiotrace_replay::{Bisect, RunVerdict};
///
/// let mut bisect = Bisect::over((0..1000).collect());
/// let mut runs = 0;
/// while let Some(steps) = bisect.next_run() {
///     runs += 1;
///     // Step 321 freezes the device.
///     bisect.tell(if steps > 321 { RunVerdict::Harmed } else { RunVerdict::Survived });
/// }
/// assert_eq!(bisect.culprit(), Some(321));
/// assert!(runs <= 11);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bisect {
    candidates: Vec<usize>,
    state: BisectState,
}

/// How far a search has come; to be stored between runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BisectState {
    /// So many candidates at the beginning do no harm.
    pub survived: usize,
    /// So many do; `None` before the run of all.
    pub harmed: Option<usize>,
    /// The run that was begun and of which nothing is known yet: so many candidates.
    pub pending: Option<usize>,
    /// How many runs there were.
    pub runs: u32,
    /// Whether even the run of all did no harm.
    pub harmless: bool,
}

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunVerdict {
    /// The device is alive.
    Survived,
    /// It is not, or the machine had to be restarted.
    Harmed,
}

impl Bisect {
    /// A search over the steps of a plan that access the device.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let steps = plan
            .steps()
            .enumerate()
            .filter(|(_, (_, step))| step.accesses() > 0);
        Self::over(steps.map(|(index, _)| index).collect())
    }

    /// A search over these steps, in rising order.
    #[must_use]
    pub fn over(candidates: Vec<usize>) -> Self {
        Self {
            candidates,
            state: BisectState::default(),
        }
    }

    /// The same, going on where an earlier search stopped.
    #[must_use]
    pub fn with_state(mut self, state: BisectState) -> Self {
        let all = self.candidates.len();
        // A stored state is no more trusted than any file.
        let harmed = state.harmed.map(|harmed| harmed.clamp(1, all.max(1)));
        let survived = state.survived.min(harmed.map_or(all, |harmed| harmed - 1));
        self.state = BisectState {
            survived,
            harmed,
            pending: state.pending.map(|p| p.min(all)),
            ..state
        };
        self
    }

    /// How far it has come.
    #[must_use]
    pub const fn state(&self) -> BisectState {
        self.state
    }

    /// How many steps of the plan to run next, from the beginning; `None` where the search is
    /// over. The run is pending until [`tell`](Self::tell).
    pub fn next_run(&mut self) -> Option<usize> {
        let all = self.candidates.len();
        let count = match self.state.harmed {
            _ if self.state.harmless || all == 0 => return None,
            None => all,
            Some(harmed) if harmed - self.state.survived <= 1 => return None,
            Some(harmed) => self.state.survived + (harmed - self.state.survived) / 2,
        };
        self.state.pending = Some(count);
        Some(self.candidates.get(count - 1)? + 1)
    }

    /// Says how the pending run went.
    pub fn tell(&mut self, verdict: RunVerdict) {
        let Some(count) = self.state.pending.take() else {
            return;
        };
        self.state.runs += 1;
        match verdict {
            RunVerdict::Harmed => self.state.harmed = Some(count),
            RunVerdict::Survived if self.state.harmed.is_none() => self.state.harmless = true,
            RunVerdict::Survived => self.state.survived = count,
        }
    }

    /// The step that does the harm, where the search is over and there is one.
    #[must_use]
    pub fn culprit(&self) -> Option<usize> {
        let harmed = self
            .state
            .harmed
            .filter(|harmed| harmed - self.state.survived <= 1)?;
        self.candidates.get(harmed.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_culprit_is_found_within_the_promised_runs() {
        for n in 1..=70usize {
            let most = n.next_power_of_two().trailing_zeros() + 1;
            for culprit in 0..n {
                let mut bisect = Bisect::over((0..n).map(|step| step * 3).collect());
                while let Some(steps) = bisect.next_run() {
                    // Through storage and back, as between two restarts.
                    bisect = Bisect::over((0..n).map(|step| step * 3).collect())
                        .with_state(bisect.state());
                    let harmed = steps > culprit * 3;
                    bisect.tell(if harmed {
                        RunVerdict::Harmed
                    } else {
                        RunVerdict::Survived
                    });
                }
                assert_eq!(bisect.culprit(), Some(culprit * 3), "{n} steps");
                assert!(
                    bisect.state().runs <= most,
                    "{n} steps: {} runs",
                    bisect.state().runs
                );
            }
        }
    }

    #[test]
    fn a_harmless_plan_takes_one_run() {
        let mut bisect = Bisect::over((0..100).collect());
        assert_eq!(bisect.next_run(), Some(100));
        bisect.tell(RunVerdict::Survived);
        assert_eq!((bisect.next_run(), bisect.culprit()), (None, None));
    }
}
