//! The loop that a person writes who needs it done today.

/// What the plain loop makes of an access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlainAccess {
    /// `W` rather than `R`.
    pub write: bool,
    /// Bytes.
    pub width: u8,
    /// Microseconds.
    pub time: u64,
    /// The number of the mapping.
    pub map_id: i32,
    /// The physical address.
    pub phys: u64,
    /// The value.
    pub value: u64,
    /// The address of the instruction.
    pub pc: u64,
    /// The thread.
    pub pid: i32,
}

/// Takes a line apart with `split` and `from_str_radix`. `None` for everything but `R` and `W`.
#[must_use]
pub fn parse_access(line: &str) -> Option<PlainAccess> {
    let mut words = line.split(' ');
    let write = match words.next()? {
        "R" => false,
        "W" => true,
        _ => return None,
    };
    let width = words.next()?.parse().ok()?;
    let (seconds, micros) = words.next()?.split_once('.')?;
    let time = seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?;
    let map_id = words.next()?.parse().ok()?;
    let mut hex = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let (phys, value, pc) = (hex()?, hex()?, hex()?);
    let pid = words.next()?.parse().ok()?;
    Some(PlainAccess {
        write,
        width,
        time,
        map_id,
        phys,
        value,
        pc,
        pid,
    })
}
