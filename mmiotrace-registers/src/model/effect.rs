//! What an access does besides moving its bytes.

/// Which directions a register is meant for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AccessMode {
    /// Read and write.
    #[default]
    ReadWrite,
    /// Read only.
    Read,
    /// Write only.
    Write,
}

impl AccessMode {
    /// `rw`, `r` or `w`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadWrite => "rw",
            Self::Read => "r",
            Self::Write => "w",
        }
    }

    /// The mode with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ReadWrite, Self::Read, Self::Write]
            .into_iter()
            .find(|mode| mode.as_str() == name)
    }
}

/// What reading does to the register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReadEffect {
    /// Nothing.
    #[default]
    None,
    /// The bits read are cleared.
    Clear,
    /// The bits read are set.
    Set,
    /// The next element comes: a FIFO, an auto-incrementing port, a semaphore.
    Pop,
}

impl ReadEffect {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::None, "none"),
        (Self::Clear, "clear"),
        (Self::Set, "set"),
        (Self::Pop, "pop"),
    ];

    /// The word for it in a TOML map.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(effect, _)| *effect == self)
            .map_or("none", |(_, name)| name)
    }

    /// The effect with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(effect, _)| *effect)
    }
}

/// What writing means to the register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WriteEffect {
    /// The value written is the value held.
    #[default]
    Store,
    /// A bit written as 1 is cleared, 0 leaves it.
    OneToClear,
    /// A bit written as 1 is set, 0 leaves it.
    OneToSet,
    /// A bit written as 1 is inverted.
    OneToToggle,
    /// A bit written as 0 is cleared, 1 leaves it.
    ZeroToClear,
    /// A bit written as 0 is set, 1 leaves it.
    ZeroToSet,
    /// Any write clears all bits.
    Clear,
    /// The write starts something; what was written is not held (doorbells, self-clearing bits).
    Trigger,
    /// The value goes to the end of a queue.
    Push,
}

impl WriteEffect {
    const NAMES: [(Self, &'static str); 9] = [
        (Self::Store, "store"),
        (Self::OneToClear, "1-to-clear"),
        (Self::OneToSet, "1-to-set"),
        (Self::OneToToggle, "1-to-toggle"),
        (Self::ZeroToClear, "0-to-clear"),
        (Self::ZeroToSet, "0-to-set"),
        (Self::Clear, "clear"),
        (Self::Trigger, "trigger"),
        (Self::Push, "push"),
    ];

    /// The word for it in a TOML map.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(effect, _)| *effect == self)
            .map_or("store", |(_, name)| name)
    }

    /// The effect with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(effect, _)| *effect)
    }
}
