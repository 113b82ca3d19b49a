//! Distribution: is it even? Actual against fair share, and what became of the requests.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::bars;
use super::condition;
use super::numbers::{count, percent, rate, window};
use super::strip::{Item, strip};
use crate::balance::snapshot::{BackendView, PoolView, Traffic, WINDOWS};
use crate::tui::safe::{fit_middle, width_up_to};
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// What the figures cover, for the title.
pub(super) fn aside(state: &State, theme: &Theme) -> Line<'static> {
    Line::styled(format!("last {}", window(WINDOWS[state.window])), theme.quiet)
}

pub(super) fn draw(area: Rect, buf: &mut Buffer, state: &State, theme: &Theme) {
    let Some(pool) = state.pool() else { return };
    let area = Rect { x: area.x + area.width.min(1), width: area.width.saturating_sub(2), ..area };
    let width = usize::from(area.width);
    let traffic = &pool.windows[state.window];
    let shares: Vec<_> = pool.backends.iter().filter(|backend| concerns(backend, state.window)).collect();
    let mut below = vec![legend(pool, traffic, width, theme)];
    below.extend(classes(traffic, width, theme));
    below.push(troubles(traffic, width, theme));
    // The shares come first, but never push what became of the requests off the panel.
    below.truncate(usize::from(area.height).saturating_sub(shares.len().min(3)));

    let room = usize::from(area.height).saturating_sub(below.len());
    let shown = if shares.len() > room { room.saturating_sub(1) } else { shares.len() };
    let scale = Scale::of(&shares, state.window, width);
    let mut lines = area.rows();
    for (backend, line) in shares.iter().take(shown).zip(&mut lines) {
        row(backend, pool, state.window, &scale, theme).render(line, buf);
    }
    let hidden = shares.len() - shown;
    if hidden > 0
        && let Some(line) = lines.next()
    {
        Line::styled(format!("{} {hidden} more", theme.glyphs.ellipsis), theme.quiet).render(line, buf);
    }
    let first_below = area.bottom().saturating_sub(below.len() as u16);
    for (line, text) in lines.filter(|line| line.y >= first_below).zip(below) {
        text.render(line, buf);
    }
}

/// Whether a backend has had, or should have had, any of the requests.
fn concerns(backend: &BackendView, window: usize) -> bool {
    backend.share[window] > 0.0 || backend.fair_share[window] > 0.0
}

struct Scale {
    name: usize,
    bar: usize,
    full: f64,
}

impl Scale {
    fn of(shares: &[&BackendView], window: usize, width: usize) -> Self {
        let longest = shares.iter().map(|backend| width_up_to(&backend.id.backend, 16)).max().unwrap_or(0);
        let name = longest.max(4).min(width / 3);
        let full = shares.iter().flat_map(|b| [b.share[window], b.fair_share[window]]).fold(0.01, f64::max) * 1.05;
        Self { name, bar: width.saturating_sub(name + 16), full }
    }
}

fn row(backend: &BackendView, pool: &PoolView, window: usize, scale: &Scale, theme: &Theme) -> Line<'static> {
    let (share, fair) = (backend.share[window], backend.fair_share[window]);
    let mut spans = vec![Span::raw(fit_middle(&backend.id.backend, scale.name, theme.glyphs.ellipsis)), Span::raw(" ")];
    spans.extend(bars::ticked(share / scale.full, fair / scale.full, scale.bar, theme.bar, theme));
    if pool.windows[window].requests == 0 {
        spans.push(Span::styled(format!(" {:>5}  {:>6} ", "-", "-"), theme.quiet));
        return Line::from(spans);
    }
    spans.push(Span::raw(format!(" {:>5}%", percent(share))));
    let points = (share - fair) * 100.0;
    let (mark, style) = if is_off(share, fair, pool, window) { ("!", theme.drain) } else { (" ", theme.quiet) };
    spans.push(Span::styled(format!(" {points:>+6.1}{mark}"), style));
    Line::from(spans)
}

/// Whether a share is further from the fair one than chance explains (three standard deviations). Only where the strategy
/// aims at shares by weight: elsewhere the fair share is a yardstick, and a deviation no fault.
fn is_off(share: f64, fair: f64, pool: &PoolView, window: usize) -> bool {
    let n = pool.windows[window].requests.max(1) as f64;
    pool.strategy.aims_at_weights() && (share - fair).abs() > 3.0 * (fair * (1.0 - fair) / n).sqrt().max(1.0 / n)
}

fn legend(pool: &PoolView, traffic: &Traffic, width: usize, theme: &Theme) -> Line<'static> {
    let aim = if pool.strategy.aims_at_weights() { "expected by weight" } else { "fair by weight" };
    let tick = vec![Span::styled(theme.glyphs.tick.to_string(), theme.strong), Span::styled(format!(" {aim}"), theme.quiet)];
    let per_second = if traffic.seconds > 0.0 { traffic.requests as f64 / traffic.seconds } else { 0.0 };
    let requests = format!("n {}", count(traffic.requests));
    let speed = Span::styled(format!("{} r/s", rate(per_second)), theme.quiet);
    strip(vec![Item::new(1, tick), Item::new(0, [Span::raw(requests)]), Item::new(2, [speed])], width, 2)
}

/// Bars for the answers by class; 1xx only if there were any.
fn classes(traffic: &Traffic, width: usize, theme: &Theme) -> [Line<'static>; 2] {
    let total: u64 = traffic.classes.iter().sum();
    let ratio = |n: u64| if total == 0 { 0.0 } else { n as f64 / total as f64 };
    let [informational, success, redirect, client, server] = traffic.classes.map(ratio);
    let figure = |class: &str, ratio: f64| match total {
        0 => format!("{class}    - "),
        _ => format!("{class} {:>4}%", percent(ratio)),
    };
    let text = figure("2xx", success);
    let bar = bars::bar(success, width.saturating_sub(text.len() + 1), theme.glyphs);
    let mut rest = vec![Item::new(3, [Span::raw(figure("3xx", redirect))]), Item::new(2, [Span::raw(figure("4xx", client))])];
    rest.push(Item::new(1, [Span::styled(figure("5xx", server), condition::errors(server, theme))]));
    if informational > 0.0 {
        rest.push(Item::new(4, [Span::raw(figure("1xx", informational))]));
    }
    [Line::from(vec![Span::raw(text), Span::raw(" "), Span::styled(bar, theme.bar)]), strip(rest, width, 2)]
}

fn troubles(traffic: &Traffic, width: usize, theme: &Theme) -> Line<'static> {
    let item = |rank, n: u64, what: &str, style: Style| {
        let style = if n > 0 { style } else { theme.quiet };
        Item::new(rank, [Span::styled(format!("{} {what}", count(n)), style)])
    };
    let items = vec![
        item(0, traffic.errors, "errors", condition::errors(traffic.error_ratio(), theme)),
        item(1, traffic.retries, "retries", theme.drain),
        item(2, traffic.cancelled, "left early", Style::new()),
    ];
    strip(items, width, 3)
}
