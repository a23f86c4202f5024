//! What a capture yields comes back from the text that it was written as.
#![allow(clippy::unwrap_used, missing_docs)]

mod items;

use items::{Item, Items};
use mmiotrace_core::{
    Access, AccessKind, Blind, BlindEdge, BlindReason, Code, Event, EventKind, EventSink, Loss,
    MapId, Mapping, PhysAddr, Timestamp, UnknownOpcode, Value, VirtAddr, Width,
};
use mmiotrace_format::Writer;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::io;

fn time() -> impl Strategy<Value = Timestamp> {
    // Whole microseconds: text carries no more.
    (0..u64::MAX / 1000).prop_map(|micros| Timestamp::from_micros(micros).unwrap())
}

fn kind() -> impl Strategy<Value = AccessKind> {
    prop_oneof![Just(AccessKind::Read), Just(AccessKind::Write)]
}

fn width() -> impl Strategy<Value = Width> {
    let bytes = prop_oneof![Just(1u8), Just(2), Just(4), Just(8), 1..=64u8];
    bytes.prop_map(|bytes| Width::from_bytes(bytes).unwrap())
}

fn code() -> impl Strategy<Value = Code> {
    vec(any::<u8>(), 0..=15).prop_map(|bytes| Code::from_prefix(&bytes))
}

fn value_of(width: Width) -> impl Strategy<Value = Value> {
    let fitting =
        vec(any::<u8>(), width.as_usize()).prop_map(|bytes| Value::from_le_bytes(&bytes).unwrap());
    // As the kernel's decoder has it: too wide for the access.
    let printed = any::<u64>().prop_map(move |number| Value::from_printed(number, width));
    prop_oneof![4 => fitting, 1 => printed]
}

/// An access, with the code of its instruction where the value is not known: elsewhere the text
/// does not carry it.
fn access() -> impl Strategy<Value = (EventKind, Code)> {
    (kind(), width(), any::<i32>(), any::<u64>(), code()).prop_flat_map(
        |(kind, width, id, phys, code)| {
            option::weighted(0.8, value_of(width)).prop_map(move |value| {
                let (map_id, phys) = (MapId(id), PhysAddr(phys));
                let access = Access {
                    kind,
                    width,
                    map_id,
                    phys,
                    value,
                };
                let code = if value.is_none() { code } else { Code::EMPTY };
                (EventKind::Access(access), code)
            })
        },
    )
}

fn event_kind() -> impl Strategy<Value = (EventKind, Code)> {
    let plain = |kind| (kind, Code::EMPTY);
    let map = (any::<i32>(), any::<[u64; 3]>()).prop_map(move |(id, [phys, virt, len])| {
        let mapping = Mapping {
            id: MapId(id),
            phys: PhysAddr(phys),
            virt: VirtAddr(virt),
            len,
        };
        plain(EventKind::Map(mapping))
    });
    let unmap = any::<i32>().prop_map(move |id| plain(EventKind::Unmap(MapId(id))));
    let unknown = (any::<i32>(), any::<u64>(), code()).prop_map(move |(id, phys, code)| {
        let unknown = UnknownOpcode {
            map_id: MapId(id),
            phys: PhysAddr(phys),
            code,
        };
        plain(EventKind::UnknownOpcode(unknown))
    });
    prop_oneof![8 => access(), 1 => map, 1 => unmap, 2 => unknown]
}

fn event() -> impl Strategy<Value = Event> {
    let cpu = option::weighted(0.5, 0..4u32);
    // Mostly counting up by one is for `counted` below; these jump.
    (
        time(),
        option::weighted(0.5, any::<u64>()),
        cpu,
        any::<i32>(),
        any::<u64>(),
        event_kind(),
    )
        .prop_map(|(time, seq, cpu, pid, pc, (kind, code))| {
            let mut event = Event::new(time, kind).with_pid(pid).with_pc(VirtAddr(pc));
            (event.seq, event.cpu, event.code) = (seq, cpu, code);
            event
        })
}

fn loss() -> impl Strategy<Value = Loss> {
    (
        time(),
        any::<u64>(),
        option::of(any::<(u64, u64)>()),
        option::of(any::<u32>()),
    )
        .prop_map(|(time, count, seq, cpu)| Loss {
            time,
            count,
            seq,
            cpu,
        })
}

fn blind() -> impl Strategy<Value = Blind> {
    let edge = prop_oneof![Just(BlindEdge::Begin), Just(BlindEdge::End)];
    (time(), edge, any::<u64>(), "[a-z0-9-]{1,31}", code()).prop_map(
        |(time, edge, page, reason, code)| {
            let reason = BlindReason::new(&reason).unwrap();
            Blind {
                time,
                edge,
                page: PhysAddr(page),
                reason,
                code,
            }
        },
    )
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[ -~]{0,40}".prop_map(String::into_bytes),
        2 => vec(any::<u8>(), 0..40),
        1 => "(one|R 4 1.000000 1 0x10 0x0 0x0 0|\n|mmiotrace1 cpu cpu=1){0,4}".prop_map(String::into_bytes),
    ]
    // Reads as the loss that it claims to be.
    .prop_filter("a loss", |text| !text.starts_with(b"Lost ") && !text.windows(6).any(|w| w == b"\nLost "))
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        10 => event().prop_map(Item::Event),
        2 => (time(), text()).prop_map(|(time, text)| Item::Marker(time, text)),
        2 => loss().prop_map(Item::Lost),
        2 => blind().prop_map(Item::Blind),
        1 => "[a-z ]{0,20}".prop_map(|line| Item::Line(line.into_bytes())),
        1 => Just(Item::Header(b"VERSION 20070824".to_vec())),
        1 => Just(Item::Header(b"PCIDEV 0010 8086100e a 0 0 0 0 0 0 0 0 0 0 0 0 0 0 e1000".to_vec())),
    ]
}

/// Numbers the events of a capture from the first that has a number, in their order.
fn counted(mut items: Items) -> Items {
    let mut next = None;
    for item in &mut items.0 {
        if let Item::Event(event) = item {
            event.seq = next.or(event.seq);
            next = event.seq.map(|seq| seq.wrapping_add(1));
        }
    }
    items
}

proptest! {
    #[test]
    fn items_come_back(items in vec(item(), 0..30)) {
        let items = Items(items);
        let text = items.written();
        prop_assert_eq!(Items::lifted(&text), items, "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn counted_items_come_back(items in vec(item(), 0..30)) {
        let items = counted(Items(items));
        let text = items.written();
        // One number for the first event, none for those that follow it.
        let numbers = text.windows(14).filter(|window| window == b"mmiotrace1 seq").count();
        prop_assert!(numbers <= 1);
        prop_assert_eq!(Items::lifted(&text), items);
    }
}

fn wide(bytes: u8) -> Event {
    let bytes: Vec<u8> = (1..=bytes).collect();
    let value = Value::from_le_bytes(&bytes).unwrap();
    let access = Access {
        kind: AccessKind::Write,
        width: value.width(),
        map_id: MapId(1),
        phys: PhysAddr(0xfd00_0000),
        value: Some(value),
    };
    Event::new(
        Timestamp::from_nanos(1_000_000_000),
        EventKind::Access(access),
    )
    .with_seq(7)
    .with_cpu(3)
}

fn text_of(items: &[Item]) -> String {
    String::from_utf8(Items(items.to_vec()).written()).unwrap()
}

#[test]
fn the_text_is_as_documented() {
    assert_eq!(
        text_of(&[Item::Event(wide(11)), Item::Event(wide(4).with_seq(8))]),
        "MARK 1.000000 mmiotrace1 cpu cpu=3\n\
         MARK 1.000000 mmiotrace1 seq seq=7\n\
         MARK 1.000000 mmiotrace1 wide n=3 width=11\n\
         W 8 1.000000 1 0xfd000000 0x807060504030201 0x0 0\n\
         W 2 1.000000 1 0xfd000008 0xa09 0x0 0\n\
         W 1 1.000000 1 0xfd00000a 0xb 0x0 0\n\
         W 4 1.000000 1 0xfd000000 0x4030201 0x0 0\n"
    );
    let mut loss = Loss::new(Timestamp::ZERO, 12);
    assert_eq!(
        text_of(&[Item::Lost(loss)]),
        "MARK 0.000000 Lost 12 events.\n"
    );
    (loss.seq, loss.cpu) = (Some((100, 180)), Some(1));
    assert_eq!(
        text_of(&[Item::Lost(loss)]),
        "MARK 0.000000 mmiotrace1 lost n=12 seq=100-180 cpu=1\nMARK 0.000000 Lost 12 events.\n"
    );
    let mut unlearnt = wide(4).with_code(Code::from_prefix(&[0xf0, 1, 7]));
    (unlearnt.seq, unlearnt.cpu) = (None, None);
    if let EventKind::Access(access) = &mut unlearnt.kind {
        access.value = None;
    }
    assert_eq!(
        text_of(&[Item::Event(unlearnt)]),
        "MARK 1.000000 mmiotrace1 value unknown width=4 kind=write code=f00107\n\
         UNKNOWN 1.000000 1 0xfd000000 f0,01,07 0x0 0\n"
    );
}

/// A filter took a piece of a wide access: its annotation is a marker, the rest are accesses.
#[test]
fn annotations_that_do_not_fit() {
    let text = text_of(&[Item::Event(wide(24))]);
    let without: String = text
        .lines()
        .filter(|line| !line.contains("0xfd000008"))
        .map(|line| format!("{line}\n"))
        .collect();
    let items = Items::lifted(without.as_bytes()).0;
    let [Item::Marker(_, text), Item::Event(first), Item::Event(last)] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(text, b"mmiotrace1 wide n=3 width=24");
    assert_eq!(
        (first.as_access().unwrap().width, first.seq),
        (Width::W8, Some(7))
    );
    assert_eq!(last.as_access().unwrap().phys, PhysAddr(0xfd00_0010));
}

/// Numbers are told again now and then: where a line was taken out, the next one shows it.
#[test]
fn a_line_taken_out_of_a_numbered_trace() {
    let events: Vec<Item> = (0..3000)
        .map(|seq| Item::Event(wide(4).with_seq(seq)))
        .collect();
    let text = text_of(&events);
    assert_eq!(Items::lifted(text.as_bytes()).0, events);
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 3000 + 1 + 3);
    lines.remove(500);
    let seqs: Vec<u64> = Items::lifted(lines.concat().as_bytes())
        .0
        .iter()
        .filter_map(|item| match item {
            Item::Event(event) => event.seq,
            _ => None,
        })
        .collect();
    let gaps: Vec<(u64, u64)> = seqs
        .windows(2)
        .filter(|pair| pair[1] != pair[0] + 1)
        .map(|pair| (pair[0], pair[1]))
        .collect();
    assert_eq!(gaps, [(1022, 1024)]);
}

#[test]
fn a_sink_error_is_kept() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = Writer::new(Full);
    for _ in 0..10_000 {
        writer.event(&wide(4));
    }
    assert_eq!(writer.error().unwrap().kind(), io::ErrorKind::StorageFull);
    assert_eq!(
        writer.flush().unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    // Nobody shall take what comes after it for written.
    writer.event(&wide(4));
    assert_eq!(
        writer.flush().unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert!(writer.into_inner().is_err());
}

/// What a sink got as lines comes back as lines, also where two of them look like one record; and
/// whole records that came as lines have nothing between them.
#[test]
fn lines_do_not_grow_together() {
    use mmiotrace_format::{Reader, Record};
    let whole = "PCIDEV 0010 123411e8 a fea00000 0 0 0 0 0 0 100000 0 0 0 0 0 0 ";
    let (begun, rest) = (
        "PCIDEV 00f0",
        "1af41003 a c001 feb00000 0 0 0 0 0 40 1000 0 0 0 0 0",
    );
    let mut writer = Writer::new(Vec::new());
    for line in [whole, whole, begun, rest] {
        writer.line(line.as_bytes());
    }
    let written = writer.into_inner().expect("memory takes everything");
    let text = String::from_utf8(written.clone()).expect("what went in was text");
    assert!(
        text.starts_with(&format!("{whole}\n{whole}\n{begun}\n")),
        "{text}"
    );
    let mut reader = Reader::new(&written[..]);
    let mut devices = 0;
    while let Ok(Some(line)) = reader.next_line() {
        devices += u32::from(matches!(line.parse(), Ok(Record::Header(_))));
    }
    assert_eq!(devices, 2, "{text}");
}

/// What is written is read: the kinds that no event carries.
#[test]
fn annotations_of_a_whole_capture_round_trip() {
    use mmiotrace_format::{Annotation, Reader, Record, TraceEnd};
    let mut end = TraceEnd::default();
    (end.events, end.lost, end.bytes, end.crc) = (9, u64::MAX, 612, 0xa_2b3c);
    let mut numbered = end;
    numbered.last_seq = Some(8);
    let annotations = [
        Annotation::Capture {
            backend: b"kmod",
            end_promised: true,
        },
        Annotation::Capture {
            backend: b"analyser",
            end_promised: false,
        },
        Annotation::End(end),
        Annotation::End(numbered),
        Annotation::Derived { by: b"filter" },
        Annotation::Untraced {
            reason: b"child",
            text: b"/usr/bin/env  a text=b ",
        },
        Annotation::Untraced {
            reason: b"io-uring",
            text: b"",
        },
        Annotation::File {
            map_id: MapId(-3),
            path: b"/tmp/two words/\xff map=7",
        },
        Annotation::Source { n: 2, seq: None },
        Annotation::Source {
            n: 2,
            seq: Some(None),
        },
        Annotation::Source {
            n: 2,
            seq: Some(Some(77)),
        },
    ];
    let mut writer = Writer::new(Vec::new());
    for annotation in &annotations {
        writer
            .write_annotation(Timestamp::ZERO, annotation)
            .unwrap();
    }
    let written = writer.into_inner().unwrap();
    let text = String::from_utf8_lossy(&written);
    assert!(text.contains(
        "\nMARK 0.000000 mmiotrace1 end events=9 losses=0 lost=18446744073709551615 blind=0 \
         markers=0 last-seq=8 bytes=612 crc=000a2b3c\n"
    ));
    let mut reader = Reader::new(&written[..]);
    for annotation in annotations {
        let Some(Record::Marker(marker)) = reader.next_record().unwrap() else {
            panic!("{text}")
        };
        // Blanks at the end of a line are of no meaning.
        let expected = match annotation {
            Annotation::Untraced { reason, text } => Annotation::Untraced {
                reason,
                text: text.trim_ascii_end(),
            },
            other => other,
        };
        assert_eq!(Annotation::parse(marker.text), Ok(Some(expected)));
    }
}

/// A newline in a path would begin another line: it is written as the kernel writes it.
#[test]
fn a_path_stays_in_its_line() {
    use mmiotrace_format::Annotation;
    let mut writer = Writer::new(Vec::new());
    let path = b"/a\nW 4 1.000000 1 0x10 0x0 0x0 0";
    let file = Annotation::File {
        map_id: MapId(1),
        path,
    };
    writer.write_annotation(Timestamp::ZERO, &file).unwrap();
    let written = writer.into_inner().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&written),
        "MARK 0.000000 mmiotrace1 file map=1 path=/a\\012W 4 1.000000 1 0x10 0x0 0x0 0\n"
    );
}

#[test]
fn damaged_annotations_are_errors() {
    use mmiotrace_format::{Annotation, AnnotationError};
    assert_eq!(Annotation::parse(b"load e1000"), Ok(None));
    for unknown in ["mmiotrace1 ", "mmiotrace1 wider n=4", "mmiotrace1 wide2"] {
        let parsed = Annotation::parse(unknown.as_bytes());
        assert_eq!(parsed, Err(AnnotationError::UnknownKind), "{unknown}");
    }
    for damaged in [
        "lost n=7x",
        "lost n=99999999999999999999",
        "lost n=7 seq=5",
        "blind begin page=0xfea0000g reason=budget",
        "blind middle page=0xfea00000 reason=budget",
        "wide n=4",
        "wide n=4 width=65",
        "value known width=4",
        "value unknown width=4 kind=move",
        "seq seq=",
        "seq n=7",
        "cpu cpu=-1",
        "lines",
        "capture end=promised",
        "capture backend=kmod end=maybe",
        "end events=9 losses=1",
        "derived",
        "untraced text=x",
        "file map=x path=/dev/mem",
        "file map=1",
        "source n=0",
    ] {
        let text = format!("mmiotrace1 {damaged}");
        let parsed = Annotation::parse(text.as_bytes());
        assert_eq!(parsed, Err(AnnotationError::InvalidValue), "{damaged}");
    }
}
