//! Accesses held against the mappings that are alive, and values against their widths.

use super::cause::{Cause, Suspicion};
use super::groups::Groups;
use super::untraced::Candidates;
use crate::live::Live;
use mmiotrace_core::{Access, AccessKind, MapId, Mapping, PhysAddr, Width};

/// Holds accesses against mappings.
#[derive(Debug, Default)]
pub(super) struct Accesses {
    live: Live,
    pub(super) untraced: Candidates,
}

impl Accesses {
    pub(super) fn map(&mut self, line: u64, mapping: &Mapping) {
        self.live.map(*mapping);
        self.untraced.map(line, mapping);
    }

    pub(super) fn unmap(&mut self, line: u64, id: MapId, groups: &mut Groups) {
        self.untraced.unmap(id);
        match self.live.unmap(id) {
            Some(_) => {}
            None if id == MapId::UNLISTED => groups.add(Cause::Premapped, line, 1),
            None if self.live.has_overflowed() => {}
            None => groups.add(Cause::UnmapUnlisted { map_id: id }, line, 1),
        }
    }

    #[inline]
    pub(super) fn access(&mut self, line: u64, map_id: MapId, phys: PhysAddr, groups: &mut Groups) {
        self.untraced.access(map_id, phys);
        match self.live.get(map_id) {
            Some(mapping) if mapping.contains(phys) => {}
            Some(_) => groups.add(Cause::Outside { map_id }, line, 1),
            None if self.live.has_overflowed() => {}
            None => groups.add(Cause::NotMapped { map_id }, line, 1),
        }
    }

    /// Whether this address is mapped by that mapping.
    pub(super) fn is_mapped(&mut self, map_id: MapId, phys: PhysAddr) -> bool {
        self.live
            .get(map_id)
            .is_some_and(|mapping| mapping.contains(phys))
    }

    pub(super) const fn alive(&self) -> usize {
        self.live.len()
    }

    pub(super) const fn has_overflowed(&self) -> bool {
        self.live.has_overflowed()
    }
}

/// In which way the value of an access does not fit its width.
pub(super) fn suspicion(access: &Access) -> Option<Suspicion> {
    if !access.is_suspicious() {
        return None;
    }
    let printed = access.value.and_then(|value| value.to_u64())?;
    Some(match access.kind {
        AccessKind::Read if is_sign_extension(printed, access.width) => Suspicion::SignExtended {
            width: access.width,
        },
        AccessKind::Write if access.width == Width::W4 => Suspicion::WideImmediate,
        kind => Suspicion::TooWide {
            kind,
            width: access.width,
        },
    })
}

/// Whether `printed` is a number of `width` bytes sign-extended to 2, 4 or 8.
fn is_sign_extension(printed: u64, width: Width) -> bool {
    let Some(max) = width.max_u64() else {
        return false;
    };
    let negative = printed & (max ^ (max >> 1)) != 0;
    let extended = |bits: u32| printed | max == u64::MAX >> (64 - bits);
    negative && [16, 32, 64].into_iter().any(extended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_extensions() {
        assert!(is_sign_extension(0xffff_ff88, Width::W1));
        assert!(is_sign_extension(0xffff_ffff_ffff_ff88, Width::W1));
        assert!(is_sign_extension(0xff88, Width::W1));
        assert!(is_sign_extension(0xffff_8877, Width::W2));
        assert!(!is_sign_extension(0x1234_ff88, Width::W1));
        assert!(!is_sign_extension(0xffff_ff08, Width::W1));
    }
}
