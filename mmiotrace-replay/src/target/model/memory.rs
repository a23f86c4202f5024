//! What the registers hold, and what a write does to them.

use mmiotrace_core::{PhysAddr, Value, Width};
use std::collections::HashMap;

/// What a write does to a register, bit by bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Bits that take the value written.
    pub(super) stored: u64,
    /// Bits that go off where a 1 is written.
    pub(super) acknowledged: u64,
}

impl Rule {
    /// A register of which nothing is known holds what is written to it.
    pub(super) const PLAIN: Self = Self {
        stored: u64::MAX,
        acknowledged: 0,
    };

    const fn apply(self, old: u64, written: u64) -> u64 {
        let kept = old & !self.stored;
        (kept & !(written & self.acknowledged)) | (written & self.stored)
    }
}

/// Device memory: eight bytes at a time, made where they are first touched.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    words: HashMap<u64, [u8; 8]>,
    rules: HashMap<(u64, u8), Rule>,
}

impl Memory {
    pub(super) fn set_rule(&mut self, phys: PhysAddr, width: Width, rule: Rule) {
        self.rules.insert((phys.0, width.bytes()), rule);
    }

    /// What is there. What was never written nor shown is 0.
    pub(super) fn read(&self, phys: PhysAddr, width: Width) -> Value {
        let mut bytes = [0; 64];
        let bytes = bytes.get_mut(..width.as_usize()).unwrap_or_default();
        for (byte, at) in bytes.iter_mut().zip(phys.0..) {
            *byte = self
                .words
                .get(&(at & !7))
                .map_or(0, |word| word[(at & 7) as usize]);
        }
        Value::from_le_bytes(bytes).unwrap_or_else(|| super::super::dry::zero(width))
    }

    /// Makes it hold these bytes.
    pub(super) fn set(&mut self, phys: PhysAddr, value: &Value) {
        for (byte, at) in value.as_le_bytes().iter().zip(phys.0..) {
            self.words.entry(at & !7).or_default()[(at & 7) as usize] = *byte;
        }
    }

    /// Does to it what a write does.
    pub(super) fn write(&mut self, phys: PhysAddr, value: &Value) {
        let width = value.width();
        let rule = self
            .rules
            .get(&(phys.0, width.bytes()))
            .copied()
            .unwrap_or(Rule::PLAIN);
        let Some(written) = value.to_u64().filter(|_| rule != Rule::PLAIN) else {
            return self.set(phys, value);
        };
        let old = self.read(phys, width).to_u64().unwrap_or(0);
        let new = rule.apply(old, written) & width.max_u64().unwrap_or(u64::MAX);
        if let Some(new) = Value::from_u64(new, width) {
            self.set(phys, &new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_see_the_same_bytes() {
        let mut memory = Memory::default();
        memory.set(
            PhysAddr(0x1006),
            &Value::from_u64(0x4433_2211, Width::W4).unwrap(),
        );
        assert_eq!(
            memory.read(PhysAddr(0x1008), Width::W2).to_u64(),
            Some(0x4433)
        );
        assert_eq!(
            memory.read(PhysAddr(0x1005), Width::W2).to_u64(),
            Some(0x1100)
        );
    }

    #[test]
    fn a_one_acknowledges() {
        let rule = Rule {
            stored: 0xf0,
            acknowledged: 0x0f,
        };
        assert_eq!(rule.apply(0x1f, 0xe3), 0xec);
    }
}
