//! Looks up offsets and names in a map of any format, as `mmiotrace lookup` does.
//!
//! ```text
//! cargo run --example lookup -- rnndb/root.xml NV_MMIO chipset=GF119 0xd66c PGPIO.GPIO
//! ```

use mmiotrace_registers::{Known, Loader};
use std::path::Path;

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(space)) = (arguments.next(), arguments.next()) else {
        return Err("lookup MAP SPACE [FAMILY=VARIANT] (OFFSET[=VALUE] | NAME)…".into());
    };
    let loaded = Loader::new().load(Path::new(&path))?;
    let map = loaded.map.compile()?;
    let space = map
        .map()
        .space_named(&space)
        .ok_or("there is no such space")?;
    let mut selection = map.selection();
    for argument in arguments {
        let (head, value) = argument
            .split_once('=')
            .map_or((&*argument, None), |(head, value)| (head, Some(value)));
        if let Some(offset) = number(head) {
            let Some(located) = map.lookup(space, offset, None, &selection) else {
                println!("{offset:#x}: nothing known");
                continue;
            };
            print!(
                "{offset:#x}: {}{}",
                located.name,
                if located.assumed {
                    " (on some chips)"
                } else {
                    ""
                }
            );
            if let (Some(value), Some(register)) = (value.and_then(number), located.register) {
                let value = Known::part(value, located.within, register.width);
                print!(" = {}", map.value_text(register, value, &selection));
            }
            println!();
        } else if let (Some(variant), true) = (value, map.map().varset_named(head).is_some()) {
            map.choose(&mut selection, head, variant)?;
        } else {
            for found in map.find(head) {
                println!(
                    "{}: {:#x} {:?} {}",
                    found.name, found.at, found.arrays, found.variants
                );
            }
        }
    }
    Ok(())
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}
