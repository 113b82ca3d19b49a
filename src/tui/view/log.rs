//! The events on the whole screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::events::line;
use super::frame::Frame;
use crate::tui::events;
use crate::tui::safe::clip;
use crate::tui::state::{Filter, State};
use crate::tui::theme::Theme;

pub(super) fn draw(area: Rect, buf: &mut Buffer, (at, filter): (Option<u64>, &Filter), state: &State, theme: &Theme) {
    let lines: Vec<_> = state.log().collect();
    let (from, to) = visible(&lines, at, usize::from(area.height.saturating_sub(2)));
    let mut title = vec![Span::styled("Log", theme.strong)];
    if !filter.text.is_empty() {
        title.extend([
            Span::raw("  "),
            Span::styled(format!("filter {}", clip(&filter.text, 24, theme.glyphs.ellipsis)), theme.badge),
        ]);
    }
    let below = match lines.len() - to {
        0 => Line::styled(format!("{} line{}", lines.len(), if lines.len() == 1 { "" } else { "s" }), theme.quiet),
        n => Line::styled(format!("{n} new below"), theme.strong),
    };
    let inner =
        Frame::titled(title).right(below).keys("j/k scroll   / filter   y copy   Esc close", area, theme).draw(area, buf, theme);
    if lines.is_empty() {
        Line::styled(" nothing of that kind has happened", theme.quiet).render(inner, buf);
    }
    for (shown, row) in lines[from..to].iter().zip(inner.rows()) {
        line(shown, state, theme, row.width.into()).render(row, buf);
    }
}

/// The lines on a screen of that height: up to the lowest one asked for, and a full screen where there are as many.
fn visible(lines: &[&events::Line], at: Option<u64>, height: usize) -> (usize, usize) {
    let to = at.map_or(lines.len(), |at| lines.partition_point(|line| line.seq <= at));
    let to = to.max(height).min(lines.len());
    (to.saturating_sub(height), to)
}
