//! The footer: keys that would do something now, or what is being typed into the filter.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::strip::{Item, strip};
use crate::tui::keymap;
use crate::tui::safe::{clip_start, width};
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Draws it; says where the cursor belongs while one types.
pub(super) fn draw(area: Rect, buf: &mut Buffer, state: &State, theme: &Theme) -> Option<Position> {
    let area = Rect { x: area.x + area.width.min(1), width: area.width.saturating_sub(2), ..area };
    if state.filter.editing {
        let room = usize::from(area.width).saturating_sub(2);
        let typed = format!("/{}", clip_start(&state.filter.text, room, theme.glyphs.ellipsis));
        let column = width(&typed) as u16;
        let hint = "   words in name, address or state   !word excludes   Esc clears";
        Line::from(vec![Span::styled(typed, theme.strong), Span::styled(hint, theme.quiet)]).render(area, buf);
        return (!area.is_empty()).then(|| Position::new(area.x + column, area.y));
    }
    let mut hints = keymap::footer(state).into_iter().filter(|hint| hint.enabled).zip(0..).map(|(hint, rank)| {
        Item::new(rank, [Span::styled(hint.keys, theme.strong), Span::styled(format!(" {}", hint.label), theme.quiet)])
    });
    // The most important one, help, stands where the eye ends.
    let first = hints.next();
    let items: Vec<_> = hints.chain(first).collect();
    strip(items, area.width.into(), if area.width >= 60 { 3 } else { 2 }).render(area, buf);
    None
}
