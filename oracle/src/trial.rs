//! One encoding under test: building states, running it natively.

use crate::aim::{Aim, aim, prepare_operands};
use crate::encodings::Encoding;
use crate::machine::{self, End};
use crate::mappings::Mappings;
use crate::random::Random;
use crate::state::{Memory, State};
use iced_x86::Instruction;
use mmiotrace_decode::{DecodedAccess, DecodedInstruction, Native, XsaveLayout};

/// The things every test uses.
pub(crate) struct Bench {
    pub(crate) mappings: Mappings,
    pub(crate) layout: XsaveLayout,
    pub(crate) native: Native,
    pub(crate) decoder: mmiotrace_decode::Decoder,
}

/// An instruction in one state.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) state: State,
    pub(crate) memory: Memory,
    pub(crate) accesses: Vec<DecodedAccess>,
    /// Whether the operand is exactly where it was to be.
    pub(crate) exact: bool,
}

/// What a native run left.
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) state: State,
    pub(crate) memory: Memory,
}

pub(crate) struct Trial<'a> {
    pub(crate) encoding: &'a Encoding,
    pub(crate) instruction: DecodedInstruction,
    pub(crate) iced: Instruction,
}

/// More accesses than any test instruction makes: a stop for those that run away.
const MOST_ACCESSES: usize = 4096;

impl<'a> Trial<'a> {
    pub(crate) fn new(encoding: &'a Encoding, instruction: DecodedInstruction) -> Self {
        let iced = crate::cpu::parse(&encoding.bytes);
        Self {
            encoding,
            instruction,
            iced,
        }
    }

    /// State `number`, aimed at `target` or at a place of its own.
    pub(crate) fn setup(&self, bench: &Bench, number: u64, target: Option<Aim>) -> Setup {
        let mut random = Random::new(&self.encoding.bytes, number);
        let own = Aim::random(&mut random, number.is_multiple_of(2));
        let target = target.unwrap_or(own);
        let mut state = State::random(&mut random, &bench.layout);
        let mut memory = Memory::random(&mut random);
        let exact = aim(
            &self.instruction,
            &self.iced,
            target,
            &mut state,
            &mut random,
            &bench.layout,
        );
        prepare_operands(
            &self.instruction,
            &self.iced,
            &bench.mappings,
            &mut state,
            &mut memory,
            &mut random,
        );
        let accesses = self.accesses(&state, &bench.layout);
        Setup {
            state,
            memory,
            accesses,
            exact,
        }
    }

    pub(crate) fn accesses(&self, state: &State, layout: &XsaveLayout) -> Vec<DecodedAccess> {
        self.instruction
            .accesses(&state.cpu(layout))
            .take(MOST_ACCESSES)
            .collect()
    }

    /// The place that state `number` aims at of its own.
    pub(crate) fn own_aim(&self, number: u64) -> Aim {
        Aim::random(
            &mut Random::new(&self.encoding.bytes, number),
            number.is_multiple_of(2),
        )
    }

    /// Runs the instruction natively, memory as it is protected now.
    pub(crate) fn run(&self, bench: &Bench, setup: &Setup) -> Outcome {
        setup.memory.store(&bench.mappings);
        let mut state = setup.state.clone();
        let end = machine::run(&mut state);
        let memory = Memory::load(&bench.mappings);
        Outcome { end, state, memory }
    }
}

impl Setup {
    /// Whether every access lies within a region.
    pub(crate) fn is_inside(&self, mappings: &Mappings) -> bool {
        self.accesses.len() < MOST_ACCESSES
            && self.accesses.iter().all(|access| {
                mappings
                    .region_of(access.address.0, access.width.as_usize())
                    .is_some()
            })
    }
}
