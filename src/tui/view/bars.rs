//! Bars and curves as text: eighths of a cell where the terminal can, whole characters where it cannot.

use ratatui::style::Style;
use ratatui::text::Span;

use crate::balance::snapshot::{HISTORY, Second};
use crate::tui::theme::{Glyphs, Theme};

/// A bar of `part` of `width` cells (0..=1), exactly `width` characters.
pub(super) fn bar(part: f64, width: usize, glyphs: &Glyphs) -> String {
    let filled = eighths(part, width);
    (0..width).map(|cell| glyphs.eighths[filled.saturating_sub(cell * 8).min(8)]).collect()
}

/// Such a bar with a tick at another part of its width.
pub(super) fn ticked(part: f64, tick: f64, width: usize, style: Style, theme: &Theme) -> Vec<Span<'static>> {
    let bar = bar(part, width, theme.glyphs);
    let at = ((tick.clamp(0.0, 1.0) * width as f64) as usize).min(width.saturating_sub(1));
    let before: String = bar.chars().take(at).collect();
    let after: String = bar.chars().skip(at + 1).collect();
    let tick = if width == 0 { String::new() } else { theme.glyphs.tick.to_string() };
    vec![Span::styled(before, style), Span::styled(tick, theme.strong), Span::styled(after, style)]
}

/// Columns of `rows` rows, from the top, for values of 0..=1. What is there shows at least an eighth; `None` is a dot.
pub(super) fn columns(parts: &[Option<f64>], rows: usize, glyphs: &Glyphs) -> Vec<String> {
    let cell = |part: &Option<f64>, row: usize| match part {
        Some(part) => glyphs.levels[eighths(*part, rows).max(1).saturating_sub(row * 8).min(8)],
        None if row == 0 => glyphs.nothing,
        None => ' ',
    };
    (0..rows).rev().map(|row| parts.iter().map(|part| cell(part, row)).collect()).collect()
}

fn eighths(part: f64, cells: usize) -> usize {
    (part.clamp(0.0, 1.0) * cells as f64 * 8.0).round() as usize
}

/// Seconds per cell when the last [`HISTORY`] seconds are to fit into `width` cells.
pub(super) fn seconds_per_cell(width: usize) -> usize {
    HISTORY.div_ceil(width.max(1))
}

/// A history in cells of that many seconds, newest last, each valued by `value`; `None` where nothing was measured.
/// Cells begin at whole multiples of their length (`now` in seconds), so that the curve moves on without changing shape.
pub(super) fn resample(history: &[Second], per_cell: usize, now: u64, value: fn(&[Second]) -> Option<f64>) -> Vec<Option<f64>> {
    let per_cell = per_cell.max(1);
    let cells = HISTORY / per_cell;
    let (mut older, mut newest) = (history, (now % per_cell as u64) as usize + 1);
    let mut values = Vec::with_capacity(cells);
    for _ in 0..cells {
        let (rest, cell) = older.split_at(older.len().saturating_sub(newest));
        values.push(value(cell));
        (older, newest) = (rest, per_cell);
    }
    values.reverse();
    values
}

/// Requests per second.
pub(super) fn requests(cell: &[Second]) -> Option<f64> {
    let sum: u64 = cell.iter().map(|second| u64::from(second.requests)).sum();
    (sum > 0).then(|| sum as f64 / cell.len() as f64)
}

/// The slowest 99th percentile, in microseconds.
pub(super) fn p99(cell: &[Second]) -> Option<f64> {
    cell.iter().filter(|second| second.requests > 0).map(|second| f64::from(second.p99_us)).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Options, Theme};

    fn theme(ascii: bool) -> Theme {
        Theme::resolve(&Options { ascii, ..Options::default() }, |name| (name == "LANG").then(|| "C.UTF-8".to_owned()))
    }

    #[test]
    fn bars_grow_by_eighths() {
        let glyphs = theme(false).glyphs;
        assert_eq!(
            [0.0, 0.5, 0.53, 1.0, 7.0, f64::NAN].map(|part| bar(part, 4, glyphs)),
            ["    ", "██  ", "██▏ ", "████", "████", "    "]
        );
        assert_eq!(bar(0.6, 5, theme(true).glyphs), "###  ");
    }

    #[test]
    fn the_tick_replaces_the_cell_it_falls_into() {
        let text = |part, tick, width| -> String {
            ticked(part, tick, width, Style::new(), &theme(false)).iter().map(|span| span.content.as_ref()).collect()
        };
        assert_eq!(text(0.5, 0.75, 8), "████  ┃ ");
        assert_eq!(text(1.0, 0.5, 8), "████┃███");
        assert_eq!(text(1.0, 1.0, 4), "███┃");
        assert_eq!(text(1.0, 1.0, 0), "");
    }

    #[test]
    fn columns_stand_on_the_lowest_row() {
        let rows = columns(&[Some(1.0), Some(0.5), Some(0.25), Some(0.0), None], 2, theme(false).glyphs);
        assert_eq!(rows, ["█    ", "██▄▁·"]);
    }

    fn seconds(requests: &[u32]) -> Vec<Second> {
        requests.iter().map(|n| Second { requests: *n, p99_us: n * 1000, ..Second::default() }).collect()
    }

    #[test]
    fn cells_keep_their_shape_while_time_goes_on() {
        let history = seconds(&(1..=60).collect::<Vec<_>>());
        // At second 9 the newest cell of five seconds is complete; a second later a new one has begun.
        let before = resample(&history, 5, 9, requests);
        let after = resample(&seconds(&(2..=61).collect::<Vec<_>>()), 5, 10, requests);
        assert_eq!(before.len(), 12);
        assert_eq!(before[1..], after[..11]);
        assert_eq!(after[11], Some(61.0));
    }

    #[test]
    fn what_was_not_measured_is_absent() {
        let values = resample(&seconds(&[4, 0, 0]), 1, 0, requests);
        assert_eq!(values.len(), HISTORY);
        assert_eq!(values[56..], [None, Some(4.0), None, None]);
        assert_eq!(resample(&seconds(&[4, 9, 0]), 60, 59, p99), [Some(9000.0)]);
        assert_eq!([0, 7, 12, 60, 200].map(seconds_per_cell), [60, 9, 5, 1, 1]);
    }
}
