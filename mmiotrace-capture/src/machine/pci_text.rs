//! A PCI function in many lines, for people: what `lspci -vvv` tells, as far as sysfs has it.

use super::{PciFunction, PciIds, Resource};

/// Describes a function in the manner of `lspci -D -nn -vvv`: its line, then the board, the command
/// register, the ranges, the capabilities, the driver. Capabilities are named, not taken apart,
/// but for the serial number.
#[must_use]
pub fn describe(function: &PciFunction, ids: &PciIds) -> String {
    let mut text = function.lspci_line(ids);
    text.push('\n');
    let (vendor, device) = function.subsystem;
    if vendor != 0 {
        let name = ids.vendor(vendor).unwrap_or("Vendor");
        line(
            &mut text,
            &format!("Subsystem: {name} [{vendor:04x}:{device:04x}]"),
        );
    }
    if let Some(command) = half(&function.config, 4) {
        line(&mut text, &format!("Control: {}", control(command)));
    }
    if function.device.irq != 0 {
        line(
            &mut text,
            &format!("Interrupt: IRQ {}", function.device.irq),
        );
    }
    for (number, resource) in function.resources.iter().enumerate() {
        if let Some(region) = region(number, resource) {
            line(&mut text, &region);
        }
    }
    capabilities(&function.config, &mut text);
    if let Some(driver) = &function.driver {
        line(&mut text, &format!("Kernel driver in use: {driver}"));
    }
    text
}

fn line(text: &mut String, content: &str) {
    text.push('\t');
    text.push_str(content);
    text.push('\n');
}

/// PCI Local Bus Specification 3.0, section 6.2.2.
fn control(command: u16) -> String {
    let bits = [
        "I/O",
        "Mem",
        "BusMaster",
        "SpecCycle",
        "MemWINV",
        "VGASnoop",
        "ParErr",
        "Stepping",
        "SERR",
        "FastB2B",
        "DisINTx",
    ];
    let words: Vec<String> = bits
        .iter()
        .enumerate()
        .map(|(bit, name)| {
            let sign = if command >> bit & 1 == 1 { '+' } else { '-' };
            format!("{name}{sign}")
        })
        .collect();
    words.join(" ")
}

fn region(number: usize, resource: &Resource) -> Option<String> {
    if resource.end <= resource.start {
        return None;
    }
    let size = size(resource.end - resource.start + 1);
    if number == 6 {
        return Some(format!(
            "Expansion ROM at {:08x} [size={size}]",
            resource.start
        ));
    }
    if resource.is_ports() {
        return Some(format!(
            "Region {number}: I/O ports at {:04x} [size={size}]",
            resource.start
        ));
    }
    let width = if resource.flags & 4 != 0 { 64 } else { 32 };
    let prefetchable = if resource.flags & 8 != 0 {
        "prefetchable"
    } else {
        "non-prefetchable"
    };
    Some(format!(
        "Region {number}: Memory at {:08x} ({width}-bit, {prefetchable}) [size={size}]",
        resource.start
    ))
}

fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 30) => format!("{}G", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}M", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}K", bytes >> 10),
        _ => bytes.to_string(),
    }
}

fn half(config: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        config.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn word(config: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        config.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

/// Walks both lists of capabilities. A list that runs in circles ends at its longest possible
/// length: one entry for each four bytes.
fn capabilities(config: &[u8], text: &mut String) {
    let has_list = half(config, 6).is_some_and(|status| status & 0x10 != 0);
    let mut at = config
        .get(0x34)
        .map_or(0, |pointer| usize::from(pointer & 0xfc));
    for _ in 0..48 {
        let Some(header) = half(config, at).filter(|_| has_list && at >= 0x40) else {
            break;
        };
        let [id, next] = header.to_le_bytes();
        line(text, &format!("Capabilities: [{at:02x}] {}", name(id)));
        at = usize::from(next & 0xfc);
    }
    let mut at = 0x100;
    for _ in 0..960 {
        let Some(header) = word(config, at).filter(|header| *header != 0 && at >= 0x100) else {
            break;
        };
        let id = (header & 0xffff) as u16;
        line(
            text,
            &format!("Capabilities: [{at:03x}] {}", extended_name(id, config, at)),
        );
        at = (header >> 20 & 0xffc) as usize;
    }
}

/// PCI Code and ID Assignment Specification, section 2.
fn name(id: u8) -> String {
    let name = match id {
        0x01 => "Power Management",
        0x02 => "AGP",
        0x03 => "Vital Product Data",
        0x05 => "MSI",
        0x07 => "PCI-X",
        0x09 => "Vendor Specific Information",
        0x0d => "Subsystem",
        0x10 => "Express",
        0x11 => "MSI-X",
        0x12 => "SATA HBA",
        0x13 => "PCI Advanced Features",
        _ => return format!("id {id:02x}"),
    };
    name.to_owned()
}

/// The same specification, section 3.
fn extended_name(id: u16, config: &[u8], at: usize) -> String {
    match id {
        0x0001 => "Advanced Error Reporting".to_owned(),
        0x0002 => "Virtual Channel".to_owned(),
        0x0003 => {
            let serial = config.get(at + 4..at + 12).unwrap_or_default();
            let bytes: Vec<String> = serial
                .iter()
                .rev()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("Device Serial Number {}", bytes.join("-"))
        }
        0x000b => "Vendor Specific Information".to_owned(),
        0x000d => "Access Control Services".to_owned(),
        0x000e => "Alternative Routing-ID Interpretation".to_owned(),
        0x0010 => "Single Root I/O Virtualization".to_owned(),
        0x0015 => "Physical Resizable BAR".to_owned(),
        0x0018 => "Latency Tolerance Reporting".to_owned(),
        0x0019 => "Secondary PCI Express".to_owned(),
        0x001e => "L1 PM Substates".to_owned(),
        _ => format!("extended id {id:04x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration space with a power-management and a serial-number capability.
    fn config() -> Vec<u8> {
        let mut config = vec![0; 4096];
        config[4] = 0x06;
        config[6] = 0x10;
        config[0x34] = 0xc8;
        config[0xc8] = 0x01;
        config[0x100..0x104].copy_from_slice(&0x0001_0003u32.to_le_bytes());
        config[0x104..0x10c].copy_from_slice(&[0x56, 0x34, 0x12, 0xff, 0xff, 0, 0x54, 0x52]);
        config
    }

    #[test]
    fn capabilities_are_listed_and_the_serial_number_told() {
        let mut text = String::new();
        capabilities(&config(), &mut text);
        assert_eq!(
            text,
            "\tCapabilities: [c8] Power Management\n\
             \tCapabilities: [100] Device Serial Number 52-54-00-ff-ff-12-34-56\n"
        );
    }

    #[test]
    fn any_bytes_end() {
        for byte in 0..=255u8 {
            for len in [0, 1, 63, 64, 65, 256, 257, 4096] {
                capabilities(&vec![byte; len], &mut String::new());
            }
        }
    }

    #[test]
    fn command_register() {
        assert!(control(0x0006).starts_with("I/O- Mem+ BusMaster+ SpecCycle-"));
    }
}
