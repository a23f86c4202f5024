//! The figures of a run, as they are checked in.

use crate::tally::Tally;
use core::fmt::Write;
use mmiotrace_decode::Cpu;
use std::collections::BTreeMap;

/// Where the page of a CPU lies, from the root of the workspace.
#[must_use]
pub fn results_path(cpu: Cpu) -> String {
    format!("oracle/results/{cpu}.md")
}

/// A page of Markdown: what was run on which CPU, what agreed, what is argued for, what could not be
/// tested.
#[must_use]
pub fn results(tally: &Tally) -> String {
    let mut page = String::new();
    // Into memory: this does not fail.
    let _ = write_page(&mut page, tally);
    page
}

fn write_page(page: &mut String, tally: &Tally) -> core::fmt::Result {
    writeln!(page, "# The decoder against a CPU: {}\n", crate::host())?;
    page.push_str(
        "Written by `cargo xtask oracle --results`; the crate's documentation says how each encoding is\n\
         judged. Every figure is of one run.\n\n",
    );
    writeln!(page, "CPU: {}\n", cpu())?;
    page.push_str("| | |\n| --- | ---: |\n");
    for (what, count) in [
        ("encodings tried", tally.tried),
        ("encodings executed", tally.executed),
        ("different iced codes among them", tally.codes.len()),
        ("comparisons", tally.checks as usize),
        ("**disagreements**", tally.disagreements()),
        (
            "disagreements argued for below",
            tally.argued.values().map(Vec::len).sum(),
        ),
        (
            "carried out as in a process and compared",
            tally.sums.carried[0] as usize,
        ),
        (
            "carried out as in the kernel and compared",
            tally.sums.carried[1] as usize,
        ),
        ("equal exceptions", tally.sums.exceptions as usize),
        ("accesses recorded meanwhile", tally.sums.events as usize),
    ] {
        writeln!(page, "| {what} | {count} |")?;
    }
    ways(page, tally)?;
    section(page, "Argued for, one by one", &tally.argued)?;
    let problems = tally
        .problems
        .iter()
        .map(|(name, lines)| (*name, lines.clone()));
    section(page, "Disagreements", &problems.collect())?;
    not_executed(page, tally)
}

fn ways(page: &mut String, tally: &Tally) -> core::fmt::Result {
    page.push_str(
        "\n## Ways\n\nOf the encodings executed. Every way but `cannot` and `none` was carried out in up to four\n\
         states and left the registers, flags, extended state and memory that the instruction leaves; what it did\n\
         otherwise would be a disagreement.\n\n| context and way | encodings | share |\n| --- | ---: | ---: |\n",
    );
    for (name, count) in &tally.ways {
        let share = 100.0 * *count as f64 / tally.executed.max(1) as f64;
        writeln!(page, "| {name} | {count} | {share:.2} % |")?;
    }
    page.push_str("\n| `cannot`: context and reason | encodings |\n| --- | ---: |\n");
    for (name, count) in &tally.cannot {
        writeln!(page, "| {name} | {count} |")?;
    }
    page.push_str("\n| refused at run time: context and reason | times |\n| --- | ---: |\n");
    for (name, count) in &tally.sums.refusals {
        writeln!(page, "| {name} | {count} |")?;
    }
    Ok(())
}

fn section(
    page: &mut String,
    title: &str,
    lists: &BTreeMap<&'static str, Vec<String>>,
) -> core::fmt::Result {
    if lists.is_empty() {
        return Ok(());
    }
    writeln!(page, "\n## {title}")?;
    for (why, lines) in lists {
        writeln!(page, "\n{why}:\n")?;
        for line in lines {
            writeln!(page, "- `{line}`")?;
        }
    }
    Ok(())
}

fn not_executed(page: &mut String, tally: &Tally) -> core::fmt::Result {
    page.push_str(
        "\n## Not tested\n\nThe CPU says that it does not have these, or not in user mode (`SIGILL`). The decoder's answers\n\
         for them are not from this CPU.\n\n| feature | encodings |\n| --- | ---: |\n",
    );
    for (feature, count) in &tally.absent {
        writeln!(page, "| {feature} | {count} |")?;
    }
    page.push_str(
        "\nThese did not come to their end in any state: privileged, into other segments, or no registers put\n\
         their accesses where they can be watched.\n\n| what happened | instructions |\n| --- | --- |\n",
    );
    for (why, lines) in &tally.not_executed {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for line in lines {
            let code = line.split(' ').nth(1).unwrap_or_default();
            *names
                .entry(code.split('_').next().unwrap_or(code))
                .or_default() += 1;
        }
        let names: Vec<String> = names
            .iter()
            .map(|(name, count)| format!("{} {count}", name.to_lowercase()))
            .collect();
        writeln!(page, "| {why} | {} |", names.join(", "))?;
    }
    Ok(())
}

/// The CPU's name, family and features of its own.
fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == name))
            .map_or("", |(_, value)| value.trim())
    };
    let vector = field("flags").split(' ').filter(|flag| {
        ["avx", "sse", "movdir", "amx"]
            .iter()
            .any(|family| flag.starts_with(family))
    });
    format!(
        "{}, family {} model {}; {}",
        field("model name"),
        field("cpu family"),
        field("model"),
        vector.collect::<Vec<_>>().join(" ")
    )
}
