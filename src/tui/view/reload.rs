//! What a reload would change: added, changed, removed, and what is to be known before.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::frame::Frame;
use super::help::wrap;
use super::scroll;
use crate::tui::reload::Preview;
use crate::tui::safe::{clip, display_safe};
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Columns that it would like.
pub(super) const WIDTH: u16 = 96;

pub(super) fn draw(area: Rect, buf: &mut Buffer, preview: &Preview, state: &State, theme: &Theme) {
    let keys = if preview.needs_force().next().is_some() {
        "j/k scroll   ! by force   Esc leave"
    } else {
        "j/k scroll   Enter reload   Esc leave"
    };
    let inner = Frame::titled([Span::styled("Reload", theme.strong)])
        .aside(Span::styled("what the config file would change", theme.quiet))
        .keys(keys, area, theme)
        .draw(area, buf, theme);
    scroll::draw(lines(preview, state, theme, inner.width.into()), preview.scroll, inner, buf);
}

/// The whole text.
pub(super) fn lines(preview: &Preview, state: &State, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (at, plan) in &preview.plans {
        if state.fleet.is_plural() {
            lines.push(Line::styled(
                format!(" {}", clip(&state.fleet.label(*at), width.saturating_sub(2), theme.glyphs.ellipsis)),
                theme.strong,
            ));
        }
        match plan {
            None => lines.push(Line::styled(" reading the file ...", theme.quiet)),
            Some(Ok(plan)) => {
                let text = plan.to_string();
                lines.extend(text.lines().flat_map(|line| entry(line, style(line, theme), width)));
            }
            Some(Err(problems)) => lines.extend(problems.lines().flat_map(|line| entry(line, theme.fail, width))),
        }
    }
    lines
}

/// One line of a plan, over as many lines as it takes.
fn entry(line: &str, style: Style, width: usize) -> Vec<Line<'static>> {
    let pieces = wrap(&display_safe(line), width.saturating_sub(4));
    let indents = std::iter::once(" ").chain(std::iter::repeat("   "));
    pieces.into_iter().zip(indents).map(|(piece, indent)| Line::styled(format!("{indent}{piece}"), style)).collect()
}

fn style(line: &str, theme: &Theme) -> Style {
    match line.chars().next() {
        Some('+') => theme.up,
        Some('~' | '!') => theme.drain,
        Some('-') => theme.fail,
        _ => Style::new(),
    }
}
