//! Lines of `lspci`, in any of its forms.
//!
//! `lspci -n`, `-nn`, `-v` and `-vv` differ in what they print; what is wanted are the ids, the
//! class and the memory ranges, wherever they stand.

use super::DeviceAddress;
use super::bar_spec::{hex4, pair};

/// What one line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LspciLine<'a> {
    /// A device begins.
    Device {
        address: DeviceAddress,
        class: Option<u16>,
        ids: Option<(u16, u16)>,
        name: &'a str,
    },
    /// A range of the last device. Its number is a guess where the line has none.
    Range {
        bar: u8,
        start: u64,
        len: u64,
        memory: bool,
    },
    /// The driver of the last device.
    Driver(&'a str),
    /// Something else.
    Other,
}

/// Reads one line after another; the number of a range depends on those before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lspci {
    next_bar: u8,
}

impl Lspci {
    pub(crate) fn line<'a>(&mut self, line: &'a str) -> LspciLine<'a> {
        if let Some(device) = device(line) {
            self.next_bar = 0;
            return device;
        }
        let line = line.trim();
        if let Some(driver) = line.strip_prefix("Kernel driver in use:") {
            return LspciLine::Driver(driver.trim());
        }
        self.range(line).unwrap_or(LspciLine::Other)
    }

    /// `Memory at febc0000 (64-bit, non-prefetchable) [size=128K]`, `Region 0: Memory at …`,
    /// `I/O ports at c000 [size=64]`, `Expansion ROM at …`.
    fn range(&mut self, line: &str) -> Option<LspciLine<'static>> {
        let (numbered, rest) = match line
            .strip_prefix("Region ")
            .and_then(|rest| rest.split_once(": "))
        {
            Some((number, rest)) => (Some(number.parse().ok().filter(|bar| *bar < 6)?), rest),
            None => (None, line),
        };
        let (memory, rom, rest) = if let Some(rest) = rest.strip_prefix("Memory at ") {
            (true, false, rest)
        } else if let Some(rest) = rest.strip_prefix("Expansion ROM at ") {
            (true, true, rest)
        } else {
            (false, false, rest.strip_prefix("I/O ports at ")?)
        };
        let bar = if rom {
            6
        } else {
            numbered.unwrap_or(self.next_bar)
        };
        if !rom {
            self.next_bar = bar + if rest.contains("64-bit") { 2 } else { 1 };
        }
        let start = u64::from_str_radix(rest.split_whitespace().next()?, 16).ok()?;
        let len = size(rest.split_once("[size=")?.1.split_once(']')?.0)?;
        (bar <= 6).then_some(LspciLine::Range {
            bar,
            start,
            len,
            memory,
        })
    }
}

fn device(line: &str) -> Option<LspciLine<'_>> {
    let (address, rest) = line.split_once(' ')?;
    let address = DeviceAddress::parse(address)?;
    // `-n`: `0200: 8086:100e (rev 03)`.
    if let Some((class, rest)) = rest.split_once(": ")
        && let Some(class) = hex4(class)
    {
        let ids = rest.split_whitespace().next().and_then(pair);
        return Some(LspciLine::Device {
            address,
            class: Some(class),
            ids,
            name: "",
        });
    }
    // `-nn` has class and ids in brackets; without it there are only names.
    let bracketed = || {
        rest.split('[')
            .skip(1)
            .filter_map(|part| part.split_once(']').map(|(inside, _)| inside))
    };
    let class = bracketed().find_map(hex4);
    let ids = bracketed().filter_map(pair).last();
    let name = rest.split_once(": ").map_or(rest, |(_, name)| name);
    Some(LspciLine::Device {
        address,
        class,
        ids,
        name,
    })
}

/// `64`, `128K`, `16M`, `1G`.
fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T']);
    let shift = match &text[digits.len()..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_device_line() {
        let address = DeviceAddress::parse("00:02.0").unwrap();
        let line = |text| Lspci::default().line(text);
        assert_eq!(
            line("00:02.0 0200: 8086:100e (rev 03)"),
            LspciLine::Device {
                address,
                class: Some(0x200),
                ids: Some((0x8086, 0x100e)),
                name: ""
            }
        );
        let name = "Intel Corporation 82540EM [PRO/1000] [8086:100e] (rev 03)";
        assert_eq!(
            line(
                "00:02.0 Ethernet controller [0200]: Intel Corporation 82540EM [PRO/1000] [8086:100e] (rev 03)"
            ),
            LspciLine::Device {
                address,
                class: Some(0x200),
                ids: Some((0x8086, 0x100e)),
                name
            }
        );
        assert_eq!(
            line("00:02.0 VGA compatible controller: nVidia Corporation NV43"),
            LspciLine::Device {
                address,
                class: None,
                ids: None,
                name: "nVidia Corporation NV43"
            }
        );
    }

    #[test]
    fn ranges_count_up_and_64_bit_takes_two() {
        let mut lspci = Lspci::default();
        let range = |bar, start, len, memory| LspciLine::Range {
            bar,
            start,
            len,
            memory,
        };
        lspci.line("01:00.0 Non-Volatile memory controller: Somebody");
        assert_eq!(
            lspci.line("\tMemory at febf4000 (64-bit, non-prefetchable) [size=16K]"),
            range(0, 0xfebf_4000, 0x4000, true)
        );
        assert_eq!(
            lspci.line("\tI/O ports at c000 [size=64]"),
            range(2, 0xc000, 64, false)
        );
        assert_eq!(
            lspci.line("\tExpansion ROM at feb80000 [disabled] [size=256K]"),
            range(6, 0xfeb8_0000, 0x4_0000, true)
        );
        assert_eq!(
            lspci.line("\tRegion 5: Memory at fe000000 (32-bit, prefetchable) [size=16M]"),
            range(5, 0xfe00_0000, 16 << 20, true)
        );
        assert_eq!(
            lspci.line("\tKernel driver in use: nvme"),
            LspciLine::Driver("nvme")
        );
        assert_eq!(lspci.line("\tFlags: bus master"), LspciLine::Other);
    }
}
