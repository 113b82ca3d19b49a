//! Throughput and latency over the last minute, with what happened marked on the axis: cause and effect line up.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::bars;
use super::numbers::{axis_top, count, latency};
use crate::balance::snapshot::{HISTORY, Second};
use crate::tui::events::Marker;
use crate::tui::safe::{clip_middle, width};
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Width of the axis and its labels.
const AXIS: u16 = 7;

/// What the curves cover, for the title.
pub(super) fn aside(theme: &Theme) -> Line<'static> {
    Line::styled(format!("last {HISTORY} s"), theme.quiet)
}

pub(super) fn draw(area: Rect, buf: &mut Buffer, state: &State, theme: &Theme) {
    let Some(pool) = state.pool() else { return };
    let per_cell = bars::seconds_per_cell(area.width.saturating_sub(AXIS).into());
    let cells = HISTORY / per_cell;
    let now = state.shown().at_unix_ms;
    let markers: Vec<_> =
        state.markers().into_iter().filter_map(|marker| Some((cell(&marker, now, per_cell, cells)?, marker))).collect();
    let chart = |unit, least: f64, value: fn(&[Second]) -> Option<f64>, label: fn(f64) -> String| {
        let values = bars::resample(&pool.history, per_cell, now / 1000, value);
        let top = axis_top(values.iter().flatten().copied().fold(least, f64::max));
        let parts = values.into_iter().map(|value| value.map(|value| value / top)).collect();
        Chart { parts, top: label(top), unit, ticks: markers.iter().map(|(at, _)| *at).collect() }
    };
    let requests = chart("r/s", 1.0, bars::requests, |top| count(top as u64));
    let slowest = chart("p99", 1000.0, bars::p99, |top| latency(top as u64));

    let mut area = area;
    if area.height >= 3 {
        area.height -= 1;
        let labels =
            Rect { y: area.bottom(), height: 1, x: area.x + AXIS.min(area.width), width: cells as u16 }.intersection(buf.area);
        time_axis(&markers, cells, theme).render(labels, buf);
    }
    let upper = if area.height >= 4 { area.height.div_ceil(2) } else { area.height };
    requests.draw(Rect { height: upper, ..area }, buf, theme);
    slowest.draw(Rect { y: area.y + upper, height: area.height - upper, ..area }, buf, theme);
}

/// The cell in which something happened.
fn cell(marker: &Marker, now: u64, per_cell: usize, cells: usize) -> Option<usize> {
    let (then, now) = (marker.at_unix_ms / 1000, now / 1000);
    let per_cell = per_cell as u64;
    let ago = (now / per_cell).checked_sub(then / per_cell)?;
    cells.checked_sub(1 + usize::try_from(ago).ok()?)
}

struct Chart {
    parts: Vec<Option<f64>>,
    top: String,
    unit: &'static str,
    ticks: Vec<usize>,
}

impl Chart {
    fn draw(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let [line, top, corner, base, tick] = theme.glyphs.axis;
        let has_base = area.height >= 3;
        let rows = usize::from(area.height.saturating_sub(u16::from(has_base)));
        let mut lines = area.rows();
        for (at, (curve, row)) in bars::columns(&self.parts, rows, theme.glyphs).into_iter().zip(&mut lines).enumerate() {
            let (label, axis) = match at {
                0 => (self.top.as_str(), top),
                1 => (self.unit, line),
                _ => ("", line),
            };
            let axis = Span::styled(format!("{label:>6}{axis}"), theme.quiet);
            Line::from(vec![axis, Span::styled(curve, theme.bar)]).render(row, buf);
        }
        if has_base && let Some(row) = lines.next() {
            let axis = (0..self.parts.len()).map(|at| if self.ticks.contains(&at) { tick } else { base });
            Line::styled(format!("{:>6}{corner}{}", 0, axis.collect::<String>()), theme.quiet).render(row, buf);
        }
    }
}

/// Labels below their ticks, the newest first where they would collide; at the ends, what time it is.
fn time_axis(markers: &[(usize, Marker)], cells: usize, theme: &Theme) -> Line<'static> {
    let (start, end) = (format!("-{HISTORY} s"), "now");
    let mut labels: Vec<(usize, String, Style)> =
        vec![(0, start, theme.quiet), (cells.saturating_sub(end.len()), end.to_owned(), theme.quiet)];
    for (at, marker) in markers.iter().rev() {
        let text = clip_middle(&marker.label, 28, theme.glyphs.ellipsis);
        let places = [*at, (at + 1).saturating_sub(width(&text))];
        let is_free = |from: usize| {
            let to = from + width(&text);
            to <= cells && labels.iter().all(|(other, label, _)| to < *other || from > other + width(label))
        };
        if let Some(from) = places.into_iter().find(|from| is_free(*from)) {
            labels.push((from, text, theme.severity(marker.severity)));
        }
    }
    labels.sort_by_key(|(from, ..)| *from);
    let mut spans = Vec::new();
    let mut column = 0;
    for (from, text, style) in labels {
        spans.push(Span::raw(" ".repeat(from.saturating_sub(column))));
        column = from + width(&text);
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Severity;

    fn marker(at_unix_ms: u64, label: &str) -> Marker {
        Marker { at_unix_ms, label: label.to_owned(), severity: Severity::Operator }
    }

    #[test]
    fn a_marker_stands_over_its_second() {
        let now = 100_900;
        let at = |ms, per_cell, cells| cell(&marker(ms, ""), now, per_cell, cells);
        assert_eq!([at(100_000, 1, 60), at(99_999, 1, 60), at(41_000, 1, 60)], [Some(59), Some(58), Some(0)]);
        assert_eq!([at(40_999, 1, 60), at(101_000, 1, 60)], [None, None]);
        assert_eq!([at(100_000, 5, 12), at(99_999, 5, 12)], [Some(11), Some(10)]);
    }

    #[test]
    fn labels_are_shown_whole_or_not_at_all() {
        for at in 0..60 {
            let line = time_axis(&[(at, marker(0, "nomad unhealthy"))], 60, &Theme::default()).to_string();
            let between = line.strip_prefix("-60 s").and_then(|line| line.strip_suffix("now")).unwrap().trim();
            assert!(["", "nomad unhealthy"].contains(&between), "{at}: {line}");
        }
    }

    #[test]
    fn labels_give_way_to_newer_ones() {
        let labels = ["weight api-5 3", "drain api-5", "down api-5", "up api-5"];
        let markers: Vec<_> = [19, 20, 22, 57].into_iter().zip(labels.map(|label| marker(0, label))).collect();
        let line = time_axis(&markers, 60, &Theme::default()).to_string();
        assert_eq!(line, "-60 s     drain api-5 down api-5                         now");
    }
}
