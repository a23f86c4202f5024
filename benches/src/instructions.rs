//! Instructions as they are in drivers: which, and how often.

/// The list, with its origin in its first lines.
const LIST: &str = include_str!("../../mmiotrace-decode/tests/data/driver-instructions.txt");

/// An instruction as an engine finds it: 16 bytes of code, which reach into what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Where it is.
    pub pc: u64,
    /// The bytes from there.
    pub code: [u8; 16],
    /// How many of them are the instruction.
    pub len: usize,
}

/// Every drawn instruction at an address of its own, in an order that is random and always the
/// same.
#[must_use]
pub fn mix() -> Vec<Site> {
    let mut sites = Vec::new();
    for line in LIST.lines().filter(|line| !line.starts_with('#')) {
        let Some((hex, count)) = line.split_once(' ') else {
            continue;
        };
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .filter_map(|n| u8::from_str_radix(hex.get(2 * n..2 * n + 2)?, 16).ok())
            .collect();
        let mut code = [0x90; 16];
        code[..bytes.len()].copy_from_slice(&bytes);
        for _ in 0..count.parse().unwrap_or(0) {
            sites.push(Site {
                pc: 0,
                code,
                len: bytes.len(),
            });
        }
    }
    shuffle(&mut sites);
    let mut pc = 0xffff_ffff_c000_0000;
    for site in &mut sites {
        site.pc = pc;
        // About one in five instructions of a driver has a memory operand.
        pc += 4 * site.len as u64 + 3;
    }
    sites
}

/// `len` accesses from the first `sites` places, each as likely as any other.
#[must_use]
pub fn accesses(mix: &[Site], sites: usize, len: usize) -> Vec<Site> {
    let mut random = 1;
    (0..len)
        .filter_map(|_| {
            mix.get((next(&mut random) % sites.max(1) as u64) as usize)
                .copied()
        })
        .collect()
}

fn shuffle(sites: &mut [Site]) {
    let mut random = 7;
    for last in (1..sites.len()).rev() {
        sites.swap(last, (next(&mut random) % (last as u64 + 1)) as usize);
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
