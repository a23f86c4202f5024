//! What tells this very machine from all others: serial numbers and MAC addresses.

use super::Root;

/// The serial numbers that the firmware, disks and USB devices have; each once. Those that only
/// root may read are missing for others.
#[must_use]
pub fn serial_numbers(root: &Root) -> Vec<String> {
    let mut found = Vec::new();
    for name in [
        "product_serial",
        "board_serial",
        "chassis_serial",
        "product_uuid",
    ] {
        found.extend(root.read(format!("/sys/class/dmi/id/{name}")).ok());
    }
    for folder in [
        "/sys/class/nvme",
        "/sys/bus/usb/devices",
        "/sys/class/power_supply",
    ] {
        for device in root.list(folder) {
            for file in ["serial", "serial_number"] {
                found.extend(root.read(format!("{folder}/{device}/{file}")).ok());
            }
        }
    }
    let mut found: Vec<String> = found
        .into_iter()
        .map(|text| text.trim().to_owned())
        .filter(|text| is_telling(text))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Host controllers have their PCI address for a serial number, and firmware has fillers: neither
/// tells anything, and short ones would be found everywhere.
fn is_telling(text: &str) -> bool {
    let fillers = [
        "none",
        "to be filled by o.e.m.",
        "default string",
        "not specified",
        "system serial number",
        "0123456789",
        "unknown",
    ];
    text.len() >= 5
        && !fillers.contains(&text.to_ascii_lowercase().as_str())
        && text.parse::<super::PciAddress>().is_err()
        && text.bytes().any(|byte| byte != b'0')
}

/// The MAC addresses of all network interfaces, in lower case; each once.
#[must_use]
pub fn mac_addresses(root: &Root) -> Vec<String> {
    let folder = "/sys/class/net";
    let interfaces = root.list(folder).into_iter();
    let mut found: Vec<String> = interfaces
        .filter_map(|name| root.read(format!("{folder}/{name}/address")).ok())
        .map(|text| text.to_ascii_lowercase())
        .filter(|text| text.len() == 17 && text != "00:00:00:00:00:00")
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_tell_nothing() {
        for filler in [
            "",
            "None",
            "0000:00:14.0",
            "To Be Filled By O.E.M.",
            "00000000",
            "1",
        ] {
            assert!(!is_telling(filler), "{filler}");
        }
        assert!(is_telling("5CD1234ABC"));
    }
}
