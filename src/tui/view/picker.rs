//! The strategy picker: what each one does, and which is in force.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::frame::Frame;
use crate::balance::strategy::StrategyKind;
use crate::tui::safe::{clip, clip_middle};
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Room for the longest name.
const NAME: usize = 20;

/// Rows it would like: all strategies, a note, the frame.
pub(super) const HEIGHT: u16 = StrategyKind::ALL.len() as u16 + 4;
/// Columns it would like.
pub(super) const WIDTH: u16 = 86;

pub(super) fn draw(area: Rect, buf: &mut Buffer, name: &Arc<str>, cursor: StrategyKind, state: &State, theme: &Theme) {
    let ellipsis = theme.glyphs.ellipsis;
    let pool = state.shown().pools.iter().find(|pool| pool.name == *name);
    let in_force = pool.map(|pool| pool.strategy);
    let configured = pool.map(|pool| pool.configured_strategy);
    let title = format!("Strategy of {}", clip_middle(name, 24, ellipsis));
    let inner = Frame::titled([Span::styled(title, theme.strong)])
        .bottom(Line::styled("j/k move   Enter apply   Esc leave", theme.quiet))
        .draw(area, buf, theme);

    let room = usize::from(inner.height).min(StrategyKind::ALL.len());
    let at = StrategyKind::ALL.iter().position(|kind| *kind == cursor).unwrap_or(0);
    let first = at.saturating_sub(room / 2).min(StrategyKind::ALL.len() - room);
    let mut rows = inner.rows();
    for (kind, row) in StrategyKind::ALL.into_iter().skip(first).take(room).zip(&mut rows) {
        let (mark, style) = match Some(kind) {
            kind if kind == in_force => (theme.glyphs.serving, theme.up),
            kind if kind == configured => ('=', theme.quiet),
            _ => (' ', theme.quiet),
        };
        let selected = if kind == cursor { theme.glyphs.selected } else { ' ' };
        let text = clip(kind.summary(), usize::from(row.width).saturating_sub(NAME + 5), ellipsis);
        let spans = vec![
            Span::raw(selected.to_string()),
            Span::styled(format!("{mark} "), style),
            Span::styled(format!("{:<NAME$} ", kind.name()), theme.strong),
            Span::raw(text),
        ];
        Line::from(spans).render(row, buf);
        if kind == cursor {
            buf.set_style(row, theme.selected);
        }
    }
    if let Some(row) = rows.nth(1) {
        let note = format!(" {} in force   = configured   counts from the next request on", theme.glyphs.serving);
        Line::styled(clip(&note, row.width.into(), ellipsis), theme.quiet).render(row, buf);
    }
}
