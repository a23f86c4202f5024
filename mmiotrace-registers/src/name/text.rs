//! Values as text, kept for when they come again: drivers poll, and a poll reads the same value
//! over and over.

/// How many texts are kept; a power of two.
const ENTRIES: usize = 4096;

/// The texts of values seen lately.
#[derive(Debug)]
pub(super) struct TextCache {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    /// Slot number plus one, and value.
    key: (u32, u64),
    text: String,
}

impl TextCache {
    pub(super) fn new() -> Self {
        Self {
            entries: vec![Entry::default(); ENTRIES],
        }
    }

    /// Forgets everything, because slots have got other meanings.
    pub(super) fn clear(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.key = (0, 0));
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
        let entry = &mut self.entries[(mixed >> 52) as usize & (ENTRIES - 1)];
        if entry.key != key || slot.is_none() {
            entry.key = key;
            entry.text.clear();
            render(&mut entry.text);
        }
        &entry.text
    }
}
