//! Where spaces lie, judged by the devices themselves: QEMU logs for each access the region of the
//! device that it hit.

mod common;

use common::{bytes, feed, traces};
use mmiotrace_registers::Namer;
use std::collections::BTreeMap;

/// The regions by address, from a device log.
fn regions(log: &[u8]) -> BTreeMap<u64, String> {
    let text = String::from_utf8_lossy(log);
    let mut regions = BTreeMap::new();
    for line in text.lines() {
        let Some((_, rest)) = line.split_once(" addr 0x") else {
            continue;
        };
        let address = rest
            .split(' ')
            .next()
            .and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let name = rest
            .rsplit_once("name '")
            .and_then(|(_, name)| name.strip_suffix('\''));
        if let (Some(address), Some(name)) = (address, name) {
            regions.insert(address, name.to_owned());
        }
    }
    regions
}

/// Whether our space and name are what the device calls so.
fn agrees(region: &str, space: &str, name: &str) -> bool {
    match region {
        "capabilities" => matches!(space, "CAP" | "XECP"),
        "operational" => space == "OP" && !name.starts_with("PORT"),
        "ports" => space == "OP" && name.starts_with("PORTSC["),
        "runtime" => space == "RUNTIME",
        "doorbell" => space == "DOORBELLS" && name.starts_with("DOORBELL["),
        "msix-table" => name.starts_with("MSIX["),
        "nvme" => matches!(space, "BAR0" | "DOORBELLS"),
        "edid" => name.starts_with("EDID["),
        "bochs dispi interface" => name.starts_with("VBE_"),
        "vga ioports remapped" => name.starts_with("VGA_"),
        "qemu extended regs" => name.starts_with("QEMU_"),
        "edu-mmio" | "e1000-mmio" | "e1000e-mmio" | "intel-hda" => space == "BAR0",
        "ahci" => space == "ABAR",
        port => port.starts_with("usb") && space == "OP" && name.starts_with("PORT["),
    }
}

fn check(trace: &std::path::Path, log: &std::path::Path, at_least: u64) {
    let regions = regions(&bytes(log));
    let mut checked = 0;
    let mut namer = Namer::new();
    feed(&bytes(trace), &mut namer, |namer, event| {
        let phys = event.as_access().map(|access| access.phys.0);
        let Some(named) = namer.event(event) else {
            return;
        };
        let Some(region) = phys.and_then(|phys| regions.get(&phys)) else {
            return;
        };
        let (space, name) = (named.space().unwrap_or("?"), named.name().unwrap_or("?"));
        if name == "?" {
            // Whether enough has a name is another test's question.
            return;
        }
        checked += 1;
        assert!(
            agrees(region, space, name),
            "{:#x} is in `{region}`, not {space}/{name}",
            phys.unwrap_or(0)
        );
    });
    assert!(
        checked >= at_least,
        "{}: only {checked} accesses compared",
        trace.display()
    );
}

#[test]
fn spaces_lie_where_the_devices_have_them() {
    for (name, at_least) in [
        ("xhci-6.1", 3500),
        ("xhci-6.12", 3500),
        ("ehci-6.1", 2600),
        ("nvme-6.1", 900),
        ("ahci-q35-6.1", 3100),
        ("intel-hda-6.1", 2000),
        ("edu-6.1", 700),
        ("e1000e-q35-6.1", 9000),
    ] {
        let plain = traces().join(format!("{name}.mmiotrace"));
        let trace = if plain.exists() {
            plain
        } else {
            traces().join(format!("{name}.mmiotrace.xz"))
        };
        check(
            &trace,
            &traces().join(format!("{name}.qemu.log.xz")),
            at_least,
        );
    }
}

#[test]
fn the_display_s_registers_lie_where_it_has_them() {
    let trace = traces().join("../../../shared/traces/bochs-vga-6.12.mmiotrace.xz");
    if !trace.exists() {
        eprintln!(
            "SKIPPED: the_display_s_registers_lie_where_it_has_them: there is no {}",
            trace.display()
        );
        return;
    }
    check(&trace, &traces().join("bochs-vga-6.12.qemu.log.xz"), 250);
}
