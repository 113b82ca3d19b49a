//! Why a backend takes requests, or why not: each thing that decides about it, and what it says now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::condition;
use super::events::time_of_day;
use super::frame::Frame;
use super::help::wrap;
use super::numbers::{clock, percent, window};
use super::provenance;
use super::scroll;
use crate::balance::backend::Mode;
use crate::balance::snapshot::{BackendView, WINDOWS};
use crate::tui::safe::{clip_middle, display_safe};
use crate::tui::state::{Overlay, State};
use crate::tui::theme::Theme;

/// Width of the words on the left.
const LABEL: usize = 12;

/// Draws it, scrolled as far as the overlay says.
pub(super) fn draw(area: Rect, buf: &mut Buffer, state: &State, theme: &Theme) {
    let Some(backend) = state.subject() else { return };
    let title = format!("Why {}", backend.id);
    let title = clip_middle(&title, usize::from(area.width).saturating_sub(4), theme.glyphs.ellipsis);
    let inner =
        Frame::titled([Span::styled(title, theme.strong)]).keys("j/k scroll   Esc close", area, theme).draw(area, buf, theme);
    let offset = if let Overlay::Why { scroll, .. } = state.overlay { scroll } else { 0 };
    scroll::draw(lines(backend, state, theme, inner.width.into()), offset, inner, buf);
}

/// The whole text.
pub(super) fn lines(backend: &BackendView, state: &State, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let (glyph, style) = condition::glyph(backend.eligibility, theme);
    let room = width.saturating_sub(LABEL + 3);
    let mut lines = Vec::new();
    for (text, mark) in wrap(&display_safe(&condition::sentence(backend)), width.saturating_sub(4)).into_iter().zip([glyph, ' '])
    {
        lines.push(Line::from(vec![Span::styled(format!(" {mark} {text}"), style)]));
    }
    lines.push(Line::default());
    for (label, text) in reasons(backend, state, theme) {
        for (nth, text) in wrap(&display_safe(&text), room).into_iter().enumerate() {
            let label = if nth == 0 { clip_middle(&label, LABEL, theme.glyphs.ellipsis) } else { String::new() };
            lines.push(Line::from(vec![Span::styled(format!(" {label:<LABEL$} "), theme.quiet), Span::raw(text)]));
        }
    }
    lines
}

/// What decides, in the order in which it is judged.
fn reasons(backend: &BackendView, state: &State, theme: &Theme) -> Vec<(String, String)> {
    let mut reasons = vec![
        ("mode".to_owned(), mode(backend, state)),
        ("weight".to_owned(), weight(backend, state)),
        ("checks".to_owned(), condition::health(backend)),
    ];
    if backend.checked {
        let thresholds = format!("{} failed in a row take it out, {} passed bring it back", backend.fall, backend.rise);
        reasons.push((String::new(), thresholds));
        reasons.extend(backend.checks.iter().take(3).map(|check| {
            let glyph = if check.passed { theme.glyphs.passed } else { theme.glyphs.failed };
            (String::new(), format!("{} {glyph} {}", time_of_day(check.at_unix_ms, &state.zone), check.detail))
        }));
    }
    reasons.push(("failures".to_owned(), ejection(backend)));
    reasons.push(("room".to_owned(), room(backend)));
    reasons.push(("share".to_owned(), share(backend, state)));
    for (instance, view) in provenance::by_instance(state, backend) {
        let how = view.map_or_else(
            || "not there, or no answer".to_owned(),
            |b| format!("mode {}, {}, weight {}, {} in flight", b.mode, condition::health(b), b.weight, b.in_flight),
        );
        reasons.push(("at".to_owned(), format!("{instance}: {how}")));
    }
    reasons
}

fn mode(backend: &BackendView, state: &State) -> String {
    if let Some(modes) = state.odds.modes.get(&backend.id) {
        let modes: Vec<_> = modes.iter().map(|mode| mode.word()).collect();
        return format!("the instances differ: {}", modes.join(", "));
    }
    let whose = backend.mode_override.as_ref().map(|terms| provenance::told(terms, state));
    match (backend.mode, whose) {
        (Mode::Up, None) => "up, as the config has it".to_owned(),
        (mode, None) => format!("{mode}, by an operator"),
        (mode, Some(whose)) => format!("{mode}, {whose}"),
    }
}

fn weight(backend: &BackendView, state: &State) -> String {
    let BackendView { weight, configured_weight, ramp_percent, .. } = backend;
    let text = match &backend.weight_override {
        Some(terms) => format!("{weight}, configured {configured_weight}, {}", provenance::told(terms, state)),
        None if weight == configured_weight => format!("{weight}, as the config has it"),
        None => format!("{weight}, configured {configured_weight}, by an operator"),
    };
    if *ramp_percent < 100 { format!("{text}; slow start: {ramp_percent} % of it count so far") } else { text }
}

fn ejection(backend: &BackendView) -> String {
    let now = match backend.ejected_for_ms {
        Some(ms) => format!("ejected, tried again in {}", clock(ms)),
        None => "not ejected".to_owned(),
    };
    let total = backend.failures.iter().fold(0_u64, |sum, (_, n)| sum.saturating_add(*n));
    let worst = backend.failures.iter().max_by_key(|(_, n)| *n);
    worst.map_or(now.clone(), |(what, n)| format!("{now}; {total} failures since the start, {n} of them: {what}"))
}

fn room(backend: &BackendView) -> String {
    let BackendView { in_flight, max_in_flight, .. } = backend;
    match max_in_flight {
        Some(most) if in_flight >= most => format!("full: {in_flight} in flight of at most {most}"),
        Some(most) => format!("{in_flight} in flight of at most {most}"),
        None => format!("{in_flight} in flight, without a limit"),
    }
}

fn share(backend: &BackendView, state: &State) -> String {
    let (share, fair) = (backend.share[state.window], backend.fair_share[state.window]);
    let backup = if backend.backup { "; a backup: its turn comes when the others cannot" } else { "" };
    let over = window(WINDOWS[state.window]);
    format!("{}% of the pool's requests over {over}, {}% would be fair{backup}", percent(share), percent(fair))
}
