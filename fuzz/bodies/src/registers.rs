//! Register maps of every format: whatever the text, an error or a map that can be asked.

use mmiotrace_registers::{CompiledMap, Format, Known, Loader, RegisterMap, header_constants};

/// Our TOML: a map that loads is written and read back the same.
pub fn registers_toml(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(map) = RegisterMap::from_toml(&text) else { return };
    let written = map.to_toml();
    let back = RegisterMap::from_toml(&written)
        .unwrap_or_else(|error| panic!("what was written cannot be read: {error}\n{written}"));
    assert_eq!(back.to_toml(), written, "writing changes what was read");
    ask(map.compile().expect("reading has checked it"));
}

/// rnndb XML.
pub fn registers_rnndb(data: &[u8]) {
    load(Format::Rnndb, data);
}

/// CMSIS-SVD XML.
pub fn registers_svd(data: &[u8]) {
    load(Format::Svd, data);
}

/// C headers.
pub fn registers_header(data: &[u8]) {
    // An error is a fine answer.
    let _ = header_constants(&String::from_utf8_lossy(data));
    load(Format::CHeader, data);
}

fn load(format: Format, data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(loaded) = Loader::new().text(format, &text) {
        // What is written may be refused (registers that lie over each other), but not crash.
        let _ = RegisterMap::from_toml(&loaded.map.to_toml());
        if let Ok(compiled) = loaded.map.compile() {
            ask(compiled);
        }
    }
}

/// Looks up places and names, and shows values.
fn ask(map: CompiledMap) {
    let selection = map.selection();
    for space in 0..map.map().spaces.len().min(8) {
        let space = mmiotrace_registers::model::SpaceId(space as u32);
        for at in [0, 1, 4, 0x10, 0x100, 0xffff, 1 << 32, u64::MAX] {
            let Some(located) = map.lookup(space, at, None, &selection) else { continue };
            assert!(!located.name.is_empty());
            let Some(register) = located.register else { continue };
            let value = Known::part(0xa5a5_5a5a_0ff0_f00f, located.within, register.width);
            let text = map.value_text(register, value, &selection).to_string();
            assert!(!text.is_empty());
        }
    }
    for name in ["A", "A[0].B", "", "CTRL", "[i]"] {
        assert!(map.find(name).len() <= 256);
    }
}
