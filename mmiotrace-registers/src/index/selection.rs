//! Which chip a device is, as far as known.

use crate::model::{Condition, ConditionId, RegisterMap, VarsetId};

/// A chosen variant for each family of a map, or none yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    chosen: Vec<Option<u32>>,
    /// What each condition of the map says of the choice.
    verdicts: Vec<Truth>,
}

/// What a condition says of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// The variant is not known; it could.
    Unknown,
}

/// A family or variant that the map does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the map has no variant {variant} of {family}")]
#[non_exhaustive]
pub struct UnknownVariant {
    /// The family asked for.
    pub family: String,
    /// The variant asked for.
    pub variant: String,
}

impl Selection {
    /// Nothing chosen.
    pub(crate) fn new(map: &RegisterMap) -> Self {
        let mut selection = Self {
            chosen: vec![None; map.varsets.len()],
            verdicts: Vec::new(),
        };
        selection.judge(map);
        selection
    }

    /// Chooses a variant of a family, by its place.
    pub(crate) fn set(&mut self, map: &RegisterMap, varset: VarsetId, variant: Option<u32>) {
        if let Some(chosen) = self.chosen.get_mut(varset.0 as usize) {
            *chosen = variant;
            self.judge(map);
        }
    }

    /// The variant chosen of a family.
    #[must_use]
    pub fn chosen(&self, varset: VarsetId) -> Option<u32> {
        self.chosen.get(varset.0 as usize).copied().flatten()
    }

    /// What the condition says.
    pub(crate) fn verdict(&self, condition: ConditionId) -> Truth {
        // A condition that the map does not have never holds.
        self.verdicts
            .get(condition.0 as usize)
            .copied()
            .unwrap_or(Truth::No)
    }

    fn judge(&mut self, map: &RegisterMap) {
        self.verdicts = map
            .conditions
            .iter()
            .map(|condition| self.judge_one(condition))
            .collect();
    }

    fn judge_one(&self, condition: &Condition) -> Truth {
        let mut truth = Truth::Yes;
        for (varset, variants) in &condition.all_of {
            match self.chosen(*varset) {
                _ if variants.is_empty() => return Truth::No,
                Some(variant) if !variants.contains(variant) => return Truth::No,
                Some(_) => {}
                None => truth = Truth::Unknown,
            }
        }
        truth
    }
}
