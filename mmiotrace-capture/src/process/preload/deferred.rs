//! Areas that are to be traced as soon as the program makes them accessible.

use crate::process::Area;
use crate::process::regions::UntracedMapping;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Areas that were traced, and that the program has made inaccessible since: they are traced again
/// when it makes them accessible.
static DEFERRED: Mutex<Vec<Area<'static>>> = Mutex::new(Vec::new());

fn deferred() -> MutexGuard<'static, Vec<Area<'static>>> {
    DEFERRED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers an area until it is accessible again.
pub(super) fn defer(area: Area<'static>) {
    deferred().push(area);
}

/// Whether all of a mapping is remembered here.
pub(super) fn is_deferred(mapping: &UntracedMapping<'_>) -> bool {
    let (start, end) = (mapping.start as *const u8, mapping.end as *const u8);
    let deferred = deferred();
    let parts = deferred.iter().filter_map(|area| area.part(start, end));
    parts.map(|part| part.mapped_len()).sum::<u64>() >= mapping.end - mapping.start
}

/// Takes out what lies in a range; parts outside it stay.
pub(super) fn take_deferred(from: *const u8, to: *const u8) -> Vec<Area<'static>> {
    let mut deferred = deferred();
    let mut taken = Vec::new();
    let mut left = Vec::new();
    for area in deferred.drain(..) {
        match area.part(from, to) {
            None => left.push(area),
            Some(part) => {
                taken.push(part);
                left.extend(area.part(core::ptr::null(), from));
                left.extend(area.part(to, usize::MAX as *const u8));
            }
        }
    }
    *deferred = left;
    taken
}
