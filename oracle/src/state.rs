//! Everything an instruction can see: registers, extended state, the two regions.

use crate::machine::{FLAGS, GS_BASE, fs_base};
use crate::mappings::{CODE, Mappings, REGION_LEN};
use crate::random::Random;
use mmiotrace_decode::{CpuState, ExtendedState, Registers, XsaveLayout};

/// Room for an XSAVE area with AVX-512 and tiles (11,008 bytes).
pub(crate) const AREA_LEN: usize = 12288;

/// State components of the XSAVE feature set that tests fill, beside x87 and SSE.
pub(crate) const AVX: u32 = 2;
pub(crate) const OPMASK: u32 = 5;
pub(crate) const ZMM_HI256: u32 = 6;
pub(crate) const HI16_ZMM: u32 = 7;
const PKRU: u32 = 9;
const TILE_CONFIG: u32 = 17;

/// The protection keys that Linux gives a process (`init_pkru_value`). In use, because kernels from
/// 6.12 mark them so in every signal frame, and `xsave` shows that.
const PROTECTION_KEYS: u32 = 0x5555_5554;

/// An XSAVE area, aligned as the CPU wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub(crate) struct Area(pub(crate) [u8; AREA_LEN]);

/// Registers and extended state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) registers: Registers,
    pub(crate) area: Area,
}

impl State {
    /// What a [`RegisterFile`](mmiotrace_decode::RegisterFile) wants.
    pub(crate) fn cpu<'a>(&'a self, layout: &'a XsaveLayout) -> CpuState<'a> {
        let extended = ExtendedState::new(&self.area.0, layout).expect("the area is long enough");
        CpuState {
            registers: &self.registers,
            extended,
        }
    }

    /// Random, but sane: exceptions masked, numbers on the x87 stack valid.
    pub(crate) fn random(random: &mut Random, layout: &XsaveLayout) -> Self {
        let mut registers = Registers {
            rip: CODE,
            gs_base: GS_BASE,
            fs_base: fs_base(),
            ..Registers::default()
        };
        for gpr in &mut registers.gpr {
            *gpr = random.next();
        }
        registers.rflags = random.next() & FLAGS | 0x202;
        Self {
            registers,
            area: random_area(random, layout),
        }
    }

    /// Sets all bits of all mask registers.
    pub(crate) fn set_opmasks(&mut self, layout: &XsaveLayout) {
        if let Some((offset, len)) = layout.component(OPMASK) {
            self.area.0[offset as usize..(offset + len) as usize].fill(0xff);
        }
    }

    /// Unmasks the SSE exceptions.
    pub(crate) fn unmask_exceptions(&mut self) {
        self.area.0[24..28].copy_from_slice(&(0x1f80u32 & !0x1f80).to_le_bytes());
    }
}

fn random_area(random: &mut Random, layout: &XsaveLayout) -> Area {
    let mut area = Area([0; AREA_LEN]);
    let bytes = &mut area.0;
    let top = random.below(8) as u16;
    bytes[0..2].copy_from_slice(&0x037fu16.to_le_bytes());
    bytes[2..4].copy_from_slice(&(top << 11).to_le_bytes());
    bytes[4] = random.next() as u8;
    let rounding = (random.below(4) as u32) << 13;
    bytes[24..28].copy_from_slice(&(0x1f80 | rounding).to_le_bytes());
    bytes[28..32].copy_from_slice(&0xffffu32.to_le_bytes());
    for slot in bytes[32..160].chunks_mut(16) {
        // A normal number near one: integer bit set, exponent close to the bias.
        random.fill(&mut slot[..8]);
        slot[7] |= 0x80;
        let exponent = 0x3fff - 20 + random.below(40) as u16;
        slot[8..10].copy_from_slice(&(exponent | (random.below(2) as u16) << 15).to_le_bytes());
    }
    vectors(random, &mut bytes[160..416]);
    for component in [AVX, ZMM_HI256, HI16_ZMM] {
        if let Some((offset, len)) = layout.component(component) {
            vectors(random, &mut bytes[offset as usize..(offset + len) as usize]);
        }
    }
    if let Some((offset, len)) = layout.component(OPMASK) {
        for mask in bytes[offset as usize..(offset + len) as usize].chunks_mut(8) {
            mask.copy_from_slice(&opmask(random).to_le_bytes());
        }
    }
    if let Some((offset, _)) = layout.component(TILE_CONFIG) {
        let at = offset as usize;
        bytes[at..at + 64].copy_from_slice(&crate::aim::TILE_CONFIG);
    }
    if let Some((offset, _)) = layout.component(PKRU) {
        let at = offset as usize;
        bytes[at..at + 4].copy_from_slice(&PROTECTION_KEYS.to_le_bytes());
    }
    let vectors = 1 << AVX | 1 << OPMASK | 1 << ZMM_HI256 | 1 << HI16_ZMM;
    let filled = 3 | vectors | 1 << PKRU | 1 << TILE_CONFIG;
    bytes[512..520].copy_from_slice(&(layout.features & filled).to_le_bytes());
    area
}

/// Mostly some elements, sometimes all or none.
fn opmask(random: &mut Random) -> u64 {
    match random.below(8) {
        0 => 0,
        1 => u64::MAX,
        _ => random.next(),
    }
}

/// Half of the vectors are random bits, half small floating-point numbers.
fn vectors(random: &mut Random, bytes: &mut [u8]) {
    for vector in bytes.chunks_mut(16) {
        random.fill(vector);
        match random.below(4) {
            0 => vector
                .chunks_mut(4)
                .for_each(|to| to.copy_from_slice(&small(random).to_le_bytes())),
            1 => vector
                .chunks_mut(8)
                .for_each(|to| to.copy_from_slice(&f64::from(small(random)).to_le_bytes())),
            _ => {}
        }
    }
}

fn small(random: &mut Random) -> f32 {
    (random.below(2_000_000) as f32 - 1_000_000.0) / 1024.0
}

/// The contents of both regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) a: Vec<u8>,
    pub(crate) b: Vec<u8>,
}

impl Memory {
    pub(crate) fn random(random: &mut Random) -> Self {
        let mut memory = Self {
            a: vec![0; REGION_LEN],
            b: vec![0; REGION_LEN],
        };
        random.fill(&mut memory.a);
        random.fill(&mut memory.b);
        memory
    }

    pub(crate) fn load(mappings: &Mappings) -> Self {
        let mut memory = Self {
            a: vec![0; REGION_LEN],
            b: vec![0; REGION_LEN],
        };
        mappings.a.load(&mut memory.a);
        mappings.b.load(&mut memory.b);
        memory
    }

    pub(crate) fn store(&self, mappings: &Mappings) {
        mappings.a.store(&self.a);
        mappings.b.store(&self.b);
    }

    /// The bytes at an address, if they lie in a region.
    pub(crate) fn at(&self, mappings: &Mappings, address: u64, len: usize) -> Option<&[u8]> {
        let region = mappings.region_of(address, len)?;
        let bytes = if region.base == mappings.a.base {
            &self.a
        } else {
            &self.b
        };
        let start = (address - region.base) as usize;
        bytes.get(start..start + len)
    }

    pub(crate) fn at_mut(
        &mut self,
        mappings: &Mappings,
        address: u64,
        len: usize,
    ) -> Option<&mut [u8]> {
        let region = mappings.region_of(address, len)?;
        let bytes = if region.base == mappings.a.base {
            &mut self.a
        } else {
            &mut self.b
        };
        let start = (address - region.base) as usize;
        bytes.get_mut(start..start + len)
    }
}
