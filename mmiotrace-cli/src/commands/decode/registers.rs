//! Registers by name.

use core::cell::RefCell;
use core::str::FromStr;
use mmiotrace_decode::{
    DecodeReport, DecodedAccess, DecodedInstruction, Decoder, Gpr, GprPart, RegisterFile, Registers,
};
use std::collections::BTreeSet;

/// A number, decimal or hex with 0x, as wide as the widest register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wide([u8; 64]);

/// A number of 64 bits, decimal or hex with 0x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wide: Wide = text.parse()?;
        wide.narrow(8)
            .map(Self)
            .ok_or_else(|| format!("{text} is wider than 64 bits"))
    }
}

impl FromStr for Wide {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("{text} is no number, decimal or hex with 0x");
        let mut bytes = [0; 64];
        let plain = text.replace('_', "");
        if let Some(digits) = plain
            .strip_prefix("0x")
            .or_else(|| plain.strip_prefix("0X"))
        {
            if digits.is_empty() || digits.len() > 128 {
                return Err(wrong());
            }
            for (at, digit) in digits.chars().rev().enumerate() {
                let digit = digit.to_digit(16).ok_or_else(wrong)? as u8;
                bytes[at / 2] |= digit << (4 * (at % 2));
            }
        } else {
            let number: u64 = plain.parse().map_err(|_| wrong())?;
            bytes[..8].copy_from_slice(&number.to_le_bytes());
        }
        Ok(Self(bytes))
    }
}

impl Wide {
    /// As a number of so many bytes, at most 8, if it fits.
    fn narrow(self, len: usize) -> Option<u64> {
        let number = self.0.iter().take(8).rev();
        let number = number.fold(0, |number, byte| number << 8 | u64::from(*byte));
        self.fits(len).then_some(number)
    }

    fn fits(self, len: usize) -> bool {
        self.0.iter().skip(len).all(|byte| *byte == 0)
    }
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Part(GprPart),
    Flags,
    FsBase,
    GsBase,
    Vector { number: u8, len: usize },
    Mmx(u8),
    Opmask(u8),
}

impl Target {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "rflags" | "eflags" | "flags" => return Some(Self::Flags),
            "fs_base" | "fsbase" => return Some(Self::FsBase),
            "gs_base" | "gsbase" => return Some(Self::GsBase),
            _ => {}
        }
        if let Some(part) = part(name) {
            return Some(Self::Part(part));
        }
        let numbered = |prefix: &str, count: u8| {
            let digits = name.strip_prefix(prefix)?;
            let number: u8 = digits.parse().ok().filter(|number| *number < count)?;
            (digits == number.to_string()).then_some(number)
        };
        let vector =
            |prefix: &str, len| numbered(prefix, 32).map(|number| Self::Vector { number, len });
        vector("xmm", 16)
            .or_else(|| vector("ymm", 32))
            .or_else(|| vector("zmm", 64))
            .or_else(|| numbered("mm", 8).map(Self::Mmx))
            .or_else(|| numbered("k", 8).map(Self::Opmask))
    }

    /// The widest value in bytes.
    const fn len(self) -> usize {
        match self {
            Self::Part(part) => part.width() as usize,
            Self::Vector { len, .. } => len,
            _ => 8,
        }
    }
}

/// `rax`, `eax`, `ax`, `al`, `ah`, `r8`, `r8d`, `r8w`, `r8b` and so on.
fn part(name: &str) -> Option<GprPart> {
    if let Some(gpr) = Gpr::from_name(name) {
        return Some(GprPart::low(gpr, 8));
    }
    for gpr in Gpr::ALL {
        let whole = gpr.name();
        let tail = whole.get(1..).unwrap_or_default();
        if gpr.number() >= 8 {
            let width = match name.strip_prefix(whole) {
                Some("d") => 4,
                Some("w") => 2,
                Some("b") => 1,
                _ => continue,
            };
            return Some(GprPart::low(gpr, width));
        }
        if name.strip_prefix('e') == Some(tail) {
            return Some(GprPart::low(gpr, 4));
        }
        if name == tail {
            return Some(GprPart::low(gpr, 2));
        }
        // `al` and `ah`, but `sil`, `dil`, `spl`, `bpl`.
        let letter = tail.strip_suffix('x');
        if name.strip_suffix('l') == Some(letter.unwrap_or(tail)) {
            return Some(GprPart::low(gpr, 1));
        }
        if letter.is_some() && name.strip_suffix('h') == letter {
            return GprPart::high(gpr);
        }
    }
    None
}

/// `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    target: Target,
    value: Wide,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("{text} is not NAME=VALUE"))?;
        let name = name.trim().trim_start_matches('%').to_lowercase();
        let target = Target::from_name(&name).ok_or_else(|| format!("{name} is no register"))?;
        let value: Wide = value.trim().parse()?;
        if !value.fits(target.len()) {
            return Err(format!("{text}: {name} has {} bits", 8 * target.len()));
        }
        Ok(Self { target, value })
    }
}

/// The registers given; the others are zero, and it is known which.
#[derive(Clone, Debug)]
pub(super) struct Given {
    registers: Registers,
    /// Bits of general-purpose registers by number, then the bases and the flags.
    known: [bool; Unknown::COUNT],
    vectors: [Option<[u8; 64]>; 32],
    mmx: [Option<u64>; 8],
    opmasks: [Option<u64>; 8],
    /// Registers that were asked for in vain.
    missed: RefCell<BTreeSet<String>>,
}

/// A register that accesses may depend on, by a number of our own.
struct Unknown;

impl Unknown {
    const COUNT: usize = 19;
    const FS_BASE: usize = 16;
    const GS_BASE: usize = 17;
    const FLAGS: usize = 18;
}

impl Given {
    pub(super) fn new(rip: u64) -> Self {
        Self {
            registers: Registers {
                rip,
                ..Registers::default()
            },
            known: [false; Unknown::COUNT],
            vectors: [None; 32],
            mmx: [None; 8],
            opmasks: [None; 8],
            missed: RefCell::default(),
        }
    }

    pub(super) const fn rip(&self) -> u64 {
        self.registers.rip
    }

    /// The next instruction.
    pub(super) const fn advance(&mut self, len: usize) {
        self.registers.rip = self.registers.rip.wrapping_add(len as u64);
    }

    /// Later assignments win; a part changes the rest of its register as an instruction would.
    pub(super) fn assign(&mut self, assignment: &Assignment) {
        let value = assignment.value;
        let number = value.narrow(8).unwrap_or_default();
        match assignment.target {
            Target::Part(part) => {
                self.registers.set_part(part, number);
                self.known[usize::from(part.gpr().number())] = true;
            }
            Target::Flags => {
                self.registers.rflags = number;
                self.known[Unknown::FLAGS] = true;
            }
            Target::FsBase => {
                self.registers.fs_base = number;
                self.known[Unknown::FS_BASE] = true;
            }
            Target::GsBase => {
                self.registers.gs_base = number;
                self.known[Unknown::GS_BASE] = true;
            }
            Target::Vector { number: which, .. } => {
                self.vectors[usize::from(which & 31)] = Some(value.0);
            }
            Target::Mmx(which) => self.mmx[usize::from(which & 7)] = Some(number),
            Target::Opmask(which) => self.opmasks[usize::from(which & 7)] = Some(number),
        }
    }

    /// The general-purpose registers, bases and flags that were not given and that the accesses
    /// depend on: another value makes others.
    pub(super) fn assumed(&self, decoder: &mut Decoder, code: &[u8]) -> Vec<&'static str> {
        let Ok(instruction) = decoder.decode_uncached(code) else {
            return Vec::new();
        };
        let accesses = self.accesses(&instruction);
        let depends = |which: &usize| {
            // One that changes every bit that counts: of a count, a flag, an address, a value.
            [u64::MAX, 1].into_iter().any(|value| {
                let mut other = self.clone();
                *other.slot(*which) = value;
                other.accesses(&instruction) != accesses
            })
        };
        (0..Unknown::COUNT)
            .filter(|which| !self.known[*which])
            .filter(depends)
            .map(|which| match which {
                Unknown::FS_BASE => "fs_base",
                Unknown::GS_BASE => "gs_base",
                Unknown::FLAGS => "rflags",
                number => Gpr::from_number(number as u8).name(),
            })
            .collect()
    }

    /// The vector, MMX and mask registers that were not given and that the accesses depend on.
    pub(super) fn missed(&self, decoder: &mut Decoder, code: &[u8]) -> Vec<String> {
        self.missed.borrow_mut().clear();
        if let Ok(instruction) = decoder.decode_uncached(code) {
            let _ = self.accesses(&instruction);
        }
        self.missed.take().into_iter().collect()
    }

    fn or_missed<T>(&self, value: Option<T>, name: &str, number: u8) -> Option<T> {
        if value.is_none() {
            self.missed.borrow_mut().insert(format!("{name}{number}"));
        }
        value
    }

    fn slot(&mut self, which: usize) -> &mut u64 {
        let registers = &mut self.registers;
        match which {
            Unknown::FS_BASE => &mut registers.fs_base,
            Unknown::GS_BASE => &mut registers.gs_base,
            Unknown::FLAGS => &mut registers.rflags,
            number => &mut registers.gpr[number & 15],
        }
    }

    fn accesses(&self, instruction: &DecodedInstruction) -> Vec<DecodedAccess> {
        instruction
            .accesses(self)
            .take(DecodeReport::MOST_ACCESSES)
            .collect()
    }
}

impl RegisterFile for Given {
    fn registers(&self) -> &Registers {
        &self.registers
    }

    fn vector(&self, number: u8) -> Option<[u8; 64]> {
        let value = self.vectors.get(usize::from(number)).copied().flatten();
        self.or_missed(value, "zmm", number)
    }

    fn opmask(&self, number: u8) -> Option<u64> {
        let value = self.opmasks.get(usize::from(number)).copied().flatten();
        self.or_missed(value, "k", number)
    }

    fn mmx(&self, number: u8) -> Option<u64> {
        let value = self.mmx.get(usize::from(number)).copied().flatten();
        self.or_missed(value, "mm", number)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_part_has_its_name() {
        for (name, gpr, width) in [
            ("rax", Gpr::Rax, 8),
            ("ecx", Gpr::Rcx, 4),
            ("dx", Gpr::Rdx, 2),
            ("bl", Gpr::Rbx, 1),
            ("esp", Gpr::Rsp, 4),
            ("bp", Gpr::Rbp, 2),
            ("sil", Gpr::Rsi, 1),
            ("dil", Gpr::Rdi, 1),
            ("spl", Gpr::Rsp, 1),
            ("r8", Gpr::R8, 8),
            ("r10d", Gpr::R10, 4),
            ("r15w", Gpr::R15, 2),
            ("r9b", Gpr::R9, 1),
        ] {
            assert_eq!(part(name), Some(GprPart::low(gpr, width)), "{name}");
        }
        assert_eq!(part("ch"), GprPart::high(Gpr::Rcx));
        for name in [
            "", "r", "e", "l", "h", "x", "r16", "r1", "r1d", "sih", "eip", "ex", "r8x",
        ] {
            assert_eq!(part(name), None, "{name}");
        }
        for name in ["k8", "xmm32", "mm8", "xmm01", "xmm", "xmm+1"] {
            assert_eq!(Target::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn values_fit_their_registers() {
        for text in [
            "al=255",
            "AL=0xff",
            "%rax=0xffff_ffff_ffff_ffff",
            "k1=1",
            "eflags=0x400",
        ] {
            assert!(text.parse::<Assignment>().is_ok(), "{text}");
        }
        let ymm = format!("ymm1=0x{}", "f".repeat(64));
        assert!(ymm.parse::<Assignment>().is_ok());
        let wide = format!("ymm1=0x1{}", "f".repeat(64));
        for text in [
            "al=256",
            "eax=0x100000000",
            "rax",
            "rax=",
            "rax=x",
            "rax=0x",
            "nn=1",
            "=1",
            &wide,
        ] {
            assert!(text.parse::<Assignment>().is_err(), "{text}");
        }
    }
}
