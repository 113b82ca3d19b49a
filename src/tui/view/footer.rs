//! The footer: keys that would do something now, or what is being typed into the filter.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::strip::{Item, strip};
use crate::tui::keymap;
use crate::tui::safe::{clip_start, width};
use crate::tui::state::{Overlay, State};
use crate::tui::theme::Theme;

/// Draws it; says where the cursor belongs while one types.
pub(super) fn draw(area: Rect, buf: &mut Buffer, state: &State, theme: &Theme) -> Option<Position> {
    let area = Rect { x: area.x + area.width.min(1), width: area.width.saturating_sub(2), ..area };
    match &state.overlay {
        Overlay::Log { filter, .. } if filter.editing => {
            return self::filter(area, buf, &filter.text, ("  words in the text  !word excludes", theme));
        }
        Overlay::None if state.filter.editing => {
            return filter(area, buf, &state.filter.text, ("  words in name, address or state  !word excludes", theme));
        }
        _ => {}
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

/// What is being typed; then, if there is room, what it means, and always how to leave.
fn filter(area: Rect, buf: &mut Buffer, text: &str, (meaning, theme): (&str, &Theme)) -> Option<Position> {
    const LEAVING: &str = "  Esc clears";
    let label = "filter /";
    let room = usize::from(area.width).saturating_sub(label.len() + 1);
    let typed = clip_start(text, room.saturating_sub(LEAVING.len()).max(room.min(4)), theme.glyphs.ellipsis);
    let column = (label.len() + width(&typed)) as u16;
    let has_room = width(&typed) + meaning.len() + LEAVING.len() <= room;
    let hint = if has_room { [meaning, LEAVING].concat() } else { LEAVING.to_owned() };
    let spans = vec![
        Span::styled(label, theme.quiet),
        Span::styled(typed, theme.strong),
        Span::raw(" "),
        Span::styled(hint, theme.quiet),
    ];
    Line::from(spans).render(area, buf);
    (column < area.width).then(|| Position::new(area.x + column, area.y))
}
