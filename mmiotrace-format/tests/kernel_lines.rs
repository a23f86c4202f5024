//! The lines that the kernel prints, one by one, and what they say.
#![allow(clippy::unwrap_used, missing_docs)]

use mmiotrace_core::{
    Access, AccessKind, Bar, Code, Event, EventKind, Header, Loss, MapId, Mapping, Marker,
    PciDevice, PhysAddr, Timestamp, UnknownOpcode, Value, VirtAddr, Width,
};
use mmiotrace_format::{Line, LineKind, Other, OtherKind, Position, Record, Writer};

fn parse(line: &str) -> Record<'_> {
    Line::new(line.as_bytes(), Position::START).parse().unwrap()
}

fn written(record: &Record<'_>) -> String {
    let mut writer = Writer::new(Vec::new());
    writer.write_record(record).unwrap();
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// The line says this, and printed again it is the same line.
fn t(line: &str, kind: LineKind, expected: Record<'_>) {
    assert_eq!(
        Line::new(line.as_bytes(), Position::START).kind(),
        kind,
        "{line:?}"
    );
    assert_eq!(parse(line), expected, "{line:?}");
    assert_eq!(written(&expected), line);
}

fn event(micros: u64, kind: EventKind) -> Event {
    Event::new(Timestamp::from_micros(micros).unwrap(), kind)
}

fn access(kind: AccessKind, width: u8, map_id: i32, phys: u64, value: u64) -> EventKind {
    let width = Width::from_bytes(width).unwrap();
    let value = Some(Value::from_printed(value, width));
    EventKind::Access(Access {
        kind,
        width,
        map_id: MapId(map_id),
        phys: PhysAddr(phys),
        value,
    })
}

#[test]
fn accesses() {
    use AccessKind::{Read, Write};
    t(
        "R 4 6.490441 21 0xfeb40008 0x80080783 0x0 0\n",
        LineKind::Read,
        Record::Event(event(
            6_490_441,
            access(Read, 4, 21, 0xfeb4_0008, 0x8008_0783),
        )),
    );
    t(
        "W 8 10.959047 1 0xfd000018 0x8877665544332211 0xffffffffc0207098 0\n",
        LineKind::Write,
        Record::Event(
            event(
                10_959_047,
                access(Write, 8, 1, 0xfd00_0018, 0x8877_6655_4433_2211),
            )
            .with_pc(VirtAddr(0xffff_ffff_c020_7098)),
        ),
    );
    t(
        "W 2 0.000001 -1 0x3fffffffffff 0x0 0x0 4242\n",
        LineKind::Write,
        Record::Event(event(1, access(Write, 2, -1, 0x3fff_ffff_ffff, 0)).with_pid(4242)),
    );
}

/// The kernel's decoder prints some values wider than the access (`arch/x86/mm/pf_in.c`).
#[test]
fn values_that_the_kernel_gets_wrong() {
    let line = "W 4 10.960309 1 0xfd000098 0x2040c748fffffffe 0xffffffffc020713b 0\n";
    let Record::Event(event) = parse(line) else {
        panic!()
    };
    let access = event.as_access().unwrap();
    assert_eq!(access.width, Width::W4);
    assert_eq!(access.value.unwrap().to_u64(), Some(0x2040_c748_ffff_fffe));
    assert!(access.is_suspicious());
    assert_eq!(written(&Record::Event(event)), line);
}

#[test]
fn mappings() {
    let mapping = Mapping {
        id: MapId(21),
        phys: PhysAddr(0xfeb4_0000),
        virt: VirtAddr(0xff5d_3457_4042_0000),
        len: 0x20000,
    };
    t(
        "MAP 6.489893 21 0xfeb40000 0xff5d345740420000 0x20000 0x0 0\n",
        LineKind::Map,
        Record::Event(event(6_489_893, EventKind::Map(mapping))),
    );
    t(
        "UNMAP 13.689365 1 0x0 0\n",
        LineKind::Unmap,
        Record::Event(event(13_689_365, EventKind::Unmap(MapId(1)))),
    );
    t(
        "UNMAP 13.689365 -1 0x0 0\n",
        LineKind::Unmap,
        Record::Event(event(13_689_365, EventKind::Unmap(MapId::UNLISTED))),
    );
}

#[test]
fn unknown_opcodes() {
    let unknown = UnknownOpcode {
        map_id: MapId(1),
        phys: PhysAddr(0xfd00_0000),
        code: Code::from_prefix(&[0xf3, 0xa5, 0x48]),
    };
    t(
        "UNKNOWN 4.880129 1 0xfd000000 f3,a5,48 0x0 0\n",
        LineKind::Unknown,
        Record::Event(event(4_880_129, EventKind::UnknownOpcode(unknown))),
    );
}

#[test]
fn markers_and_losses() {
    let marker = |micros, text| {
        Record::Marker(Marker {
            time: Timestamp::from_micros(micros).unwrap(),
            text,
        })
    };
    t(
        "MARK 10.616654 plain marker\n",
        LineKind::Mark,
        marker(10_616_654, b"plain marker"),
    );
    t("MARK 10.652145 \n", LineKind::Mark, marker(10_652_145, b""));
    t(
        "MARK 10.886333 crlf line\r\n",
        LineKind::Mark,
        marker(10_886_333, b"crlf line\r"),
    );
    t(
        "MARK 12.467098   blanks   \n",
        LineKind::Mark,
        marker(12_467_098, b"  blanks   "),
    );
    t(
        "MARK 0.000000 Lost 12052 events.\n",
        LineKind::Mark,
        Record::Lost(Loss::new(Timestamp::ZERO, 12052)),
    );
    // Made by hand, with a short time.
    assert_eq!(
        parse("MARK 1.1 BEGIN_MARKER\n"),
        marker(1_100_000, b"BEGIN_MARKER")
    );
}

#[test]
fn headers() {
    let line = "VERSION 20070824\n";
    let version = Header::Version {
        version: b"20070824",
        line: line.trim_end().as_bytes(),
    };
    t(line, LineKind::Version, Record::Header(version));
    let line = "LSPCI 00:00.0 0600: 8086:1237 (rev 02)\n";
    let text = b"00:00.0 0600: 8086:1237 (rev 02)";
    t(
        line,
        LineKind::Lspci,
        Record::Header(Header::Lspci {
            text,
            line: line.trim_end().as_bytes(),
        }),
    );
}

fn e1000() -> PciDevice {
    let mut bars = [Bar::default(); 7];
    bars[0] = Bar {
        start_and_flags: 0xfeb4_0000,
        len: 0x20000,
    };
    bars[1] = Bar {
        start_and_flags: 0xc001,
        len: 0x40,
    };
    bars[6] = Bar {
        start_and_flags: 0xfeb0_0000,
        len: 0x40000,
    };
    PciDevice {
        bus: 0,
        devfn: 0x28,
        vendor: 0x8086,
        device: 0x100e,
        irq: 0xa,
        bars,
    }
}

#[test]
fn pci_devices() {
    let line =
        "PCIDEV 0028 8086100e a feb40000 c001 0 0 0 0 feb00000 20000 40 0 0 0 0 40000 e1000\n";
    let header = Header::PciDev {
        device: e1000(),
        driver: b"e1000",
        line: line.trim_end().as_bytes(),
    };
    t(line, LineKind::PciDev, Record::Header(header));
    // No driver: one blank at the end, which mailers take away.
    for line in [
        "PCIDEV 0028 8086100e a feb40000 c001 0 0 0 0 feb00000 20000 40 0 0 0 0 40000 \n",
        "PCIDEV 0028 8086100e a feb40000 c001 0 0 0 0 feb00000 20000 40 0 0 0 0 40000\n",
    ] {
        let header = Header::PciDev {
            device: e1000(),
            driver: b"",
            line: &line.as_bytes()[..line.len() - 1],
        };
        t(line, LineKind::PciDev, Record::Header(header));
    }
}

#[test]
fn lines_that_are_no_records() {
    let table: [(&str, OtherKind); 12] = [
        (
            "CPU:0 [LOST 10580 EVENTS]",
            OtherKind::CpuLost {
                cpu: 0,
                count: Some(10580),
            },
        ),
        (
            "CPU:11 [LOST EVENTS]",
            OtherKind::CpuLost {
                cpu: 11,
                count: None,
            },
        ),
        (
            "CPU:11 [LOST EVENTS]\r",
            OtherKind::CpuLost {
                cpu: 11,
                count: None,
            },
        ),
        ("CPU:x [LOST 1 EVENTS]", OtherKind::Text),
        ("[LINE TOO BIG]", OtherKind::LineTooBig),
        ("rw what?", OtherKind::CorruptAccess),
        ("map what?", OtherKind::CorruptMapping),
        ("", OtherKind::Blank),
        ("# tracer: mmiotrace", OtherKind::Comment),
        (
            "# entries-in-buffer/entries-written: 4/17   #P:1",
            OtherKind::Entries {
                in_buffer: 4,
                written: 17,
            },
        ),
        ("lines in one write", OtherKind::Text),
        ("MARKED", OtherKind::Text),
    ];
    for (line, kind) in table {
        assert_eq!(
            Line::new(line.as_bytes(), Position::START).kind(),
            LineKind::Other
        );
        let Record::Other(other) = parse(line) else {
            panic!("{line}")
        };
        assert_eq!(Other::kind(&other), kind, "{line}");
        assert_eq!(written(&Record::Other(other)), format!("{line}\n"));
    }
}

/// Written by hands and mailers, not by the kernel.
#[test]
fn other_blanks_and_endings() {
    let plain = parse("R 4 6.490441 21 0xfeb40008 0x800a 0x0 0\n");
    for line in [
        "R 4 6.490441 21 0xfeb40008 0x800a 0x0 0",
        "R 4 6.490441 21 0xfeb40008 0x800a 0x0 0\r\n",
        "R 4 6.490441 21 0xfeb40008 0x800a 0x0 0  \n",
        "R\t4  6.490441 21 0xfeb40008 0x800a\t0x0 0\n",
        "R 4 6.490441 21 0xFEB40008 0x0000000000000000800A 0x0 0\n",
    ] {
        assert_eq!(parse(line), plain, "{line:?}");
    }
}
