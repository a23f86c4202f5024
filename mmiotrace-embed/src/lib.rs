//! Puts the library that mmiotrace preloads into the mmiotrace command.
//!
//! Cargo builds `libmmiotrace_preload.so` and the rlib of the same crate by one run of the compiler, into one
//! folder, before it builds the command, and names the rlib to the compiler of the command. So the
//! library is found while the command is compiled, with cargo as it is: nothing is built twice, and
//! nothing has to be installed beside the command.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use std::path::{Path, PathBuf};

/// The crate's name, as the compiler is told it.
const CRATE: &str = "mmiotrace_preload";

/// The bytes of the library, as a `&[u8; N]`. Empty where nothing is linked (`cargo check`, an editor) or the
/// crate is not a dependency.
#[proc_macro]
pub fn library(_: TokenStream) -> TokenStream {
    let library = std::env::args().find_map(|argument| library_of(&argument));
    let library = library.and_then(|path| path.canonicalize().ok());
    let bytes = match library.as_deref().and_then(Path::to_str) {
        Some(path) => format!("::core::include_bytes!({path:?})"),
        None => "&[]".to_owned(),
    };
    bytes.parse().unwrap_or_default()
}

/// The library beside the rlib that an argument `--extern` of the compiler names.
fn library_of(argument: &str) -> Option<PathBuf> {
    let (name, path) = argument.split_once('=')?;
    // Options may come before: `priv:mmiotrace_preload=…`.
    let name = name.rsplit(':').next()?;
    let path = Path::new(path);
    let linked = path
        .extension()
        .is_some_and(|extension| extension == "rlib");
    (name == CRATE && linked).then(|| path.with_extension("so"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_beside_the_rlib() {
        let found = |argument| library_of(argument);
        let library = Some(PathBuf::from("/t/deps/libmmiotrace_preload-0a.so"));
        assert_eq!(
            found("mmiotrace_preload=/t/deps/libmmiotrace_preload-0a.rlib"),
            library
        );
        assert_eq!(
            found("priv:mmiotrace_preload=/t/deps/libmmiotrace_preload-0a.rlib"),
            library
        );
        // `cargo check` links nothing.
        assert_eq!(
            found("mmiotrace_preload=/t/deps/libmmiotrace_preload-0a.rmeta"),
            None
        );
        assert_eq!(
            found("mmiotrace_capture=/t/deps/libmmiotrace_capture-0a.rlib"),
            None
        );
        assert_eq!(found("--extern"), None);
    }
}
