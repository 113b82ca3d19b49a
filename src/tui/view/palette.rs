//! The command palette: the line, and what could be meant by it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::frame::Frame;
use crate::tui::palette::{Palette, proposals};
use crate::tui::safe::{clip, clip_start, fit, width};
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Columns that it would like.
pub(super) const WIDTH: u16 = 92;
/// Rows that it would like.
pub(super) const HEIGHT: u16 = 16;

/// Draws it; says where the cursor belongs.
pub(super) fn draw(area: Rect, buf: &mut Buffer, palette: &Palette, state: &State, theme: &Theme) -> Option<Position> {
    let ellipsis = theme.glyphs.ellipsis;
    let inner = Frame::titled([Span::styled("Command", theme.strong)])
        .keys("Tab complete   Enter do   Esc leave", area, theme)
        .draw(area, buf, theme);
    let mut rows = inner.rows();
    let line = rows.next()?;
    let typed = clip_start(&palette.text, usize::from(line.width).saturating_sub(4), ellipsis);
    let column = line.x + 3 + width(&typed) as u16;
    Line::from(vec![Span::styled(" : ", theme.quiet), Span::styled(typed, theme.strong)]).render(line, buf);

    let found = proposals(state, &palette.text);
    let room = usize::from(inner.height.saturating_sub(1));
    let at = palette.at.unwrap_or(0);
    let first = (at + 1).saturating_sub(room);
    let text = (usize::from(inner.width) / 2).max(24);
    for ((nth, proposal), row) in found.iter().enumerate().skip(first).zip(rows) {
        let help = clip(&proposal.help, usize::from(row.width).saturating_sub(text + 5), ellipsis);
        let spans = vec![Span::raw(format!("   {} ", fit(&proposal.text, text, ellipsis))), Span::styled(help, theme.quiet)];
        Line::from(spans).render(row, buf);
        if palette.at == Some(nth) {
            buf.set_style(row, theme.selected);
        }
    }
    (column < inner.right()).then_some(Position::new(column, line.y))
}
