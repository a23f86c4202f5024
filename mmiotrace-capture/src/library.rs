//! Where the library is that is preloaded into programs.

use std::path::{Path, PathBuf};

/// The file name of the library to preload.
pub const LIBRARY: &str = "libmmiotrace_preload.so";

/// Where the library to preload is looked for, for a command that is installed as `executable`: beside
/// it, in `deps` beside it (where cargo leaves it when it builds the command), and in
/// `../lib/mmiotrace`.
#[must_use]
pub fn library_places(executable: &Path) -> [PathBuf; 3] {
    let folder = executable.parent().unwrap_or_else(|| Path::new("/"));
    [
        folder.join(LIBRARY),
        folder.join("deps").join(LIBRARY),
        folder.join("../lib/mmiotrace").join(LIBRARY),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_unpacked_and_in_the_source() {
        let places = library_places(Path::new("/opt/mmiotrace/bin/mmiotrace"));
        let expected = [
            "/opt/mmiotrace/bin/libmmiotrace_preload.so",
            "/opt/mmiotrace/bin/deps/libmmiotrace_preload.so",
            "/opt/mmiotrace/bin/../lib/mmiotrace/libmmiotrace_preload.so",
        ];
        assert_eq!(places, expected.map(PathBuf::from));
    }
}
