//! What the fuzz targets do with their input.
//!
//! The bodies live here and not in the targets, so that an ordinary test replays the corpus of
//! each on every machine (`tests/replay.rs`). Each panics where its promise does not hold.
//!
//! A new target: write its body in a module, add it to the list below, and give it a `[[bin]]` and
//! a file of two lines in `fuzz/`.
#![forbid(unsafe_code)]

/// The list of targets: name and body.
macro_rules! targets {
    ($($module:ident: $($name:ident)+,)*) => {
        $(
            mod $module;
            pub use $module::{$($name),+};
        )*

        /// Every target's name and body.
        pub const ALL: &[(&str, fn(&[u8]))] = &[$($((stringify!($name), $name)),+),*];
    };
}

targets! {
    decode: decode_instruction,
    parse: format_parse,
    roundtrip: format_roundtrip,
    chunking: format_chunking,
    registers: registers_toml registers_rnndb registers_svd registers_header,
}

#[path = "../../../mmiotrace-format/tests/items/mod.rs"]
mod items;
