//! The extended state (x87, SSE, AVX, AVX-512) as the XSAVE area that signal frames and the kernel
//! keep it in.

use crate::{RegisterFile, Registers};

/// State components of the XSAVE feature set, by bit number (Intel SDM volume 1, section 13.1).
const X87: u32 = 0;
const SSE: u32 = 1;
const AVX: u32 = 2;
const OPMASK: u32 = 5;
const ZMM_HI256: u32 = 6;
const HI16_ZMM: u32 = 7;

/// Where the components lie in an XSAVE area of the standard format. The offsets differ between
/// vendors (the mask registers are at 1088 on Intel's CPUs and at 832 on AMD's), so they come
/// from CPUID leaf 0xD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct XsaveLayout {
    /// The components that are enabled (XCR0).
    pub features: u64,
    /// Offset and length in bytes of components 2 to 18; zero where a component is absent.
    /// The first two entries (x87 and SSE) are the legacy area and not used.
    pub components: [(u32, u32); 19],
    /// The length in bytes of an area that holds all enabled components.
    pub len: u32,
}

impl XsaveLayout {
    /// Only x87 and SSE: the 512 bytes of `fxsave` and the header of 64.
    pub const LEGACY: Self = Self {
        features: 3,
        components: [(0, 0); 19],
        len: 576,
    };

    /// Whether component `bit` is enabled.
    #[must_use]
    pub const fn has(&self, bit: u32) -> bool {
        bit < 64 && self.features >> bit & 1 == 1
    }

    /// The bytes of component `bit` (2 to 18) in an area, or `None` where it is absent.
    #[must_use]
    pub const fn component(&self, bit: u32) -> Option<(u32, u32)> {
        if bit < 2 || bit > 18 || !self.has(bit) {
            return None;
        }
        match self.components[bit as usize] {
            (_, 0) => None,
            found => Some(found),
        }
    }

    /// The length in bytes of an area that holds x87, SSE, AVX and AVX-512 as far as they are
    /// enabled, and perhaps nothing after them.
    ///
    /// Signal frames of Linux are no longer than that on CPUs whose tile registers the process has
    /// not asked for, although XCR0 enables them (`Documentation/arch/x86/xstate.rst`).
    #[must_use]
    pub const fn vector_len(&self) -> u32 {
        let mut len = Self::LEGACY.len;
        let mut bit = AVX;
        while bit <= HI16_ZMM {
            if let (AVX | OPMASK | ZMM_HI256 | HI16_ZMM, Some((offset, bytes))) =
                (bit, self.component(bit))
            {
                let end = offset.saturating_add(bytes);
                if end > len {
                    len = end;
                }
            }
            bit += 1;
        }
        len
    }
}

/// Looks into an XSAVE area of the standard format without changing it.
#[derive(Clone, Copy, Debug)]
pub struct ExtendedState<'a> {
    area: &'a [u8],
    layout: &'a XsaveLayout,
}

impl<'a> ExtendedState<'a> {
    /// The state in `area`, or `None` if the area is too short for the vector registers
    /// ([`XsaveLayout::vector_len`]) or has the compacted format (bit 63 of XCOMP_BV).
    #[must_use]
    pub fn new(area: &'a [u8], layout: &'a XsaveLayout) -> Option<Self> {
        let compacted = area.get(527)? & 0x80 != 0;
        (!compacted && area.len() >= usize::try_from(layout.vector_len()).ok()?)
            .then_some(Self { area, layout })
    }

    /// The bytes of the area.
    #[must_use]
    pub const fn area(&self) -> &'a [u8] {
        self.area
    }

    /// Where the components lie.
    #[must_use]
    pub const fn layout(&self) -> &'a XsaveLayout {
        self.layout
    }

    /// Whether a component holds anything: one whose bit is clear in XSTATE_BV is in its initial
    /// state, whatever its bytes say (Intel SDM volume 1, section 13.6).
    fn is_in_use(&self, bit: u32) -> bool {
        self.number(512, 8)
            .is_some_and(|features| features >> bit & 1 == 1)
    }

    fn number(&self, offset: usize, len: usize) -> Option<u64> {
        let bytes = self.area.get(offset..offset.checked_add(len)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }

    /// Copies `len` bytes, `index * len` into component `bit`, to `to`. Initial state is zero.
    fn copy(&self, bit: u32, index: usize, to: &mut [u8]) -> Option<()> {
        let (offset, _) = self.layout.component(bit)?;
        if self.is_in_use(bit) {
            let start = usize::try_from(offset)
                .ok()?
                .checked_add(index * to.len())?;
            to.copy_from_slice(self.area.get(start..start + to.len())?);
        }
        Some(())
    }

    fn vector(&self, number: u8) -> Option<[u8; 64]> {
        let mut bytes = [0; 64];
        let index = usize::from(number);
        if index >= 16 {
            self.copy(
                HI16_ZMM,
                index.checked_sub(16).filter(|index| *index < 16)?,
                &mut bytes,
            )?;
            return Some(bytes);
        }
        if self.is_in_use(SSE) {
            let start = 160 + 16 * index;
            bytes[..16].copy_from_slice(self.area.get(start..start + 16)?);
        }
        // A CPU without AVX has nothing there: zero is right.
        let _ = self.copy(AVX, index, &mut bytes[16..32]);
        let _ = self.copy(ZMM_HI256, index, &mut bytes[32..64]);
        Some(bytes)
    }

    fn opmask(&self, number: u8) -> Option<u64> {
        let mut bytes = [0; 8];
        self.copy(OPMASK, usize::from(number & 7), &mut bytes)?;
        Some(u64::from_le_bytes(bytes))
    }

    /// The ten bytes of the top of the x87 stack, as a load has left them. `None` where there was
    /// no room on the stack, so that the load gave a NaN instead: then the status word has SF and
    /// C1 set (Intel SDM volume 1, section 8.5.1.1).
    #[cfg(feature = "process")]
    pub(crate) fn x87_loaded(&self) -> Option<[u8; 10]> {
        const STACK_FAULT: u64 = 1 << 6;
        const C1: u64 = 1 << 9;
        let overflow = self.number(2, 2)? & (STACK_FAULT | C1) == STACK_FAULT | C1;
        if overflow {
            None
        } else {
            self.area.get(32..42)?.try_into().ok()
        }
    }

    fn mmx(&self, number: u8) -> Option<u64> {
        if !self.is_in_use(X87) {
            return Some(0);
        }
        // The area holds the stack from its top; MMX numbers are physical.
        let top = self.number(2, 2)? >> 11 & 7;
        let index = u64::from(number).wrapping_sub(top) & 7;
        self.number(32 + 16 * usize::try_from(index).ok()?, 8)
    }
}

/// The integer registers together with the extended state: a [`RegisterFile`] that knows all.
#[derive(Clone, Copy, Debug)]
pub struct CpuState<'a> {
    /// The integer registers.
    pub registers: &'a Registers,
    /// The extended state.
    pub extended: ExtendedState<'a>,
}

impl RegisterFile for CpuState<'_> {
    fn registers(&self) -> &Registers {
        self.registers
    }

    fn vector(&self, number: u8) -> Option<[u8; 64]> {
        self.extended.vector(number)
    }

    fn opmask(&self, number: u8) -> Option<u64> {
        self.extended.opmask(number)
    }

    fn mmx(&self, number: u8) -> Option<u64> {
        self.extended.mmx(number)
    }

    fn xsave_layout(&self) -> Option<&XsaveLayout> {
        Some(self.extended.layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A CPU with tile registers, and a signal frame without them: XCR0 and the offsets are those
    /// of Intel's family 6, model 167 (CPUID leaf 0xD), the frame's length is its kernel's.
    #[test]
    fn frame_without_tiles_is_accepted() {
        let mut layout = XsaveLayout {
            features: 0x6_02e7,
            len: 11_008,
            ..XsaveLayout::LEGACY
        };
        for (bit, component) in [
            (2, (576, 256)),
            (5, (1088, 64)),
            (6, (1152, 512)),
            (7, (1664, 1024)),
            (9, (2688, 8)),
            (17, (2752, 64)),
            (18, (2816, 8192)),
        ] {
            layout.components[bit] = component;
        }
        assert_eq!(layout.vector_len(), 2688);
        assert!(ExtendedState::new(&[0; 2816], &layout).is_some());
        assert!(ExtendedState::new(&[0; 2687], &layout).is_none());
    }

    #[test]
    fn legacy_area_is_576_bytes() {
        assert_eq!(XsaveLayout::LEGACY.vector_len(), 576);
    }
}
