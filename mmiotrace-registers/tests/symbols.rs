//! Instruction addresses as symbols.

use mmiotrace_core::VirtAddr;
use mmiotrace_registers::Symbols;

#[inline(never)]
fn a_function_that_is_asked_for() -> u32 {
    core::hint::black_box(5)
}

/// Where this program was loaded, as the kernel says.
fn load_address() -> Option<u64> {
    let program = std::fs::canonicalize(std::env::current_exe().ok()?).ok()?;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps
        .lines()
        .find(|line| line.ends_with(&*program.to_string_lossy()))?;
    u64::from_str_radix(line.split('-').next()?, 16).ok()
}

#[test]
fn a_running_function_is_found_in_its_program() {
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let mut symbols = Symbols::new();
    symbols
        .add(&program, "test", &[(".load", load_address().unwrap())])
        .unwrap();
    assert_eq!(a_function_that_is_asked_for(), 5);
    let pc = a_function_that_is_asked_for as fn() -> u32 as usize as u64;
    let symbol = symbols.lookup(VirtAddr(pc + 1)).unwrap();
    assert!(
        symbol.name.contains("a_function_that_is_asked_for"),
        "{symbol}"
    );
    assert_eq!((symbol.offset, symbol.module), (1, "test"));
}

#[test]
fn a_module_needs_the_places_of_its_sections() {
    let folder = std::env::temp_dir().join(format!("mmiotrace-symbols-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, object) = (folder.join("m.rs"), folder.join("m.o"));
    let text = "#![crate_type = \"lib\"]\n\
        #[unsafe(no_mangle)] #[unsafe(link_section = \".text\")] pub extern \"C\" fn first() -> u32 { 1 }\n\
        #[unsafe(no_mangle)] #[unsafe(link_section = \".init.text\")] pub extern \"C\" fn second() -> u32 { 2 }\n";
    std::fs::write(&source, text).unwrap();
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let built = std::process::Command::new(rustc)
        .args(["--edition=2024", "--emit=obj", "-o"])
        .args([&object, &source])
        .status()
        .is_ok_and(|status| status.success());
    assert!(built, "rustc cannot build an object file");
    let bytes = std::fs::read(&object).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let mut symbols = Symbols::new();
    let error = symbols.add(&bytes, "m", &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("/sys/module/NAME/sections/.text"),
        "{error}"
    );
    let sections = [
        (".text", 0xffff_ffff_c000_0000),
        (".init.text", 0xffff_ffff_c010_0000),
    ];
    symbols.add(&bytes, "m", &sections).unwrap();
    let name = |at| {
        symbols
            .lookup(VirtAddr(at))
            .map(|symbol| symbol.to_string())
    };
    assert_eq!(
        name(0xffff_ffff_c000_0001).as_deref(),
        Some("first+0x1 [m]")
    );
    assert_eq!(
        name(0xffff_ffff_c010_0000).as_deref(),
        Some("second+0x0 [m]")
    );
    assert_eq!(
        name(0xffff_ffff_c000_1000),
        None,
        "beyond the function's length"
    );
}

#[test]
fn what_is_no_file_of_symbols_is_told() {
    let mut none = Symbols::new();
    assert!(none.add(b"\x7fELFx", "x", &[]).is_err());
    assert!(none.add(b"hello", "x", &[]).is_err());
    assert!(none.is_empty());
}

#[test]
fn kallsyms_without_rights_is_told() {
    let mut symbols = Symbols::new();
    let error = symbols
        .add(b"0000000000000000 T _text\n", "", &[])
        .unwrap_err();
    assert!(error.to_string().contains("as root"), "{error}");
}

#[test]
fn the_nearest_symbol_below_counts() {
    let mut symbols = Symbols::new();
    symbols
        .add(
            b"ffffffff81000000 T a\nffffffff81000100 t b\t[mod]\nffffffff81000180 d data\n",
            "",
            &[],
        )
        .unwrap();
    let text = |at| {
        symbols
            .lookup(VirtAddr(at))
            .map(|symbol| symbol.to_string())
    };
    assert_eq!(text(0xffff_ffff_8100_00ff).as_deref(), Some("a+0xff"));
    assert_eq!(text(0xffff_ffff_8100_0190).as_deref(), Some("b+0x90 [mod]"));
    assert_eq!(text(0xffff_ffff_80ff_ffff), None);
    assert_eq!(text(0), None);
}
