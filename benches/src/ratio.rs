//! Ratios to a yardstick measured in the same run.

use core::time::Duration;
use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

/// Pieces of work that are measured in turn, round after round, so that whatever else the machine
/// does falls on all alike; the medians are compared.
///
/// ```
/// use mmiotrace_benches::ratio::Comparison;
///
/// let text = "one two three ".repeat(1000);
/// let mut comparison = Comparison::new("words", 3000, text.len() as u64);
/// comparison.yardstick("count blanks", || text.bytes().filter(|byte| *byte == b' ').count());
/// comparison.case("split", || text.split(' ').count());
/// let ratios = comparison.run(3);
/// assert_eq!(ratios.len(), 2);
/// ```
#[allow(missing_debug_implementations, reason = "holds closures")]
pub struct Comparison<'a> {
    title: String,
    items: u64,
    bytes: u64,
    cases: Vec<Case<'a>>,
}

struct Case<'a> {
    name: String,
    yardstick: bool,
    work: Box<dyn FnMut() -> Duration + 'a>,
}

/// The median of one case.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The name of the case.
    pub name: String,
    /// The median of its rounds.
    pub median: Duration,
    /// How many times longer it took than each yardstick, in their order.
    pub ratios: Vec<(String, f64)>,
}

impl<'a> Comparison<'a> {
    /// Work on so many items (records, instructions) of so many bytes altogether.
    #[must_use]
    pub fn new(title: &str, items: u64, bytes: u64) -> Self {
        Self {
            title: title.to_owned(),
            items,
            bytes,
            cases: Vec::new(),
        }
    }

    /// Adds work that all others are compared to. Its result is kept from the optimiser.
    pub fn yardstick<T>(&mut self, name: &str, work: impl FnMut() -> T + 'a) -> &mut Self {
        self.add(name, true, thread_time, work)
    }

    /// Adds work that is done on one thread: its time is the CPU time of that thread.
    pub fn case<T>(&mut self, name: &str, work: impl FnMut() -> T + 'a) -> &mut Self {
        self.add(name, false, thread_time, work)
    }

    /// Adds work that is done on several threads: its time is that of the clock on the wall.
    pub fn wall_case<T>(&mut self, name: &str, work: impl FnMut() -> T + 'a) -> &mut Self {
        self.add(name, false, wall_time, work)
    }

    /// Adds work that is done on several threads: its time is the CPU time of all of them.
    pub fn process_case<T>(&mut self, name: &str, work: impl FnMut() -> T + 'a) -> &mut Self {
        self.add(name, false, process_time, work)
    }

    /// Adds work that measures itself, as a child process does.
    pub fn measured_case(&mut self, name: &str, work: impl FnMut() -> Duration + 'a) -> &mut Self {
        self.cases.push(Case {
            name: name.to_owned(),
            yardstick: false,
            work: Box::new(work),
        });
        self
    }

    /// Adds such work that all others are compared to.
    pub fn measured_yardstick(
        &mut self,
        name: &str,
        work: impl FnMut() -> Duration + 'a,
    ) -> &mut Self {
        self.cases.push(Case {
            name: name.to_owned(),
            yardstick: true,
            work: Box::new(work),
        });
        self
    }

    fn add<T>(
        &mut self,
        name: &str,
        yardstick: bool,
        clock: fn() -> Duration,
        mut work: impl FnMut() -> T + 'a,
    ) -> &mut Self {
        let work = move || {
            let begun = clock();
            core::hint::black_box(work());
            clock().saturating_sub(begun)
        };
        self.cases.push(Case {
            name: name.to_owned(),
            yardstick,
            work: Box::new(work),
        });
        self
    }

    /// Measures every case `rounds` times, after once for warming up, prints a table and returns
    /// its rows.
    pub fn run(&mut self, rounds: usize) -> Vec<Measured> {
        let mut samples = vec![Vec::with_capacity(rounds); self.cases.len()];
        for case in &mut self.cases {
            (case.work)();
        }
        for _ in 0..rounds.max(1) {
            for (case, samples) in self.cases.iter_mut().zip(&mut samples) {
                samples.push((case.work)());
            }
        }
        let medians: Vec<Duration> = samples.iter_mut().map(|samples| median(samples)).collect();
        let rows: Vec<Measured> = self
            .cases
            .iter()
            .zip(&medians)
            .map(|(case, own)| self.row(case, *own, &medians))
            .collect();
        self.print(&rows, rounds);
        rows
    }

    fn row(&self, case: &Case<'_>, median: Duration, medians: &[Duration]) -> Measured {
        let yardsticks = self
            .cases
            .iter()
            .zip(medians)
            .filter(|(case, _)| case.yardstick);
        let ratios = yardsticks
            .map(|(yardstick, theirs)| {
                (
                    yardstick.name.clone(),
                    median.as_secs_f64() / theirs.as_secs_f64(),
                )
            })
            .collect();
        Measured {
            name: case.name.clone(),
            median,
            ratios,
        }
    }

    fn print(&self, rows: &[Measured], rounds: usize) {
        println!(
            "\n{}: {} items, {} bytes, medians of {rounds} rounds",
            self.title, self.items, self.bytes
        );
        for row in rows {
            let seconds = row.median.as_secs_f64();
            print!("  {:<34}", row.name);
            print!(" {:>9.2} ns/item", seconds * 1e9 / self.items as f64);
            print!(" {:>8.3} GB/s", self.bytes as f64 / seconds / 1e9);
            for (yardstick, ratio) in &row.ratios {
                print!("  {ratio:>7.2} x {yardstick}");
            }
            println!();
        }
    }
}

fn median(samples: &mut [Duration]) -> Duration {
    samples.sort();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

/// The CPU time of this thread.
#[must_use]
pub fn thread_time() -> Duration {
    cpu_time(ClockId::ThreadCPUTime)
}

fn process_time() -> Duration {
    cpu_time(ClockId::ProcessCPUTime)
}

fn cpu_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// The CPU time of all child processes that have ended, to a hundredth of a second; see `proc(5)`,
/// `/proc/self/stat`.
#[must_use]
pub fn children_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The command's name is in parentheses and may hold blanks; 13 fields on, times begin.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}

fn wall_time() -> Duration {
    thread_local!(static BEGUN: Instant = Instant::now());
    BEGUN.with(Instant::elapsed)
}
