//! Kernel modules.

use super::{Root, release};

/// What is known of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleState {
    /// Not loaded.
    Absent,
    /// Part of the kernel's image: it cannot be unloaded.
    Builtin,
    /// Loaded.
    Loaded,
}

/// The kernel's spelling of a module's name: `_` for `-`, without folder and `.ko`.
pub(crate) fn canonical(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.split(".ko").next().unwrap_or(name);
    name.replace('-', "_")
}

/// Whether a module is loaded or built in.
#[must_use]
pub fn module_state(root: &Root, name: &str) -> ModuleState {
    let name = canonical(name);
    // Built-in code with parameters has a folder too, but no state (`kernel/params.c`).
    if root.exists(format!("/sys/module/{name}/initstate")) {
        ModuleState::Loaded
    } else if is_builtin(root, &name) {
        ModuleState::Builtin
    } else {
        ModuleState::Absent
    }
}

/// Whether `modules.builtin` of the running kernel names the module.
#[must_use]
pub fn is_builtin(root: &Root, name: &str) -> bool {
    let name = canonical(name);
    let path = format!("/lib/modules/{}/modules.builtin", release(root));
    let list = root.read(path).unwrap_or_default();
    list.lines().any(|line| canonical(line) == name)
}

/// The version that a module states (`MODULE_VERSION`, else its `srcversion`); `None` where it is
/// not loaded or states none.
#[must_use]
pub fn module_version(root: &Root, name: &str) -> Option<String> {
    let folder = format!("/sys/module/{}", canonical(name));
    let read = |file| root.read(format!("{folder}/{file}")).ok();
    match read("version") {
        Some(version) => Some(version),
        None => read("srcversion").map(|version| format!("srcversion {version}")),
    }
}

/// The names of all loaded modules, sorted.
#[must_use]
pub fn modules(root: &Root) -> Vec<String> {
    let mut names = root.list("/sys/module");
    names.retain(|name| root.exists(format!("/sys/module/{name}/initstate")));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_kernels() {
        assert_eq!(
            canonical("kernel/drivers/usb/host/xhci-pci.ko.xz"),
            "xhci_pci"
        );
        assert_eq!(canonical("/m/e1000.ko"), "e1000");
        assert_eq!(canonical("snd-hda-intel"), "snd_hda_intel");
    }
}
