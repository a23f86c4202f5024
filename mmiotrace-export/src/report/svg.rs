//! The map as a picture without a program in it.

use super::Report;
use super::grid::{Axis, Grid};
use crate::markup::Markup;
use std::io::{self, Write};

const LEFT: usize = 170;
/// Above the map: the title, the verdict, and the texts of markers in so many lines.
const TOP: usize = 46 + LABEL_LINES * LABEL_HEIGHT;
const LABEL_LINES: usize = 3;
const LABEL_HEIGHT: usize = 11;
/// How wide a character of such a text is, more or less, and how many there may be.
const LABEL_CHARACTER: usize = 5;
const LABEL_LENGTH: usize = 40;
const COLUMNS: usize = 480;
const MAX_ROWS: usize = 128;
/// Size of a cell in the picture's units.
const CELL_WIDTH: usize = 2;
const CELL_HEIGHT: usize = 6;

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let collected = &report.collected;
    let grid = Grid::new(collected, Axis::Time, COLUMNS, MAX_ROWS);
    let (width, height) = (
        LEFT + COLUMNS * CELL_WIDTH + 20,
        TOP + grid.rows * CELL_HEIGHT + 40,
    );
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"10\">"
    )?;
    writeln!(
        out,
        "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
    )?;
    writeln!(
        out,
        "<text x=\"10\" y=\"18\" font-size=\"14\">{}</text>",
        Markup(&report.title)
    )?;
    if let Some((_, text)) = report.verdict.first() {
        writeln!(
            out,
            "<text x=\"10\" y=\"34\" fill=\"#555555\">{}</text>",
            Markup(text)
        )?;
    }
    write_cells(&grid, out)?;
    write_names(report, &grid, out)?;
    write_marks(report, &grid, out)?;
    let (first, last) = collected.span();
    let bottom = TOP + grid.rows * CELL_HEIGHT + 14;
    writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{bottom}\">{}</text>",
        seconds(first)
    )?;
    writeln!(
        out,
        "<text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">{}</text>",
        width - 20,
        seconds(last)
    )?;
    writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{}\"><tspan fill=\"#1f77b4\">reads</tspan> \
         <tspan fill=\"#e6550d\">writes</tspan> <tspan fill=\"#d00000\">losses</tspan></text>",
        bottom + 14
    )?;
    writeln!(out, "</svg>")
}

/// Nanoseconds as seconds.
fn seconds(nanos: u64) -> String {
    format!(
        "{}.{:06} s",
        nanos / 1_000_000_000,
        nanos % 1_000_000_000 / 1000
    )
}

/// A cell's upper half shows its reads, its lower half its writes; the more, the darker.
fn write_cells(grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
    // A single access is to be seen, too.
    let opacity = |count: u8| 0.4 + 0.15 * f32::from(count.min(16)).sqrt();
    for row in 0..grid.rows {
        for column in 0..grid.columns {
            let (reads, writes) = grid.at(row, column);
            let (x, y) = (LEFT + column * CELL_WIDTH, TOP + row * CELL_HEIGHT);
            for (count, color, y) in [
                (reads, "#1f77b4", y),
                (writes, "#e6550d", y + CELL_HEIGHT / 2),
            ] {
                if count > 0 {
                    writeln!(
                        out,
                        "<rect x=\"{x}\" y=\"{y}\" width=\"{CELL_WIDTH}\" height=\"{}\" fill=\"{color}\" \
                         fill-opacity=\"{:.2}\"/>",
                        CELL_HEIGHT / 2,
                        opacity(count)
                    )?;
                }
            }
        }
    }
    Ok(())
}

/// A name beside every second row; where rows are merged, the first register's.
fn write_names(report: &Report<'_>, grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
    let ranks = report.collected.ranks();
    let labels = report.collected.labels();
    let mut by_rank: Vec<(u32, &str)> = ranks
        .iter()
        .zip(&labels)
        .map(|(rank, label)| (*rank, label.as_str()))
        .collect();
    by_rank.sort_unstable();
    for row in (0..grid.rows).step_by(2) {
        let Some((_, name)) = by_rank.get(row * by_rank.len() / grid.rows) else {
            continue;
        };
        let short: String = name.chars().take(26).collect();
        writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" font-size=\"8\">{}</text>",
            LEFT - 6,
            TOP + row * CELL_HEIGHT + CELL_HEIGHT,
            Markup(&short)
        )?;
    }
    Ok(())
}

fn write_marks(report: &Report<'_>, grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
    let (first, last) = report.collected.span();
    let bottom = TOP + grid.rows * CELL_HEIGHT;
    // Where the last text of each line ends.
    let mut ends = [0; LABEL_LINES];
    for mark in report
        .collected
        .marks
        .iter()
        .filter(|mark| mark.kind != "map")
    {
        let share = u128::from(mark.t.clamp(first, last) - first) * (COLUMNS * CELL_WIDTH) as u128;
        let x = LEFT + usize::try_from(share / u128::from(last - first)).unwrap_or(0);
        let color = if mark.kind == "mark" {
            "#777777"
        } else {
            "#d00000"
        };
        let text = &mark.text;
        let line = ends.iter().position(|end| *end <= x);
        let top = TOP - line.map_or(0, |line| (LABEL_LINES - line) * LABEL_HEIGHT);
        writeln!(
            out,
            "<line x1=\"{x}\" y1=\"{top}\" x2=\"{x}\" y2=\"{bottom}\" stroke=\"{color}\" stroke-width=\"0.7\">\
             <title>{}</title></line>",
            Markup(text)
        )?;
        // One that would lie over others has only its title.
        let Some(line) = line else { continue };
        let short: String = text.chars().take(LABEL_LENGTH).collect();
        ends[line] = x + (short.chars().count() + 2) * LABEL_CHARACTER;
        writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" font-size=\"9\" fill=\"{color}\">{}</text>",
            x + 3,
            top + LABEL_HEIGHT - 3,
            Markup(&short)
        )?;
    }
    Ok(())
}
