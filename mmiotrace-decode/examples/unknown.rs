//! What an `UNKNOWN` record's instruction was: `cargo run --example unknown --features elf,text --
//! MODULE.ko ADDRESS PC`, where ADDRESS is what `/sys/module/NAME/sections/.text` says and PC is the
//! record's. Without arguments, on a few bytes of its own.

use mmiotrace_core::VirtAddr;
use mmiotrace_decode::{CodeImage, Decoder, Explanation, KernelView};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let looked_up = match arguments.as_slice() {
        [] => {
            // A dump: mov eax, [rdi]; lock or dword [rdi], 1; ret
            let dump = [0x8b, 0x07, 0xf0, 0x83, 0x0f, 0x01, 0xc3];
            look_up(&dump, 0xffff_ffff_c000_0000, 0xffff_ffff_c000_0002)
        }
        [file, address, pc] => match (std::fs::read(file), number(address), number(pc)) {
            (Ok(bytes), Some(address), Some(pc)) => look_up(&bytes, address, pc),
            (Err(error), ..) => Err(format!("{file}: {error}")),
            _ => Err("addresses are hex with 0x".to_owned()),
        },
        _ => Err("unknown MODULE.ko ADDRESS PC".to_owned()),
    };
    match looked_up {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn look_up(file: &[u8], address: u64, pc: u64) -> Result<String, String> {
    let image = CodeImage::from_bytes(file).map_err(|error| error.to_string())?;
    let image = image.with_base(VirtAddr(address));
    let place = image.at(VirtAddr(pc)).ok_or("nothing is there")?;
    let code = place.code.as_bytes();
    let instruction = Decoder::new()
        .decode_uncached(code)
        .map_err(|error| error.to_string())?;
    let record = &code[..3.min(code.len())];
    let alone = Explanation::of(record).map_or("nothing".to_owned(), |known| known.text);
    Ok(format!(
        "{} ({:?}, {:?} bytes); the kernel logs {:?}; the record's {record:02x?} alone tell: {alone}",
        instruction.to_text(pc),
        instruction.kind(),
        instruction.width().map(|width| width.bytes()),
        KernelView::of(code),
    ))
}

fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}
