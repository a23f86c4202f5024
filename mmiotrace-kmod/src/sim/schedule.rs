//! Every order in which a few actors can take their steps.

use super::Program;
use crate::Point;
use core::panic::AssertUnwindSafe;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;
use std::{eprintln, thread};

/// After this many turns of nothing but waiting, nobody will ever go on.
const ENDLESS: u32 = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ready,
    /// It waits for another: it runs again when another has taken a step.
    Waiting,
    Done,
}

#[derive(Debug, Default)]
struct State {
    current: usize,
    status: Vec<Option<Status>>,
    /// What was chosen at each fork of the road, and out of how many.
    choices: Vec<(usize, usize)>,
    /// How many of them are given.
    given: usize,
    at: usize,
    preemptions: u32,
    idle_turns: u32,
    /// Who has waited and now looks again: that is no step.
    looking_again: Option<usize>,
}

/// One order of steps: see [`explore`].
#[derive(Debug)]
pub struct Schedule(Arc<Baton>);

/// Who may act now.
#[derive(Debug)]
pub(super) struct Baton {
    state: Mutex<State>,
    changed: Condvar,
    max_preemptions: u32,
}

/// Calls `run` again and again, each time with another order in which the actors of
/// [`Schedule::run`] take their steps, until all orders with at most `max_preemptions` switches
/// away from an actor that could go on were run. Gives how many there were.
///
/// # Panics
/// Where `run` does; the order is printed.
pub fn explore(max_preemptions: u32, mut run: impl FnMut(&Schedule)) -> u64 {
    let mut choices: Vec<(usize, usize)> = Vec::new();
    let mut runs = 0;
    loop {
        let schedule = Schedule(Arc::new(Baton {
            state: Mutex::new(State {
                given: choices.len(),
                choices,
                ..State::default()
            }),
            changed: Condvar::new(),
            max_preemptions,
        }));
        let result = catch_unwind(AssertUnwindSafe(|| run(&schedule)));
        choices = core::mem::take(&mut schedule.0.lock().choices);
        runs += 1;
        if let Err(panic) = result {
            let order: Vec<usize> = choices.iter().map(|(chosen, _)| *chosen).collect();
            eprintln!("run {runs}, order {order:?}");
            resume_unwind(panic);
        }
        while choices.last().is_some_and(|(chosen, of)| chosen + 1 >= *of) {
            choices.pop();
        }
        match choices.last_mut() {
            Some((chosen, _)) => *chosen += 1,
            None => return runs,
        }
    }
}

impl Schedule {
    /// Runs these programs to their ends, in the order that is this schedule's.
    ///
    /// # Panics
    /// Where one of them does, or where all wait for one another.
    pub fn run(&self, programs: impl IntoIterator<Item = Program>) {
        let programs: Vec<Program> = programs.into_iter().collect();
        {
            let mut state = self.0.lock();
            state.status = programs.iter().map(|_| Some(Status::Ready)).collect();
            // Who begins is not told by anybody either.
            state.current = state.choose(programs.len());
        }
        thread::scope(|scope| {
            let numbered = programs.into_iter().enumerate();
            let handles: Vec<_> = numbered
                .map(|(actor, program)| {
                    let baton = Arc::clone(&self.0);
                    scope.spawn(move || {
                        let result = catch_unwind(AssertUnwindSafe(|| {
                            baton.wait_for(actor);
                            program.run(&baton, actor);
                        }));
                        baton.finish(actor);
                        result
                    })
                })
                .collect();
            for handle in handles {
                if let Err(panic) | Ok(Err(panic)) = handle.join() {
                    resume_unwind(panic);
                }
            }
        });
    }
}

impl Baton {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for(&self, actor: usize) {
        let mut state = self.lock();
        while state.current != actor {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, actor: usize) {
        let mut state = self.lock();
        state.set(actor, Status::Done);
        state.wake();
        if let Some(next) = state.first_ready() {
            state.current = next;
        }
        self.changed.notify_all();
    }

    /// A step of `actor` is done: another may go on. Gives whether an interrupt that is pending
    /// for it (`interruptible`) comes here.
    pub(super) fn point(&self, actor: usize, point: Point, interruptible: bool) -> bool {
        let mut state = self.lock();
        if point == Point::Lock && state.looking_again.take() == Some(actor) {
            return false;
        }
        state.idle_turns = 0;
        state.wake();
        // Going on comes first, so that the first run is one actor after the other.
        let mut roads = std::vec![actor];
        if state.preemptions < self.max_preemptions {
            roads.extend(state.ready().filter(|other| *other != actor));
        }
        let of = roads.len() + usize::from(interruptible);
        let chosen = state.choose(of);
        let Some(next) = roads.get(chosen).copied() else {
            return true;
        };
        if next != actor {
            state.preemptions += 1;
            state.current = next;
            self.changed.notify_all();
            drop(state);
            self.wait_for(actor);
        }
        false
    }

    /// Whether anybody but `actor` is left.
    pub(super) fn others(&self, actor: usize) -> bool {
        let state = self.lock();
        let mut numbered = state.status.iter().enumerate();
        numbered.any(|(other, status)| other != actor && *status != Some(Status::Done))
    }

    /// `actor` cannot go on before another has done something.
    ///
    /// # Panics
    /// Where all wait for one another.
    pub(super) fn relax(&self, actor: usize) {
        let mut state = self.lock();
        state.set(actor, Status::Waiting);
        let ready: Vec<usize> = state.ready().collect();
        if ready.is_empty() {
            // All wait; the clock is the only thing that goes on.
            state.idle_turns += 1;
            let endless = state.idle_turns > ENDLESS;
            state.wake();
            if endless {
                state.idle_turns = 0;
                drop(state);
                panic!("all wait for one another");
            }
        }
        let ready: Vec<usize> = state.ready().filter(|other| *other != actor).collect();
        let chosen = state.choose(ready.len().max(1));
        if let Some(next) = ready.get(chosen).copied() {
            state.current = next;
            self.changed.notify_all();
            drop(state);
            self.wait_for(actor);
        } else {
            drop(state);
        }
        self.lock().looking_again = Some(actor);
    }
}

impl State {
    fn set(&mut self, actor: usize, status: Status) {
        if let Some(place) = self.status.get_mut(actor) {
            *place = Some(status);
        }
    }

    fn wake(&mut self) {
        for status in self.status.iter_mut().flatten() {
            if *status == Status::Waiting {
                *status = Status::Ready;
            }
        }
    }

    fn ready(&self) -> impl Iterator<Item = usize> + '_ {
        let numbered = self.status.iter().enumerate();
        numbered.filter_map(|(actor, status)| (*status == Some(Status::Ready)).then_some(actor))
    }

    fn first_ready(&self) -> Option<usize> {
        self.ready().next()
    }

    fn choose(&mut self, of: usize) -> usize {
        let at = self.at;
        if of < 2 {
            return 0;
        }
        self.at += 1;
        if at < self.given {
            return self.choices.get(at).map_or(0, |(chosen, _)| *chosen);
        }
        self.choices.push((0, of));
        0
    }
}
