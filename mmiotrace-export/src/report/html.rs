//! The page.

use super::chunk::{CHUNK, base64, compress, pack};
use super::grid::{Axis, Grid};
use super::{Report, Severity};
use crate::markup::Markup;
use serde::Serialize;
use std::io::{self, Write};

/// What the page's script is told besides the packed accesses.
#[derive(Serialize)]
struct Head<'r> {
    title: &'r str,
    verdict: Vec<Line<'r>>,
    first: u64,
    last: u64,
    accesses: usize,
    undecoded: u64,
    rows: &'r [super::collect::Row],
    labels: Vec<String>,
    ranks: Vec<u32>,
    marks: &'r [super::collect::Mark],
    bars: Vec<PlacedBar<'r>>,
    grids: Vec<GridHead>,
    chunks: Vec<ChunkHead>,
}

#[derive(Serialize)]
struct Line<'r> {
    severity: Severity,
    text: &'r str,
}

#[derive(Serialize)]
struct PlacedBar<'r> {
    /// Times and numbers of the first and last access.
    t: (u64, u64),
    i: (u64, u64),
    track: u32,
    text: &'r str,
}

#[derive(Serialize)]
struct GridHead {
    axis: &'static str,
    columns: usize,
    rows: usize,
}

#[derive(Serialize)]
struct ChunkHead {
    n: usize,
    /// The time of its first access, from which the others count.
    start: u64,
    /// The lowest and highest time in it.
    t0: u64,
    t1: u64,
}

/// Columns of the levels: the whole view, and one between it and single accesses.
const LEVELS: [usize; 2] = [1024, 8192];

pub(super) fn write(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let collected = &report.collected;
    let mut grids = Vec::new();
    for (axis, name) in [(Axis::Time, "time"), (Axis::Order, "order")] {
        for columns in LEVELS {
            grids.push((name, Grid::new(collected, axis, columns, usize::MAX)));
        }
    }
    let (first, last) = collected.span();
    let chunks = collected.points.chunks(CHUNK);
    let head = Head {
        title: &report.title,
        verdict: report
            .verdict
            .iter()
            .map(|(severity, text)| Line {
                severity: *severity,
                text,
            })
            .collect(),
        first,
        last,
        accesses: collected.points.len(),
        undecoded: collected.undecoded,
        rows: &collected.rows,
        labels: collected.labels(),
        ranks: collected.ranks(),
        marks: &collected.marks,
        bars: place_bars(report),
        grids: grids
            .iter()
            .map(|(axis, grid)| GridHead {
                axis,
                columns: grid.columns,
                rows: grid.rows,
            })
            .collect(),
        chunks: chunks
            .clone()
            .map(|points| ChunkHead {
                n: points.len(),
                start: points.first().map_or(0, |point| point.nanos),
                t0: points.iter().map(|point| point.nanos).min().unwrap_or(0),
                t1: points.iter().map(|point| point.nanos).max().unwrap_or(0),
            })
            .collect(),
    };
    let head = serde_json::to_string(&head).map_err(io::Error::other)?;
    let page = include_str!("page.html");
    let (before, after) = page.split_once("<!--DATA-->").unwrap_or((page, ""));
    let before = before
        .replace("/*STYLE*/", include_str!("page.css"))
        .replace("TITLE", &Markup(&report.title).to_string());
    out.write_all(before.as_bytes())?;
    // `</script` inside the text would end the element.
    writeln!(
        out,
        "<script type=\"application/json\" id=\"head\">{}</script>",
        head.replace('<', "\\u003c")
    )?;
    for (number, (_, grid)) in grids.iter().enumerate() {
        embed(out, &format!("grid{number}"), &compress(&grid.cells)?)?;
    }
    for (number, points) in chunks.enumerate() {
        embed(out, &format!("chunk{number}"), &pack(points)?)?;
    }
    out.write_all(
        after
            .replace("/*SCRIPT*/", include_str!("page.js"))
            .as_bytes(),
    )
}

fn embed(out: &mut dyn Write, id: &str, bytes: &[u8]) -> io::Result<()> {
    writeln!(
        out,
        "<script type=\"text/plain\" id=\"{id}\">{}</script>",
        base64(bytes)
    )
}

fn place_bars<'r>(report: &'r Report<'_>) -> Vec<PlacedBar<'r>> {
    let points = &report.collected.points;
    let point = |number: u64| points.get(usize::try_from(number).ok()?);
    let placed = report.bars.iter().filter_map(|bar| {
        let (first, last) = (point(bar.accesses.0)?, point(bar.accesses.1)?);
        Some(PlacedBar {
            t: (first.nanos, last.nanos),
            i: bar.accesses,
            track: first.track,
            text: &bar.text,
        })
    });
    placed.collect()
}
