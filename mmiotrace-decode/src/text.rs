//! Disassembly, the report behind `mmiotrace decode`, and what a few bytes of code tell.

mod explain;
mod report;

pub use explain::Explanation;
pub use report::{AccessReport, DecodeReport, MakersReport, ReasonReport, WayReport};

use crate::DecodedInstruction;
use crate::iced::parse_at;
use crate::operation::Validity;
use alloc::string::String;
use iced_x86::{Formatter, IntelFormatter};

impl DecodedInstruction {
    /// The instruction in Intel's syntax, as code at `rip`: `mov [rdi+4],eax`. Numbers from ten on
    /// are in hex.
    #[must_use]
    pub fn to_text(&self, rip: u64) -> String {
        let mut text = String::new();
        let maker = match self.validity() {
            Validity::Of(maker) => Some(maker),
            _ => None,
        };
        if let Ok(instruction) = parse_at(self.bytes(), rip, maker) {
            formatter().format(&instruction, &mut text);
        }
        text
    }
}

fn formatter() -> IntelFormatter {
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    formatter
}
