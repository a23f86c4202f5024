//! Why a capture of a program has nothing in it, by what was seen of the program.

use core::fmt::Write as _;
use mmiotrace_capture::process::Launch;
use std::path::Path;

/// Maximum number of mappings listed.
const LISTED: usize = 8;

/// Why nothing was traced and what to do about it; `loaded` is `false` if the library was not even loaded into
/// the program.
pub(super) struct Diagnosis {
    pub(super) loaded: bool,
    pub(super) text: String,
}

pub(super) fn diagnose(launch: &Launch, library: &Path) -> Diagnosis {
    let notes = launch.notes();
    let loaded = notes.joined > 0;
    let program = launch.program_path().unwrap_or_else(|| Path::new(""));
    let text = if !loaded {
        not_loaded(program, library)
    } else if notes.unmatched.is_empty() {
        "nothing was traced: the program has mapped no device and shared no other file (a runtime that maps by \
         system calls of its own, as Go's does, is looked at once a second: let the program run two seconds \
         longer)"
            .to_owned()
    } else {
        let mut text =
            "nothing was traced: the program has mapped no device, and no other file that --match \
                        names. It has mapped:"
                .to_owned();
        for one in notes.unmatched.iter().take(LISTED) {
            // Into memory: this does not fail.
            let _ = write!(
                text,
                "\n    {} ({} bytes)",
                one.path.escape_debug(),
                one.bytes
            );
        }
        if let Some(more) = notes
            .unmatched
            .len()
            .checked_sub(LISTED)
            .filter(|more| *more > 0)
        {
            let _ = write!(text, "\n    and {more} more");
        }
        if let Some(first) = notes.unmatched.first() {
            let _ = write!(
                text,
                "\n  trace one of them with its path or a pattern, as --match '{}'",
                first.path.escape_debug()
            );
        }
        text
    };
    Diagnosis { loaded, text }
}

fn not_loaded(program: &Path, library: &Path) -> String {
    let (program, library) = (program.display(), library.display());
    if needs_sanitizer(Path::new(&program.to_string())) {
        return format!(
            "nothing was traced: {program} is built with AddressSanitizer, which ends a program that has a library \
             before its own (set ASAN_OPTIONS=verify_asan_link_order=0)"
        );
    }
    format!(
        "nothing was traced: the library was not loaded into {program} (in a sandbox or container, let it see \
         {library} and /proc of this process; a program with file capabilities loads none)"
    )
}

/// Whether a program names gcc's shared runtime of AddressSanitizer.
fn needs_sanitizer(program: &Path) -> bool {
    const RUNTIME: &[u8] = b"libasan.so";
    std::fs::read(program).is_ok_and(|bytes| bytes.windows(RUNTIME.len()).any(|at| at == RUNTIME))
}
