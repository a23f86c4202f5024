//! Down-sampled levels: how many reads and writes fall into each cell of a raster.

use super::collect::Collected;
use mmiotrace_core::AccessKind;

/// Which axis the columns are cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// Equal times.
    Time,
    /// Equal numbers of accesses.
    Order,
}

/// A raster of counts, each capped at 255: first all reads row by row, then all writes.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) cells: Vec<u8>,
}

/// More rows are merged: no screen shows them apart.
const MAX_ROWS: usize = 256;

impl Grid {
    pub(super) fn new(
        collected: &Collected<'_>,
        axis: Axis,
        columns: usize,
        max_rows: usize,
    ) -> Self {
        let ranks = collected.ranks();
        let rows = ranks.len().clamp(1, max_rows.min(MAX_ROWS));
        let mut cells = vec![0u8; 2 * rows * columns];
        let (first, last) = collected.span();
        let count = collected.points.len().max(1);
        for (number, point) in collected.points.iter().enumerate() {
            let column = match axis {
                Axis::Time => scale(point.nanos - first, last - first + 1, columns),
                Axis::Order => scale(number as u64, count as u64, columns),
            };
            let rank = ranks.get(point.track as usize).copied().unwrap_or(0);
            let row = scale(u64::from(rank), ranks.len().max(1) as u64, rows);
            let plane = usize::from(point.kind == AccessKind::Write);
            if let Some(cell) = cells.get_mut((plane * rows + row) * columns + column) {
                *cell = cell.saturating_add(1);
            }
        }
        Self {
            columns,
            rows,
            cells,
        }
    }

    /// Reads and writes in a cell.
    pub(super) fn at(&self, row: usize, column: usize) -> (u8, u8) {
        let cell = |plane: usize| {
            self.cells
                .get((plane * self.rows + row) * self.columns + column)
                .copied()
                .unwrap_or(0)
        };
        (cell(0), cell(1))
    }
}

/// `number` of `whole` as an index below `parts`.
fn scale(number: u64, whole: u64, parts: usize) -> usize {
    let index = u128::from(number) * parts as u128 / u128::from(whole.max(1));
    usize::try_from(index)
        .unwrap_or(0)
        .min(parts.saturating_sub(1))
}
