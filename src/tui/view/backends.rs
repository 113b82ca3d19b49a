//! The table of backends: who is serving?

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::bars;
use super::columns::{self, Column, Longest};
use super::condition;
use super::frame::Frame;
use super::numbers::{count, latency, percent, rate, window};
use super::strip::{Item, strip};
use crate::balance::backend::Eligibility;
use crate::balance::snapshot::{BackendView, PoolView, WINDOWS};
use crate::tui::fleet::Link;
use crate::tui::layout::Class;
use crate::tui::rows::{self, Sort};
use crate::tui::safe::{clip, fit, fit_middle, fit_right, width_up_to};
use crate::tui::state::{Panel, State};
use crate::tui::theme::Theme;

/// Cells before the first column: selection, condition, and whether a command is on its way.
const LEAD: usize = 3;
/// More cells than these are not given to names and addresses.
const LONGEST: usize = 32;
/// Samples below which a percentile is marked as rough.
const FEW: u64 = 100;

pub(super) fn draw(area: Rect, buf: &mut Buffer, state: &State, theme: &Theme, class: Class) {
    let framed = class.is_framed();
    let Some(pool) = state.pool() else {
        let inner = if framed { Frame::panel(Panel::Backends, state, theme).draw(area, buf, theme) } else { area };
        return waiting(state, theme, inner.width.into())
            .into_iter()
            .zip(inner.rows())
            .for_each(|(line, row)| line.render(row, buf));
    };
    let inner = if framed { frame(pool, state, area.width, theme, class).draw(area, buf, theme) } else { area };
    let rows = rows::rows(pool, state);
    if rows.is_empty() {
        let hint = if pool.backends.is_empty() {
            " this pool has no backends"
        } else {
            " no backend matches the filter (Esc clears it)"
        };
        return Line::styled(hint, theme.quiet).render(inner, buf);
    }
    let gap = if inner.width >= 100 { 2 } else { 1 };
    let longest = |text: fn(&BackendView) -> &str| rows.iter().map(|b| width_up_to(text(b), LONGEST)).max().unwrap_or(0);
    let margin = LEAD + gap - 1;
    let mode = rows.iter().map(|b| modes(b, state, theme).chars().count()).max().unwrap_or(0);
    let longest = Longest { name: longest(|b| &b.id.backend), address: longest(address), mode };
    let columns = columns::fit(usize::from(inner.width).saturating_sub(margin), gap, longest);
    let table = Table { state, pool, theme, columns, gap, scale: scale(&rows, state.window), busiest: busiest(pool) };

    let mut lines = inner.rows();
    let has_heading = framed || inner.height > 5;
    if has_heading && let Some(line) = lines.next() {
        table.heading().render(line, buf);
    }
    let room = usize::from(inner.height.saturating_sub(has_heading.into()));
    let shown = visible(&rows, state, room);
    for (backend, line) in rows[shown.clone()].iter().zip(&mut lines) {
        table.row(backend).render(line, buf);
        if state.selected.as_ref() == Some(&backend.id) {
            buf.set_style(line, theme.selected);
        }
    }
    let hidden: Vec<_> = rows[..shown.start].iter().chain(&rows[shown.end..]).copied().collect();
    if !hidden.is_empty()
        && let Some(line) = lines.next()
    {
        summary(&hidden, line.width.into(), theme).render(line, buf);
    }
}

/// No figures yet: which is usual for a moment, and otherwise has a reason for each instance.
fn waiting(state: &State, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let lost = state.fleet.members.iter().filter_map(|member| match &member.link {
        Link::Lost(why) => Some(clip(&format!(" {}: {why}", member.name), width, theme.glyphs.ellipsis)),
        Link::Opening | Link::Open => None,
    });
    let lost: Vec<_> = lost.map(|line| Line::styled(line, theme.fail)).collect();
    if lost.is_empty() { vec![Line::styled(" waiting for the first figures", theme.quiet)] } else { lost }
}

/// The rows that fit around the selected one. If that is not all, a line is left for the summary of the others.
fn visible(rows: &[&BackendView], state: &State, room: usize) -> Range<usize> {
    if rows.len() <= room {
        return 0..rows.len();
    }
    let shown = if room > 1 { room - 1 } else { room };
    let selected = rows.iter().position(|backend| state.selected.as_ref() == Some(&backend.id)).unwrap_or(0);
    let first = selected.saturating_sub(shown / 2).min(rows.len() - shown);
    first..first + shown
}

/// What is not on the screen must not go wrong unseen: `… 12 more:  ✗ 1 unhealthy  ● 11 eligible`, worst first; in little
/// room `✗1 ●11`.
fn summary(hidden: &[&BackendView], width: usize, theme: &Theme) -> Line<'static> {
    const WORST_FIRST: [Eligibility; 8] = [
        Eligibility::Unhealthy,
        Eligibility::Ejected,
        Eligibility::Draining,
        Eligibility::AwaitingFirstCheck,
        Eligibility::OnTrial,
        Eligibility::Down,
        Eligibility::NoWeight,
        Eligibility::Eligible,
    ];
    let is_short = width < 40;
    let mut items = vec![Item::new(0, [Span::styled(format!(" {} {} more:", theme.glyphs.ellipsis, hidden.len()), theme.quiet)])];
    let mut conditions = WORST_FIRST.map(|eligibility| (eligibility, condition::glyph(eligibility, theme))).to_vec();
    if is_short {
        conditions.dedup_by_key(|(_, (glyph, _))| *glyph);
    }
    for (rank, (eligibility, (glyph, style))) in (1..).zip(conditions) {
        let counts = |other| if is_short { condition::glyph(other, theme).0 == glyph } else { other == eligibility };
        let text = match hidden.iter().filter(|backend| counts(backend.eligibility)).count() {
            0 => continue,
            n if is_short => format!("{glyph}{n}"),
            n => format!("{glyph} {n} {}", condition::word(eligibility)),
        };
        items.push(Item::new(rank, [Span::styled(text, style)]));
    }
    strip(items, width, if is_short { 1 } else { 2 })
}

fn frame(pool: &PoolView, state: &State, width: u16, theme: &Theme, class: Class) -> Frame {
    let Sort { column, reverse, problems_first } = state.sort;
    let arrow = theme.glyphs.sort[usize::from(reverse != column.is_number())];
    let ellipsis = theme.glyphs.ellipsis;
    let mut right = vec![Item::new(4, [Span::styled(format!("last {}", window(WINDOWS[state.window])), theme.quiet)])];
    if !state.filter.text.is_empty() {
        let filter = clip(&state.filter.text, 24, ellipsis);
        right.insert(0, Item::new(0, [Span::styled(format!("filter {filter}"), theme.badge)]));
    }
    // Where the header has a line of its own for the pool, it is said there.
    if class == Class::Compact {
        right.insert(0, Item::new(3, [Span::styled(pool.strategy.name(), theme.quiet)]));
    }
    if column != rows::Column::Config || reverse {
        let by = format!("by {} {arrow}", column.name());
        right.insert(0, Item::new(2, [Span::styled(by, theme.quiet)]));
    }
    if state.is_merged() {
        right.push(Item::new(5, [Span::styled("latency: the worst instance", theme.quiet)]));
    }
    if problems_first {
        right.insert(0, Item::new(1, [Span::styled("problems first", theme.strong)]));
    }
    let left = format!("{} of {} eligible", pool.eligible(), pool.backends.len());
    Frame::panel(Panel::Backends, state, theme)
        .aside(Span::styled(left, if pool.eligible() == 0 { theme.fail } else { Style::new() }))
        .right(strip(right, usize::from(width).saturating_sub(38), 3))
}

/// What the operator wants; where the instances differ, each of it: `up≠drain`.
pub(super) fn modes(backend: &BackendView, state: &State, theme: &Theme) -> String {
    match state.odds.modes.get(&backend.id) {
        Some(modes) => modes.iter().map(|mode| mode.word()).collect::<Vec<_>>().join(&theme.glyphs.differs.to_string()),
        None => backend.mode.word().to_owned(),
    }
}

/// Without the scheme, which all have in common.
fn address(backend: &BackendView) -> &str {
    backend.url.strip_prefix("http://").unwrap_or(&backend.url)
}

/// The share at which a bar is full.
fn scale(rows: &[&BackendView], window: usize) -> f64 {
    rows.iter().flat_map(|b| [b.share[window], b.fair_share[window]]).fold(0.01, f64::max) * 1.05
}

/// The most requests that any cell of any curve has, so that curves can be compared.
fn busiest(pool: &PoolView) -> f64 {
    pool.backends.iter().flat_map(|b| &b.history).map(|second| f64::from(second.requests)).fold(1.0, f64::max)
}

struct Table<'a> {
    state: &'a State,
    pool: &'a PoolView,
    theme: &'a Theme,
    columns: Vec<(Column, usize)>,
    gap: usize,
    scale: f64,
    busiest: f64,
}

impl Table<'_> {
    fn heading(&self) -> Line<'static> {
        let headings = self.columns.iter().map(|(column, width)| {
            let heading = column.heading(*width);
            if column.is_figure() { format!("{heading:>width$}") } else { format!("{heading:<width$}") }
        });
        let headings: Vec<_> = headings.collect();
        Line::styled(" ".repeat(LEAD) + &headings.join(&" ".repeat(self.gap)), self.theme.quiet)
    }

    fn row(&self, backend: &BackendView) -> Line<'static> {
        let glyphs = self.theme.glyphs;
        let is_selected = self.state.selected.as_ref() == Some(&backend.id);
        let (glyph, style) = condition::glyph(backend.eligibility, self.theme);
        let odds = &self.state.odds;
        let disputed = odds.modes.contains_key(&backend.id) || odds.health.contains(&backend.id);
        let pending = match self.state.is_pending(&backend.id) {
            true => glyphs.ellipsis,
            false if disputed => glyphs.differs,
            false => ' ',
        };
        let lead = match self.state.marked.contains(&backend.id) {
            true => glyphs.marked,
            false if is_selected => glyphs.selected,
            false => ' ',
        };
        let mut spans = vec![
            Span::raw(lead.to_string()),
            Span::styled(glyph.to_string(), style),
            Span::styled(pending.to_string(), self.theme.strong),
        ];
        for (at, (column, width)) in self.columns.iter().enumerate() {
            if at > 0 {
                spans.push(Span::raw(" ".repeat(self.gap)));
            }
            spans.extend(self.cell(*column, *width, backend));
        }
        let line = Line::from(spans);
        if matches!(backend.eligibility, Eligibility::Down | Eligibility::NoWeight) { line.style(self.theme.quiet) } else { line }
    }

    fn cell(&self, column: Column, width: usize, backend: &BackendView) -> Vec<Span<'static>> {
        let ellipsis = self.theme.glyphs.ellipsis;
        let traffic = &backend.windows[self.state.window];
        let left = |text: &str, style| vec![Span::styled(fit(text, width, ellipsis), style)];
        let right = |text: &str, style| vec![Span::styled(fit_right(text, width, ellipsis), style)];
        let plain = Style::new();
        match column {
            Column::Mode => left(&modes(backend, self.state, self.theme), condition::mode(backend.mode, self.theme)),
            Column::Health => {
                let (text, style) = condition::streak(backend, self.theme);
                let disputed = self.state.odds.health.contains(&backend.id);
                let differs = self.theme.glyphs.differs;
                left(&if disputed { format!("{text}{differs}") } else { text }, style)
            }
            Column::Name => vec![Span::raw(fit_middle(&backend.id.backend, width, ellipsis))],
            Column::Address => vec![Span::styled(fit_middle(address(backend), width, ellipsis), self.theme.quiet)],
            Column::Weight => {
                let disputed = self.state.odds.weights.contains(&backend.id);
                let changed = match backend.weight == backend.configured_weight {
                    _ if disputed => self.theme.glyphs.differs,
                    true => ' ',
                    false => '*',
                };
                right(&format!("{}{changed}", backend.weight), plain)
            }
            Column::InFlight => right(&count(backend.in_flight.into()), plain),
            Column::Rps => right(&rate(backend.rps), plain),
            Column::Share => self.share(width, backend),
            Column::P50 => right(&quantile(traffic.p50_us, traffic.requests, width), plain),
            Column::P99 => right(&quantile(traffic.p99_us, traffic.requests, width), plain),
            Column::Errors if traffic.requests == 0 => right("-", plain),
            Column::Errors => right(&percent(traffic.error_ratio()), condition::errors(traffic.error_ratio(), self.theme)),
            Column::Trend => {
                let per_cell = bars::seconds_per_cell(width);
                let now = self.state.shown().at_unix_ms / 1000;
                let values = bars::resample(&backend.history, per_cell, now, bars::requests);
                let parts: Vec<_> = values.into_iter().map(|value| value.map(|value| value / self.busiest)).collect();
                let curve = bars::columns(&parts, 1, self.theme.glyphs).concat();
                vec![Span::styled(fit_right(&curve, width, ellipsis), self.theme.bar)]
            }
        }
    }

    /// Bar and figure, or why there is none.
    fn share(&self, width: usize, backend: &BackendView) -> Vec<Span<'static>> {
        if let Some(mut note) = condition::note(backend) {
            if matches!(backend.eligibility, Eligibility::Draining | Eligibility::Down) {
                note += &condition::terms(backend, self.state.shown().at_unix_ms);
            }
            let (_, style) = condition::glyph(backend.eligibility, self.theme);
            return vec![Span::styled(fit(&note, width, self.theme.glyphs.ellipsis), style)];
        }
        let window = self.state.window;
        let measured = self.pool.windows[window].requests > 0;
        let figure = if measured { format!("{:>5}%", percent(backend.share[window])) } else { "    - ".to_owned() };
        let cells = width.saturating_sub(figure.len() + 1);
        let part = |share: f64| share / self.scale;
        let mut spans =
            bars::ticked(part(backend.share[window]), part(backend.fair_share[window]), cells, self.theme.bar, self.theme);
        spans.push(Span::raw(format!(" {figure}")));
        spans
    }
}

/// `~` before what rests on few samples.
fn quantile(us: Option<u64>, samples: u64, width: usize) -> String {
    let Some(us) = us else { return "-".to_owned() };
    let text = latency(us);
    if samples < FEW && text.len() < width { format!("~{text}") } else { text }
}
