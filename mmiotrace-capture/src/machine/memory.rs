//! How much memory is free.

use super::Root;

/// What a program may allocate without swapping, in KiB: `MemAvailable` of `/proc/meminfo`.
/// `None` where the file does not tell (kernels before 3.14, made-up machines).
#[must_use]
pub fn available_kib(root: &Root) -> Option<u64> {
    let text = root.read("/proc/meminfo").ok()?;
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    rest.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory() {
        assert!(available_kib(&Root::system()).unwrap() > 1024);
    }
}
