//! The sixteen general-purpose registers and their parts.

use core::fmt;

/// A general-purpose register, by the number that instructions encode it with (Intel SDM volume 2,
/// section 2.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the architecture's")]
pub enum Gpr {
    Rax = 0,
    Rcx = 1,
    Rdx = 2,
    Rbx = 3,
    Rsp = 4,
    Rbp = 5,
    Rsi = 6,
    Rdi = 7,
    R8 = 8,
    R9 = 9,
    R10 = 10,
    R11 = 11,
    R12 = 12,
    R13 = 13,
    R14 = 14,
    R15 = 15,
}

impl Gpr {
    /// All sixteen, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Rax,
        Self::Rcx,
        Self::Rdx,
        Self::Rbx,
        Self::Rsp,
        Self::Rbp,
        Self::Rsi,
        Self::Rdi,
        Self::R8,
        Self::R9,
        Self::R10,
        Self::R11,
        Self::R12,
        Self::R13,
        Self::R14,
        Self::R15,
    ];

    /// The register with this number; only the lowest four bits count.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        Self::ALL[(number & 15) as usize]
    }

    /// The number, 0 to 15.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The register with this 64-bit name in lower case (`rax`), or `None`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gpr| gpr.name() == name)
    }

    /// The 64-bit name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; 16] = [
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11",
            "r12", "r13", "r14", "r15",
        ];
        NAMES[self as usize]
    }
}

impl fmt::Display for Gpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A general-purpose register or the part of one that an instruction names: `rax`, `eax`, `ax`,
/// `al` or `ah`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GprPart {
    gpr: Gpr,
    width: u8,
    high: bool,
}

impl GprPart {
    /// The lowest `width` bytes of `gpr`; `width` is 1, 2, 4 or 8, and anything else counts as 8.
    #[must_use]
    pub const fn low(gpr: Gpr, width: u8) -> Self {
        let width = if matches!(width, 1 | 2 | 4) { width } else { 8 };
        Self {
            gpr,
            width,
            high: false,
        }
    }

    /// Bits 8 to 15: `ah`, `ch`, `dh` or `bh`. `None` for the other registers, which have no name
    /// for these bits.
    #[must_use]
    pub const fn high(gpr: Gpr) -> Option<Self> {
        if (gpr as u8) < 4 {
            Some(Self {
                gpr,
                width: 1,
                high: true,
            })
        } else {
            None
        }
    }

    /// The whole register.
    #[must_use]
    pub const fn gpr(self) -> Gpr {
        self.gpr
    }

    /// How many bytes the part has: 1, 2, 4 or 8.
    #[must_use]
    pub const fn width(self) -> u8 {
        self.width
    }

    /// The value of the part, zero-extended, of a register that holds `whole`.
    #[must_use]
    #[inline]
    pub const fn of(self, whole: u64) -> u64 {
        match (self.width, self.high) {
            (1, true) => (whole >> 8) & 0xff,
            (1, false) => whole & 0xff,
            (2, _) => whole & 0xffff,
            (4, _) => whole & 0xffff_ffff,
            _ => whole,
        }
    }

    /// What a register that held `whole` holds after `value` was written to the part: 8 and 16 bits
    /// leave the rest alone, 32 bits clear the upper half (Intel SDM volume 1, section 3.4.1.1). Bits of
    /// `value` above the part are ignored.
    #[must_use]
    #[inline]
    pub const fn put(self, whole: u64, value: u64) -> u64 {
        match (self.width, self.high) {
            (1, true) => (whole & !0xff00) | ((value & 0xff) << 8),
            (1, false) => (whole & !0xff) | (value & 0xff),
            (2, _) => (whole & !0xffff) | (value & 0xffff),
            (4, _) => value & 0xffff_ffff,
            _ => value,
        }
    }

    /// Whether this is `ah`, `ch`, `dh` or `bh`.
    #[must_use]
    pub const fn is_high(self) -> bool {
        self.high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_go_both_ways() {
        for (number, gpr) in (0u8..).zip(Gpr::ALL) {
            assert_eq!(gpr.number(), number);
            assert_eq!(Gpr::from_number(number), gpr);
            assert_eq!(Gpr::from_name(gpr.name()), Some(gpr));
        }
        assert_eq!(Gpr::from_name("eax"), None);
        assert_eq!(GprPart::high(Gpr::Rsp), None);
    }
}
