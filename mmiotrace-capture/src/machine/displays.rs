//! Display connectors and what hangs on them: what driver projects for graphics ask for.

use super::Root;

/// One connector of a graphics card, as `/sys/class/drm` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Display {
    /// The kernel's name: `card0-HDMI-A-1`.
    pub connector: String,
    /// `connected`, `disconnected` or `unknown`.
    pub status: String,
    /// The monitor's name, from its EDID; empty where it has none or nothing is connected.
    pub monitor: String,
    /// The preferred mode, as `1920x1080`; empty where there is none.
    pub mode: String,
}

/// All connectors, by name.
#[must_use]
pub fn displays(root: &Root) -> Vec<Display> {
    let folder = "/sys/class/drm";
    let names = root.list(folder).into_iter();
    names
        .filter_map(|connector| {
            let status = root.read(format!("{folder}/{connector}/status")).ok()?;
            let modes = root
                .read(format!("{folder}/{connector}/modes"))
                .unwrap_or_default();
            let edid = std::fs::read(root.path(format!("{folder}/{connector}/edid")));
            Some(Display {
                status,
                monitor: edid.ok().and_then(|edid| name(&edid)).unwrap_or_default(),
                mode: modes.lines().next().unwrap_or_default().to_owned(),
                connector,
            })
        })
        .collect()
}

/// The descriptor with tag 0xfc (VESA E-EDID 1.4, section 3.10.3). The serial number stands in
/// another one and is left alone.
fn name(edid: &[u8]) -> Option<String> {
    let descriptors = edid.get(54..126)?.chunks(18);
    let name = descriptors
        .filter_map(|descriptor| descriptor.strip_prefix(&[0, 0, 0, 0xfc, 0]))
        .next()?;
    let text = String::from_utf8_lossy(name);
    Some(text.split('\n').next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monitor_by_its_name() {
        let mut edid = vec![0; 128];
        edid[72..77].copy_from_slice(&[0, 0, 0, 0xff, 0]);
        edid[77..86].copy_from_slice(b"SERIAL123");
        edid[90..95].copy_from_slice(&[0, 0, 0, 0xfc, 0]);
        edid[95..108].copy_from_slice(b"DELL U2412M\n ");
        assert_eq!(name(&edid).unwrap(), "DELL U2412M");
        assert_eq!(name(&edid[..100]), None);
        assert_eq!(name(&[0; 128]), None);
    }
}
