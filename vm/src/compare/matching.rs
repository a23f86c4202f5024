//! Partners of accesses.

use super::key::Key;
use super::report::Report;
use std::collections::{BTreeMap, BTreeSet};

/// Finds a partner for each: first equal ones, then, for accesses whose value the trace does not
/// know, ones that are equal except for the value.
pub(super) fn match_up(device: &[Key], trace: &[Key], report: &mut Report) {
    let mut waiting: BTreeMap<&Key, Vec<usize>> = BTreeMap::new();
    for (index, key) in device.iter().enumerate().rev() {
        waiting.entry(key).or_default().push(index);
    }
    // For each access of the trace, its place in the device's log.
    let mut places: Vec<Option<usize>> = trace
        .iter()
        .map(|key| waiting.get_mut(key).and_then(Vec::pop))
        .collect();
    let mut rest: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    let mut left: Vec<usize> = waiting.into_values().flatten().collect();
    left.sort_unstable();
    for index in left.into_iter().rev() {
        if let Some(key) = device.get(index) {
            rest.entry(Key {
                value: None,
                ..key.clone()
            })
            .or_default()
            .push(index);
        }
    }
    for (key, place) in trace.iter().zip(&mut places) {
        if place.is_none() && key.value.is_none() {
            *place = rest.get_mut(key).and_then(Vec::pop);
        }
    }
    let lost = rest.into_values().flatten().collect::<BTreeSet<usize>>();
    report.missing = lost
        .iter()
        .filter_map(|index| device.get(*index).cloned())
        .collect();
    let pairs = trace.iter().zip(&places);
    report.spurious = pairs
        .filter(|(_, place)| place.is_none())
        .map(|(key, _)| key.clone())
        .collect();
    let order: Vec<usize> = places.into_iter().flatten().collect();
    report.inversions = order.windows(2).filter(|pair| pair[0] > pair[1]).count();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let distance = |place: &usize| sorted.binary_search(place).unwrap_or(0);
    report.displacement = order
        .iter()
        .enumerate()
        .map(|(at, place)| at.abs_diff(distance(place)))
        .max()
        .unwrap_or(0);
}
