//! The threads, and the order of their results.

use super::blocks::{Piece, Source};
use core::ops::ControlFlow;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io;
use std::thread;
use std::vec::Vec;

/// Blocks that wait for one thread, and results of it that wait to be taken.
const QUEUE: usize = 2;

/// The two ends of one thread. Blocks go round the threads in turn and each thread answers in
/// order, so that asking the threads in turn gives the results in order.
struct Worker<B, T> {
    blocks: Sender<Piece<B>>,
    results: Receiver<(T, B)>,
}

/// Gives every block of `source` to one of the threads, and every result to `take`, in order.
/// When the source fails, what was read before is still worked on and taken.
pub(super) fn run<S: Source, T: Send>(
    threads: usize,
    mut source: S,
    work: impl Fn(&Piece<S::Bytes>) -> T + Sync,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) -> io::Result<()> {
    thread::scope(|scope| {
        let workers: Vec<Worker<S::Bytes, T>> = (0..threads)
            .map(|_| {
                let (blocks, inbox) = bounded::<Piece<S::Bytes>>(QUEUE);
                let (outbox, results) = bounded(QUEUE);
                let work = &work;
                scope.spawn(move || {
                    for piece in inbox {
                        let result = work(&piece);
                        // Nobody listens any more: `take` has had enough.
                        if outbox.send((result, piece.bytes)).is_err() {
                            break;
                        }
                    }
                });
                Worker { blocks, results }
            })
            .collect();
        // Leaving this closure drops the channels, which ends the threads.
        conduct(&workers, &mut source, &mut take)
    })
}

fn conduct<S: Source, T>(
    workers: &[Worker<S::Bytes, T>],
    source: &mut S,
    take: &mut impl FnMut(T) -> ControlFlow<()>,
) -> io::Result<()> {
    let (mut given, mut taken) = (0, 0);
    let mut spare = None;
    let mut end = None;
    loop {
        if end.is_none() && given - taken < workers.len() * QUEUE {
            match source.next(spare.take()) {
                Ok(Some(piece)) => {
                    // Its queue has room: fewer than so many are under way, in turn.
                    if let Some(worker) = workers.get(given % workers.len())
                        && worker.blocks.send(piece).is_err()
                    {
                        return Ok(());
                    }
                    given += 1;
                }
                Ok(None) => end = Some(Ok(())),
                Err(error) => end = Some(Err(error)),
            }
            continue;
        }
        if given == taken {
            return end.unwrap_or(Ok(()));
        }
        let Some(worker) = workers.get(taken % workers.len()) else {
            return Ok(());
        };
        // A thread that panicked answers no more; the scope hands the panic on.
        let Ok((result, bytes)) = worker.results.recv() else {
            return Ok(());
        };
        taken += 1;
        spare = Some(bytes);
        if take(result).is_break() {
            return Ok(());
        }
    }
}
