//! Two traces of the same work.

use super::Range;
use crate::trace::{Trace, TraceAccess};
use host::error::Result;
use std::collections::BTreeMap;

/// Two traces of the same work, record by record. Prints each kind of difference with an example, and
/// fails at one that is no known fault of the kernel's tracer: accesses of its first page of a mapping
/// that begins in the middle of a page, which it does not see.
pub(crate) fn side_by_side(kernels: &Trace, ours: &Trace, windows: &[Range]) -> Result<()> {
    let inside = |access: &&TraceAccess| windows.iter().any(|it| it.contains(&access.phys));
    let mut theirs = kernels.accesses.iter().filter(inside).peekable();
    let (mut equal, mut unseen, mut polls) = (0usize, BTreeMap::new(), 0usize);
    let same = |one: &TraceAccess, other: &TraceAccess| {
        let key = |access: &TraceAccess| (access.phys, access.width, access.write);
        key(one) == key(other)
    };
    let begins_inside = |phys: u64| {
        let mapping = ours.mappings.iter().find(|mapping| {
            let start = mapping.phys.0;
            start % 0x1000 != 0 && phys >= start && phys & !0xfff == start & !0xfff
        });
        mapping.map(|mapping| mapping.phys.0)
    };
    let mut before: Option<&TraceAccess> = None;
    for access in ours.accesses.iter().filter(inside) {
        // How often a driver polls is the device's business, not the tracer's.
        while let (Some(their), Some(last)) = (theirs.peek(), before) {
            if same(their, access) || !same(their, last) || last.write {
                break;
            }
            polls += 1;
            theirs.next();
        }
        match theirs.peek() {
            Some(their)
                if same(their, access) && (their.value == access.value || !access.write) =>
            {
                equal += 1;
                theirs.next();
            }
            _ => match begins_inside(access.phys) {
                Some(start) => *unseen.entry(start).or_insert(0usize) += 1,
                None if before.is_some_and(|last| !last.write && same(last, access)) => polls += 1,
                None => {
                    return Err(format!(
                        "after {equal} equal records: ours has {access:x?}, the kernel's {:x?}",
                        theirs.peek()
                    )
                    .into());
                }
            },
        }
        before = Some(access);
    }
    println!("  {equal} records are equal; {polls} more or fewer turns of polling loops");
    for (start, count) in unseen {
        println!(
            "  {count} accesses are in ours only: the kernel's tracer does not see the first page of the mapping at {start:#x}, which begins in the middle of a page"
        );
    }
    match theirs.count() {
        0 => Ok(()),
        more => Err(format!("the kernel's trace has {more} records more").into()),
    }
}
