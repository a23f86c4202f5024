//! Finds sequences that repeat.

use super::shape::shape;
use super::{Block, BlockKind, Repeat};
use std::collections::VecDeque;

/// Folds successive turns of one shape into one block. What is held at a time is bounded.
#[derive(Debug)]
pub(super) struct Repeats {
    /// The longest turn that is found, in blocks.
    max_period: usize,
    held: VecDeque<(Block, Option<u64>)>,
    accesses: u64,
}

/// The fewest turns that count.
const MIN_TURNS: usize = 3;
/// How much is held at most, in blocks and in accesses.
const MAX_HELD: usize = 2048;
const MAX_ACCESSES: u64 = 1 << 16;

enum Decision {
    /// The first blocks are so many turns of that period.
    Turns { period: usize, turns: usize },
    /// The first block stands for itself.
    Pass,
    /// More must come before that is clear.
    Wait,
}

impl Repeats {
    pub(super) const fn new(max_period: usize) -> Self {
        Self {
            max_period,
            held: VecDeque::new(),
            accesses: 0,
        }
    }

    pub(super) fn push(&mut self, block: Block, give: &mut dyn FnMut(Block)) {
        self.accesses += block.accesses();
        let shape = shape(&block);
        self.held.push_back((block, shape));
        while self.held.len() > MIN_TURNS * self.max_period && self.step(false, give) {}
    }

    pub(super) fn finish(&mut self, give: &mut dyn FnMut(Block)) {
        while self.step(true, give) {}
    }

    /// Gives one block; `false` where nothing can be given yet.
    fn step(&mut self, last: bool, give: &mut dyn FnMut(Block)) -> bool {
        let full = self.held.len() >= MAX_HELD || self.accesses >= MAX_ACCESSES;
        match self.decide(last || full) {
            Decision::Wait => false,
            Decision::Pass => match self.take() {
                Some(block) => {
                    give(block);
                    true
                }
                None => false,
            },
            Decision::Turns { period, turns } => {
                let blocks: Vec<Block> = (0..period * turns).filter_map(|_| self.take()).collect();
                let (Some(first), Some(end)) = (blocks.first(), blocks.last()) else {
                    return false;
                };
                give(Block {
                    lines: first.lines.to(end.lines),
                    start: first.start,
                    end: end.end,
                    gap: first.gap,
                    continued: false,
                    kind: BlockKind::Repeat(Repeat { period, blocks }),
                });
                true
            }
        }
    }

    fn decide(&self, now: bool) -> Decision {
        let Some((_, Some(_))) = self.held.front() else {
            return Decision::Pass;
        };
        for period in 1..=self.max_period {
            let same = self.alike(period);
            let turns = same / period + 1;
            if turns < MIN_TURNS || period * turns < 4 {
                continue;
            }
            if same + period == self.held.len() && !now {
                return Decision::Wait;
            }
            return Decision::Turns { period, turns };
        }
        Decision::Pass
    }

    /// How many blocks from the front on are like the one `period` further.
    fn alike(&self, period: usize) -> usize {
        let later = self.held.iter().skip(period);
        let pairs = self.held.iter().zip(later);
        pairs
            .take_while(|(a, b)| a.1.is_some() && a.1 == b.1)
            .count()
    }

    fn take(&mut self) -> Option<Block> {
        let (block, _) = self.held.pop_front()?;
        self.accesses -= block.accesses();
        Some(block)
    }
}
