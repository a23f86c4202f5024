//! `/proc/kallsyms` and `System.map`: `ffffffff81000000 T _text`, for modules with a tab and
//! `[module]` behind.

use super::table::{InvalidSymbols, Symbols};
use mmiotrace_core::VirtAddr;

pub(super) fn read(symbols: &mut Symbols, bytes: &[u8]) -> Result<(), InvalidSymbols> {
    let before = symbols.len();
    let mut hidden = 0u64;
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(line) = core::str::from_utf8(line) else {
            continue;
        };
        let Some((at, kind, name, module)) = entry(line) else {
            continue;
        };
        if at == 0 {
            hidden += 1;
        } else if is_code(kind) {
            symbols.push(VirtAddr(at), 0, name, module);
        }
    }
    symbols.sort();
    match (symbols.len() > before, hidden > 0) {
        (true, _) => Ok(()),
        (false, true) => Err(InvalidSymbols(
            "all addresses are 0: kallsyms was read without the right to see them (read it as root)".to_owned(),
        )),
        (false, false) => Err(InvalidSymbols("neither kallsyms, System.map nor ELF".to_owned())),
    }
}

fn entry(line: &str) -> Option<(u64, char, &str, &str)> {
    let mut words = line.split_ascii_whitespace();
    let at = words.next().filter(|at| at.len() >= 8)?;
    let at = u64::from_str_radix(at, 16).ok()?;
    let kind = words
        .next()
        .filter(|kind| kind.len() == 1)?
        .chars()
        .next()?;
    let name = words.next()?;
    let module = words
        .next()
        .and_then(|module| module.strip_prefix('[')?.strip_suffix(']'))
        .unwrap_or("");
    Some((at, kind, name, module))
}

/// Text and weak symbols; data symbols between them would only be wrong answers.
const fn is_code(kind: char) -> bool {
    matches!(kind, 't' | 'T' | 'w' | 'W')
}
