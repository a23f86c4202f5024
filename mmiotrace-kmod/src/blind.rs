//! Pages that had to be opened, and the places in the code that made it necessary.
//!
//! Written in fault context on any CPU at the same time, so without locks; small, because an
//! instruction that cannot be carried out exactly is rare.

use crate::region::PAGE;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use mmiotrace_core::Timestamp;

/// How many pages can be open at a time, and at how many places strikes are counted.
const CAPACITY: usize = 64;
/// After this many times at one place a page stays open.
pub(crate) const STRIKES: u32 = 8;
/// How long a page stays open, in nanoseconds.
pub const REARM_AFTER_NANOS: u64 = 10_000_000;

// The low bits of a page's address hold its state, and above it a number that changes with every
// claim, so that nobody confirms the claim of another.
const CLAIMED: u64 = 1;
const OPENING: u64 = 2;
const OPEN: u64 = 3;
const CLOSING: u64 = 4;
const FOR_GOOD: u64 = 5;
const STATE: u64 = 7;
const NONCE: u64 = (PAGE - 1) & !STATE;
const NONCE_STEP: u64 = STATE + 1;

const fn page_of(word: u64) -> u64 {
    word & !(PAGE - 1)
}

#[derive(Debug)]
struct BlindSlot {
    /// 0 where free, else the page's address and its state.
    page: AtomicU64,
    since: AtomicU64,
}

#[derive(Debug)]
struct Strikes {
    /// 0 where free.
    pc: AtomicU64,
    count: AtomicU32,
}

/// What is to be done with a page that an instruction needs open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Open it, and say [`Blinds::opened`].
    Open(Token),
    /// Another opens it, or has: retry the instruction.
    Already,
    /// It is being armed again at this moment: look again.
    Busy,
    /// More pages are open than can be kept count of.
    Full,
}

/// A page's slot in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(usize);

/// The open pages.
#[derive(Debug)]
pub(crate) struct Blinds {
    slots: [BlindSlot; CAPACITY],
    strikes: [Strikes; CAPACITY],
    claims: AtomicU32,
}

impl Opening {
    const fn of_state(word: u64) -> Self {
        if word & STATE == CLOSING {
            Self::Busy
        } else {
            Self::Already
        }
    }
}

impl Blinds {
    pub(crate) fn new() -> Self {
        Self {
            slots: core::array::from_fn(|_| BlindSlot {
                page: AtomicU64::new(0),
                since: AtomicU64::new(0),
            }),
            strikes: core::array::from_fn(|_| Strikes {
                pc: AtomicU64::new(0),
                count: AtomicU32::new(0),
            }),
            claims: AtomicU32::new(0),
        }
    }

    /// Announces that `page` is to be opened.
    ///
    /// Never waits, so that an NMI may call it between any two steps of another call.
    pub(crate) fn begin(&self, page: u64) -> Opening {
        if let Some((_, word)) = self.find(page, None)
            && word & STATE != CLAIMED
        {
            return Opening::of_state(word);
        }
        let nonce = self.claims.fetch_add(1, Ordering::Relaxed);
        let claim = page | CLAIMED | (u64::from(nonce).wrapping_mul(NONCE_STEP) & NONCE);
        let free = self.slots.iter().position(|slot| {
            let free = slot
                .page
                .compare_exchange(0, claim, Ordering::SeqCst, Ordering::Relaxed);
            free.is_ok()
        });
        match free {
            Some(number) => self.settle(number, claim),
            None => Opening::Full,
        }
    }

    /// Two may have claimed a slot each for one page. Of two claims at least the later sees the
    /// earlier (claim and look are sequentially consistent), and a claim counts when it is
    /// confirmed: the lower one revokes the higher unless that is confirmed already.
    fn settle(&self, number: usize, claim: u64) -> Opening {
        let Some(mine) = self.slots.get(number) else {
            return Opening::Full;
        };
        while let Some((other, word)) = self.find(page_of(claim), Some(number)) {
            let confirmed = word & STATE != CLAIMED;
            if confirmed || other < number {
                let _ = mine
                    .page
                    .compare_exchange(claim, 0, Ordering::SeqCst, Ordering::Relaxed);
                return if confirmed {
                    Opening::of_state(word)
                } else {
                    Opening::Already
                };
            }
            if let Some(other) = self.slots.get(other) {
                let _ = other
                    .page
                    .compare_exchange(word, 0, Ordering::SeqCst, Ordering::Relaxed);
            }
        }
        let opening = claim & !STATE | OPENING;
        match mine
            .page
            .compare_exchange(claim, opening, Ordering::SeqCst, Ordering::Relaxed)
        {
            Ok(_) => Opening::Open(Token(number)),
            Err(_) => Opening::Already,
        }
    }

    /// The first slot but `except` that is for `page`, and what it holds.
    fn find(&self, page: u64, except: Option<usize>) -> Option<(usize, u64)> {
        self.slots
            .iter()
            .map(|slot| slot.page.load(Ordering::SeqCst))
            .enumerate()
            .find(|(number, word)| *word != 0 && page_of(*word) == page && Some(*number) != except)
    }

    /// Counts a strike at `pc`, and says whether the page is to stay open for good.
    pub(crate) fn strike(&self, pc: u64) -> bool {
        for slot in &self.strikes {
            let claimed = slot
                .pc
                .compare_exchange(0, pc, Ordering::Relaxed, Ordering::Relaxed);
            if claimed.is_ok() || claimed == Err(pc) {
                return slot.count.fetch_add(1, Ordering::Relaxed) + 1 >= STRIKES;
            }
        }
        // Too many places to count: better open than opened again and again.
        true
    }

    /// Says that the page is open since `now`, for good or until it is armed again.
    pub(crate) fn opened(&self, token: Token, now: Timestamp, for_good: bool) {
        if let Some(slot) = self.slots.get(token.0) {
            slot.since.store(now.as_nanos(), Ordering::Relaxed);
            let page = page_of(slot.page.load(Ordering::Relaxed));
            let state = if for_good { FOR_GOOD } else { OPEN };
            slot.page.store(page | state, Ordering::SeqCst);
        }
    }

    /// Forgets a page that could not be opened.
    pub(crate) fn cancel(&self, token: Token) {
        if let Some(slot) = self.slots.get(token.0) {
            slot.page.store(0, Ordering::SeqCst);
        }
    }

    /// Gives every page that is open long enough; where `arm` armed it, it is forgotten, else it
    /// stays open. One caller at a time. Gives how many pages are still waiting.
    pub(crate) fn rearm(&self, now: Timestamp, mut arm: impl FnMut(u64) -> bool) -> usize {
        let mut waiting = 0;
        for slot in &self.slots {
            let word = slot.page.load(Ordering::SeqCst);
            if word == 0 || word & STATE == FOR_GOOD {
                continue;
            }
            let page = page_of(word);
            let age = now
                .as_nanos()
                .saturating_sub(slot.since.load(Ordering::Relaxed));
            let due = word & STATE == OPEN && age >= REARM_AFTER_NANOS;
            let taken = due
                && slot
                    .page
                    .compare_exchange(word, page | CLOSING, Ordering::SeqCst, Ordering::Relaxed)
                    .is_ok();
            if !taken {
                waiting += 1;
            } else if arm(page) {
                slot.page.store(0, Ordering::SeqCst);
            } else {
                slot.page.store(page | FOR_GOOD, Ordering::SeqCst);
            }
        }
        waiting
    }

    /// Forgets all pages in a range: its region is no longer traced, and no fault is under way.
    pub(crate) fn forget(&self, start: u64, len: u64) {
        for slot in &self.slots {
            let word = slot.page.load(Ordering::SeqCst);
            if word != 0 && page_of(word).wrapping_sub(start) < len {
                slot.page.store(0, Ordering::SeqCst);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_page_opens_once_and_closes_when_due() {
        let blinds = Blinds::new();
        let Opening::Open(token) = blinds.begin(0x1000) else {
            panic!("a free slot");
        };
        assert_eq!(blinds.begin(0x1000), Opening::Already);
        blinds.opened(token, Timestamp::from_nanos(5), false);
        let due = Timestamp::from_nanos(5 + REARM_AFTER_NANOS);
        let early = Timestamp::from_nanos(4 + REARM_AFTER_NANOS);
        assert_eq!(blinds.rearm(early, |_| true), 1);
        assert_eq!(
            blinds.rearm(due, |page| {
                assert_eq!(blinds.begin(page), Opening::Busy);
                true
            }),
            0
        );
        assert!(matches!(blinds.begin(0x1000), Opening::Open(_)));
    }

    #[test]
    fn the_eighth_strike_is_the_last() {
        let blinds = Blinds::new();
        let strikes = [0x40, 0x41].map(|pc| (0..9).map(|_| blinds.strike(pc)).position(|s| s));
        assert_eq!(strikes, [Some(7), Some(7)]);
    }

    #[test]
    fn a_full_table_says_so() {
        let blinds = Blinds::new();
        for page in 1..=64 {
            assert!(matches!(blinds.begin(page * PAGE), Opening::Open(_)));
        }
        assert_eq!(blinds.begin(65 * PAGE), Opening::Full);
        blinds.forget(PAGE, PAGE);
        assert!(matches!(blinds.begin(65 * PAGE), Opening::Open(_)));
    }
}
