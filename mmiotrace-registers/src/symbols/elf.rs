//! Symbols of ELF files, over the `object` crate.

use super::table::{InvalidSymbols, Symbols};
use mmiotrace_core::VirtAddr;
use object::{Object as _, ObjectKind, ObjectSection as _, ObjectSymbol as _, SymbolKind};

pub(super) fn read(
    symbols: &mut Symbols,
    bytes: &[u8],
    module: &str,
    sections: &[(&str, u64)],
) -> Result<(), InvalidSymbols> {
    let file = object::File::parse(bytes)
        .map_err(|error| InvalidSymbols(format!("no usable ELF file: {error}")))?;
    let relocatable = file.kind() == ObjectKind::Relocatable;
    let section = |name: &str| {
        sections
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, at)| *at)
    };
    if relocatable && section(".text").is_none() {
        let text = "a module says nothing about where it was loaded: give the address of .text \
                    (/sys/module/NAME/sections/.text), or use kallsyms";
        return Err(InvalidSymbols(text.to_owned()));
    }
    let load = section(".load").unwrap_or(0);
    let before = symbols.len();
    // A stripped program still has those that it shows to others.
    for symbol in file.symbols().chain(file.dynamic_symbols()) {
        if symbol.kind() != SymbolKind::Text || symbol.is_undefined() {
            continue;
        }
        let Ok(name) = symbol.name() else { continue };
        let base = if relocatable {
            let own = symbol
                .section_index()
                .and_then(|index| file.section_by_index(index).ok());
            let Some(base) = own.and_then(|own| section(own.name().ok()?)) else {
                continue;
            };
            base
        } else {
            load
        };
        symbols.push(
            VirtAddr(base.wrapping_add(symbol.address())),
            symbol.size(),
            name,
            module,
        );
    }
    symbols.sort();
    if symbols.len() == before {
        return Err(InvalidSymbols("the file has no symbols of code".to_owned()));
    }
    Ok(())
}
