//! The header: am I serving, and how well?

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use ratatui::widgets::Widget;

use super::condition;
use super::numbers::{clock, count, latency, percent, rate};
use super::strip::{Item, strip};
use crate::balance::Millis;
use crate::balance::keel::Keel;
use crate::balance::snapshot::{Phase, PoolView};
use crate::tui::overrides;
use crate::tui::safe::clip_middle;
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Draws the process and the pool on two lines, or both on one. `framed` when panels have titles that tell the rest.
pub(super) fn draw(area: Rect, buf: &mut Buffer, state: &State, theme: &Theme, framed: bool) {
    let wide = area.width >= 100;
    let gap = if wide { 3 } else { 2 };
    let margin = u16::from(framed && area.width > 1);
    let area = Rect { x: area.x + margin, width: area.width.saturating_sub(2 * margin), ..area };
    let process = process(state, theme, framed);
    let pool = state.pool().map(|pool| self::pool(pool, state, theme)).unwrap_or_default();
    let lines = if area.height > 1 { vec![process, pool] } else { vec![[process, pool].concat()] };
    for (line, items) in area.rows().zip(lines) {
        strip(items, area.width.into(), gap).render(line, buf);
    }
}

fn process(state: &State, theme: &Theme, framed: bool) -> Vec<Item> {
    let snapshot = state.shown();
    let mut items = vec![Item::new(21, [Span::styled("evenkeel", theme.strong)]), Item::new(0, phase(state, theme))];
    if !snapshot.pools.is_empty() {
        items.push(Item::new(14, [Span::raw(clock(snapshot.uptime_ms))]));
    }
    items.extend(instances(state, theme, framed));
    let (stuck, pools) = (snapshot.pools.iter().filter(|pool| is_stuck(pool)).count(), snapshot.pools.len());
    if stuck > 0 && stuck < pools {
        let text = format!("{} {stuck} of {pools} pools cannot serve", theme.glyphs.failing);
        items.push(Item::new(1, [Span::styled(text, theme.fail)]));
    }
    // Where panels have no titles, this is said here.
    if !framed && let Some(pool) = state.pool() {
        items.push(Item::new(9, [Span::raw(format!("{}/{} eligible", pool.eligible(), pool.backends.len()))]));
    }
    if let Some(frozen) = &state.frozen {
        let since = clock(state.now.saturating_sub(frozen.since));
        items.push(Item::new(1, [Span::styled(format!(" FROZEN {since} traffic goes on "), theme.badge)]));
    }
    if state.live.config.as_ref().is_some_and(|config| config.problem.is_some()) {
        items.push(Item::new(7, [Span::styled("config file: problem", theme.drain)]));
    }
    match overrides::list(&state.live).len() {
        0 => {}
        n => items.push(Item::new(8, [Span::styled(format!("{n} override{}", if n == 1 { "" } else { "s" }), theme.drain)])),
    }
    if !state.marked.is_empty() {
        items.push(Item::new(2, [Span::styled(format!(" {} marked ", state.targets().len()), theme.badge)]));
    }
    if state.read_only {
        items.push(Item::new(12, [Span::styled(" READ-ONLY ", theme.badge)]));
    }
    if state.dropped > 0 {
        items.push(Item::new(7, [Span::styled(format!("{} events lost", count(state.dropped)), theme.drain)]));
    }
    if state.slow_tty {
        items.push(Item::new(13, [Span::styled("slow terminal", theme.drain)]));
    }
    let listen: Vec<_> = snapshot.listen.iter().map(|address| clip_middle(address, 30, theme.glyphs.ellipsis)).collect();
    if !listen.is_empty() {
        items.push(Item::new(19, [Span::styled(listen.join(" "), theme.quiet)]));
    }
    let plural = if snapshot.connections == 1 { "" } else { "s" };
    let connections = format!("{} connection{plural}", count(snapshot.connections));
    items.push(Item::new(20, [Span::styled(connections, theme.quiet)]));
    items
}

fn phase(state: &State, theme: &Theme) -> Vec<Span<'static>> {
    let glyphs = theme.glyphs;
    let pools = &state.shown().pools;
    let left = state.drain_left().or(state.shown().drain_left_ms);
    let word = |glyph: char, word: &str, style: Style| {
        vec![Span::styled(format!("{glyph} "), style), Span::styled(word.to_owned(), style.patch(theme.strong))]
    };
    if let Some(since) = state.fleet.stale_since() {
        return stale(since, state, theme);
    }
    match (state.shown().phase, left) {
        (Phase::Draining, _) | (_, Some(_)) => {
            let mut spans = word(glyphs.draining, "DRAINING", theme.drain);
            spans.push(Span::raw(format!(" {} left {}", state.in_flight(), clock(left.unwrap_or_default()))));
            spans
        }
        (Phase::Starting, None) => word(glyphs.waiting, "STARTING", theme.drain),
        (Phase::Serving, None) if !pools.is_empty() && pools.iter().all(is_stuck) => {
            word(glyphs.failing, "NO BACKEND", theme.fail)
        }
        (Phase::Serving, None) => word(glyphs.serving, "SERVING", theme.up),
    }
}

/// Nobody answers: how old the figures are, if there are any.
fn stale(since: Millis, state: &State, theme: &Theme) -> Vec<Span<'static>> {
    let seconds = state.now.saturating_sub(since) / 1000;
    let word = if state.shown().pools.is_empty() { "NO ANSWER" } else { "STALE" };
    vec![
        Span::styled(format!(" {} {word} {seconds} s ", theme.glyphs.failing), theme.badge.patch(theme.fail)),
        Span::styled(" reconnecting", theme.fail),
    ]
}

/// To whom this dashboard is attached, and who of them is gone.
fn instances(state: &State, theme: &Theme, framed: bool) -> Vec<Item> {
    let (fleet, ellipsis) = (&state.fleet, theme.glyphs.ellipsis);
    let attached = || Span::styled(if framed { "attached to " } else { "@ " }, theme.quiet);
    let mut items = Vec::new();
    match (fleet.members.len(), fleet.alone) {
        (0, _) => return items,
        (1, _) => {
            let name = clip_middle(&fleet.members[0].name, 40, ellipsis);
            items.push(Item::new(2, [attached(), Span::raw(name)]));
        }
        (n, None) => items.push(Item::new(3, [attached(), Span::raw(format!("{n} instances"))])),
        (n, Some(at)) => {
            let text = format!(" {} of {n} ", clip_middle(&fleet.label(at), 40, ellipsis));
            items.push(Item::new(3, [Span::styled(text, theme.badge)]));
        }
    }
    for (at, member) in fleet.shown().filter(|(_, member)| fleet.is_plural() && member.fresh().is_none()) {
        let label = clip_middle(&fleet.label(at), 28, ellipsis);
        let since = clock(state.now.saturating_sub(member.seen_at));
        let text = format!("{} {label} gone {since}", theme.glyphs.failing);
        items.push(Item::new(1, [Span::styled(text, theme.fail)]));
    }
    items
}

fn pool(pool: &PoolView, state: &State, theme: &Theme) -> Vec<Item> {
    let traffic = &pool.windows[state.window];
    let figure = |rank, label: &'static str, value: String, unit: &'static str| {
        Item::new(rank, [Span::styled(label, theme.quiet), Span::raw(value), Span::styled(unit, theme.quiet)])
    };
    let quantile = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), latency);
    let mut items = vec![Item::new(if several(state) { 2 } else { 18 }, name(pool, state, theme))];
    match (pool.eligible(), pool.failing_open) {
        (0, true) => items.push(Item::new(1, [Span::styled("nobody eligible, trying all", theme.fail)])),
        (0, false) => items.push(Item::new(1, [Span::styled("nobody eligible: clients get 503", theme.fail)])),
        _ => {}
    }
    let differs = if state.odds.strategies.contains(&pool.name) { theme.glyphs.differs.to_string() } else { String::new() };
    items.push(Item::new(11, [Span::raw(pool.strategy.name()), Span::styled(differs, theme.drain)]));
    items.push(figure(3, "", rate(pool.rps), " r/s"));
    items.push(figure(6, "", count(pool.in_flight.into()), " in flight"));
    if pool.queued > 0 {
        items.push(Item::new(8, [Span::styled(format!("{} queued", count(pool.queued.into())), theme.drain)]));
    }
    let [p50, p99] = if state.is_merged() { ["worst p50 ", "worst p99 "] } else { ["p50 ", "p99 "] };
    items.push(figure(17, p50, quantile(traffic.p50_us), ""));
    items.push(figure(4, p99, quantile(traffic.p99_us), ""));
    let style = condition::errors(traffic.error_ratio(), theme);
    let error_rate = format!("{}%", percent(traffic.error_ratio()));
    items.push(Item::new(5, [Span::styled("err ", theme.quiet), Span::styled(error_rate, style)]));
    items.push(Item::new(10, keel(&pool.keel[state.window], traffic.requests > 0, theme)));
    items
}

/// Whether all that clients of the pool get is 503.
fn is_stuck(pool: &PoolView) -> bool {
    pool.eligible() == 0 && !pool.failing_open
}

fn several(state: &State) -> bool {
    state.shown().pools.len() > 1
}

/// The pool's name, and its place among several: `web 1/3 ◂ ▸`.
fn name(pool: &PoolView, state: &State, theme: &Theme) -> Vec<Span<'static>> {
    let mut spans = vec![Span::styled(clip_middle(&pool.name, 20, theme.glyphs.ellipsis), theme.strong)];
    if several(state) {
        let pools = &state.shown().pools;
        let at = pools.iter().position(|other| other.name == pool.name).map_or(0, |at| at + 1);
        let [previous, next] = theme.glyphs.turn;
        spans.push(Span::styled(format!(" {at}/{} {previous} {next}", pools.len()), theme.quiet));
    }
    spans
}

/// `keel even ±1.7%`, or who lists: `list +6.2% api-4`.
fn keel(keel: &Keel, measured: bool, theme: &Theme) -> Vec<Span<'static>> {
    if !measured {
        return vec![Span::styled("keel ", theme.quiet), Span::raw("-")];
    }
    let points = keel.deviation * 100.0;
    match &keel.backend {
        Some(backend) if !keel.even => {
            let backend = clip_middle(backend, 16, theme.glyphs.ellipsis);
            vec![Span::styled("keel ", theme.quiet), Span::styled(format!("list {points:+.1}% {backend}"), theme.drain)]
        }
        _ => vec![Span::styled("keel ", theme.quiet), Span::raw(format!("even {}{:.1}%", theme.glyphs.either_way, points.abs()))],
    }
}
