//! The target for PCI devices, over a folder that looks like sysfs: its BAR is a file.
#![cfg(all(feature = "pci", target_os = "linux"))]

use mmiotrace_core::PciAddress;
use mmiotrace_format::Reader;
use mmiotrace_replay::{
    Ending, PciTarget, PlanOptions, Planned, Report, RunOptions, Runner, Silent, plan_trace,
};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

const SLOT: &str = "0000:00:03.0";
const BASE: u64 = 0xfebc_0000;
const LEN: usize = 0x20000;

/// A device in a folder; one e1000, powered, without driver, its BAR all zeros but for the status.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(machine.device()).unwrap();
        machine.set("vendor", "0x8086\n");
        machine.set("device", "0x100e\n");
        machine.set("class", "0x020000\n");
        machine.set("power_state", "D0\n");
        machine.set(
            "resource",
            &format!(
                "{BASE:#018x} {:#018x} 0x0000000000040200\n\
                 0x000000000000c000 0x000000000000c03f 0x0000000000040101\n",
                BASE + LEN as u64 - 1
            ),
        );
        // Command 0x0005: ports and bus mastering on, memory off.
        let mut config = vec![0; 256];
        config[..6].copy_from_slice(&[0x86, 0x80, 0x0e, 0x10, 0x05, 0x00]);
        fs::write(machine.file("config"), config).unwrap();
        let mut bar = vec![0; LEN];
        bar[8..12].copy_from_slice(&0x8008_0783_u32.to_le_bytes());
        fs::write(machine.file("resource0"), bar).unwrap();
        machine
    }

    fn device(&self) -> PathBuf {
        self.folder.path().join(SLOT)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.device().join(name)
    }

    fn set(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    fn bar(&self) -> Vec<u8> {
        fs::read(self.file("resource0")).unwrap()
    }

    fn command(&self) -> Vec<u8> {
        fs::read(self.file("config")).unwrap()[4..6].to_vec()
    }

    fn target(&self) -> PciTarget {
        PciTarget::new(SLOT.parse().unwrap()).with_root(self.folder.path())
    }

    fn run(&self, planned: &Planned) -> Report {
        Runner::new(&planned.plan, &planned.files, self.target())
            .run(&RunOptions::default(), &mut Silent)
    }

    /// Runs, and sees to it that nothing was written anywhere.
    fn refusal(&self, planned: &Planned) -> String {
        let (bar, command) = (self.bar_or_none(), self.command());
        let report = self.run(planned);
        assert_eq!(report.writes, 0);
        assert!(self.bar_or_none() == bar, "the BAR was written to");
        assert_eq!(self.command(), command, "the command register was left");
        match report.ending {
            Ending::Refused(why) => why,
            other => panic!("{other}"),
        }
    }

    fn bar_or_none(&self) -> Option<Vec<u8>> {
        fs::read(self.file("resource0")).ok()
    }
}

/// Reads the status, then writes with every width, and reads one back.
fn planned() -> Planned {
    let trace = "PCIDEV 0018 8086100e b febc0000 c001 0 0 0 0 0 20000 40 0 0 0 0 0 e1000\n\
         MAP 1.000000 1 0xfebc0000 0xffa0000000500000 0x20000 0x0 0\n\
         R 4 1.000001 1 0xfebc0008 0x80080783 0x0 0\n\
         W 1 1.000002 1 0xfebc0101 0x12 0x0 0\n\
         W 2 1.000003 1 0xfebc0202 0x3456 0x0 0\n\
         W 4 1.000004 1 0xfebc0304 0x789abcde 0x0 0\n\
         W 8 1.000005 1 0xfebc0408 0x1122334455667788 0x0 0\n\
         R 4 1.000006 1 0xfebc0304 0x789abcde 0x0 0\n\
         W 4 1.000007 1 0xfebdfffc 0xcafef00d 0x0 0\n";
    plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default()).unwrap()
}

#[test]
fn a_free_device_gets_exactly_the_plan() {
    let machine = Machine::new();
    let mut expected = machine.bar();
    let report = machine.run(&planned());
    assert!(report.is_clean(), "{}", report.ending);
    expected[0x101] = 0x12;
    expected[0x202..0x204].copy_from_slice(&0x3456_u16.to_le_bytes());
    expected[0x304..0x308].copy_from_slice(&0x789a_bcde_u32.to_le_bytes());
    expected[0x408..0x410].copy_from_slice(&0x1122_3344_5566_7788_u64.to_le_bytes());
    expected[0x1fffc..].copy_from_slice(&0xcafe_f00d_u32.to_le_bytes());
    assert!(machine.bar() == expected, "other bytes were written");
    assert_eq!(machine.command(), [0x05, 0x00], "put back");
}

/// While it is open, memory decoding is on, and the device cannot reach memory.
#[test]
fn the_command_register_is_changed_for_the_run() {
    use mmiotrace_replay::{RegionId, Target};
    let (machine, planned) = (Machine::new(), planned());
    let mut target = machine.target();
    let region = &planned.plan.regions[0];
    let base = target
        .open(planned.plan.device_of(region), RegionId(0), region)
        .unwrap();
    assert_eq!(base.0, BASE);
    assert_eq!(machine.command(), [0x03, 0x00]);
    drop(target);
    assert_eq!(machine.command(), [0x05, 0x00]);
}

/// The BAR lies elsewhere in this machine, and the run goes there.
#[test]
fn another_base_is_no_other_device() {
    let machine = Machine::new();
    machine.set(
        "resource",
        "0x00000000c0000000 0x00000000c001ffff 0x0000000000040200\n",
    );
    assert!(machine.run(&planned()).is_clean());
}

#[test]
fn what_must_not_be_touched_is_refused_with_the_reason() {
    type Spoil = fn(&Machine);
    let cases: [(&str, Spoil); 13] = [
        ("this is 8086:100f, the plan is for 8086:100e", |machine| {
            machine.set("device", "0x100f\n");
        }),
        ("driver e1000 is bound", |machine| {
            symlink("../../../bus/pci/drivers/e1000", machine.file("driver")).unwrap();
        }),
        ("driver vfio-pci is bound", |machine| {
            symlink("../drivers/vfio-pci", machine.file("driver")).unwrap();
        }),
        ("it is a bridge", |machine| {
            machine.set("class", "0x060400\n")
        }),
        ("it is a display in use", |machine| {
            machine.set("class", "0x030000\n");
            machine.set("boot_vga", "1\n");
        }),
        ("it is a display in use", |machine| {
            machine.set("class", "0x030000\n");
            machine.set("boot_vga", "0\n");
            fs::create_dir_all(machine.file("drm/card0")).unwrap();
        }),
        ("it is in power state D3hot", |machine| {
            machine.set("power_state", "D3hot\n");
        }),
        ("there is no such device", |machine| {
            fs::rename(machine.device(), machine.folder.path().join("0000:00:04.0")).unwrap();
            // The test looks at these.
            fs::create_dir(machine.device()).unwrap();
            fs::write(machine.file("config"), [0; 256]).unwrap();
        }),
        ("its configuration space reads as all ones", |machine| {
            fs::write(machine.file("config"), [0xff; 256]).unwrap();
        }),
        ("BAR 0 is 65536 bytes, the plan has 131072", |machine| {
            machine.set(
                "resource",
                "0x00000000febc0000 0x00000000febcffff 0x0000000000040200\n",
            );
        }),
        ("BAR 0 is a range of ports", |machine| {
            machine.set(
                "resource",
                "0x000000000000c000 0x000000000000c03f 0x0000000000040101\n",
            );
        }),
        ("reads as all ones: no device answers there", |machine| {
            fs::write(machine.file("resource0"), vec![0xff; LEN]).unwrap();
        }),
        ("reads 0x80080781, recorded was 0x80080783", |machine| {
            let mut bar = machine.bar();
            bar[8] = 0x81;
            fs::write(machine.file("resource0"), bar).unwrap();
        }),
    ];
    for (reason, spoil) in cases {
        let machine = Machine::new();
        spoil(&machine);
        let told = machine.refusal(&planned());
        assert!(told.contains(reason), "{reason}: {told}");
    }
}

/// A display that nothing shows itself on is a device like another.
#[test]
fn an_idle_display_may_be_touched() {
    let machine = Machine::new();
    machine.set("class", "0x030000\n");
    machine.set("boot_vga", "0\n");
    assert!(machine.run(&planned()).is_clean());
}

/// The second device of a plan must not be touched: the first is left as it was, too.
#[test]
fn one_refused_device_refuses_the_plan() {
    let machine = Machine::new();
    let other = machine.folder.path().join("0000:00:04.0");
    fs::create_dir(&other).unwrap();
    for (name, text) in [("vendor", "0x1234\n"), ("device", "0x11e8\n")] {
        fs::write(other.join(name), text).unwrap();
    }
    symlink("../drivers/edu", other.join("driver")).unwrap();
    let trace = "PCIDEV 0018 8086100e b febc0000 0 0 0 0 0 0 20000 0 0 0 0 0 0 e1000\n\
         PCIDEV 0020 123411e8 b fea00000 0 0 0 0 0 0 100000 0 0 0 0 0 0 edu\n\
         W 4 1.000001 1 0xfebc0304 0x1 0x0 0\nW 4 1.000002 1 0xfea00004 0x1 0x0 0\n";
    let planned = plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default()).unwrap();
    let (before, slot) = (machine.bar(), |text: &str| {
        text.parse::<PciAddress>().unwrap()
    });
    let target = PciTarget::with_devices([
        ("e1000".to_owned(), slot(SLOT)),
        ("edu".to_owned(), slot("00:04.0")),
    ]);
    let target = target.with_root(machine.folder.path());
    let report =
        Runner::new(&planned.plan, &planned.files, target).run(&RunOptions::default(), &mut Silent);
    let Ending::Refused(why) = &report.ending else {
        panic!("{}", report.ending)
    };
    assert!(why.contains("driver edu is bound"), "{why}");
    assert!(machine.bar() == before);
    assert_eq!(machine.command(), [0x05, 0x00]);
}

/// A BAR that does not begin at a page is reached all the same.
#[test]
fn a_small_bar_in_the_middle_of_a_page() {
    let machine = Machine::new();
    machine.set(
        "resource",
        "0x00000000febc0400 0x00000000febc04ff 0x0000000000040200\n",
    );
    fs::write(machine.file("resource0"), vec![0; 4096]).unwrap();
    let trace = "PCIDEV 0018 8086100e b febc0400 0 0 0 0 0 0 100 0 0 0 0 0 0 e1000\n\
         W 4 1.000001 1 0xfebc0410 0x12345678 0x0 0\n";
    let planned = plan_trace(Reader::new(trace.as_bytes()), PlanOptions::default()).unwrap();
    assert!(machine.run(&planned).is_clean());
    assert_eq!(machine.bar()[0x410..0x414], [0x78, 0x56, 0x34, 0x12]);
}
