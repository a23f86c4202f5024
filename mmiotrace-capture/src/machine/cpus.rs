//! Which CPUs there are and which are on-line.

use super::Root;

/// A set of CPU numbers, as the kernel prints it: `0-3,6`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuSet(Vec<u32>);

impl CpuSet {
    /// Reads the kernel's list form (`Documentation/admin-guide/cputopology.rst`); `None` where it
    /// is none, or names CPUs beyond 65535.
    #[must_use]
    pub fn parse(list: &str) -> Option<Self> {
        let mut cpus = Vec::new();
        for part in list.trim().split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            if last > 0xffff {
                return None;
            }
            cpus.extend(first..=last);
        }
        cpus.sort_unstable();
        cpus.dedup();
        Some(Self(cpus))
    }

    /// The CPUs that are on-line (`/sys/devices/system/cpu/online`); `None` where that is not told.
    #[must_use]
    pub fn online(root: &Root) -> Option<Self> {
        Self::parse(&root.read("/sys/devices/system/cpu/online").ok()?)
    }

    /// The numbers, rising.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let rest = self.0.iter().filter(|cpu| !other.0.contains(cpu));
        Self(rest.copied().collect())
    }
}

impl core::fmt::Display for CpuSet {
    /// The kernel's form.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut rest = self.0.iter().copied().peekable();
        let mut separator = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while rest.peek() == Some(&(last + 1)) {
                last += 1;
                rest.next();
            }
            if first == last {
                write!(f, "{separator}{first}")?;
            } else {
                write!(f, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

/// Whether a CPU can be taken off-line and put on-line again: it has an `online` file.
#[must_use]
pub fn is_hot_pluggable(root: &Root, cpu: u32) -> bool {
    root.exists(format!("/sys/devices/system/cpu/cpu{cpu}/online"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_form_round_trips() {
        for list in ["0", "0-3", "0,2-3,7", "1,3,5"] {
            assert_eq!(CpuSet::parse(list).unwrap().to_string(), list);
        }
        assert_eq!(CpuSet::parse("0-3\n").unwrap().len(), 4);
        assert!(CpuSet::parse("").unwrap().is_empty());
        assert_eq!(CpuSet::parse("a"), None);
        assert_eq!(CpuSet::parse("0-4294967295"), None);
    }

    #[test]
    fn difference() {
        let all = CpuSet::parse("0-3").unwrap();
        let one = CpuSet::parse("0").unwrap();
        assert_eq!(all.without(&one).to_string(), "1-3");
    }
}
