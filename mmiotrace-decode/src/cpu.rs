//! The CPU that an answer is for: who made it, and which family and model it is.

mod differences;

pub use differences::Difference;
pub(crate) use differences::{
    EMPTY_REPEAT, EmptyRepeat, FAR_OFFSET, MOVSXD_WORD, NEAR_BRANCH, Row, SELECTOR_SLOT, SlotRead,
};

use core::fmt;
use core::str::FromStr;

/// A maker of x86-64 CPUs, as far as instructions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Maker {
    /// Intel.
    Intel,
    /// AMD, and Hygon, whose cores are AMD's.
    Amd,
}

impl Maker {
    /// `intel` or `amd`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intel => "intel",
            Self::Amd => "amd",
        }
    }
}

/// A CPU: its maker, if that is known, with its family and model where one is meant.
///
/// CPUs of different makers do a few things differently with the same bytes: see
/// [`differences`](Self::differences). As text a CPU is `intel`, `amd` or `unknown`, or one of these
/// with the decimal family and model that `/proc/cpuinfo` shows: `intel-6-207`.
///
/// ```
/// use mmiotrace_core::VirtAddr;
/// use mmiotrace_decode::{Cpu, Decoder, Registers};
///
/// // movsxd ax, [rbx]
/// let bytes = |cpu: Cpu| -> Result<_, mmiotrace_decode::DecodeError> {
///     let movsxd = Decoder::for_cpu(cpu).decode_uncached(&[0x66, 0x63, 0x03])?;
///     let access = movsxd.accesses(&Registers::default()).next().unwrap();
///     Ok((access.least.bytes(), access.width.bytes()))
/// };
/// assert_eq!(bytes("intel-6-207".parse()?)?, (2, 2));
/// assert_eq!(bytes(Cpu::AMD)?, (4, 4));
/// assert_eq!(bytes(Cpu::UNKNOWN)?, (2, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cpu {
    maker: Option<Maker>,
    /// Family and model; both 0 where none is meant.
    family: u16,
    model: u16,
}

impl Cpu {
    /// Any CPU of any maker.
    pub const UNKNOWN: Self = Self::of(None);
    /// Any CPU of Intel.
    pub const INTEL: Self = Self::of(Some(Maker::Intel));
    /// Any CPU of AMD.
    pub const AMD: Self = Self::of(Some(Maker::Amd));

    const fn of(maker: Option<Maker>) -> Self {
        Self {
            maker,
            family: 0,
            model: 0,
        }
    }

    /// The CPU that runs this code, by `cpuid`; [`UNKNOWN`](Self::UNKNOWN) where that is no x86-64
    /// CPU. Under a hypervisor it is the CPU that the hypervisor shows.
    #[must_use]
    pub fn host() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use crate::cpuid::cpuid;
            let names = cpuid(0, 0);
            let mut vendor = [0; 12];
            for (to, word) in vendor
                .chunks_exact_mut(4)
                .zip([names.ebx, names.edx, names.ecx])
            {
                to.copy_from_slice(&word.to_le_bytes());
            }
            Self::from_cpuid(vendor, cpuid(1, 0).eax)
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self::UNKNOWN
    }

    /// The CPU with this vendor string (`cpuid` leaf 0) and signature (leaf 1, `eax`). Intel SDM
    /// volume 2, CPUID; AMD APM volume 3, appendix E.
    #[must_use]
    pub const fn from_cpuid(vendor: [u8; 12], signature: u32) -> Self {
        let base = signature >> 8 & 15;
        let family = if base == 15 {
            base + (signature >> 20 & 0xff)
        } else {
            base
        };
        let extended = if base == 6 || base == 15 {
            signature >> 12 & 0xf0
        } else {
            0
        };
        Self {
            maker: match &vendor {
                b"GenuineIntel" => Some(Maker::Intel),
                b"AuthenticAMD" | b"HygonGenuine" => Some(Maker::Amd),
                _ => None,
            },
            family: family as u16,
            model: (signature >> 4 & 15 | extended) as u16,
        }
    }

    /// The maker; `None` where it is not known.
    #[must_use]
    pub const fn maker(self) -> Option<Maker> {
        self.maker
    }

    /// Family and model, as `/proc/cpuinfo` shows them; `None` where no model is meant.
    #[must_use]
    pub const fn family_model(self) -> Option<(u16, u16)> {
        if self.family == 0 {
            None
        } else {
            Some((self.family, self.model))
        }
    }

    /// Everything that makers do differently, as far as this crate knows.
    #[must_use]
    pub const fn differences() -> &'static [Difference] {
        differences::ALL
    }
}

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.maker.map_or("unknown", Maker::as_str))?;
        match self.family_model() {
            Some((family, model)) => write!(f, "-{family}-{model}"),
            None => Ok(()),
        }
    }
}

/// A text that names no [`Cpu`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
#[error("not a CPU: write intel, amd, unknown, or one with family and model, as intel-6-207")]
pub struct ParseCpuError;

impl FromStr for Cpu {
    type Err = ParseCpuError;

    fn from_str(text: &str) -> Result<Self, ParseCpuError> {
        let mut words = text.split('-');
        let maker = match words.next() {
            Some("intel") => Some(Maker::Intel),
            Some("amd") => Some(Maker::Amd),
            Some("unknown") => None,
            _ => return Err(ParseCpuError),
        };
        let number = |word: &str| {
            let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            let number = word.parse::<u16>().ok().filter(|_| digits);
            number.ok_or(ParseCpuError)
        };
        let (family, model) = match (words.next(), words.next(), words.next()) {
            (None, None, None) => return Ok(Self::of(maker)),
            (Some(family), Some(model), None) => (number(family)?, number(model)?),
            _ => return Err(ParseCpuError),
        };
        if family == 0 {
            return Err(ParseCpuError);
        }
        Ok(Self {
            maker,
            family,
            model,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn text_and_cpu_go_both_ways() {
        for text in [
            "intel",
            "amd",
            "unknown",
            "intel-6-207",
            "amd-26-2",
            "unknown-7-91",
        ] {
            assert_eq!(text.parse::<Cpu>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "Intel",
            "via",
            "intel-6",
            "intel-6-",
            "intel-6-+7",
            "amd-0-1",
            "amd-1-2-3",
        ] {
            assert_eq!(text.parse::<Cpu>(), Err(ParseCpuError), "{text}");
        }
    }

    /// Vendors and signatures as instlatx64's dumps and CPUs at hand show them.
    #[test]
    fn cpuid_gives_family_and_model() {
        for (vendor, signature, text) in [
            (b"GenuineIntel", 0x000c_06f2, "intel-6-207"),
            (b"AuthenticAMD", 0x00b0_0f21, "amd-26-2"),
            (b"AuthenticAMD", 0x0000_0f5a, "amd-15-5"),
            (b"HygonGenuine", 0x0090_0f02, "amd-24-0"),
            (b"CentaurHauls", 0x0000_06fa, "unknown-6-15"),
        ] {
            assert_eq!(Cpu::from_cpuid(*vendor, signature).to_string(), text);
        }
    }

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn the_host_is_what_the_kernel_shows() {
        let shown = std::fs::read_to_string("/proc/cpuinfo").unwrap();
        let field = |name: &str| {
            let line = shown
                .lines()
                .find(|line| line.split(':').next().unwrap().trim() == name);
            line.unwrap().rsplit(':').next().unwrap().trim().to_string()
        };
        let host = Cpu::host();
        let expected = (
            field("cpu family").parse().unwrap(),
            field("model").parse().unwrap(),
        );
        assert_eq!(host.family_model(), Some(expected));
        let intel = field("vendor_id") == "GenuineIntel";
        assert_eq!(host.maker() == Some(Maker::Intel), intel);
    }
}
