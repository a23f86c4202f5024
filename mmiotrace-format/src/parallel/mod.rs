//! Reading on several threads.

mod blocks;
mod workers;

use crate::Block;
use crate::frame::DEFAULT_MAX_LINE_LEN;
use blocks::{ReadBlocks, SliceBlocks, Source};
use core::num::NonZeroUsize;
use core::ops::ControlFlow;
use std::io::{self, Read};
use std::thread;

/// Reads a trace on several threads: it is cut into blocks of whole lines, each block is worked
/// on by one of the threads, and the results come back in the order of the trace.
///
/// Positions are right: every block knows where it stands.
///
/// ```
/// use core::ops::ControlFlow;
/// use mmiotrace_format::Parallel;
///
/// let trace = "W 4 6.066783 1 0xfebc00d8 0xffffffff 0x0 0\n".repeat(100_000);
/// let mut writes = 0;
/// Parallel::new().read(
///     trace.as_bytes(),
///     |block| block.records().filter_map(Result::ok).filter_map(|record| record.as_event().copied()).count(),
///     |count| {
///         writes += count;
///         ControlFlow::Continue(())
///     },
/// )?;
/// assert_eq!(writes, 100_000);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Parallel {
    threads: usize,
    block_len: usize,
    max_line_len: usize,
}

impl Parallel {
    /// As many threads as the machine has processors, blocks of 1 MiB, a line limit of 1 MiB.
    #[must_use]
    pub fn new() -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            threads,
            block_len: 1 << 20,
            max_line_len: DEFAULT_MAX_LINE_LEN,
        }
    }

    /// How many threads work on blocks, at least one. Beside them the calling thread reads, and
    /// takes the results.
    #[must_use]
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = if threads == 0 { 1 } else { threads };
        self
    }

    /// How many bytes a block has, about. At most twice as many blocks as there are threads, and
    /// one, are in memory at a time.
    #[must_use]
    pub const fn block_len(mut self, bytes: usize) -> Self {
        self.block_len = if bytes == 0 { 1 } else { bytes };
        self
    }

    /// The longest line, in bytes without its ending.
    #[must_use]
    pub const fn max_line_len(mut self, bytes: usize) -> Self {
        self.max_line_len = bytes;
        self
    }

    /// Reads a trace from any source. `work` is called for every block on one of the threads,
    /// `take` for every result on this one, in the order of the trace, until it breaks.
    ///
    /// # Errors
    /// What the source says, after everything read before is worked on and taken.
    ///
    /// # Panics
    /// Where `work` or `take` does.
    pub fn read<T: Send>(
        &self,
        source: impl Read,
        work: impl Fn(Block<'_>) -> T + Sync,
        take: impl FnMut(T) -> ControlFlow<()>,
    ) -> io::Result<()> {
        self.run(
            ReadBlocks::new(source, self.block_len, self.max_line_len),
            work,
            take,
        )
    }

    /// The same for a trace in memory.
    ///
    /// # Panics
    /// Where `work` or `take` does.
    pub fn slice<T: Send>(
        &self,
        trace: &[u8],
        work: impl Fn(Block<'_>) -> T + Sync,
        take: impl FnMut(T) -> ControlFlow<()>,
    ) {
        let blocks = SliceBlocks::new(trace, self.block_len, self.max_line_len);
        // Memory does not fail to be read.
        drop(self.run(blocks, work, take));
    }

    fn run<S: Source, T: Send>(
        &self,
        source: S,
        work: impl Fn(Block<'_>) -> T + Sync,
        take: impl FnMut(T) -> ControlFlow<()>,
    ) -> io::Result<()> {
        workers::run(
            self.threads,
            source,
            |bytes| work(S::block(bytes, self.max_line_len)),
            take,
        )
    }
}

impl Default for Parallel {
    fn default() -> Self {
        Self::new()
    }
}
