//! Text that is longer than its place.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

/// How far `lines` lines may scroll in a place of that height.
pub(super) fn most(lines: usize, height: u16) -> usize {
    lines.saturating_sub(height.into())
}

/// Draws the lines from `offset` on, or the last page if that is past it.
pub(super) fn draw(lines: Vec<Line<'static>>, offset: usize, area: Rect, buf: &mut Buffer) {
    let offset = offset.min(most(lines.len(), area.height));
    for (line, row) in lines.into_iter().skip(offset).zip(area.rows()) {
        line.render(row, buf);
    }
}
