//! Which chips something exists on.

/// A family of chips or revisions, in their order. A device is one of its variants.
///
/// One device may be a variant of several families at once (chipset and object class).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Varset {
    /// The family's name, as `chipset`.
    pub name: String,
    /// The names of the variants, in the order that ranges (`A-B`) refer to.
    pub variants: Vec<String>,
    /// The number of each variant as a register shows it, where it has one; as long as `variants`.
    pub ids: Vec<Option<u64>>,
    /// The PCI ids that tell the variant, for those that have their own; empty or as long as
    /// `variants`.
    pub pci: Vec<Option<super::DeviceMatch>>,
    /// How the device tells which variant it is.
    pub detect: Option<Detect>,
}

/// How a device tells which variant it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Detect {
    /// The register or field to look at.
    pub field: super::FieldRef,
    /// What its value means, the first rule that fits; none: it is the variant's number.
    pub rules: Vec<DetectRule>,
}

impl Detect {
    /// The field holds the variant's number.
    #[must_use]
    pub const fn by_id(field: super::FieldRef) -> Self {
        Self {
            field,
            rules: Vec::new(),
        }
    }
}

/// One rule: if `value & mask == equals`, the variant is known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DetectRule {
    /// The bits that are compared.
    pub mask: u64,
    /// What they must be.
    pub equals: u64,
    /// Which variant it is then.
    pub then: DetectThen,
}

impl DetectRule {
    /// A rule.
    #[must_use]
    pub const fn new(mask: u64, equals: u64, then: DetectThen) -> Self {
        Self { mask, equals, then }
    }
}

/// Which variant a rule means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DetectThen {
    /// The one with the number in these bits of the value.
    Id {
        /// The lowest bit.
        low: u8,
        /// The highest bit.
        high: u8,
    },
    /// The one with this place in the family.
    Variant(u32),
}

impl Varset {
    /// A family with these variants, without numbers.
    #[must_use]
    pub fn new(name: impl Into<String>, variants: Vec<String>) -> Self {
        let ids = vec![None; variants.len()];
        Self {
            name: name.into(),
            variants,
            ids,
            pci: Vec::new(),
            detect: None,
        }
    }

    /// The place of the variant with that name; ASCII case does not matter.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<u32> {
        let at = self
            .variants
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))?;
        u32::try_from(at).ok()
    }

    /// The place of the variant that a value of the detecting field shows.
    #[must_use]
    pub fn detected(&self, value: u64) -> Option<u32> {
        let detect = self.detect.as_ref()?;
        if detect.rules.is_empty() {
            return self.position_of_id(value);
        }
        let rule = detect
            .rules
            .iter()
            .find(|rule| value & rule.mask == rule.equals)?;
        match rule.then {
            DetectThen::Id { low, high } => {
                let bits = u32::from(high.saturating_sub(low)) + 1;
                self.position_of_id(value.checked_shr(low.into())? & super::low_mask(bits))
            }
            DetectThen::Variant(variant) => {
                (self.variants.len() > variant as usize).then_some(variant)
            }
        }
    }

    /// The place of the variant that has this PCI id.
    #[must_use]
    pub fn position_of_pci(&self, vendor_id: u16, device_id: u16) -> Option<u32> {
        let at = self.pci.iter().position(|wanted| match wanted {
            Some(super::DeviceMatch::Pci {
                vendor,
                first,
                last,
            }) => *vendor == vendor_id && (*first..=*last).contains(&device_id),
            _ => false,
        })?;
        u32::try_from(at).ok()
    }

    /// The place of the variant with that number.
    #[must_use]
    pub fn position_of_id(&self, id: u64) -> Option<u32> {
        let at = self.ids.iter().position(|known| *known == Some(id))?;
        u32::try_from(at).ok()
    }
}

/// The place of a [`Varset`] in its map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VarsetId(pub u32);

/// The place of a [`Condition`] in its map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConditionId(pub u32);

impl ConditionId {
    /// The condition that always holds; every map has it first.
    pub const ALWAYS: Self = Self(0);
}

/// A set of variants of one family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariantSet {
    words: Vec<u64>,
}

impl VariantSet {
    /// The empty set for a family of `len` variants.
    #[must_use]
    pub fn empty(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(64)],
        }
    }

    /// Puts a variant in. One beyond the family's length is ignored.
    pub fn insert(&mut self, variant: u32) {
        if let Some(word) = self.words.get_mut(variant as usize / 64) {
            *word |= 1 << (variant % 64);
        }
    }

    /// Whether the variant is in the set.
    #[must_use]
    pub fn contains(&self, variant: u32) -> bool {
        self.words
            .get(variant as usize / 64)
            .is_some_and(|word| word >> (variant % 64) & 1 == 1)
    }

    /// Whether no variant is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The variants of the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.words.len() as u32 * 64).filter(|variant| self.contains(*variant))
    }
}

/// A condition: for each family named, the device must be one of the variants.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Condition {
    /// The families and the variants allowed of each; empty: always.
    pub all_of: Vec<(VarsetId, VariantSet)>,
}

impl Condition {
    /// A condition on one family.
    #[must_use]
    pub fn on(varset: VarsetId, variants: VariantSet) -> Self {
        Self {
            all_of: vec![(varset, variants)],
        }
    }
}
