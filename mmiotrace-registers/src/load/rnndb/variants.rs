//! On which chips something exists.

use super::raw::{RawVariants, SourcePos};
use super::resolve::Resolver;
use crate::model::{Condition, ConditionId, VariantSet, VarsetId};

/// What an element inherits from those around it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope {
    /// The enum whose first fitting variant would prefix names, and that variants are of.
    prefix: Option<VarsetId>,
    /// The enum that variants are of where there is no prefix.
    varset: Option<String>,
    /// What must hold already.
    condition: Condition,
}

impl Resolver<'_> {
    /// The scope inside an element, or `None` where the element exists on no chip at all.
    pub(super) fn scope(
        &mut self,
        above: &Scope,
        own: &RawVariants,
        place: &SourcePos,
    ) -> Option<Scope> {
        let mut scope = above.clone();
        if let Some(prefix) = &own.prefix {
            // `none` is no enum, and Mesa's `variant` is none either.
            scope.prefix = if prefix == "none" {
                None
            } else {
                self.varset(prefix)
            };
        }
        if own.varset.is_some() {
            scope.varset.clone_from(&own.varset);
        } else if scope.prefix.is_some() {
            scope.varset = None;
        }
        let Some(variants) = &own.variants else {
            return Some(scope);
        };
        let named = scope.varset.clone();
        let varset = match named {
            Some(name) => self.varset(&name),
            None => scope.prefix,
        };
        let Some(varset) = varset else {
            self.warn(place.warning("variants, but it is not said of what"));
            return Some(scope);
        };
        let mut set = self.variant_set(varset, variants, place);
        let known = scope
            .condition
            .all_of
            .iter_mut()
            .find(|(known, _)| *known == varset);
        match known {
            Some((_, known)) => {
                let both: Vec<_> = known
                    .iter()
                    .filter(|variant| set.contains(*variant))
                    .collect();
                let len = self
                    .map
                    .varset(varset)
                    .map_or(0, |varset| varset.variants.len());
                set = VariantSet::empty(len);
                both.into_iter().for_each(|variant| set.insert(variant));
                known.clone_from(&set);
            }
            None => scope.condition.all_of.push((varset, set.clone())),
        }
        (!set.is_empty()).then_some(scope)
    }

    /// The condition of an element: what its scope demands.
    pub(super) fn condition(&mut self, scope: &Scope) -> ConditionId {
        if scope.condition.all_of.is_empty() {
            return ConditionId::ALWAYS;
        }
        if let Some(known) = self.conditions.get(&scope.condition) {
            return *known;
        }
        self.map.conditions.push(scope.condition.clone());
        let id = ConditionId(self.map.conditions.len() as u32 - 1);
        self.conditions.insert(scope.condition.clone(), id);
        id
    }

    /// `A`, `A-B` (both included), `A:B` (without B), `:B`, `-B`, `A-`, divided by spaces.
    fn variant_set(&mut self, varset: VarsetId, text: &str, place: &SourcePos) -> VariantSet {
        let family = self.map.varset(varset);
        let len = family.map_or(0, |family| family.variants.len()) as u32;
        let family_name = family.map_or_else(String::new, |family| family.name.clone());
        let mut set = VariantSet::empty(len as usize);
        for word in text.split_whitespace() {
            let (first, last, included) = match word.find([':', '-']) {
                Some(at) => (
                    &word[..at],
                    Some(&word[at + 1..]),
                    word.as_bytes()[at] == b'-',
                ),
                None => (word, None, true),
            };
            let begin = if first.is_empty() {
                Some(0)
            } else {
                self.position(varset, first)
            };
            let end = match last {
                None => begin.map(|begin| begin + 1),
                Some("") => Some(len),
                Some(last) => self
                    .position(varset, last)
                    .map(|last| last + u32::from(included)),
            };
            match (begin, end) {
                (Some(begin), Some(end)) => (begin..end).for_each(|variant| set.insert(variant)),
                _ => self.warn(place.warning(format!(
                    "`{word}`: there is no such variant of {family_name}"
                ))),
            }
        }
        set
    }

    /// The exact name; unlike those that users give, names in the database have their case.
    fn position(&self, varset: VarsetId, name: &str) -> Option<u32> {
        self.map
            .varset(varset)?
            .variants
            .iter()
            .position(|known| known == name)
            .map(|at| at as u32)
    }

    /// The family that an enum makes.
    fn varset(&mut self, name: &str) -> Option<VarsetId> {
        if let Some(known) = self.varsets.get(name) {
            return *known;
        }
        let found = self.database.enums.iter().find(|known| known.name == name);
        let id = found.map(|found| {
            let names = found
                .values
                .iter()
                .map(|value| value.name.clone())
                .collect();
            let mut varset = crate::model::Varset::new(name, names);
            varset.ids = found.values.iter().map(|value| value.value).collect();
            self.map.add_varset(varset)
        });
        self.varsets.insert(name.to_owned(), id);
        id
    }
}
