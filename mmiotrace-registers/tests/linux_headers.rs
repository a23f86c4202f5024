//! The offsets of our maps against those of Linux' drivers: written by other people, read by the
//! header loader.
//!
//! The headers are of any of Debian's `linux-source-…`, from 6.1 on, unpacked;
//! `MMIOTRACE_LINUX_SOURCE` says where. `cargo xtask test` fetches them.

use mmiotrace_registers::{CompiledMap, HeaderValue, RegisterMap, bundled, header_constants};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

fn source() -> Option<PathBuf> {
    let candidates = std::env::var_os("MMIOTRACE_LINUX_SOURCE")
        .map(PathBuf::from)
        .into_iter()
        .chain(
            std::fs::read_dir("/usr/src")
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| {
                    path.file_name()
                        .is_some_and(|name| name.to_string_lossy().starts_with("linux-source-"))
                }),
        );
    candidates
        .into_iter()
        .find(|path| path.join("include/linux/nvme.h").is_file())
}

fn constants(files: &[&str]) -> Option<BTreeMap<String, HeaderValue>> {
    let Some(root) = source() else {
        // Not `eprintln`: the harness of the tests holds that back.
        let _ = std::io::stderr().write_all(
            b"SKIPPED: linux_headers: no kernel source (install linux-source and unpack it in \
              /usr/src, or set MMIOTRACE_LINUX_SOURCE)\n",
        );
        return None;
    };
    let mut all = BTreeMap::new();
    for file in files {
        let bytes =
            std::fs::read(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let text = String::from_utf8_lossy(&bytes);
        for constant in header_constants(&text).expect("a header") {
            all.entry(constant.name).or_insert(constant.value);
        }
    }
    Some(all)
}

fn map(name: &str) -> CompiledMap {
    let text = bundled::text(name).expect("a bundled map");
    RegisterMap::from_toml(text)
        .expect("a map")
        .compile()
        .expect("a sound map")
}

/// Compares every register of a map that has a counterpart: `theirs` gives the constant's name for
/// one of ours. Gives how many were compared.
fn compare(
    name: &str,
    constants: &BTreeMap<String, HeaderValue>,
    pairs: &[(&str, &str)],
    mut wrong: impl FnMut(String),
) -> usize {
    let map = map(name);
    let mut compared = 0;
    for (ours, theirs) in pairs {
        let Some(value) = constants.get(*theirs) else {
            wrong(format!("{name}: the header has no {theirs}"));
            continue;
        };
        for (index, expected) in offsets(value).into_iter().enumerate() {
            let wanted = if matches!(value, HeaderValue::Indexed(_)) {
                ours.replace("[i]", &format!("[{index}]"))
            } else {
                (*ours).to_owned()
            };
            let found = map.find(&wanted);
            let exact: Vec<_> = found
                .iter()
                .filter(|found| found.register.is_some())
                .collect();
            // An array that is shorter with us than the macro can count is no contradiction.
            if exact.is_empty() && index > 0 {
                break;
            }
            compared += 1;
            if !exact.iter().any(|found| found.at == expected) {
                let at: Vec<_> = exact.iter().map(|found| found.at).collect();
                wrong(format!(
                    "{name}: {wanted} is at {at:x?}, {theirs} is {expected:#x}"
                ));
            }
        }
    }
    compared
}

fn offsets(value: &HeaderValue) -> Vec<u64> {
    match value {
        HeaderValue::Number(at) | HeaderValue::Member(at) => vec![*at],
        HeaderValue::Indexed(values) => values.clone(),
        _ => Vec::new(),
    }
}

/// Our name and theirs, where both are called alike but for a prefix.
fn prefixed(
    name: &str,
    constants: &BTreeMap<String, HeaderValue>,
    prefix: &str,
) -> Vec<(String, String)> {
    let map = map(name);
    let mut pairs = Vec::new();
    for space in &map.map().spaces {
        for item in map.map().items(space.items) {
            let mmiotrace_registers::model::Item::Register(register) = item else {
                continue;
            };
            let theirs = format!("{prefix}{}", register.name);
            if constants.contains_key(&theirs) {
                let index = if register.count == 1 { "" } else { "[i]" };
                pairs.push((format!("{}{index}", register.name), theirs));
            }
        }
    }
    pairs
}

fn check(
    name: &str,
    constants: &BTreeMap<String, HeaderValue>,
    pairs: &[(&str, &str)],
    at_least: usize,
) {
    let mut wrongs = Vec::new();
    let compared = compare(name, constants, pairs, |wrong| wrongs.push(wrong));
    println!(
        "{name}: {compared} offsets compared, {} differ",
        wrongs.len()
    );
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));
    assert!(
        compared >= at_least,
        "{name}: only {compared} offsets compared"
    );
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(ours, theirs)| (ours.as_str(), theirs.as_str()))
        .collect()
}

#[test]
fn network_cards() {
    let Some(constants) = constants(&["drivers/net/ethernet/intel/e1000/e1000_hw.h"]) else {
        return;
    };
    check(
        "e1000",
        &constants,
        &borrowed(&prefixed("e1000", &constants, "E1000_")),
        100,
    );
    let Some(constants) = self::constants(&["drivers/net/ethernet/intel/e1000e/regs.h"]) else {
        return;
    };
    let mut pairs = prefixed("e1000e", &constants, "E1000_");
    for half in ["RAL", "RAH"] {
        pairs.push((format!("RA[i].{half}"), format!("E1000_{half}")));
    }
    check("e1000e", &constants, &borrowed(&pairs), 150);
}

#[test]
fn nvme() {
    let Some(constants) = constants(&["include/linux/nvme.h"]) else {
        return;
    };
    check(
        "nvme",
        &constants,
        &borrowed(&prefixed("nvme", &constants, "NVME_REG_")),
        18,
    );
}

#[test]
fn ahci() {
    let Some(constants) = constants(&["drivers/ata/ahci.h"]) else {
        return;
    };
    let pairs = [
        ("CAP", "HOST_CAP"),
        ("GHC", "HOST_CTL"),
        ("ABAR.IS", "HOST_IRQ_STAT"),
        ("PI", "HOST_PORTS_IMPL"),
        ("ABAR.VS", "HOST_VERSION"),
        ("EM_LOC", "HOST_EM_LOC"),
        ("EM_CTL", "HOST_EM_CTL"),
        ("CAP2", "HOST_CAP2"),
    ];
    check("ahci", &constants, &pairs, 8);
    // Linux counts these from the start of a port.
    let ports = [
        ("CLB", "PORT_LST_ADDR"),
        ("CLBU", "PORT_LST_ADDR_HI"),
        ("FB", "PORT_FIS_ADDR"),
        ("FBU", "PORT_FIS_ADDR_HI"),
        ("IS", "PORT_IRQ_STAT"),
        ("IE", "PORT_IRQ_MASK"),
        ("CMD", "PORT_CMD"),
        ("TFD", "PORT_TFDATA"),
        ("SIG", "PORT_SIG"),
        ("SSTS", "PORT_SCR_STAT"),
        ("SCTL", "PORT_SCR_CTL"),
        ("SERR", "PORT_SCR_ERR"),
        ("SACT", "PORT_SCR_ACT"),
        ("CI", "PORT_CMD_ISSUE"),
        ("SNTF", "PORT_SCR_NTF"),
        ("FBS", "PORT_FBS"),
        ("DEVSLP", "PORT_DEVSLP"),
    ];
    let map = map("ahci");
    for (ours, theirs) in ports {
        let at = map.find(&format!("PORT[3].{ours}"))[0].at;
        assert_eq!(
            HeaderValue::Number(at - 0x100 - 3 * 0x80),
            constants[theirs],
            "{ours} {theirs}"
        );
    }
}

/// Adds the registers of ports by the names that they have in Linux 6.1, where they are members of
/// `xhci_op_regs`. In 6.12 they are a structure of their own after its last member, `reserved4[241]`.
fn add_xhci_ports(constants: &mut BTreeMap<String, HeaderValue>) {
    let reserved = constants.get("xhci_op_regs.reserved4").map(offsets);
    let ports = reserved.and_then(|at| at.first().copied()).unwrap_or(0) + 241 * 4;
    for (old, new) in [
        ("port_status_base", "portsc"),
        ("port_power_base", "portpmsc"),
        ("port_link_base", "portli"),
    ] {
        let new = constants.get(&format!("xhci_port_regs.{new}")).map(offsets);
        if let Some(at) = new.and_then(|at| at.first().copied()) {
            let old = format!("xhci_op_regs.{old}");
            let value = HeaderValue::Member(ports + at);
            constants.entry(old).or_insert(value);
        }
    }
}

#[test]
fn usb_host_controllers() {
    let Some(mut constants) = constants(&["drivers/usb/host/xhci.h"]) else {
        return;
    };
    add_xhci_ports(&mut constants);
    let pairs = [
        ("CAP.CAPLENGTH", "xhci_cap_regs.hc_capbase"),
        ("CAP.HCSPARAMS1", "xhci_cap_regs.hcs_params1"),
        ("CAP.HCSPARAMS2", "xhci_cap_regs.hcs_params2"),
        ("CAP.HCSPARAMS3", "xhci_cap_regs.hcs_params3"),
        ("CAP.HCCPARAMS1", "xhci_cap_regs.hcc_params"),
        ("CAP.DBOFF", "xhci_cap_regs.db_off"),
        ("CAP.RTSOFF", "xhci_cap_regs.run_regs_off"),
        ("CAP.HCCPARAMS2", "xhci_cap_regs.hcc_params2"),
        ("OP.USBCMD", "xhci_op_regs.command"),
        ("OP.USBSTS", "xhci_op_regs.status"),
        ("OP.PAGESIZE", "xhci_op_regs.page_size"),
        ("OP.DNCTRL", "xhci_op_regs.dev_notification"),
        ("OP.CRCR", "xhci_op_regs.cmd_ring"),
        ("OP.DCBAAP", "xhci_op_regs.dcbaa_ptr"),
        ("OP.CONFIG", "xhci_op_regs.config_reg"),
        ("OP.PORT[0].SC", "xhci_op_regs.port_status_base"),
        ("OP.PORT[0].PMSC", "xhci_op_regs.port_power_base"),
        ("OP.PORT[0].LI", "xhci_op_regs.port_link_base"),
        ("RUNTIME.MFINDEX", "xhci_run_regs.microframe_index"),
    ];
    check("xhci", &constants, &pairs, pairs.len());
    let interrupter = [
        ("IMAN", "irq_pending"),
        ("IMOD", "irq_control"),
        ("ERSTSZ", "erst_size"),
        ("ERSTBA", "erst_base"),
        ("ERDP", "erst_dequeue"),
    ];
    let map = map("xhci");
    for (ours, theirs) in interrupter {
        let at = map.find(&format!("RUNTIME.IR[2].{ours}"))[0].at;
        assert_eq!(
            HeaderValue::Member(at - 0x20 - 2 * 0x20),
            constants[&format!("xhci_intr_reg.{theirs}")],
            "{ours}"
        );
    }
    let Some(constants) = self::constants(&["include/linux/usb/ehci_def.h"]) else {
        return;
    };
    let pairs = [
        ("CAP.CAPLENGTH", "ehci_caps.hc_capbase"),
        ("CAP.HCSPARAMS", "ehci_caps.hcs_params"),
        ("CAP.HCCPARAMS", "ehci_caps.hcc_params"),
        ("CAP.HCSP_PORTROUTE", "ehci_caps.portroute"),
        ("OP.USBCMD", "ehci_regs.command"),
        ("OP.USBSTS", "ehci_regs.status"),
        ("OP.USBINTR", "ehci_regs.intr_enable"),
        ("OP.FRINDEX", "ehci_regs.frame_index"),
        ("OP.CTRLDSSEGMENT", "ehci_regs.segment"),
        ("OP.PERIODICLISTBASE", "ehci_regs.frame_list"),
        ("OP.ASYNCLISTADDR", "ehci_regs.async_next"),
    ];
    check("ehci", &constants, &pairs, pairs.len());
    let Some(constants) = self::constants(&["drivers/usb/host/ohci.h"]) else {
        return;
    };
    let pairs = [
        ("HcRevision", "ohci_regs.revision"),
        ("HcControl", "ohci_regs.control"),
        ("HcCommandStatus", "ohci_regs.cmdstatus"),
        ("HcInterruptStatus", "ohci_regs.intrstatus"),
        ("HcInterruptEnable", "ohci_regs.intrenable"),
        ("HcInterruptDisable", "ohci_regs.intrdisable"),
        ("HcHCCA", "ohci_regs.hcca"),
        ("HcPeriodCurrentED", "ohci_regs.ed_periodcurrent"),
        ("HcControlHeadED", "ohci_regs.ed_controlhead"),
        ("HcControlCurrentED", "ohci_regs.ed_controlcurrent"),
        ("HcBulkHeadED", "ohci_regs.ed_bulkhead"),
        ("HcBulkCurrentED", "ohci_regs.ed_bulkcurrent"),
        ("HcDoneHead", "ohci_regs.donehead"),
        ("HcFmInterval", "ohci_regs.fminterval"),
        ("HcFmRemaining", "ohci_regs.fmremaining"),
        ("HcFmNumber", "ohci_regs.fmnumber"),
        ("HcPeriodicStart", "ohci_regs.periodicstart"),
        ("HcLSThreshold", "ohci_regs.lsthresh"),
    ];
    check("ohci", &constants, &pairs, pairs.len());
}

#[test]
fn sound() {
    let Some(constants) = constants(&["include/sound/hda_register.h"]) else {
        return;
    };
    let mut pairs = prefixed("hda", &constants, "AZX_REG_");
    pairs.push(("WALCLK".to_owned(), "AZX_REG_WALLCLK".to_owned()));
    check("hda", &constants, &borrowed(&pairs), 30);
    let map = map("hda");
    let streams = [
        ("CTL", "CTL"),
        ("STS", "STS"),
        ("LPIB", "LPIB"),
        ("CBL", "CBL"),
        ("LVI", "LVI"),
        ("FMT", "FORMAT"),
        ("BDPL", "BDLPL"),
        ("BDPU", "BDLPU"),
    ];
    for (ours, theirs) in streams {
        let at = map.find(&format!("SD[1].{ours}"))[0].at;
        let expected = constants[&format!("AZX_REG_SD_{theirs}")].clone();
        assert_eq!(HeaderValue::Number(at - 0x80 - 0x20), expected, "{ours}");
    }
}

#[test]
fn virtio() {
    let Some(constants) = constants(&["include/uapi/linux/virtio_pci.h"]) else {
        return;
    };
    let pairs = [
        ("COMMON.DEVICE_FEATURE_SELECT", "VIRTIO_PCI_COMMON_DFSELECT"),
        ("COMMON.DEVICE_FEATURE", "VIRTIO_PCI_COMMON_DF"),
        ("COMMON.DRIVER_FEATURE_SELECT", "VIRTIO_PCI_COMMON_GFSELECT"),
        ("COMMON.DRIVER_FEATURE", "VIRTIO_PCI_COMMON_GF"),
        ("COMMON.MSIX_CONFIG", "VIRTIO_PCI_COMMON_MSIX"),
        ("COMMON.NUM_QUEUES", "VIRTIO_PCI_COMMON_NUMQ"),
        ("COMMON.DEVICE_STATUS", "VIRTIO_PCI_COMMON_STATUS"),
        (
            "COMMON.CONFIG_GENERATION",
            "VIRTIO_PCI_COMMON_CFGGENERATION",
        ),
        ("COMMON.QUEUE_SELECT", "VIRTIO_PCI_COMMON_Q_SELECT"),
        ("COMMON.QUEUE_SIZE", "VIRTIO_PCI_COMMON_Q_SIZE"),
        ("COMMON.QUEUE_MSIX_VECTOR", "VIRTIO_PCI_COMMON_Q_MSIX"),
        ("COMMON.QUEUE_ENABLE", "VIRTIO_PCI_COMMON_Q_ENABLE"),
        ("COMMON.QUEUE_NOTIFY_OFF", "VIRTIO_PCI_COMMON_Q_NOFF"),
        ("COMMON.QUEUE_DESC", "VIRTIO_PCI_COMMON_Q_DESCLO"),
        ("COMMON.QUEUE_DRIVER", "VIRTIO_PCI_COMMON_Q_AVAILLO"),
        ("COMMON.QUEUE_DEVICE", "VIRTIO_PCI_COMMON_Q_USEDLO"),
        ("COMMON.QUEUE_NOTIFY_DATA", "VIRTIO_PCI_COMMON_Q_NDATA"),
        ("COMMON.QUEUE_RESET", "VIRTIO_PCI_COMMON_Q_RESET"),
        ("LEGACY_DEVICE_FEATURES", "VIRTIO_PCI_HOST_FEATURES"),
        ("LEGACY_DRIVER_FEATURES", "VIRTIO_PCI_GUEST_FEATURES"),
        ("LEGACY_QUEUE_ADDRESS", "VIRTIO_PCI_QUEUE_PFN"),
        ("LEGACY_QUEUE_SIZE", "VIRTIO_PCI_QUEUE_NUM"),
        ("LEGACY_QUEUE_SELECT", "VIRTIO_PCI_QUEUE_SEL"),
        ("LEGACY_QUEUE_NOTIFY", "VIRTIO_PCI_QUEUE_NOTIFY"),
        ("LEGACY_STATUS", "VIRTIO_PCI_STATUS"),
        ("LEGACY_ISR", "VIRTIO_PCI_ISR"),
        ("LEGACY_CONFIG_MSIX_VECTOR", "VIRTIO_MSI_CONFIG_VECTOR"),
        ("LEGACY_QUEUE_MSIX_VECTOR", "VIRTIO_MSI_QUEUE_VECTOR"),
    ];
    check("virtio-pci", &constants, &pairs, 26);
}

#[test]
fn sd_host_controllers() {
    let Some(constants) = constants(&["drivers/mmc/host/sdhci.h"]) else {
        return;
    };
    check(
        "sdhci",
        &constants,
        &borrowed(&prefixed("sdhci", &constants, "SDHCI_")),
        25,
    );
}

#[test]
fn msix() {
    let Some(constants) = constants(&["include/uapi/linux/pci_regs.h"]) else {
        return;
    };
    let map = map("e1000e");
    for (ours, theirs) in [
        ("ADDRESS", "LOWER_ADDR"),
        ("ADDRESS_HIGH", "UPPER_ADDR"),
        ("DATA", "DATA"),
        ("CONTROL", "VECTOR_CTRL"),
    ] {
        let at = map.find(&format!("BAR3.MSIX[2].{ours}"))[0].at;
        let expected = constants[&format!("PCI_MSIX_ENTRY_{theirs}")].clone();
        assert_eq!(HeaderValue::Number(at - 2 * 16), expected, "{ours}");
    }
}
