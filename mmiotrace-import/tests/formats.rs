//! Each kind of line as its tool prints it.

use mmiotrace_core::{PhysAddr, Width};
use mmiotrace_import::{Format, ImportReader, KnownWindow, Options, Pattern};
use std::io::Read;

/// The records that come out, without the two lines at the beginning.
fn import(log: &str, format: Format, options: Options) -> Vec<String> {
    let mut text = String::new();
    ImportReader::new(log.as_bytes(), format, options)
        .read_to_string(&mut text)
        .expect("memory does not fail");
    text.lines().skip(2).map(str::to_owned).collect()
}

fn detected(log: &str) -> Vec<String> {
    import(
        log,
        Format::detect(log.as_bytes()).expect("a known format"),
        Options::default(),
    )
}

#[test]
fn vfio_learns_sizes_and_addresses_from_the_log() {
    let log = "vfio_region_setup Device 0000:01:00.0, region 0 \"0000:01:00.0 BAR 0\", flags: 0x7, offset: 0x0, size: 0x4000\n\
        9@1.000001:vfio_pci_read_config  (0000:01:00.0, @0x10, len=0x4) 0x4\n\
        9@1.000002:vfio_pci_write_config  (0000:01:00.0, @0x10, 0xffffffff, len=0x4)\n\
        9@1.000003:vfio_pci_write_config  (0000:01:00.0, @0x10, 0xfe000000, len=0x4)\n\
        9@1.000004:vfio_pci_write_config  (0000:01:00.0, @0x14, 0x8, len=0x4)\n\
        9@1.000005:vfio_region_write  (0000:01:00.0:region0+0x10, 0xdeadbeef, 4)\n\
        9@1.000006:vfio_region_read  (0000:01:00.0:region0+0x14, 8) = 0x1122334455667788\n\
        9@1.000007:vfio_region_write(0000:01:00.0:region0+0x14, 0x0,4) failed: Input/output error\n\
        9@1.000008:vfio_msi_interrupt  (0000:01:00.0) vector 0 0xfee00000/0x4021\n";
    let records = detected(log);
    let accesses: Vec<&String> = records
        .iter()
        .filter(|line| !line.starts_with("MARK"))
        .collect();
    assert_eq!(
        accesses,
        [
            "MAP 1.000005 1 0x8fe000000 0x0 0x4000 0x0 0",
            "W 4 1.000005 1 0x8fe000010 0xdeadbeef 0x0 9",
            "R 8 1.000006 1 0x8fe000014 0x1122334455667788 0x0 9",
        ]
    );
    assert_eq!(
        records
            .iter()
            .filter(|line| line.contains("vfio_pci_write_config"))
            .count(),
        3
    );
    assert!(
        records
            .iter()
            .any(|line| line.starts_with("MARK 1.000008") && line.contains("vfio_msi_interrupt"))
    );
    assert!(
        records
            .iter()
            .any(|line| line.contains("failed: Input/output error"))
    );
}

#[test]
fn a_window_without_address_is_far_away_and_says_so() {
    let records = detected("2026-11-22T10:00:00.5Z vfio_region_read  (a:region2+0x8, 1) = 0xff\n");
    assert_eq!(
        records,
        [
            "MARK 1795341600.500000 import: map 1 is a:region2, whose address is not known",
            "MAP 1795341600.500000 1 0x10000000000 0x0 0x10000000000 0x0 0",
            "R 1 1795341600.500000 1 0x10000000008 0xff 0x0 0",
        ]
    );
}

#[test]
fn memory_regions_with_and_without_name() {
    let log = "memory_region_ops_write cpu 3 mr 0x5581 addr 0xfea00004 value 0x1 size 4 name 'edu-mmio'\n\
        memory_region_ops_read cpu 0 mr 0x5581 addr 0xfea00000 value 0x10000ed size 4\n";
    let records = detected(log);
    assert_eq!(
        records,
        [
            "MARK 0.000000 mmiotrace1 cpu cpu=3",
            "W 4 0.000000 0 0xfea00004 0x1 0x0 0",
            "MARK 0.000000 import: 0xfea00004 is in the region edu-mmio",
            "MARK 0.000000 mmiotrace1 cpu cpu=0",
            "R 4 0.000000 0 0xfea00000 0x10000ed 0x0 0",
        ]
    );
    let mut options = Options::default();
    options.windows = vec![KnownWindow {
        name: "edu BAR 0".into(),
        base: PhysAddr(0xfea0_0000),
        len: 0x10_0000,
    }];
    let records = import(log, Format::QemuMemoryRegion, options);
    assert!(
        records.contains(&"MAP 0.000000 1 0xfea00000 0x0 0x100000 0x0 0".to_owned()),
        "{records:?}"
    );
    assert!(
        records.contains(&"W 4 0.000000 1 0xfea00004 0x1 0x0 0".to_owned()),
        "{records:?}"
    );
}

#[test]
fn rwmmio_pairs_nested_reads_and_keeps_those_without_end() {
    let log = "\
        t-1 [000] d..1. 1.000001: rwmmio_read: a+0x1/0x2 -> b+0x1/0x2 width=32 addr=0xffff800010000000\n\
        t-1 [000] d.h1. 1.000002: rwmmio_read: i+0x1/0x2 -> j+0x1/0x2 width=8 addr=0xffff800010000010\n\
        t-1 [000] d.h1. 1.000003: rwmmio_post_read: i+0x1/0x2 -> j+0x1/0x2 width=8 val=0x7 addr=0xffff800010000010\n\
        t-1 [000] d..1. 1.000004: rwmmio_post_read: a+0x1/0x2 -> b+0x1/0x2 width=32 val=0x1234 addr=0xffff800010000000\n\
        t-1 [000] d..1. 1.000005: rwmmio_write: a+0x1/0x2 -> b+0x1/0x2 width=64 val=0x55 addr=0xffff800010000008\n\
        t-1 [000] d..1. 1.000005: rwmmio_post_write: a+0x1/0x2 -> b+0x1/0x2 width=64 val=0x55 addr=0xffff800010000008\n\
        t-1 [000] d..1. 1.000006: rwmmio_read: a+0x1/0x2 -> b+0x1/0x2 width=16 addr=0xffff800010000002\n";
    let records = detected(log);
    assert_eq!(
        records,
        [
            "MARK 1.000003 mmiotrace1 cpu cpu=0",
            "R 1 1.000003 0 0xffff800010000010 0x7 0x0 1",
            "R 4 1.000004 0 0xffff800010000000 0x1234 0x0 1",
            "W 8 1.000005 0 0xffff800010000008 0x55 0x0 1",
            "MARK 1.000006 mmiotrace1 value unknown width=2 kind=read",
            "UNKNOWN 1.000006 0 0xffff800010000002 00,00,00 0x0 1",
        ]
    );
}

#[test]
fn kvm_counts_an_unsatisfied_read_once_and_takes_the_pc_from_the_exit() {
    let log = "\
        CPU 0/KVM-77 [002] ..... 5.1: kvm_exit: vcpu 0 reason EPT_MISCONFIG rip 0xffffffff81001234 info1 0x0\n\
        CPU 0/KVM-77 [002] ..... 5.2: kvm_mmio: mmio unsatisfied-read len 4 gpa 0xfebf1000 val 0x0\n\
        CPU 0/KVM-77 [002] ..... 5.3: kvm_mmio: mmio read len 4 gpa 0xfebf1000 val 0xabc\n\
        CPU 0/KVM-77 [002] ..... 5.4: kvm_mmio: mmio write len 2 gpa 0xfebf1004 val 0x1\n";
    assert_eq!(
        detected(log),
        [
            "MARK 5.300000 mmiotrace1 cpu cpu=2",
            "R 4 5.300000 0 0xfebf1000 0xabc 0xffffffff81001234 77",
            "W 2 5.400000 0 0xfebf1004 0x1 0xffffffff81001234 77",
        ]
    );
}

#[test]
fn graphics_drivers_and_regmaps() {
    let log = "\
        x-1 [000] d..1. 1.1: i915_reg_rw: write reg=0x2030, len=8, val=(0x89abcdef, 0x01234567)\n\
        x-1 [000] d..1. 1.2: amdgpu_device_wreg: 0x731f, 0x00000005, 0x00000001\n\
        x-1 [000] d..1. 1.3: regmap_reg_write: 0-001a reg=1f val=a2\n\
        x-1 [000] d..1. 1.4: regmap_reg_read_cache: 0-001a reg=1f val=a2\n";
    let accesses: Vec<String> = detected(log)
        .into_iter()
        .filter(|line| line.starts_with("W "))
        .collect();
    assert_eq!(
        accesses,
        [
            "W 8 1.100000 1 0x10000002030 0x123456789abcdef 0x0 1",
            "W 4 1.200000 2 0x20000000014 0x1 0x0 1",
            "W 4 1.300000 3 0x3000000001f 0xa2 0x0 1",
        ]
    );
}

#[test]
fn a_pattern_of_the_user() {
    let mut options = Options::default();
    options.pattern = Some(
        Pattern::new(r"^(?<time>\d+) (?<kind>[RW]\d+) (?<addr>[0-9a-f]+) (?<value>[0-9a-f]+)$")
            .expect("a pattern"),
    );
    let records = import(
        "1000000 W16 fe00 ab\nnothing\n2000000 R8 fe02 1ff\n",
        Format::Pattern,
        options,
    );
    assert_eq!(
        records,
        [
            "W 2 0.001000 0 0xfe00 0xab 0x0 0",
            "R 1 0.002000 0 0xfe02 0x1ff 0x0 0"
        ]
    );
    assert!(Pattern::new("(").is_err());
    assert!(Pattern::new("(?<addr>x)").is_err());
    assert!(Pattern::new("(?<kind>x)(?<addr>x)(?<adr>x)").is_err());
}

#[test]
fn a_broken_line_is_a_loss_with_its_place() {
    let log = "vfio_region_write  (a:region0+0x0, 0x1, 4)\nvfio_region_write  (a:region0+0x0, 0x1\n\
               vfio_region_write  (a:region0+0x4, 0x1, 99)\nvfio_region_write  (a:region0+0x8, 0x2, 4)\n";
    let mut reader = ImportReader::new(log.as_bytes(), Format::QemuVfio, Options::default());
    let mut text = String::new();
    reader
        .read_to_string(&mut text)
        .expect("memory does not fail");
    assert_eq!(text.matches("Lost 1 events.").count(), 2);
    assert_eq!(text.matches("\nW 4 ").count(), 2);
    let places: Vec<(u64, u64)> = reader
        .errors()
        .iter()
        .map(|error| (error.line, error.byte))
        .collect();
    assert_eq!(places, [(2, 43), (3, 82)]);
    assert_eq!(
        reader
            .counts()
            .map(|counts| (counts.accesses, counts.malformed)),
        Some((2, 2))
    );
}

#[test]
fn traces_are_not_taken_for_logs() {
    assert_eq!(
        Format::detect(b"VERSION 20070824\nMARK 1.0 vfio_region_write  (a:region0+0x0, 0x1, 4)\n"),
        None
    );
    assert_eq!(Format::detect(b"my_vfio_region_writer (x)\n"), None);
    assert_eq!("ftrace".parse(), Ok(Format::Ftrace));
    assert!("x".parse::<Format>().is_err());
    assert_eq!(Options::default().default_width, Width::W4);
}
