//! Encodings tried natively, the CPU against the decoder and the executor.

use crate::encodings::Encoding;
use crate::fork::{BATCH, lines_of_child};
use crate::machine::End;
use crate::report::{Category, Report, Status};
use crate::trial::{Bench, Trial};
use crate::{kinds, ways};
use std::io::{self, Write};

/// States tried for each encoding.
const STATES: u64 = 4;

/// Tests encodings in child processes, in order; `found` gets the number and report of each.
///
/// # Errors
/// Where no child can be made, or one cannot begin.
pub(crate) fn run(
    encodings: &[(usize, &Encoding)],
    found: &mut dyn FnMut(usize, Report),
) -> io::Result<()> {
    let mut next = 0;
    while next < encodings.len() {
        let batch = &encodings[next..encodings.len().min(next + BATCH)];
        let done = one_child(batch, found)?;
        next += done;
        if done < batch.len() {
            let mut report = Report {
                status: Status::Executed,
                ..Report::default()
            };
            report.problem(Category::Died, "the process died".into());
            found(batch[done].0, report);
            next += 1;
        }
    }
    Ok(())
}

/// How many of the batch a child has reported.
fn one_child(
    batch: &[(usize, &Encoding)],
    found: &mut dyn FnMut(usize, Report),
) -> io::Result<usize> {
    let lines = lines_of_child(|mut bench, to| {
        for (number, encoding) in batch {
            let report = test(&mut bench, encoding);
            to.write_all(report.to_lines(*number).as_bytes())?;
        }
        Ok(())
    })?;
    let mut done = 0;
    let mut report = Report::default();
    let mut current = None;
    for line in lines {
        if let Some(number) = report.add_line(&line) {
            current = Some(number);
        }
        if line == "E"
            && let Some(number) = current.take()
        {
            found(number, core::mem::take(&mut report));
            done += 1;
        }
    }
    Ok(done)
}

/// All tests of one encoding.
fn test(bench: &mut Bench, encoding: &Encoding) -> Report {
    let mut report = Report::default();
    let instruction = match bench.decoder.decode_uncached(&encoding.bytes) {
        Ok(instruction) => instruction,
        Err(error) => {
            report.problem(Category::Kind, format!("not decoded: {error}"));
            return report;
        }
    };
    let trial = Trial::new(encoding, instruction);
    bench.mappings.put_code(&encoding.bytes);
    let mut reads = kinds::Reads::default();
    let mut tried = Vec::new();
    for number in 0..STATES {
        let mut setup = trial.setup(bench, number, None);
        if number == 3 {
            setup.state.unmask_exceptions();
        }
        if !setup.is_inside(&bench.mappings) {
            continue;
        }
        let native = trial.run(bench, &setup);
        match native.end {
            End::Done => {
                report.status = Status::Executed;
                kinds::check(
                    &trial,
                    bench,
                    number,
                    &setup,
                    &native,
                    &mut reads,
                    &mut report,
                );
            }
            end if report.status != Status::Executed => {
                report.status = Status::NotExecuted(word(end))
            }
            _ => {}
        }
        if word(native.end) == "SIGILL" {
            return report;
        }
        tried.push((number, setup, native));
    }
    if report.status == Status::Executed {
        for (number, setup, native) in &tried {
            ways::check(&trial, bench, *number, setup, native, &mut report);
        }
        let done = tried
            .iter()
            .filter(|(_, _, native)| native.end == End::Done);
        let setups: Vec<_> = done.map(|(_, setup, _)| setup).collect();
        reads.conclude(&trial, bench, &setups, &mut report);
    }
    report
}

fn word(end: End) -> String {
    match end {
        End::Done => "done".into(),
        End::PageFault { .. } => "page fault".into(),
        End::Exception {
            signal: libc::SIGILL,
            ..
        } => "SIGILL".into(),
        End::Exception { signal, vector } => format!("signal {signal} vector {vector}"),
    }
}
