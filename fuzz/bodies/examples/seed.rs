//! Writes the seeds of the format's targets into `fuzz/corpus`: from every shipped trace one line
//! of each sort, and the oddities that no trace has all of; and those of the decoder's target:
//! instructions of every sort.
//!
//! `cargo run -p mmiotrace-fuzz-bodies --example seed`

use mmiotrace_format::{Block, LineKind};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;
use std::{env, fs};

/// Each with its newline or without it, as it may stand in a file.
const ODDITIES: &[&[u8]] = &[
    b"MARK 1.000000 mmiotrace1 cpu cpu=3\nMARK 1.000000 mmiotrace1 seq seq=77\nW 4 1.000000 1 0x10 0x1 0x0 0\n",
    b"MARK 1.000000 mmiotrace1 wide n=2 width=16\nR 8 1.000000 1 0x10 0x1 0x0 7\nR 8 1.000000 1 0x18 0x2 0x0 7\n",
    b"MARK 1.000000 mmiotrace1 wide n=2 width=3\nR 2 1.000000 1 0x10 0x1 0x0 7\nR 1 1.000000 1 0x12 0x2 0x0 7\n",
    b"MARK 1.000000 mmiotrace1 value unknown width=4 kind=read code=f00107\nUNKNOWN 1.000000 1 0x10 f0,01,07 0x0 0\n",
    b"MARK 1.000000 mmiotrace1 value unknown code=f0010700\nUNKNOWN 1.000000 -1 0x10 f0,01,07 0xffffffffc02070ae 0\n",
    b"MARK 1.000000 mmiotrace1 blind begin page=0xfebc0000 reason=no-base code=0f0bc3\nMARK 1.010000 mmiotrace1 blind end page=0xfebc0000 reason=no-base\n",
    b"MARK 1.000000 mmiotrace1 lost n=12 seq=100-180 cpu=1\nMARK 1.000000 Lost 12 events.\n",
    b"MARK 1.000000 mmiotrace1 lines n=2\nMARK 1.000000 one\nMARK 1.000000 two\n",
    b"PCIDEV 0028 8086100e a feb40000 c001 0 0 0 0 feb00000 20000\n40 0 0 0 0 40000 e1000\nMARK 1.1 BEGIN\n",
    b"PCIDEV 0028 8086100e a feb40000 c001 0 0 0 0 feb00000 20000 40 0 0 0 0 40000\n",
    b"CPU:0 [LOST 10580 EVENTS]\r\nCPU:1 [LOST EVENTS]\n[LINE TOO BIG]\nrw what?\nmap what?\n\n  \n",
    b"# tracer: mmiotrace\n#\n# entries-in-buffer/entries-written: 4/5   #P:1\nLSPCI 00:00.0 0600: 8086:1237\r\n",
    b"MARK 10.757699 nulMARK 10.795467 burst 1\nMARK 1.0 \0\xff\r\nR  4\t1.000000 1 0XA 0x1 0x0 0\n",
    b"W 4 10.960309 1 0xfd000098 0x2040c748fffffffe 0xffffffffc020713b -1\nR 1 1.000000 1 0xfd00001f 0xffffff88 0x0 0",
    b"R 4 18446744073.709551 2147483647 0xffffffffffffffff 0xffffffff 0x0 -2147483648\nMARK 18446744073.709551616 x\n",
];

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds: Vec<(String, Vec<u8>)> = Vec::new();
    for (number, oddity) in ODDITIES.iter().enumerate() {
        seeds.push((format!("oddity-{number:02}"), oddity.to_vec()));
    }
    for entry in fs::read_dir(here.join("../../fixtures/traces"))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some(name) = name.trim_end_matches(".xz").strip_suffix(".mmiotrace") else {
            continue;
        };
        seeds.push((name.to_owned(), sorts(&plain(&path)?)));
    }
    for target in ["format_parse", "format_roundtrip", "format_chunking"] {
        let folder = here.join("../corpus").join(target);
        fs::create_dir_all(&folder)?;
        for (name, seed) in &seeds {
            // What the target takes for its seed of pieces, their length, capacity and limit.
            let control: &[u8] = if target == "format_chunking" {
                b"\x01\x10\x40\xff"
            } else {
                b""
            };
            fs::write(folder.join(name), [control, seed].concat())?;
        }
    }
    println!("{} seeds for each target of the format", seeds.len());
    let folder = here.join("../corpus/decode_instruction");
    fs::create_dir_all(&folder)?;
    for (name, code) in INSTRUCTIONS {
        fs::write(folder.join(name), instruction(code))?;
    }
    println!("{} seeds for the decoder", INSTRUCTIONS.len());
    Ok(())
}

/// One of each sort that is decoded, or accesses memory, in its own way.
const INSTRUCTIONS: &[(&str, &[u8])] = &[
    ("mov-store", b"\x89\x47\x04"),
    ("mov-high-byte", b"\x88\x25\x10\0\0\0"),
    ("mov-moffs", b"\x48\xa1\x08\x07\x06\x05\x04\x03\x02\x01"),
    ("mov-sib-imm", b"\x67\x66\x65\xc7\x44\x8b\x10\x34\x12"),
    ("movsxd-16", b"\x66\x63\x07"),
    ("lock-xadd", b"\xf0\x0f\xc1\x14\x8b"),
    ("lock-cmpxchg16b", b"\xf0\x48\x0f\xc7\x0e"),
    ("bts-register", b"\x48\x0f\xab\x07"),
    ("rep-movs", b"\xf3\x48\xa5"),
    ("repne-scas-67", b"\x67\xf2\xae"),
    ("push-memory", b"\x41\xff\x36"),
    ("pop-rsp", b"\x8f\x44\x24\x08"),
    ("enter-nested", b"\xc8\x10\x00\x1f"),
    ("call-far", b"\xff\x1f"),
    ("iret", b"\x48\xcf"),
    ("shld-cl", b"\x48\x0f\xa5\x07"),
    ("div", b"\x48\xf7\x37"),
    ("xlat", b"\xd7"),
    ("movnti", b"\x48\x0f\xc3\x07"),
    ("fld80", b"\xdb\x2f"),
    ("fnsave", b"\xdd\x37"),
    ("fxsave", b"\x48\x0f\xae\x07"),
    ("xsavec", b"\x0f\xc7\x27"),
    ("xrstor", b"\x0f\xae\x2f"),
    ("maskmovq", b"\x0f\xf7\xc1"),
    ("maskmovdqu-67", b"\x67\x66\x0f\xf7\xc1"),
    ("vpmaskmovd", b"\xc4\xe2\x75\x8e\x07"),
    ("vpgatherdd", b"\xc4\xe2\x75\x90\x04\x87"),
    ("evex-store", b"\x62\xf1\x7e\x49\x7f\x07"),
    ("evex-broadcast", b"\x62\xf1\x7c\x59\x58\x07"),
    ("evex-tuple", b"\x62\xf2\x7d\x49\x5a\x07"),
    ("evex-compress", b"\x62\xf2\x7d\x49\x8b\x07"),
    ("evex-scatter", b"\x62\xf2\x7d\x49\xa0\x04\x87"),
    ("movdir64b", b"\x66\x0f\x38\xf8\x07"),
    ("clflush", b"\x0f\xae\x3f"),
    ("clzero", b"\x0f\x01\xfc"),
    ("xop", b"\x8f\xe9\x78\x81\x07"),
    (
        "prefixes",
        b"\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x8b\x07",
    ),
    (
        "too-long",
        b"\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x8b\x07",
    ),
    ("cut-off", b"\x41\x83"),
    ("invalid", b"\x06"),
];

/// What the decoder's target reads: length, code, and registers that count up.
fn instruction(code: &[u8]) -> Vec<u8> {
    let mut seed = vec![code.len() as u8];
    seed.extend_from_slice(code);
    // Whether vectors are known, then numbers as they are read there.
    seed.push(1);
    for number in 0..32u64 {
        seed.extend((0x1000 * number + number).to_be_bytes());
    }
    seed
}

fn plain(path: &Path) -> io::Result<Vec<u8>> {
    let stored = fs::read(path)?;
    if path.extension().is_none_or(|extension| extension != "xz") {
        return Ok(stored);
    }
    let mut plain = Vec::new();
    liblzma::read::XzDecoder::new(&stored[..]).read_to_end(&mut plain)?;
    Ok(plain)
}

/// The first line of each sort: by kind, and by width where it has one; cut at 300 bytes.
fn sorts(trace: &[u8]) -> Vec<u8> {
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for line in Block::new(trace).lines().flatten() {
        let sort = (
            line.kind(),
            line.columns().width(),
            line.as_bytes().len() / 16,
        );
        let wanted = !matches!(line.kind(), LineKind::Mark) || kept.len() < 1000;
        if wanted && line.as_bytes().len() <= 300 && seen.insert(sort) {
            kept.extend_from_slice(line.as_bytes());
        }
    }
    kept
}
