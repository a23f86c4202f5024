//! Values as text, kept for when they come again: drivers poll, and a poll reads the same value
//! over and over.

/// How many texts are kept, as a power of two: several for each of a few thousand registers that
/// are in use at a time. With 4,096, a walk over 6,000 registers showed nearly every value anew.
const ENTRY_BITS: u32 = 15;

/// The texts of values seen lately.
#[derive(Debug)]
pub(super) struct TextCache {
    entries: Vec<Entry>,
    /// Counts up when everything is forgotten: drivers can make that happen often.
    generation: u32,
}

#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Entry {
    generation: u32,
    /// Slot number plus one, and value.
    key: (u32, u64),
    text: String,
}

impl TextCache {
    pub(super) fn new() -> Self {
        Self {
            entries: vec![Entry::default(); 1 << ENTRY_BITS],
            generation: 0,
        }
    }

    /// Forgets everything, because slots have got other meanings.
    pub(super) fn clear(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.entries.iter_mut().for_each(|entry| entry.key = (0, 0));
        }
    }

    /// The text for a slot and value, made by `render` where it is not there. Slots without a
    /// number of their own (`None`) are never found again.
    pub(super) fn get(
        &mut self,
        slot: Option<u32>,
        value: u64,
        render: impl FnOnce(&mut String),
    ) -> &str {
        let key = (slot.map_or(0, |slot| slot + 1), value);
        let mixed = (value ^ u64::from(key.0) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let entry = &mut self.entries[(mixed >> (64 - ENTRY_BITS)) as usize];
        if entry.key != key || entry.generation != self.generation || slot.is_none() {
            entry.key = key;
            entry.generation = self.generation;
            entry.text.clear();
            render(&mut entry.text);
        }
        &entry.text
    }
}
